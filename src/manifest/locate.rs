//! Where a value stands in the text: JSON pointer (RFC 6901) → byte range → line and column.

use std::fmt;
use std::ops::Range;

/// One value of the document with its place. A tree rather than a table of pointers, whose size could grow with the
/// square of the file's.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The key in front of it, where it is an entry of a mapping.
    pub key: Option<Range<usize>>,
    /// The value itself; empty, just after the key, where nothing is written.
    pub value: Range<usize>,
    /// What it holds.
    pub children: Children,
}

/// What a value holds.
#[derive(Clone, Debug, Default)]
pub(super) enum Children {
    /// A scalar.
    #[default]
    None,
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text. No tree or table: one of those takes a kilobyte even for a small mapping.
    Map(Vec<(Box<str>, Node)>),
}

impl Node {
    /// The value at `pointer`, or the nearest one above it that is there.
    pub fn at(&self, pointer: &str) -> &Self {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let Some(child) = node.child(&token.replace("~1", "/").replace("~0", "~")) else { break };
            node = child;
        }
        node
    }

    /// The entry of that name or number.
    pub fn child(&self, token: &str) -> Option<&Self> {
        match &self.children {
            Children::None => None,
            Children::List(items) => items.get(token.parse::<usize>().ok()?),
            Children::Map(entries) => entries.iter().find(|(key, _)| **key == *token).map(|(_, node)| node),
        }
    }

    /// Where to point for a fault of the value itself: at it, or at its key where nothing is written.
    pub fn place(&self) -> Range<usize> {
        match &self.key {
            Some(key) if self.value.is_empty() => key.clone(),
            _ => self.value.clone(),
        }
    }

    /// Where to point for a fault of what the value as a whole holds or lacks: at its key, else at its first line.
    pub fn head(&self) -> Range<usize> {
        self.key.clone().unwrap_or_else(|| self.value.clone())
    }
}

/// One step of a JSON pointer.
pub(super) fn escaped(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Line and column, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The position of a byte offset; past the end counts as the end.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line, column: before.get(start..).map_or(0, |text| text.chars().count()) + 1 }
}

#[cfg(test)]
mod tests {
    use super::{Position, position};

    #[test]
    fn columns_are_characters() {
        assert_eq!(position("a: 日本\nb: 語x", 16), Position { line: 2, column: 5 });
        assert_eq!(position("", 0), Position { line: 1, column: 1 });
        assert_eq!(position("a\n", 99), Position { line: 2, column: 1 });
    }
}
