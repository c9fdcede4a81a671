//! Bytes → a saved plan. They may be anybody's: strict, within limits, and what was refused is said.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{FORMAT, MOST_BYTES, SavedPlan};
use crate::render::words;

/// Why a document is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// More than can be a plan.
    #[error("it has more than {} MiB: it is not a saved plan", MOST_BYTES >> 20)]
    TooLarge,
    /// Another document.
    #[error("its format is {0:?}, and this program reads {FORMAT:?}")]
    OtherFormat(String),
    /// Cut, or not as `plan --out` writes it.
    #[error("it is not a whole saved plan: {0}")]
    Broken(String),
    /// One or the other.
    #[error("it is not a whole saved plan: --advance and --now-cut-off exclude each other")]
    BothPaces,
}

impl SavedPlanError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherFormat(found) if found.starts_with("dockseal.plan/") => {
                "`plan --format json` is for programs; a plan to apply is saved by `dockseal plan --out FILE`"
            }
            Self::OtherFormat(_) => "make a new plan with this version of dockseal: dockseal plan --out FILE",
            Self::TooLarge | Self::Broken(_) | Self::BothPaces => {
                "get it again as `dockseal plan --out` wrote it, or make a new plan"
            }
        }
    }
}

/// Whether this means to be a saved plan, whole or not: a JSON object that begins with a format of ours, or has one.
pub fn is_saved_plan(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let begins = |rest: &mut &[u8], word: &[u8]| {
        let found = rest.trim_ascii_start().strip_prefix(word);
        *rest = found.unwrap_or_default();
        found.is_some()
    };
    let mut rest = bytes;
    if !begins(&mut rest, b"{") {
        return false;
    }
    let is_first = begins(&mut rest, b"\"format\"") && begins(&mut rest, b":") && begins(&mut rest, b"\"dockseal.");
    is_first || serde_json::from_slice::<Head>(bytes).is_ok_and(|head| head.format.starts_with("dockseal."))
}

impl SavedPlan {
    /// Reads a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, SavedPlanError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
        }
        let broken = |error: serde_json::Error| SavedPlanError::Broken(error.to_string());
        if bytes.len() > MOST_BYTES {
            return Err(SavedPlanError::TooLarge);
        }
        let head: Head = serde_json::from_slice(bytes).map_err(broken)?;
        if head.format != FORMAT {
            return Err(SavedPlanError::OtherFormat(head.format));
        }
        let saved: Self = serde_json::from_slice(bytes).map_err(broken)?;
        if saved.flags.advance && saved.flags.now_cut_off {
            return Err(SavedPlanError::BothPaces);
        }
        Ok(saved)
    }
}

/// RFC 3339 in whole seconds, UTC.
pub mod moment {
    use super::{Deserialize, Deserializer, OffsetDateTime, Rfc3339, Serializer, words};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&words::rfc3339(*at))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(D::Error::custom)?;
        let is_ours = words::rfc3339(at) == text;
        is_ours.then_some(at).ok_or_else(|| D::Error::custom("a time is not written as 2027-01-31T00:00:00Z"))
    }
}

/// May be null, and has to be there.
pub fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// Any JSON value without a key that is there twice: two readers could take it for two plans.
pub fn each_key_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Strict.deserialize(deserializer)
}

/// The same for a map of texts.
pub fn each_path_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let value = each_key_once(deserializer)?;
    serde_json::from_value(value).map_err(D::Error::custom)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Self)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key {key:?} is there twice")));
            }
        }
        Ok(Value::Object(values))
    }
}
