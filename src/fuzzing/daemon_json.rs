//! daemon.json and a patch on it: one input holds both, with a NUL between them, which neither can hold.

use serde_json::{Map, Value, json};

use super::assert_one_line;
use crate::plan::daemon_json::{decode, merge};

/// The manifest's own limit, which a patch has passed before it comes here.
const MOST_DEPTH: usize = 32;
/// The largest file; a merge may write a larger one, which is then too large to be read.
const LARGEST: usize = 1 << 20;

/// What is merged holds the values that RFC 7396 wants; every other key stays where and as it was; and merging once more
/// changes nothing.
pub fn daemon_json(input: &[u8]) {
    let (before, patch) = input.split_at(input.iter().position(|byte| *byte == 0).unwrap_or(input.len()));
    let patch = serde_json::from_slice(patch.get(1..).unwrap_or_default()).unwrap_or_else(|_| usual());
    let Value::Object(patch) = patch else { return };
    if patch.values().any(|value| depth(value) > MOST_DEPTH) {
        return;
    }
    let merged = decode(before).and_then(|text| merge(Some(text), &patch).map(|merged| (text, merged)));
    let (before, merged) = match merged {
        Ok(merged) => merged,
        Err(error) => {
            assert_one_line(&error.to_string());
            let lines = before.split(|byte| *byte == b'\n').count();
            let is_inside = |place: crate::plan::daemon_json::Place| {
                place.offset <= before.len() && (1..=lines).contains(&place.line) && place.column >= 1
            };
            assert!(error.place().is_none_or(is_inside), "{error:?}");
            return;
        }
    };
    check(before, &merged.text, &patch);
    if merged.changed_keys.is_empty() {
        assert_eq!(merged.text, before);
    }
    if merged.text.len() > LARGEST {
        return;
    }
    match merge(Some(&merged.text), &patch) {
        Ok(again) => {
            assert_eq!(again.text, merged.text, "merged twice");
            assert!(again.changed_keys.is_empty(), "{:?}", again.changed_keys);
        }
        Err(error) => panic!("what was merged can't be read: {error}\n{}", merged.text),
    }
}

fn check(before: &str, after: &str, patch: &Map<String, Value>) {
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(object)) => object,
        _ if text.trim().is_empty() => Map::new(),
        other => panic!("no object, but {other:?}: {text}"),
    };
    let (old, new) = (object(before), object(after));
    let mut wanted = Value::Object(old.clone());
    apply(&mut wanted, &Value::Object(patch.clone()));
    assert_eq!(Value::Object(new.clone()), wanted, "{before}\n→\n{after}");
    let foreign = |map: &Map<String, Value>| -> Vec<String> {
        map.keys().filter(|key| !patch.contains_key(*key)).cloned().collect()
    };
    assert_eq!(foreign(&old), foreign(&new), "the order of the foreign keys");
}

/// RFC 7396, section 2, word for word.
fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// What the least manifest asks for, and a nested key.
fn usual() -> Value {
    json!({
        "hosts": ["fd://", "tcp://0.0.0.0:2376"], "tlsverify": true, "tlscacert": "/etc/docker/tls/ca.pem",
        "log-opts": {"max-size": "10m", "labels": null}, "live-restore": true, "debug": null
    })
}
