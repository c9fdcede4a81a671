//! What a line tells of a plan: its changes, and which certificate gave way to which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::super::json::JsonReason;
use super::super::words;
use super::{TOLD, is_zero};
use crate::observed::Observed;
use crate::pki::CertFacts;
use crate::plan::{After, Change, Plan};

/// What a plan asked for.
#[derive(Serialize)]
pub struct PlanTold {
    /// How many changes of each kind.
    counts: BTreeMap<&'static str, usize>,
    /// How many of them the line does not tell.
    #[serde(skip_serializing_if = "is_zero")]
    changes_left_out: usize,
    /// The first of them.
    changes: Vec<Told>,
}

/// One change.
#[derive(Serialize)]
struct Told {
    resource: String,
    action: &'static str,
    /// The file.
    path: PathBuf,
    /// As in the JSON plan.
    reasons: Vec<Value>,
    /// Which certificate gave way to which.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Exchange>,
}

/// Which certificate gave way to which.
#[derive(Serialize)]
struct Exchange {
    /// What stood there.
    before: Option<Identity>,
    /// What stands there since; `None` where it does not, as the change was put back.
    after: Option<Identity>,
    /// Of `ca.pem`: what stands behind it and is trusted too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also_trusted: Vec<Identity>,
}

/// Which certificate.
#[derive(Serialize)]
pub struct Identity {
    serial: String,
    sha256: String,
    not_after: String,
}

impl PlanTold {
    /// Of a plan.
    pub fn new(plan: &Plan) -> Self {
        let mut counts = BTreeMap::new();
        for change in &plan.changes {
            *counts.entry(words::action(change.action)).or_default() += 1;
        }
        let changes: Vec<Told> = plan.changes.iter().take(TOLD).map(Told::new).collect();
        Self { counts, changes_left_out: plan.changes.len() - changes.len(), changes }
    }

    /// Has each change tell the certificates that stand there since, as far as `look` finds any: the signing one first.
    pub fn look_up(&mut self, look: impl Fn(&Path) -> Vec<Identity>) {
        for Told { path, certificate, .. } in &mut self.changes {
            if let Some(exchange) = certificate {
                exchange.take(look(path));
            }
        }
    }

    /// The same of a host that was observed since.
    pub fn look_up_in(&mut self, observed: &Observed) {
        let told =
            self.changes.iter_mut().filter_map(|Told { path, certificate, .. }| Some((&**path, certificate.as_mut()?)));
        let mut told: BTreeMap<&Path, &mut Exchange> = told.collect();
        if let (Some(exchange), Some(found)) =
            (told.remove(&*observed.ca.certificate.path), observed.ca.certificate.present())
        {
            exchange.take(found.iter().map(|certificate| Identity::new(&certificate.facts)).collect());
        }
        let leaves = std::iter::once(&observed.server).chain(observed.clients.iter().map(|client| &client.leaf));
        for certificate in leaves.map(|leaf| &leaf.certificate) {
            if told.is_empty() {
                break;
            }
            if let (Some(exchange), Some(found)) = (told.remove(&*certificate.path), certificate.present()) {
                exchange.take(vec![Identity::new(&found.facts)]);
            }
        }
    }

    pub(super) fn shorten(&mut self) -> bool {
        let left = self.changes.len() / 2;
        let is_shorter = left < self.changes.len();
        self.changes_left_out += self.changes.len() - left;
        self.changes.truncate(left);
        is_shorter
    }
}

impl Told {
    fn new(change: &Change) -> Self {
        let certificate = match &change.after {
            After::Certificate(issue) => Some(Exchange::from(issue.before.as_deref())),
            After::Bundle(_) => Some(Exchange::from(None)),
            _ => None,
        };
        let reason = |reason| serde_json::to_value(JsonReason::new(reason)).unwrap_or_default();
        Self {
            resource: change.resource.to_string(),
            action: words::action(change.action),
            path: change.path.clone(),
            reasons: change.reasons.iter().map(reason).collect(),
            certificate,
        }
    }
}

impl Exchange {
    fn from(before: Option<&CertFacts>) -> Self {
        Self { before: before.map(Identity::new), after: None, also_trusted: Vec::new() }
    }

    fn take(&mut self, found: Vec<Identity>) {
        let mut found = found.into_iter();
        self.after = found.next();
        self.also_trusted = found.collect();
    }
}

impl Identity {
    /// Of a certificate.
    pub fn new(facts: &CertFacts) -> Self {
        Self {
            serial: facts.serial.to_string(),
            sha256: facts.fingerprint.to_string(),
            not_after: words::rfc3339(facts.not_after),
        }
    }
}
