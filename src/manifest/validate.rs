//! Text → [`Manifest`], or every fault of it.
//!
//! The types decide first; only where they refuse is the schema built (0.3 ms) and the value held against it, because
//! that finds every fault where serde stops at the first. So the types must accept nothing that the schema refuses, which a
//! property test in `tests.rs` holds up. Checks between fields follow on whatever part could be read.

use serde::Deserialize;
use serde_json::Value;

use super::faults::{Faults, PASSPHRASE, PASSPHRASE_HINT};
use super::nearest::nearest;
use super::problem::{Code, Refusal, quoted};
use super::scalar::ScalarError;
use super::violation::{self, Violation};
use super::{Manifest, check, load, schema};

/// Reads a manifest, or says all that is wrong with it.
pub(super) fn parse(text: &[u8]) -> Result<Manifest, Refusal> {
    // Places are a third of what reading takes in memory, and only needed to point at a fault.
    accepted(text).map_or_else(|| explained(text), Ok)
}

fn accepted(text: &[u8]) -> Option<Manifest> {
    let document = load::load(text, false).ok().filter(|document| document.value.is_object())?;
    let manifest = Manifest::deserialize(&document.value).ok()?;
    let mut faults = Faults::new(document);
    check::check(&mut faults);
    faults.is_empty().then_some(manifest)
}

fn explained(text: &[u8]) -> Result<Manifest, Refusal> {
    let document = load::load(text, true)?;
    let decoded =
        if document.value.is_object() { Manifest::deserialize(&document.value).map_err(Some) } else { Err(None) };
    let mut faults = Faults::new(document);
    if decoded.is_err() {
        against_schema(&mut faults);
    }
    check::check(&mut faults);
    match decoded {
        Ok(manifest) if faults.is_empty() => return Ok(manifest),
        Err(Some(error)) if faults.is_empty() => {
            faults.report("", Code::InvalidValue, error.to_string(), "compare with the schema: `dockseal schema`");
        }
        _ => {}
    }
    Err(faults.into())
}

fn against_schema(faults: &mut Faults) {
    let strict = schema::strict();
    let value = std::mem::take(&mut faults.value);
    violation::each(&strict, &value, &mut |pointer, violation| {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        one_fault(faults, &strict, pointer, found, &violation);
    });
    faults.value = value;
}

fn one_fault(faults: &mut Faults, strict: &Value, pointer: &str, found: &Value, violation: &Violation) {
    if faults.unreadable.contains(&faults.root.at(pointer).place().start) && !pointer.is_empty() {
        return;
    }
    if pointer.starts_with(PASSPHRASE) {
        return passphrase(faults, pointer);
    }
    match *violation {
        Violation::Unknown { field } => unknown_field(faults, strict, pointer, field),
        Violation::Missing { field } => {
            let message = format!("`{field}` is missing");
            let place = faults.root.at(pointer).head();
            let place = if pointer.is_empty() { place.start..place.start } else { place };
            let hint = description(strict, &format!("{pointer}/{field}"))
                .map_or_else(|| "add it".to_owned(), |text| format!("add it: {text}"));
            faults.add(place, Code::MissingField, message, hint, None);
        }
        Violation::Scalar => {
            if let Some(fault) = scalar_fault(strict, pointer, found) {
                faults.report(pointer, fault.code, fault.message, fault.hint);
            }
        }
        Violation::Type { wanted } => wrong_type(faults, strict, pointer, found, kind_name(wanted)),
        Violation::Types { wanted } => {
            let wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).map(kind_name).collect();
            wrong_type(faults, strict, pointer, found, &wanted.join(" or "));
        }
        Violation::Words { options } => unknown_word(faults, pointer, found, options),
        Violation::Range { least, most } => {
            let message = format!("{found} is out of range");
            faults.report(pointer, Code::InvalidValue, message, format!("write a whole number from {least} to {most}"));
        }
        Violation::Constant => unsupported_format(faults),
        Violation::TooFewItems => {
            faults.report(pointer, Code::EmptyList, "this list is empty", "add an entry, or leave the key out");
        }
        // Only a passphrase's source has so many fields and no more.
        Violation::Fields => {
            let message = "this mapping has too few fields, or too many";
            faults.report(pointer, Code::InvalidValue, message, "compare with the schema: `dockseal schema`");
        }
    }
}

fn wrong_type(faults: &mut Faults, strict: &Value, pointer: &str, found: &Value, wanted: &str) {
    if pointer == "/dockseal" {
        return unsupported_format(faults);
    }
    let hint = match found {
        Value::Null => "leave the key out where it has no value".to_owned(),
        Value::Bool(_) | Value::Number(_) if wanted == kind_name("string") => {
            let in_quotes = Value::String(found.to_string());
            scalar_fault(strict, pointer, &in_quotes).map_or_else(|| "put it in quotes".to_owned(), |fault| fault.hint)
        }
        _ => "compare with the schema: `dockseal schema`".to_owned(),
    };
    let message = match found {
        Value::Null => format!("{wanted} is expected here, but nothing is given"),
        _ => format!("{wanted} is expected here, not {}", kind_name(kind_of(found))),
    };
    faults.report(pointer, Code::WrongType, message, hint);
}

/// `dockseal` is something else than 1.
pub(super) fn unsupported_format(faults: &mut Faults) {
    let message = "this format is not known to this version of dockseal";
    faults.report("/dockseal", Code::UnsupportedFormat, message, "write `dockseal: 1`");
}

/// Whatever stands where a passphrase's source belongs may be the passphrase itself, so no message repeats it.
fn passphrase(faults: &mut Faults, pointer: &str) {
    let message = match pointer.strip_prefix(PASSPHRASE).unwrap_or_default() {
        "/file" => "this is no absolute path of a file",
        "/env" => "this is no name of an environment variable",
        "/credential" => "this is no name of a systemd credential",
        _ => {
            let message = "`passphrase` needs exactly one of `file`, `env` and `credential`";
            let place = faults.root.at(PASSPHRASE).head();
            return faults.add(place, Code::PassphraseSource, message.to_owned(), PASSPHRASE_HINT.to_owned(), None);
        }
    };
    faults.report(pointer, Code::InvalidPassphraseName, message, PASSPHRASE_HINT);
}

fn unknown_field(faults: &mut Faults, strict: &Value, pointer: &str, key: &str) {
    let known: Vec<&str> = subschema(strict, pointer)
        .and_then(|schema| schema.get("properties")?.as_object())
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    let hint = match nearest(key, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    faults.report_key(pointer, key, Code::UnknownField, format!("unknown field {}", quoted(key)), hint);
}

fn unknown_word(faults: &mut Faults, pointer: &str, found: &Value, options: &[Value]) {
    let words: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    let Some(word) = found.as_str() else {
        let message = format!("a word is expected here, not {}", kind_name(kind_of(found)));
        return faults.report(pointer, Code::WrongType, message, format!("write one of {}", words.join(", ")));
    };
    let hint = match nearest(word, &words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", words.join(", ")),
    };
    faults.report(pointer, Code::UnknownWord, format!("{} is not known here", quoted(word)), hint);
}

fn scalar_fault(strict: &Value, pointer: &str, found: &Value) -> Option<ScalarError> {
    schema::scalar(subschema(strict, pointer)?)?(found.as_str()?)
}

fn description<'s>(strict: &'s Value, pointer: &str) -> Option<&'s str> {
    let (parent, key) = pointer.rsplit_once('/')?;
    subschema(strict, parent)?.get("properties")?.get(key)?.get("description")?.as_str()
}

/// The schema of the value at `pointer`.
fn subschema<'s>(strict: &'s Value, pointer: &str) -> Option<&'s Value> {
    let mut schema = schema::resolved(strict, strict)?;
    for token in pointer.split('/').skip(1) {
        let next =
            schema.get("properties").and_then(|properties| properties.get(token)).or_else(|| schema.get("items"))?;
        schema = schema::resolved(strict, next)?;
    }
    Some(schema)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What people call a kind of value.
fn kind_name(kind: &str) -> &'static str {
    match kind {
        "null" => "nothing",
        "boolean" => "true or false",
        "integer" | "number" => "a number",
        "string" => "a string",
        "array" => "a list",
        _ => "a mapping",
    }
}
