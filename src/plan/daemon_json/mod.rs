//! daemon.json's text and a merge patch (RFC 7396) → the new text, in which every byte that the patch does not speak of
//! is as it was: foreign keys, their order, indentation, line breaks, the spelling of numbers.
//!
//! The text is edited by the spans of a strict parse. jsonc-parser's tree was weighed and left out: both places of a
//! duplicate key, the limits and the verdict "this is what dockerd reads" take a pass of our own, and once its spans
//! are there the edit is short.

mod edit;
mod layout;
mod parse;
mod patch;

use std::fmt;

use serde_json::{Map, Value};

use edit::Edit;
use layout::Layout;
use patch::{changes, fresh};

/// What a merge gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The new text: byte for byte the old one where nothing changed.
    pub text: String,
    /// The top-level keys whose values changed, in the patch's order.
    pub changed_keys: Vec<KeyChange>,
}

/// A top-level key with another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Its name.
    pub key: String,
    /// Its value in the file.
    pub before: Option<Value>,
    /// Its value after the merge.
    pub after: Option<Value>,
}

/// A place in daemon.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In bytes, from 0.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// Why a daemon.json can't be merged with anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("{place}: {what}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        what: &'static str,
    },
    /// dockerd takes the last one without a word; a person may have meant the other.
    #[error("{second}: the key {key:?} stands at {first} already")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it first stands.
        first: Place,
        /// Where it stands again.
        second: Place,
    },
    /// `[]`
    #[error("{0}: the file must hold one object")]
    NotAnObject(Place),
    /// Nested beyond any use.
    #[error("{0}: nested deeper than 100 levels")]
    TooDeep(Place),
    /// More than 1 MiB.
    #[error("larger than 1 MiB")]
    TooLarge,
    /// EF BB BF: Engine 20.10 refuses it, 23.0 and later take it.
    #[error("1:1: begins with a byte order mark")]
    ByteOrderMark,
    /// Neither do bytes of another encoding make JSON.
    #[error("{0}: not valid UTF-8")]
    NotUtf8(Place),
}

impl JsonError {
    /// What to do.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Syntax { what, .. } if what.contains("comment") => "remove it; daemon.json is strict JSON",
            Self::Syntax { .. } => "daemon.json is strict JSON; `python3 -m json.tool` shows more of it",
            Self::DuplicateKey { .. } => "remove one of them",
            Self::NotAnObject(_) => "daemon.json begins with `{` and ends with `}`",
            Self::ByteOrderMark => r"remove it: sed -i '1s/^\xEF\xBB\xBF//' /etc/docker/daemon.json",
            Self::NotUtf8(_) => "convert the file to UTF-8: iconv -f ENCODING -t UTF-8",
            Self::TooDeep(_) | Self::TooLarge => return None,
        })
    }

    /// Where the error stands, for a caret.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Syntax { place, .. } | Self::NotAnObject(place) | Self::TooDeep(place) | Self::NotUtf8(place) => {
                Some(*place)
            }
            Self::DuplicateKey { second, .. } => Some(*second),
            Self::ByteOrderMark => Some(Place { offset: 0, line: 1, column: 1 }),
            Self::TooLarge => None,
        }
    }
}

/// The text of a file's bytes.
pub fn decode(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        JsonError::NotUtf8(Place::new(&String::from_utf8_lossy(good), good.len()))
    })
}

/// Applies a patch. No file, an empty one and one of white space count as `{}`; Engine 20.10 refuses an empty file, but
/// an empty file that nothing has to be written to is left as it is.
pub fn merge(before: Option<&str>, patch: &Map<String, Value>) -> Result<Merged, JsonError> {
    let text = before.unwrap_or_default();
    let Some(root) = parse::parse(text)? else {
        let object = fresh(&Value::Object(patch.clone()));
        let changed_keys = changes(&Map::new(), patch);
        let layout = Layout { unit: "  ", newline: "\n", blank: " " };
        let text = match before {
            Some(text) if changed_keys.is_empty() => text.to_owned(),
            _ => layout.value(&object, Some("")) + "\n",
        };
        return Ok(Merged { text, changed_keys });
    };
    let old: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        // Beyond what the parse above has refused there is nothing known that could fail here.
        let place = Place { offset: 0, line: error.line(), column: error.column() };
        JsonError::Syntax { place, what: "this can't be read as JSON" }
    })?;
    let changed_keys = changes(&old, patch);
    let text = if changed_keys.is_empty() {
        text.to_owned()
    } else {
        let edit = Edit { text, layout: Layout::detect(text, &root) };
        let object = edit.object(&root, &old, patch, "");
        format!("{}{object}{}", &text[..root.span.start], &text[root.span.end..])
    };
    Ok(Merged { text, changed_keys })
}

impl Place {
    fn new(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { offset, line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

/// `line:column`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests;
