//! What the fuzz targets need to see of the manifest's inner parts.
#![allow(clippy::panic, reason = "a failure is what a fuzzer looks for")]

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::Value;

use super::load::{self, Document};
use super::locate::{Children, Node, escaped};
use super::schema;

/// Every value of a text stands where its place says, inside of what holds it, and is found by its pointer.
pub fn locate(bytes: &[u8]) {
    let Ok(Document { value, root, problems }) = load::load(bytes) else { return };
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

/// The schema, as published and as used at run time, takes an accepted text.
pub fn assert_accepted_by_schema(accepted: &[u8]) {
    static SCHEMAS: OnceLock<[Option<jsonschema::Validator>; 2]> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| {
        let options = || jsonschema::draft202012::options().should_validate_formats(true);
        let published = serde_json::from_str(&schema::text()).ok();
        [published.and_then(|schema| options().build(&schema).ok()), options().build(&schema::strict()).ok()]
    });
    let Ok(document) = load::load(accepted) else { panic!("accepted, but not loaded") };
    for schema in schemas {
        let Some(schema) = schema else { panic!("the schema can't be built") };
        if let Err(error) = schema.validate(&document.value) {
            panic!("the schema refuses what was accepted: {error} at {}", error.instance_path());
        }
    }
}

/// An accepted text's value as YAML in another style. `None` where that would be refused for its form alone: a fraction,
/// which has several spellings, and a key so long that YAML would not take it for one.
pub fn written_anew(accepted: &[u8]) -> Option<String> {
    let mut text = String::new();
    write(&load::load(accepted).ok()?.value, &mut text)?;
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
