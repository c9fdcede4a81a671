//! JSON text → a tree of spans, so that an edit can leave every other byte alone, or an error with its place.
//!
//! Strict JSON (RFC 8259), as dockerd reads it: no comments, no trailing commas. Stricter in two points: a key must not
//! come twice in an object, for dockerd takes the last one silently; and nesting and size are bounded.

use std::collections::HashMap;
use std::ops::Range;

use super::{JsonError, Place};

/// The largest daemon.json, in bytes.
const MAX_SIZE: usize = 1 << 20;
/// The deepest nesting; `serde_json`'s own limit is just above.
const MAX_DEPTH: usize = 100;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub members: Option<Vec<Member>>,
}

/// A member of an object: its key's meaning, where the key begins, and its value.
#[derive(Debug)]
pub(super) struct Member {
    pub key: String,
    pub start: usize,
    pub value: Node,
}

/// Reads a whole text, which must be one object. Text of white space alone gives none.
pub(super) fn parse(text: &str) -> Result<Option<Node>, JsonError> {
    if text.len() > MAX_SIZE {
        return Err(JsonError::TooLarge);
    }
    if text.starts_with('\u{feff}') {
        return Err(JsonError::ByteOrderMark);
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.blanks();
    if parser.at == text.len() {
        return Ok(None);
    }
    let start = parser.at;
    let node = parser.value()?;
    if node.members.is_none() {
        return Err(JsonError::NotAnObject(Place::new(text, start)));
    }
    parser.blanks();
    if parser.at < text.len() {
        return Err(parser.error("nothing may follow the object"));
    }
    Ok(Some(node))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &'static str) -> JsonError {
        let what = match (self.peek(), &self.text[self.at..]) {
            (None, _) => "the file ends too early",
            (_, rest) if rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#') => {
                "dockerd reads no comments"
            }
            (Some(b'\''), _) => "JSON has double quotes only",
            _ => what,
        };
        JsonError::Syntax { place: Place::new(self.text, self.at), what }
    }

    fn value(&mut self) -> Result<Node, JsonError> {
        let start = self.at;
        let mut members = None;
        match self.peek() {
            Some(b'{') => members = Some(self.nested(Self::object)?),
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => self.string().map(drop)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => {
                let word = ["true", "false", "null"].into_iter().find(|word| self.text[start..].starts_with(word));
                self.at += word.ok_or_else(|| self.error("a value is expected here"))?.len();
                if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                    self.at = start;
                    return Err(self.error("a value is expected here"));
                }
            }
        }
        Ok(Node { span: start..self.at, members })
    }

    fn nested<T>(&mut self, read: fn(&mut Self) -> Result<T, JsonError>) -> Result<T, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError::TooDeep(Place::new(self.text, self.at)));
        }
        self.at += 1;
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn array(&mut self) -> Result<(), JsonError> {
        self.blanks();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.blanks();
            self.value()?;
            self.blanks();
            if self.eat(b']') {
                return Ok(());
            }
            self.comma(b']', "`,` or `]` is expected here")?;
        }
    }

    fn object(&mut self) -> Result<Vec<Member>, JsonError> {
        let mut members: Vec<Member> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        self.blanks();
        if self.eat(b'}') {
            return Ok(members);
        }
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in double quotes is expected here"));
            }
            let key = self.string()?;
            if let Some(first) = seen.insert(key.clone(), start) {
                let (first, second) = (Place::new(self.text, first), Place::new(self.text, start));
                return Err(JsonError::DuplicateKey { key, first, second });
            }
            self.blanks();
            if !self.eat(b':') {
                return Err(self.error("`:` is expected here"));
            }
            self.blanks();
            members.push(Member { key, start, value: self.value()? });
            self.blanks();
            if self.eat(b'}') {
                return Ok(members);
            }
            self.comma(b'}', "`,` or `}` is expected here")?;
        }
    }

    fn comma(&mut self, close: u8, what: &'static str) -> Result<(), JsonError> {
        let comma = self.at;
        if !self.eat(b',') {
            return Err(self.error(what));
        }
        self.blanks();
        if self.peek() == Some(close) {
            self.at = comma;
            return Err(self.error("a comma may not stand before the end"));
        }
        Ok(())
    }

    /// Reads a string and gives its meaning.
    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..0x20) => return Err(self.error("a control character must be escaped in a string")),
                Some(_) => self.at += 1,
                None => {
                    return Err(JsonError::Syntax {
                        place: Place::new(self.text, start),
                        what: "the string has no end",
                    });
                }
            }
        }
        self.at += 1;
        let what = "the string holds an escape that stands for no character";
        let place = || Place::new(self.text, start);
        self.text
            .get(start..self.at)
            .and_then(|string| serde_json::from_str(string).ok())
            .ok_or_else(|| JsonError::Syntax { place: place(), what })
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        // serde_json knows the grammar, and refuses what is too large for a float, as dockerd does.
        if serde_json::from_str::<serde_json::Number>(&self.text[start..self.at]).is_ok() {
            return Ok(());
        }
        self.at = start;
        Err(self.error("dockerd can't read this as a number"))
    }
}
