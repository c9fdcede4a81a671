//! A validator for any schema finds the same faults in the same places, and the schema has no keyword that it knows and
//! we do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::super::schema;
use super::super::tests::{full, odd_values, pointers};
use super::{Violation, each};

type Faults = BTreeSet<(String, String)>;

fn ours(strict: &Value, value: &Value) -> Faults {
    let mut found = Faults::new();
    each(strict, value, &mut |pointer, violation| {
        let rule = match violation {
            Violation::Type { wanted } => format!("type {wanted}"),
            Violation::Types { .. } => "type".to_owned(),
            Violation::Words { options } => format!("enum {}", Value::from(options)),
            Violation::Constant => "const".to_owned(),
            Violation::Range { .. } => "range".to_owned(),
            Violation::Scalar => "format".to_owned(),
            Violation::Missing { field } => format!("required {field}"),
            Violation::Unknown { field } => format!("unknown {field}"),
            Violation::TooFewItems => "minItems".to_owned(),
            Violation::Fields => "fields".to_owned(),
        };
        found.insert((pointer.to_owned(), rule));
    });
    found
}

fn theirs(validator: &jsonschema::Validator, value: &Value) -> Faults {
    let mut found = Faults::new();
    for error in validator.iter_errors(value) {
        let mut add = |rule: String| found.insert((error.instance_path().as_str().to_owned(), rule));
        match error.kind() {
            ValidationErrorKind::Type { kind: jsonschema::error::TypeKind::Single(kind) } => {
                add(format!("type {}", kind.as_str()));
            }
            ValidationErrorKind::Enum { options } => {
                add(format!("enum {options}"));
            }
            ValidationErrorKind::Required { property } => {
                add(format!("required {}", property.as_str().unwrap()));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for field in unexpected {
                    add(format!("unknown {field}"));
                }
            }
            ValidationErrorKind::MinProperties { .. } | ValidationErrorKind::MaxProperties { .. } => {
                add("fields".to_owned());
            }
            ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => {
                add("range".to_owned());
            }
            other => {
                add(other.keyword().to_owned());
            }
        }
    }
    found
}

#[test]
fn a_validator_for_any_schema_finds_the_same() {
    let strict = schema::strict();
    let mut options = jsonschema::draft202012::options().should_validate_formats(true);
    for (name, check) in schema::SCALARS {
        options = options.with_format(format!("{}{name}", schema::FORMAT), move |text: &str| check(text).is_none());
    }
    let validator = options.build(&strict).unwrap();
    let mut all = Vec::new();
    pointers(&full(), "", &mut all);
    let (mut rules, mut faulty) = (BTreeSet::new(), 0);
    for pointer in &all {
        for odd in odd_values() {
            // A number with a fraction of zero is an integer to JSON schema and none to us.
            if odd.is_f64() {
                continue;
            }
            let mut value = full();
            *value.pointer_mut(pointer).unwrap() = odd.clone();
            let found = ours(&strict, &value);
            // Both say of a number that is not the constant that it is not; of another type, they say it once or twice.
            let mut wanted = theirs(&validator, &value);
            for (place, rule) in &found {
                if rule.starts_with("type") {
                    wanted.remove(&(place.clone(), "const".to_owned()));
                }
            }
            assert_eq!(found, wanted, "{pointer}: {odd}");
            faulty += usize::from(!found.is_empty());
            rules.extend(found.into_iter().filter_map(|(_, rule)| Some(rule.split(' ').next()?.to_owned())));
        }
    }
    let known = ["const", "enum", "fields", "format", "minItems", "range", "required", "type", "unknown"];
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), known);
    assert!(faulty > 1000, "{faulty}");
}

/// Every keyword of the strict schema: those above, and those that say nothing of a value.
#[test]
fn the_schema_has_no_other_keyword() {
    const CHECKED: [&str; 13] = [
        "$ref",
        "additionalProperties",
        "const",
        "enum",
        "format",
        "items",
        "maxProperties",
        "maximum",
        "minItems",
        "minProperties",
        "minimum",
        "properties",
        "required",
    ];
    const SAYING_NOTHING: [&str; 7] = ["$defs", "$id", "$schema", "default", "description", "examples", "title"];
    fn keywords<'s>(schema: &'s Value, all: &mut BTreeSet<&'s str>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            all.insert(keyword);
            match keyword.as_str() {
                "properties" | "$defs" => value.as_object().unwrap().values().for_each(|schema| keywords(schema, all)),
                "items" | "additionalProperties" => keywords(value, all),
                "type" => assert!(value.is_string() || value.is_array(), "types, not {value}"),
                "format" => assert!(schema::scalar(schema).is_some(), "no check for {value}"),
                _ => {}
            }
        }
    }
    let strict = schema::strict();
    let mut all = BTreeSet::new();
    keywords(&strict, &mut all);
    let others = all.iter().filter(|keyword| !CHECKED.contains(keyword) && !SAYING_NOTHING.contains(keyword));
    assert_eq!(others.collect::<Vec<_>>(), [&"type"]);
}
