//! What a plan's files were, as far as neither its text nor its JSON show it: a diff shows three lines around a change and
//! no more, and of a certificate that is replaced nobody prints the fingerprint. Facts of the contents, none of the disk: a
//! plan outlives a reboot.

use std::collections::BTreeMap;
use std::path::Path;

use crate::observed::{Attributes, Observed};
use crate::pki::{CertFacts, Fingerprint};
use crate::plan::{After, Change, Plan};

/// SHA-256, in hexadecimal as sha256sum(1) prints it.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Fingerprint::of(bytes).0 {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// By path.
pub fn seen(plan: &Plan, observed: &Observed) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    if let Some(bundle) = observed.ca.certificate.present() {
        let cas = bundle.iter().map(|ca| of_certificate(&ca.facts));
        add(&mut seen, &observed.ca.certificate.path, cas);
    }
    for request in observed.clients.iter().filter_map(|client| client.request.as_ref()) {
        let key = request.present().map(|key| format!("key {}", sha256(&key.spki)));
        add(&mut seen, &request.path, key);
    }
    for change in &plan.changes {
        add(&mut seen, &change.path, of_change(change));
    }
    seen
}

fn add(seen: &mut BTreeMap<String, String>, path: &Path, facts: impl IntoIterator<Item = String>) {
    for fact in facts {
        let known = seen.entry(path.display().to_string()).or_default();
        if !known.split("; ").any(|one| one == fact) {
            let between = if known.is_empty() { "" } else { "; " };
            known.push_str(between);
            known.push_str(&fact);
        }
    }
}

fn of_change(change: &Change) -> Vec<String> {
    let mut facts: Vec<String> = change.seen.as_deref().map(of_file).into_iter().collect();
    match &change.after {
        After::Text { before: Some(text), .. } => facts.push(format!("sha256 {}", sha256(text.as_bytes()))),
        After::Certificate(issue) => facts.extend(issue.before.as_deref().map(of_certificate)),
        After::HandedIn(intake) => {
            facts.extend(intake.before.as_deref().map(of_certificate));
            facts.push(format!("takes in {}", of_certificate(&intake.certificate.facts)));
        }
        _ => {}
    }
    facts
}

fn of_file(file: &Attributes) -> String {
    format!("mode {:04o}, user {}, {} bytes", file.mode, file.uid, file.stamp.size)
}

fn of_certificate(facts: &CertFacts) -> String {
    format!("certificate {}", facts.fingerprint)
}
