//! YAML text → a JSON value and the place of every part of it, or why the text is not accepted.
//!
//! A guard stands in front of `serde_yaml`, which on hostile text takes all memory or minutes of time, silently drops
//! duplicate keys and knows no places: it reads saphyr-parser's events one by one within fixed limits, and takes only
//! what all readers of YAML understand alike. The two readers then have to come to the same value.

use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Value};

use super::locate::{Children, Node};
use super::plain;
use super::problem::{Code, MOST, Problem, quoted};
use super::text::text;

const MOST_DEPTH: usize = 32;
const MOST_NODES: usize = 100_000;

/// A text that was read, perhaps with faults: what is faulty is left out, or stands as the string that it looks like.
#[derive(Default)]
pub(super) struct Document {
    pub value: Value,
    pub root: Node,
    pub problems: Vec<Problem>,
}

/// Reads one document, with the place of every part where `has_places`. An error says why nothing can be made of the text.
pub(super) fn load(bytes: &[u8], has_places: bool) -> Result<Document, Vec<Problem>> {
    let text = text(bytes)?;
    let (bytes_of, done) = (char_starts(text), Document::default());
    let mut guard = Guard { text, has_places, bytes_of, stack: Vec::new(), nodes: 0, done };
    if let Err(fatal) = guard.read() {
        guard.done.problems.push(fatal);
        return Err(guard.done.problems);
    }
    if guard.done.problems.is_empty() {
        super::parity::check(text, &guard.done).map_err(|problem| vec![problem])?;
    }
    Ok(guard.done)
}

/// The byte at which each character starts, and the end. Empty for ASCII, where they are the same.
fn char_starts(text: &str) -> Vec<usize> {
    if text.is_ascii() {
        return Vec::new();
    }
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

struct Guard<'t> {
    text: &'t str,
    has_places: bool,
    bytes_of: Vec<usize>,
    stack: Vec<Frame>,
    nodes: usize,
    done: Document,
}

/// A list or mapping whose end has not been seen.
struct Frame {
    start: usize,
    /// A collection in brackets ends where its bracket does, another where its last entry does.
    end: Option<usize>,
    open: Open,
}

enum Open {
    List { values: Vec<Value>, nodes: Vec<Node> },
    Map { values: Map<String, Value>, nodes: Vec<(Box<str>, Node)>, key: Option<Key> },
}

/// A key whose value has not been seen. One without a name is faulty, and its value is dropped.
struct Key {
    name: Option<String>,
    place: Range<usize>,
}

impl Guard<'_> {
    fn read(&mut self) -> Result<(), Problem> {
        let mut documents = 0;
        let mut has_value = false;
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| {
                let at = self.byte(error.marker());
                Problem::new(
                    Code::YamlSyntax,
                    at..at,
                    format!("not valid YAML: {}", error.info()),
                    "check quotes and indents",
                )
            })?;
            let place = self.range(span);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let hint = "a file holds one manifest: take the rest out";
                        return Err(Problem::new(
                            Code::YamlSeveralDocuments,
                            place,
                            "a second document begins here",
                            hint,
                        ));
                    }
                }
                Event::Alias(_) => {
                    let hint = "write the value out";
                    self.report(Problem::new(Code::YamlAlias, place.clone(), "aliases are not allowed", hint));
                    self.count(&place)?;
                    self.complete(Value::Null, Node { value: place, ..Node::default() }, false);
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.decorations(&place, anchor, tag.is_some());
                    self.count(&place)?;
                    self.scalar(&text, style, place);
                }
                Event::SequenceStart(anchor, tag) => {
                    self.decorations(&place, anchor, tag.is_some());
                    self.open(&place, Open::List { values: Vec::new(), nodes: Vec::new() })?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.decorations(&place, anchor, tag.is_some());
                    self.open(&place, Open::Map { values: Map::new(), nodes: Vec::new(), key: None })?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(&place),
                Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
            }
            has_value |= self.nodes > 0;
        }
        if has_value {
            return Ok(());
        }
        Err(Problem::new(
            Code::YamlEmpty,
            0..0,
            "the file holds no manifest",
            "begin it with `dockseal: 1` and `host: NAME`",
        ))
    }

    /// Counts in characters become offsets in bytes.
    fn byte(&self, marker: &Marker) -> usize {
        match self.bytes_of.get(marker.index()) {
            Some(byte) => *byte,
            None => marker.index().min(self.text.len()),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(&span.start);
        start..self.byte(&span.end).max(start)
    }

    fn report(&mut self, problem: Problem) {
        if self.done.problems.len() <= MOST {
            self.done.problems.push(problem);
        }
    }

    fn count(&mut self, place: &Range<usize>) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes <= MOST_NODES {
            return Ok(());
        }
        let message = "the file holds more than 100,000 values";
        Err(Problem::new(Code::YamlTooMany, place.clone(), message, "split the clients over several hosts"))
    }

    fn decorations(&mut self, place: &Range<usize>, anchor: usize, has_tag: bool) {
        if anchor != 0 {
            let hint = "take the `&…` out, and write the value out where it is used";
            self.report(Problem::new(Code::YamlAlias, place.clone(), "anchors are not allowed", hint));
        }
        if has_tag {
            let hint = "take the `!…` out; quotes make a string";
            self.report(Problem::new(Code::YamlTag, place.clone(), "tags are not allowed", hint));
        }
    }

    fn open(&mut self, place: &Range<usize>, open: Open) -> Result<(), Problem> {
        self.count(place)?;
        if self.stack.len() == MOST_DEPTH {
            let message = "values are nested more than 32 deep";
            return Err(Problem::new(Code::YamlTooDeep, place.clone(), message, "no field of a manifest needs that"));
        }
        self.stack.push(Frame { start: place.start, end: None, open });
        Ok(())
    }

    fn close(&mut self, place: &Range<usize>) {
        let Some(frame) = self.stack.pop() else { return };
        let is_bracket = place.len() == 1;
        let end = if is_bracket { place.end } else { frame.end.unwrap_or(place.start).max(frame.start) };
        let (value, children) = match frame.open {
            Open::List { values, mut nodes } => {
                nodes.shrink_to_fit();
                (Value::Array(values), Children::List(nodes))
            }
            Open::Map { values, mut nodes, .. } => {
                nodes.shrink_to_fit();
                (Value::Object(values), Children::Map(nodes))
            }
        };
        self.complete(value, Node { key: None, value: frame.start..end, children }, false);
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Range<usize>) {
        let is_key = matches!(self.stack.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }));
        let is_plain = style == ScalarStyle::Plain;
        let value = if is_plain { plain::resolve(text) } else { Some(Value::String(text.to_owned())) };
        if is_key && is_plain && text == "<<" {
            let hint = "write the entries out";
            self.report(Problem::new(Code::YamlMergeKey, place.clone(), "merge keys are not allowed", hint));
            return self.complete(Value::Null, Node { value: place, ..Node::default() }, true);
        }
        let value = value.unwrap_or_else(|| {
            let message = format!("{} means different things to different readers of YAML", quoted(text));
            let hint = format!(
                "quote it: `\"{}\"`; booleans are `true` and `false`, numbers plain decimals",
                quoted(text).trim_matches('`')
            );
            self.report(Problem::new(Code::YamlAmbiguous, place.clone(), message, &hint));
            Value::String(text.to_owned())
        });
        let place = if is_plain && text.is_empty() { self.nothing(&place) } else { self.trimmed(place) };
        self.complete(value, Node { value: place, ..Node::default() }, false);
    }

    /// Where a value that is not written would stand: just after its key.
    fn nothing(&self, place: &Range<usize>) -> Range<usize> {
        match self.stack.last() {
            Some(Frame { open: Open::Map { key: Some(key), .. }, .. }) => key.place.end..key.place.end,
            _ => place.start..place.start,
        }
    }

    /// A block scalar's span runs to the next token.
    fn trimmed(&self, place: Range<usize>) -> Range<usize> {
        let length = self.text.get(place.clone()).map_or(place.len(), |text| text.trim_end().len());
        place.start..place.start + length
    }

    /// A value has been read whole: it becomes a key, an entry, or the document.
    fn complete(&mut self, value: Value, mut node: Node, is_dropped: bool) {
        let Some(frame) = self.stack.last_mut() else {
            self.done.value = value;
            self.done.root = node;
            return;
        };
        frame.end = frame.end.max(Some(node.value.end));
        let fault = match &mut frame.open {
            Open::List { values, nodes } => {
                values.push(value);
                nodes.extend(self.has_places.then_some(node));
                None
            }
            Open::Map { values, nodes, key } => match key.take() {
                None => {
                    let (name, fault) = if is_dropped { (None, None) } else { as_key(value, &node, values, nodes) };
                    *key = Some(Key { name, place: node.value });
                    fault
                }
                Some(Key { name: None, .. }) => None,
                Some(Key { name: Some(name), place }) => {
                    node.key = Some(place);
                    nodes.extend(self.has_places.then(|| (name.as_str().into(), node)));
                    values.insert(name, value);
                    None
                }
            },
        };
        if let Some(fault) = fault {
            self.report(fault);
        }
    }
}

fn as_key(
    value: Value,
    node: &Node,
    values: &Map<String, Value>,
    nodes: &[(Box<str>, Node)],
) -> (Option<String>, Option<Problem>) {
    let place = node.value.clone();
    let Value::String(name) = value else {
        return (None, Some(Problem::new(Code::YamlKey, place, "a key has to be a string", "quote it")));
    };
    if !values.contains_key(&name) {
        return (Some(name), None);
    }
    let mut fault = Problem::new(
        Code::DuplicateKey,
        place,
        format!("the key {} is there twice", quoted(&name)),
        "keep one of them",
    );
    let first = nodes.iter().find(|(key, _)| **key == *name).and_then(|(_, first)| first.key.clone());
    fault.related = first.map(|key| (key, "first given here".to_owned()));
    (None, Some(fault))
}
