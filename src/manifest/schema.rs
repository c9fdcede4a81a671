//! The JSON schema (draft 2020-12): the published text, generated from the types and checked in, and the stricter form of it
//! that is used at run time, where each scalar is checked by its own `parse` too.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::PassphraseSource;
use super::endpoint::Endpoint;
use super::issuer::{self, CommandWord};
use super::name::{ClientName, DnsName, SanAddress};
use super::scalar::{AbsolutePath, Lifetime, ScalarError, Timeout};
use super::subject::{CommonName, Country, CredentialName, Email, EnvironmentName, OrganizationText, PlaceText};
use super::unit::{DropInName, UnitName};

/// Names the schema; nothing is fetched from it.
#[cfg(test)]
const ID: &str = "urn:dockseal:manifest:1";

/// In front of a scalar's name, where it is the format of a text.
pub(super) const FORMAT: &str = "dockseal-";

/// Checks a text and says what is wrong with it.
pub(super) type Check = fn(&str) -> Option<ScalarError>;

/// The text that an issuer may be, as the name of a format.
const ISSUER_WORD: &str = "IssuerWord";

/// The checked scalars by their names under `$defs`.
pub(super) const SCALARS: [(&str, Check); 18] = [
    ("AbsolutePath", |text| AbsolutePath::parse(text).err()),
    ("ClientName", |text| ClientName::parse(text).err()),
    ("CommandWord", |text| CommandWord::parse(text).err()),
    ("CommonName", |text| CommonName::parse(text).err()),
    ("Country", |text| Country::parse(text).err()),
    ("CredentialName", |text| CredentialName::parse(text).err()),
    ("DnsName", |text| DnsName::parse(text).err()),
    ("DropInName", |text| DropInName::parse(text).err()),
    ("Email", |text| Email::parse(text).err()),
    ("Endpoint", |text| Endpoint::parse(text).err()),
    ("EnvironmentName", |text| EnvironmentName::parse(text).err()),
    (ISSUER_WORD, |text| issuer::word(text).err()),
    ("Lifetime", |text| Lifetime::parse(text).err()),
    ("OrganizationText", |text| OrganizationText::parse(text).err()),
    ("PlaceText", |text| PlaceText::parse(text).err()),
    ("SanAddress", |text| SanAddress::parse(text).err()),
    ("Timeout", |text| Timeout::parse(text).err()),
    ("UnitName", |text| UnitName::parse(text).err()),
];

/// The published schema. A test holds it to the types; what generates it need not be in the program.
pub const TEXT: &str = include_str!("../../schema/manifest.schema.json");

/// The published schema, and beyond it what no regular expression can say.
pub(super) fn strict() -> Value {
    // One that is no JSON would refuse every manifest.
    let mut schema = serde_json::from_str(TEXT).unwrap_or_else(|_| json!({"enum": []}));
    for_each_object(&mut schema, &mut |object| {
        // Cross-field checks find these with better places.
        object.remove("uniqueItems");
        object.remove("propertyNames");
        // A list of words is one fault, not a failed branch for each.
        if let Some(words) = object.get("oneOf").and_then(Value::as_array).and_then(|branches| words(branches)) {
            object.remove("oneOf");
            object.insert("enum".to_owned(), words);
        }
    });
    for (name, _) in SCALARS {
        if let Some(scalar) = schema.pointer_mut(&format!("/$defs/{name}")) {
            *scalar = json!({"type": "string", "format": format!("{FORMAT}{name}")});
        }
    }
    // A text or a mapping: of the text, what stands in no regular expression is what to write instead.
    if let Some(issuer) = schema.pointer_mut("/$defs/Issuer").and_then(Value::as_object_mut) {
        issuer.remove("pattern");
        issuer.insert("format".to_owned(), format!("{FORMAT}{ISSUER_WORD}").into());
    }
    schema
}

/// The schema that a reference of the strict schema stands for; any other stands for itself.
pub(super) fn resolved<'s>(root: &'s Value, schema: &'s Value) -> Option<&'s Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

/// The check of a scalar of the strict schema.
pub(super) fn scalar(schema: &Value) -> Option<Check> {
    let name = schema.get("format")?.as_str()?.strip_prefix(FORMAT)?;
    SCALARS.into_iter().find(|(known, _)| *known == name).map(|(_, check)| check)
}

fn words(branches: &[Value]) -> Option<Value> {
    branches.iter().map(|branch| branch.get("const").cloned()).collect::<Option<Vec<_>>>().map(Value::Array)
}

/// What the types say, as it is published: the same bytes each time.
#[cfg(test)]
pub fn generated() -> String {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<super::Manifest>().to_value();
    forget_null_defaults(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$id".to_owned(), ID.into());
    }
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// An optional field has no default value; `null` is not even allowed.
#[cfg(test)]
fn forget_null_defaults(schema: &mut Value) {
    for_each_object(schema, &mut |object| {
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
    });
}

fn for_each_object(value: &mut Value, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|value| for_each_object(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| for_each_object(value, change)),
        _ => {}
    }
}

/// `dockseal: 1`
pub(super) fn format_one(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "const": 1})
}

/// The number of a CA: more digits would make its common name too long.
pub(super) fn generation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "minimum": 1, "maximum": 9999})
}

/// Keys that a manifest may not give under `daemon`: what is derived, and `hosts` in other letters.
pub(super) fn daemon_keys() -> Value {
    json!({"anyOf": [{"const": "hosts"}, {"not": {"pattern": "^([tT][lL][sS].*|[hH][oO][sS][tT][sS])$"}}]})
}

/// Exactly one of three fields. By hand, as the derived `oneOf` gives editors and people three errors for one fault.
impl schemars::JsonSchema for PassphraseSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PassphraseSource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let described = |mut schema: Schema, description: &str| {
            schema.insert("description".to_owned(), description.into());
            schema
        };
        let file = described(generator.subschema_for::<AbsolutePath>(), "A file; its first line without the newline.");
        let env = described(generator.subschema_for::<EnvironmentName>(), "The name of an environment variable.");
        let credential = described(
            generator.subschema_for::<CredentialName>(),
            "The name of a systemd credential (`LoadCredential=`), read from `$CREDENTIALS_DIRECTORY`.",
        );
        json_schema!({
            "description": "Where the CA key's passphrase comes from: exactly one of `file`, `env` and `credential`.",
            "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
            "properties": {"file": file, "env": env, "credential": credential},
            "examples": [{"file": "/root/ca.passphrase"}, {"env": "DOCKSEAL_CA_PASSPHRASE"}, {"credential": "ca-passphrase"}]
        })
    }
}
