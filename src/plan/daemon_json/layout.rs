//! Values → JSON text that looks like the file around it.

use serde_json::{Map, Value};

use super::parse::{Member, Node};

/// Up to this width a list of plain values stays on one line.
const WIDTH: usize = 80;

/// How a file is written.
pub(super) struct Layout<'a> {
    /// One step of indentation.
    pub unit: &'a str,
    /// The file's line break.
    pub newline: &'a str,
    /// Stands after a colon, and after a comma within a line.
    pub blank: &'a str,
}

impl<'a> Layout<'a> {
    /// Finds a file's own way; two blanks where it shows none, as in Docker's documentation.
    pub fn detect(text: &'a str, root: &Node) -> Self {
        let members = root.members.as_deref().unwrap_or_default();
        let lead = |member: &Member| indentation(&text[..member.start]);
        let unit = members.iter().find_map(lead).filter(|unit| !unit.is_empty()).unwrap_or("  ");
        let newline = if text.split_once('\n').is_some_and(|(line, _)| line.ends_with('\r')) { "\r\n" } else { "\n" };
        let compact = |member: &Member| text[..member.value.span.start].ends_with(':');
        let blank = if !members.is_empty() && members.iter().all(compact) { "" } else { " " };
        Self { unit, newline, blank }
    }

    /// `"key": value`
    pub fn member(&self, key: &str, value: &Value, indent: Option<&str>) -> String {
        format!("{}:{}{}", Value::from(key), self.blank, self.value(value, indent))
    }

    /// A value's text: on lines of its own below `indent`, or on one line where there is none.
    pub fn value(&self, value: &Value, indent: Option<&str>) -> String {
        match value {
            Value::Array(items) if !items.is_empty() => self.array(items, indent),
            Value::Object(members) if !members.is_empty() => self.object(members, indent),
            other => other.to_string(),
        }
    }

    fn array(&self, items: &[Value], indent: Option<&str>) -> String {
        let line = |items: &[Value]| {
            let items: Vec<_> = items.iter().map(|item| self.value(item, None)).collect();
            format!("[{}]", items.join(&format!(",{}", self.blank)))
        };
        let Some(indent) = indent else { return line(items) };
        if items.iter().all(|item| !item.is_array() && !item.is_object()) {
            let line = line(items);
            if line.len() <= WIDTH {
                return line;
            }
        }
        self.spread(items, indent)
    }

    /// A list with each item on a line of its own.
    pub fn spread(&self, items: &[Value], indent: &str) -> String {
        let inner = format!("{indent}{}", self.unit);
        let items: Vec<_> = items.iter().map(|item| format!("{inner}{}", self.value(item, Some(&inner)))).collect();
        self.lines('[', &items, indent, ']')
    }

    fn object(&self, members: &Map<String, Value>, indent: Option<&str>) -> String {
        let inner = indent.map(|indent| format!("{indent}{}", self.unit));
        let texts = members.iter().map(|(key, value)| self.member(key, value, inner.as_deref()));
        match (indent, &inner) {
            (Some(indent), Some(inner)) => {
                let members: Vec<_> = texts.map(|member| format!("{inner}{member}")).collect();
                self.lines('{', &members, indent, '}')
            }
            _ => format!("{{{}}}", texts.collect::<Vec<_>>().join(&format!(",{}", self.blank))),
        }
    }

    fn lines(&self, open: char, lines: &[String], indent: &str, close: char) -> String {
        let newline = self.newline;
        format!("{open}{newline}{}{newline}{indent}{close}", lines.join(&format!(",{newline}")))
    }
}

/// The white space between the last line break and the end of `before`, if nothing else stands there.
pub(super) fn indentation(before: &str) -> Option<&str> {
    let (_, last) = before.rsplit_once('\n')?;
    last.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some(last)
}
