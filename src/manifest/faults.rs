//! The faults of one document while they are collected: each gets its place here, none comes twice, and what may be a
//! passphrase is marked so that nobody shows it.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;

use super::load::Document;
use super::locate::Node;
use super::problem::{Code, MOST, Problem, Refusal};

/// Where a passphrase may stand by mistake.
pub(super) const PASSPHRASE: &str = "/ca/passphrase";
pub(super) const PASSPHRASE_HINT: &str =
    "write `{file: /path}`, `{env: NAME}` or `{credential: NAME}`, never the passphrase itself";

/// The faults found so far, and where they stand.
pub(super) struct Faults {
    pub value: Value,
    pub root: Node,
    list: Vec<Problem>,
    seen: BTreeSet<(usize, Code, String)>,
    /// Starts of what the YAML guard has found fault with: what the schema says of it follows from that.
    pub unreadable: BTreeSet<usize>,
}

impl Faults {
    pub fn new(document: Document) -> Self {
        let unreadable = document.problems.iter().map(|problem| problem.place.start).collect();
        Self { value: document.value, root: document.root, list: document.problems, seen: BTreeSet::new(), unreadable }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A fault of the value at `pointer`.
    pub fn report(&mut self, pointer: &str, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        if self.list.len() > MOST {
            return;
        }
        let place = self.root.at(pointer).place();
        self.add(place, code, message.into(), hint.into(), None);
    }

    /// A fault of the value at `pointer` that comes from another one.
    pub fn report_with(&mut self, pointer: &str, code: Code, text: (String, &str), related: (&str, &str)) {
        if self.list.len() > MOST {
            return;
        }
        let place = self.root.at(pointer).place();
        let (other, label) = related;
        let other = self.root.at(other).place();
        self.add(place, code, text.0, text.1.to_owned(), Some((other, label.to_owned())));
    }

    /// A fault of the key itself.
    pub fn report_key(&mut self, parent: &str, key: &str, code: Code, message: String, hint: String) {
        if self.list.len() > MOST {
            return;
        }
        let parent = self.root.at(parent);
        let place = parent.child(key).map_or_else(|| parent.head(), Node::head);
        self.add(place, code, message, hint, None);
    }

    pub fn add(
        &mut self,
        place: Range<usize>,
        code: Code,
        message: String,
        hint: String,
        related: Option<(Range<usize>, String)>,
    ) {
        if self.list.len() <= MOST && self.seen.insert((place.start, code, message.clone())) {
            self.list.push(Problem { code, place, message, hint: Some(hint), related });
        }
    }
}

impl From<Faults> for Refusal {
    fn from(mut faults: Faults) -> Self {
        let passphrase = faults.root.at("/ca").child("passphrase").map(|node| (node.head(), node.place()));
        let mut secret = None;
        if let Some((key, value)) = passphrase {
            for problem in &mut faults.list {
                if value.contains(&problem.place.start) || problem.place == key {
                    secret = Some(value.clone());
                    if !matches!(
                        problem.code,
                        Code::PassphraseSource | Code::InvalidPassphraseName | Code::NotWithIssuer
                    ) {
                        problem.code.explanation().clone_into(&mut problem.message);
                        problem.hint = Some(PASSPHRASE_HINT.to_owned());
                    }
                }
            }
        }
        Self { list: faults.list, secret }
    }
}
