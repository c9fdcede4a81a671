//! The second reader: `serde_yaml` has to come to the value that the guard came to. Where the two differ, in a corner of
//! YAML, nobody can tell what a person meant or what another tool will read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::load::Document;
use super::locate::escaped;
use super::problem::{Code, Problem};

/// Compares the guard's reading with `serde_yaml`'s.
pub(super) fn check(text: &str, document: &Document) -> Result<(), Problem> {
    if Same(&document.value).deserialize(serde_yaml::Deserializer::from_str(text)).is_ok() {
        return Ok(());
    }
    let hint = "write this part more simply, with quotes around strings";
    let problem = |code, place, message| Problem { code, place, message, hint: Some(hint.to_owned()), related: None };
    let second: Value = serde_yaml::from_str(text).map_err(|error| {
        let at = error.location().map_or(0, |location| offset(text, location.line(), location.column()));
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        problem(Code::YamlSyntax, at..at, format!("not valid YAML: {message}"))
    })?;
    match first_difference(&document.value, &second, String::new()) {
        None => Ok(()),
        Some(pointer) => {
            let message = "two YAML readers understand this differently".to_owned();
            Err(problem(Code::YamlReadersDisagree, document.root.at(&pointer).place(), message))
        }
    }
}

/// Reads nothing but this value. A second tree, to compare with, would take as much memory as the first.
struct Same<'v>(&'v Value);

impl Same<'_> {
    fn compare<E: Error>(&self, found: &Value) -> Result<(), E> {
        if self.0 == found { Ok(()) } else { Err(another()) }
    }
}

fn another<E: Error>() -> E {
    E::custom("another value")
}

impl<'de> DeserializeSeed<'de> for Same<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Same<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.compare(&Value::Null)
    }

    fn visit_bool<E: Error>(self, found: bool) -> Result<(), E> {
        self.compare(&found.into())
    }

    fn visit_i64<E: Error>(self, found: i64) -> Result<(), E> {
        self.compare(&found.into())
    }

    fn visit_u64<E: Error>(self, found: u64) -> Result<(), E> {
        self.compare(&found.into())
    }

    fn visit_f64<E: Error>(self, found: f64) -> Result<(), E> {
        self.compare(&found.into())
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<(), E> {
        if self.0.as_str() == Some(found) { Ok(()) } else { Err(another()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut found: A) -> Result<(), A::Error> {
        for item in self.0.as_array().ok_or_else(another)? {
            found.next_element_seed(Same(item))?.ok_or_else(another)?;
        }
        found.next_element::<IgnoredAny>()?.map_or(Ok(()), |_| Err(another()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut found: A) -> Result<(), A::Error> {
        let fields = self.0.as_object().ok_or_else(another)?;
        let mut count = 0;
        while let Some(key) = found.next_key::<String>()? {
            found.next_value_seed(Same(fields.get(&key).ok_or_else(another)?))?;
            count += 1;
        }
        if count == fields.len() { Ok(()) } else { Err(another()) }
    }
}

/// Byte offset of a line and column, both from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// JSON pointer of the first value that differs. The guard has bounded the depth.
fn first_difference(one: &Value, other: &Value, pointer: String) -> Option<String> {
    match (one, other) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find(|(_, (a, b))| a != b)
            .and_then(|(i, (a, b))| first_difference(a, b, format!("{pointer}/{i}"))),
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() && a.keys().all(|key| b.contains_key(key)) => a
            .iter()
            .find(|(key, value)| b.get(*key) != Some(*value))
            .and_then(|(key, value)| first_difference(value, &b[key], format!("{pointer}/{}", escaped(key)))),
        _ => (one != other).then_some(pointer),
    }
}
