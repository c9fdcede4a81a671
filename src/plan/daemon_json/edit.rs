//! A parsed text and a merge patch → the text after it.

use serde_json::{Map, Value};

use super::layout::{Layout, indentation};
use super::parse::Node;
use super::patch::{changes, fresh, is_same};

/// A text under change.
pub(super) struct Edit<'a> {
    pub text: &'a str,
    pub layout: Layout<'a>,
}

/// A member with the white space before it and that before the comma after it.
struct Part {
    lead: String,
    member: String,
    trail: String,
}

impl Edit<'_> {
    /// An object's text after the patch; `outer` is the indentation of the line of its closing brace.
    pub fn object(&self, node: &Node, old: &Map<String, Value>, patch: &Map<String, Value>, outer: &str) -> String {
        let members = node.members.as_deref().unwrap_or_default();
        let found = (0..members.len()).rev().find_map(|index| indentation(self.lead(node, index)));
        let inner = match found {
            Some(inner) => Some(inner.to_owned()),
            // Only the outermost object comes here empty; that it stands on one line says nothing of the file's style.
            None if members.is_empty() => Some(format!("{outer}{}", self.layout.unit)),
            None => None,
        };
        let mut parts = self.kept(node, old, patch, inner.as_deref());
        for (key, wanted) in patch.iter().filter(|(key, wanted)| !wanted.is_null() && !old.contains_key(*key)) {
            let lead = match &inner {
                _ if parts.is_empty() && !members.is_empty() => self.lead(node, 0).to_owned(),
                Some(inner) => format!("{}{inner}", self.layout.newline),
                None => self.layout.blank.to_owned(),
            };
            let member = self.layout.member(key, &fresh(wanted), inner.as_deref());
            parts.push(Part { lead, member, trail: String::new() });
        }
        let Some(last) = parts.last_mut() else { return "{}".to_owned() };
        last.trail = match members.last() {
            Some(last) => self.text[last.value.span.end..node.span.end - 1].to_owned(),
            None => format!("{}{outer}", self.layout.newline),
        };
        let parts: Vec<String> = parts.into_iter().map(|part| part.lead + &part.member + &part.trail).collect();
        format!("{{{}}}", parts.join(","))
    }

    /// The members that the patch leaves or changes.
    fn kept(
        &self,
        node: &Node,
        old: &Map<String, Value>,
        patch: &Map<String, Value>,
        inner: Option<&str>,
    ) -> Vec<Part> {
        let members = node.members.as_deref().unwrap_or_default();
        let mut parts: Vec<Part> = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let value = match (old.get(&member.key), patch.get(&member.key)) {
                (_, Some(Value::Null)) => continue,
                (Some(found), Some(wanted)) => self.value(&member.value, found, wanted, inner),
                _ => self.text[member.value.span.clone()].to_owned(),
            };
            let head = &self.text[member.start..member.value.span.start];
            // The first that is left moves up to the opening brace.
            let lead = self.lead(node, if parts.is_empty() { 0 } else { index });
            let end = member.value.span.end;
            let trail = members.get(index + 1).and_then(|next| self.text[end..next.start].split_once(','));
            parts.push(Part {
                lead: lead.to_owned(),
                member: format!("{head}{value}"),
                trail: trail.map(|(trail, _)| trail.to_owned()).unwrap_or_default(),
            });
        }
        // White space before the closing brace is the object's; the last one's is put there.
        if let Some(last) = parts.last_mut() {
            last.trail.clear();
        }
        parts
    }

    /// The white space between a member and the brace or comma before it.
    fn lead(&self, node: &Node, index: usize) -> &str {
        let members = node.members.as_deref().unwrap_or_default();
        match index.checked_sub(1) {
            None => &self.text[node.span.start + 1..members[index].start],
            Some(before) => {
                let between = &self.text[members[before].value.span.end..members[index].start];
                between.split_once(',').map_or(between, |(_, lead)| lead)
            }
        }
    }

    fn value(&self, node: &Node, found: &Value, wanted: &Value, indent: Option<&str>) -> String {
        let text = &self.text[node.span.clone()];
        match (found, wanted) {
            (Value::Object(old), Value::Object(patch)) => {
                if changes(old, patch).is_empty() {
                    text.to_owned()
                } else if old.is_empty() {
                    self.layout.value(&fresh(wanted), indent)
                } else {
                    self.object(node, old, patch, indent.unwrap_or_default())
                }
            }
            _ if is_same(found, &fresh(wanted)) => text.to_owned(),
            // A list stays on one line or on several, as it was.
            (Value::Array(old), Value::Array(items)) if !old.is_empty() => match indent {
                Some(indent) if text.contains('\n') && !items.is_empty() => self.layout.spread(items, indent),
                _ => self.layout.value(wanted, None),
            },
            _ => self.layout.value(&fresh(wanted), indent),
        }
    }
}
