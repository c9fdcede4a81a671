//! What the fuzz targets need to see of the manifest's inner parts.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a failure is what a fuzzer looks for")]

use std::fmt::Write as _;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use super::load::{self, Document};
use super::locate::{Children, Node, escaped};
use super::{schema, violation};

/// Every value of a text stands where its place says, inside of what holds it, and is found by its pointer.
pub fn locate(bytes: &[u8]) {
    let Ok(Document { value, root, problems }) = load::load(bytes, true) else { return };
    if problems.is_empty() {
        // An accepted manifest is read without places.
        assert_eq!(load::load(bytes, false).ok().map(|document| document.value).as_ref(), Some(&value));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { panic!("loaded, but not UTF-8") };
    // A fault may leave a part out of the value that stays in the tree.
    if problems.is_empty() {
        walk(text, &value, &root, &root, &mut String::new());
    }
}

fn walk(text: &str, value: &Value, node: &Node, root: &Node, pointer: &mut String) {
    let place = node.value.clone();
    assert!(text.get(place.clone()).is_some(), "{pointer}: {place:?} is not in the text");
    assert!(text.get(node.place()).is_some() && text.get(node.head()).is_some(), "{pointer}");
    assert!(std::ptr::eq(root.at(pointer), node), "{pointer} is not found");
    if let Some(key) = &node.key {
        assert!(text.get(key.clone()).is_some() && key.end <= place.start, "{pointer}: {key:?} before {place:?}");
    }
    let mut child = |step: &str, value: Option<&Value>, child: &Node| {
        let start = child.key.as_ref().map_or(child.value.start, |key| key.start);
        let end = child.value.end;
        assert!(place.start <= start && end <= place.end, "{pointer}: {start}..{end} is not in {place:?}");
        let Some(value) = value else { panic!("{pointer} has a place, but no value") };
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        walk(text, value, child, root, pointer);
        pointer.truncate(length);
    };
    match &node.children {
        Children::None => assert!(!(value.is_array() || value.is_object()), "{pointer} has no places inside"),
        Children::List(nodes) => {
            assert_eq!(value.as_array().map(Vec::len), Some(nodes.len()));
            for (index, node) in nodes.iter().enumerate() {
                child(&index.to_string(), value.get(index), node);
            }
        }
        Children::Map(nodes) => {
            assert_eq!(value.as_object().map(serde_json::Map::len), Some(nodes.len()));
            for (key, node) in nodes {
                child(&escaped(key), value.get(&**key), node);
            }
        }
    }
}

/// An accepted text is one that the published schema takes, as a validator for any schema reads it; and on any text ours
/// comes to the same verdict as that one.
pub fn check_against_schema(text: &[u8], is_accepted: bool) {
    static SCHEMAS: OnceLock<Option<[(Value, Validator); 2]>> = OnceLock::new();
    let Ok(document) = load::load(text, true) else { return assert!(!is_accepted) };
    let schemas = SCHEMAS.get_or_init(|| {
        let published: Value = serde_json::from_str(schema::TEXT).ok()?;
        let mut options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.build(&published).ok()?;
        for (name, check) in schema::SCALARS {
            options = options.with_format(format!("dockseal-{name}"), move |text: &str| check(text).is_none());
        }
        let strict = schema::strict();
        let strict_validator = options.build(&strict).ok()?;
        Some([(published, validator), (strict, strict_validator)])
    });
    let Some([(_, published), (strict, theirs)]) = schemas else { panic!("the schema can't be built") };
    if is_accepted && let Err(error) = published.validate(&document.value) {
        panic!("the schema refuses what was accepted: {error} at {}", error.instance_path());
    }
    let mut ours = Vec::new();
    violation::each(strict, &document.value, &mut |pointer, _| ours.push(pointer.to_owned()));
    let is_valid = theirs.is_valid(&document.value);
    // To JSON Schema 1.0 is the number 1; here and to serde it is not.
    let is_stricter = is_valid && !ours.is_empty() && has_fraction(&document.value);
    assert!(ours.is_empty() == is_valid || is_stricter, "{ours:?}: {}", document.value);
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// An accepted text's value as YAML in another style. `None` where that would be refused for its form alone: a fraction,
/// which has several spellings, and a key so long that YAML would not take it for one.
pub fn written_anew(accepted: &[u8]) -> Option<String> {
    let mut text = String::new();
    write(&load::load(accepted, true).ok()?.value, &mut text)?;
    (text.len() <= super::MOST_BYTES).then_some(text)
}

fn write(value: &Value, text: &mut String) -> Option<()> {
    match value {
        Value::Number(number) if number.is_f64() => return None,
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::String(string) => quote(string, text),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text)?;
                text.push_str(",\n ");
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (key, value) in members {
                if key.chars().count() > 100 {
                    return None;
                }
                quote(key, text);
                text.push_str(": ");
                write(value, text)?;
                text.push_str(",\n ");
            }
            text.push('}');
        }
    }
    Some(())
}

fn quote(string: &str, text: &mut String) {
    text.push('"');
    for c in string.chars() {
        // Writing to a String can't fail.
        let _ = match c {
            ' ' | 'a'..='z' | 'A'..='Z' | '0'..='9' => write!(text, "{c}"),
            _ => write!(text, "\\U{:08x}", u32::from(c)),
        };
    }
    text.push('"');
}
