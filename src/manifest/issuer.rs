//! Who signs: this host's own CA, somebody elsewhere who is waited for, or a program.
//!
//! A word or a mapping. In the schema that is one object, and not a choice of two: keywords of texts and of mappings say
//! nothing of each other's values, so that each fault has one place and one message.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use super::problem::{Code, quoted};
use super::scalar::{AbsolutePath, ScalarError, Timeout, scalar};

/// Who signs certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Issuer {
    /// A CA whose key is on this host.
    #[default]
    Local,
    /// A CA elsewhere: requests wait here, and signed certificates are taken in.
    External,
    /// A program that takes a request and gives the chain.
    Command(IssuerCommand),
}

/// The program and how long it may take for one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerCommand {
    /// The program.
    pub program: AbsolutePath,
    /// What it is given.
    pub arguments: Vec<String>,
    /// For each certificate.
    pub timeout: Timeout,
}

/// `60s`
const TIMEOUT: Timeout = Timeout(60);

impl Issuer {
    /// Whether the CA's key is this host's.
    pub fn is_local(&self) -> bool {
        *self == Self::Local
    }
}

/// `local` or `external`.
pub(super) fn word(text: &str) -> Result<Issuer, ScalarError> {
    match text {
        "local" => Ok(Issuer::Local),
        "external" => Ok(Issuer::External),
        _ => Err(ScalarError::new(
            Code::UnknownWord,
            format!("{} is not known here", quoted(text)),
            "write `local`, `external` or `{command: [/path/of/program, argument]}`",
        )),
    }
}

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommandWord(String);

scalar!(
    CommandWord,
    r"^[^\u0000]*$",
    "A word of a command, passed on as it is: no shell reads it.",
    "maxLength": 4096, "examples": ["/usr/local/bin/sign", "--profile=docker"]
);

impl CommandWord {
    /// Takes what a program can be given (execve(2)).
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what, hint| Err(ScalarError::new(Code::InvalidCommand, what, hint));
        if text.contains('\0') {
            return wrong("a word of a command holds a NUL", "take it out");
        }
        if text.chars().count() > 4096 {
            return wrong("a word of a command is longer than 4096 characters", "put it in a file");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for CommandWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    command: Vec<CommandWord>,
    #[serde(default = "timeout")]
    timeout: Timeout,
}

fn timeout() -> Timeout {
    TIMEOUT
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = match Value::deserialize(deserializer)? {
            Value::String(text) => return word(&text).map_err(D::Error::custom),
            mapping @ Value::Object(_) => Given::deserialize(mapping).map_err(D::Error::custom)?,
            _ => return Err(D::Error::custom("a string or a mapping is expected")),
        };
        let mut words = given.command.into_iter().map(|word| word.0);
        let program = words.next().ok_or_else(|| D::Error::custom("`command` is empty"))?;
        let program = AbsolutePath::parse(&program).map_err(D::Error::custom)?;
        Ok(Self::Command(IssuerCommand { program, arguments: words.collect(), timeout: given.timeout }))
    }
}

impl JsonSchema for Issuer {
    fn schema_name() -> Cow<'static, str> {
        "Issuer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words = generator.subschema_for::<CommandWord>();
        let mut timeout = generator.subschema_for::<Timeout>();
        timeout.insert("description".to_owned(), "How long it may take for one certificate.".into());
        timeout.insert("default".to_owned(), TIMEOUT.to_string().into());
        json_schema!({
            "description": "`local`: the CA's key is on this host. `external`: it is elsewhere; requests are made under \
                            requests/, and what comes back signed is taken in. `{command: […]}`: a program that gets the \
                            request on standard input and gives the chain.",
            "type": ["string", "object"],
            "pattern": "^(local|external)$",
            "additionalProperties": false, "required": ["command"],
            "properties": {
                "command": {
                    "description": "The program, by its absolute path, and its arguments. It gets the request (PEM) on \
                                    standard input and the profile in DOCKSEAL_… variables, and writes the certificate \
                                    and those of its CA (PEM) to standard output.",
                    "type": "array", "items": words, "minItems": 1
                },
                "timeout": timeout
            },
            "examples": ["local", "external", {"command": ["/usr/local/bin/sign", "--profile=docker"], "timeout": "60s"}]
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Option<Issuer> {
        Issuer::deserialize(value).ok()
    }

    #[test]
    fn words_and_commands() {
        assert_eq!(parse(&json!("local")), Some(Issuer::Local));
        assert_eq!(parse(&json!("external")), Some(Issuer::External));
        let Some(Issuer::Command(command)) = parse(&json!({"command": ["/bin/sign", "", "a b"], "timeout": "5m"}))
        else {
            unreachable!()
        };
        assert_eq!(command.program.as_path().to_str(), Some("/bin/sign"));
        assert_eq!(command.arguments, ["", "a b"]);
        assert_eq!(command.timeout.duration().as_secs(), 300);
        for wrong in [
            json!("Local"),
            json!(""),
            json!(null),
            json!(["/bin/sign"]),
            json!({}),
            json!({"command": []}),
            json!({"command": "/bin/sign"}),
            json!({"command": ["sign"]}),
            json!({"command": ["/bin/sign", 1]}),
            json!({"command": ["/bin/sign", "a\0b"]}),
            json!({"command": ["/bin/sign"], "timeout": 60}),
            json!({"command": ["/bin/sign"], "shell": true}),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
