//! Values and a merge patch → the values after it, and what changed: RFC 7396, section 2, without any text.

use serde_json::{Map, Value};

use super::KeyChange;

/// RFC 7396, section 2.
fn apply(object: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, wanted) in patch {
        match (wanted, object.get_mut(key)) {
            (Value::Null, _) => {
                object.shift_remove(key);
            }
            (Value::Object(patch), Some(Value::Object(inner))) => apply(inner, patch),
            (wanted, _) => {
                object.insert(key.clone(), fresh(wanted));
            }
        }
    }
}

/// A patch's value where there was no object before: without its nulls, which would remove what is not there.
pub(super) fn fresh(wanted: &Value) -> Value {
    let Value::Object(patch) = wanted else { return wanted.clone() };
    let mut object = Map::new();
    apply(&mut object, patch);
    Value::Object(object)
}

/// The keys of a patch that make a difference.
pub(super) fn changes(old: &Map<String, Value>, patch: &Map<String, Value>) -> Vec<KeyChange> {
    let change = |key: &String| {
        let before = old.get(key).cloned();
        let mut one: Map<String, Value> = before.iter().map(|value| (key.clone(), value.clone())).collect();
        apply(&mut one, &patch.get_key_value(key).into_iter().map(|(k, v)| (k.clone(), v.clone())).collect());
        let after = one.remove(key);
        let same = match (&before, &after) {
            (Some(before), Some(after)) => is_same(before, after),
            (before, after) => before.is_none() && after.is_none(),
        };
        (!same).then(|| KeyChange { key: key.clone(), before, after })
    };
    patch.keys().filter_map(change).collect()
}

/// Equality of meaning: the order of keys and the spelling of numbers (`1e3`, `1000`) make no difference.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() != other.is_f64() => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}
