//! The second reader: `serde_yaml` has to come to the value that the guard came to. Where the two differ, in a corner of
//! YAML, nobody can tell what a person meant or what another tool will read.

use serde_json::Value;

use super::load::Document;
use super::locate::escaped;
use super::problem::{Code, Problem};

/// Compares the guard's reading with `serde_yaml`'s.
pub(super) fn check(text: &str, document: &Document) -> Result<(), Problem> {
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
