//! A value against the strict schema → every rule that it breaks, and where.
//!
//! Ours uses a dozen keywords. A validator for any schema would be two fifths of the program, and take a megabyte and a
//! half of memory in each run, valid manifests included. A test compares with such a validator; another fails as soon as
//! the schema has a keyword that is unknown here.

use serde_json::{Map, Number, Value};

use super::locate::escaped;
use super::schema;

/// A rule of the schema that a value breaks.
pub(super) enum Violation<'s> {
    /// `type`
    Type { wanted: &'s str },
    /// `type`, of several
    Types { wanted: &'s [Value] },
    /// `enum`
    Words { options: &'s [Value] },
    /// `const`
    Constant,
    /// `minimum` and `maximum`, of integers above 0.
    Range { least: usize, most: usize },
    /// `format`
    Scalar,
    /// `required`
    Missing { field: &'s str },
    /// `additionalProperties`
    Unknown { field: &'s str },
    /// `minItems`
    TooFewItems,
    /// `minProperties` and `maxProperties`
    Fields,
}

/// Tells of each violation by its JSON pointer. Both schema and value have a bounded depth.
pub(super) fn each<'s>(root: &'s Value, value: &'s Value, tell: &mut dyn FnMut(&str, Violation<'s>)) {
    Walk { root, pointer: String::new(), tell }.value(root, value);
}

struct Walk<'s, 't> {
    root: &'s Value,
    pointer: String,
    tell: &'t mut dyn FnMut(&str, Violation<'s>),
}

impl<'s> Walk<'s, '_> {
    fn found(&mut self, violation: Violation<'s>) {
        (self.tell)(&self.pointer, violation);
    }

    fn value(&mut self, schema: &'s Value, value: &'s Value) {
        let schema = schema::resolved(self.root, schema).unwrap_or(&Value::Null);
        if let Some(wanted) = schema.get("type").and_then(Value::as_str).filter(|wanted| !is_a(value, wanted)) {
            return self.found(Violation::Type { wanted });
        }
        if let Some(wanted) = schema.get("type").and_then(Value::as_array)
            && !wanted.iter().filter_map(Value::as_str).any(|wanted| is_a(value, wanted))
        {
            return self.found(Violation::Types { wanted });
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array).filter(|words| !words.contains(value)) {
            return self.found(Violation::Words { options });
        }
        if schema.get("const").is_some_and(|only| only != value) {
            return self.found(Violation::Constant);
        }
        match value {
            Value::Number(number) => self.number(schema, number),
            Value::String(text) if schema::scalar(schema).is_some_and(|check| check(text).is_some()) => {
                self.found(Violation::Scalar);
            }
            Value::Array(items) => self.list(schema, items),
            Value::Object(fields) => self.mapping(schema, fields),
            _ => {}
        }
    }

    fn number(&mut self, schema: &'s Value, found: &Number) {
        let (Some(least), Some(most)) = (number(schema, "minimum"), number(schema, "maximum")) else { return };
        let found = found.as_u64().and_then(|found| usize::try_from(found).ok());
        if found.is_none_or(|found| !(least..=most).contains(&found)) {
            self.found(Violation::Range { least, most });
        }
    }

    fn list(&mut self, schema: &'s Value, items: &'s [Value]) {
        if number(schema, "minItems").is_some_and(|least| items.len() < least) {
            self.found(Violation::TooFewItems);
        }
        let Some(schema) = schema.get("items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.inside(&index.to_string(), schema, item);
        }
    }

    fn mapping(&mut self, schema: &'s Value, fields: &'s Map<String, Value>) {
        let least = number(schema, "minProperties").unwrap_or(0);
        let most = number(schema, "maxProperties").unwrap_or(usize::MAX);
        if !(least..=most).contains(&fields.len()) {
            self.found(Violation::Fields);
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for field in required.filter(|field| !fields.contains_key(*field)) {
            self.found(Violation::Missing { field });
        }
        let known = schema.get("properties");
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        for (field, value) in fields {
            match known.and_then(|known| known.get(field)) {
                Some(schema) => self.inside(field, schema, value),
                None if is_closed => self.found(Violation::Unknown { field }),
                None => {}
            }
        }
    }

    fn inside(&mut self, token: &str, schema: &'s Value, value: &'s Value) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&escaped(token));
        self.value(schema, value);
        self.pointer.truncate(length);
    }
}

fn number(schema: &Value, keyword: &str) -> Option<usize> {
    usize::try_from(schema.get(keyword)?.as_u64()?).ok()
}

fn is_a(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || kind == "integer" && (number.is_i64() || number.is_u64()),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

#[cfg(test)]
mod tests;
