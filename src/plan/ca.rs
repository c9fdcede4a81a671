//! The CA: made where there is none, and otherwise never changed. Whatever does not fit is refused, not mended.

use time::OffsetDateTime;

use super::Draft;
use super::attributes;
use super::change::{Action, After, Change, Issue, IssueKey, Resource};
use super::finding::{Note, Refusal};
use super::reason::Reason;
use crate::desired::Desired;
use crate::observed::{Found, KeyFacts, Observed};
use crate::pki::{CertFacts, CertSpec};

/// The CA that leaves are measured against.
pub enum Signer<'a> {
    /// The one in `ca.pem`.
    Found(&'a CertFacts),
    /// One that this plan makes, with its end.
    New(OffsetDateTime),
}

impl Signer<'_> {
    /// The CA's end.
    pub fn not_after(&self) -> OffsetDateTime {
        match self {
            Self::Found(facts) => facts.not_after,
            Self::New(not_after) => *not_after,
        }
    }
}

/// Gives the CA to measure against; `None` where none can be used, and then why is in `draft`.
pub fn compare<'a>(
    desired: &Desired,
    observed: &'a Observed,
    now: OffsetDateTime,
    draft: &mut Draft,
) -> Option<Signer<'a>> {
    let certificate = &observed.ca.certificate;
    let key = &observed.ca.key;
    draft.refuse_unreadable(certificate);
    draft.refuse_unreadable(key);
    match (&certificate.found, &key.found) {
        (Found::Present(bundle), _) => {
            let facts = &bundle.first()?.facts;
            judge(&desired.ca.spec, facts, observed, now, draft);
            compare_key(desired, facts, observed, draft);
            draft.change_attributes(Resource::CaCertificate, certificate, attributes::PUBLIC, observed);
            Some(Signer::Found(facts))
        }
        (Found::Missing, Found::Missing | Found::Present(_)) => create(desired, observed, now, draft),
        _ => None,
    }
}

/// With a key that is already there (a run that was cut short, a lost `ca.pem`), the certificate is made over that key.
fn create<'a>(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) -> Option<Signer<'a>> {
    let key = &observed.ca.key;
    if key.is_missing()
        && let Some(orphaned) = observed.leaf_certificates().find(|leaf| leaf.present().is_some())
    {
        let path = observed.ca.certificate.path.clone();
        draft.refusals.push(Refusal::CaLost { path, orphaned: orphaned.path.clone() });
        return None;
    }
    if let Some(KeyFacts::Encrypted) = key.present()
        && desired.ca.passphrase.is_none()
    {
        draft.refusals.push(Refusal::NoPassphrase { key: key.path.clone() });
    }
    if let Some(KeyFacts::Plain(public)) = key.present()
        && public.algorithm != Some(desired.ca.spec.key)
    {
        let (path, found, wanted) = (key.path.clone(), public.algorithm, desired.ca.spec.key);
        draft.refusals.push(Refusal::CaKeyAlgorithmDiffers { path, found, wanted });
    }
    let not_after = now + desired.ca.spec.valid_for;
    let issue_key = if key.is_missing() {
        IssueKey::New { path: key.path.clone(), seen: None }
    } else {
        IssueKey::Kept(key.path.clone())
    };
    draft.changes.push(Change {
        resource: Resource::CaCertificate,
        action: Action::Create,
        path: observed.ca.certificate.path.clone(),
        reasons: vec![Reason::Missing],
        after: After::Certificate(Box::new(Issue {
            spec: desired.ca.spec.clone(),
            key: issue_key,
            before: None,
            not_after,
        })),
        seen: None,
    });
    draft.change_attributes(Resource::CaKey, key, attributes::SECRET, observed);
    Some(Signer::New(not_after))
}

fn judge(spec: &CertSpec, facts: &CertFacts, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) {
    let path = observed.ca.certificate.path.clone();
    if !facts.is_ca || facts.key_usage.is_some_and(|usage| !usage.cert_sign) {
        draft.refusals.push(Refusal::NotACa { path: path.clone() });
    }
    if now > facts.not_after || now < facts.not_before {
        let (from, until) = (facts.not_before, facts.not_after);
        draft.refusals.push(Refusal::CaNotValid { path: path.clone(), from, until });
    }
    if !facts.subject.has_same_attributes(&spec.subject) {
        let (found, wanted) = (facts.subject.clone(), spec.subject.clone());
        draft.refusals.push(Refusal::CaSubjectDiffers { path: path.clone(), found, wanted });
    }
    if facts.public_key.algorithm != Some(spec.key) {
        let (found, wanted) = (facts.public_key.algorithm, spec.key);
        draft.refusals.push(Refusal::CaKeyAlgorithmDiffers { path: path.clone(), found, wanted });
    }
    if facts.key_usage.is_none() {
        draft.notes.push(Note::CaNotStrict { path });
    }
}

fn compare_key(desired: &Desired, facts: &CertFacts, observed: &Observed, draft: &mut Draft) {
    let key = &observed.ca.key;
    if let Some(KeyFacts::Plain(public)) = key.present() {
        if *public != facts.public_key {
            let certificate = observed.ca.certificate.path.clone();
            draft.refusals.push(Refusal::CaKeyMismatch { key: key.path.clone(), certificate });
        }
        if desired.ca.passphrase.is_some() {
            draft.notes.push(Note::CaKeyNotEncrypted { key: key.path.clone() });
        }
    }
    draft.change_attributes(Resource::CaKey, key, attributes::SECRET, observed);
}

/// Refuses where something is to be signed and the key is not at hand.
pub fn require_key(desired: &Desired, observed: &Observed, draft: &mut Draft) {
    let key = &observed.ca.key;
    match &key.found {
        Found::Missing if observed.ca.certificate.present().is_some() => {
            draft.refusals.push(Refusal::CaKeyMissing { path: key.path.clone() });
        }
        Found::Present(KeyFacts::Encrypted) if desired.ca.passphrase.is_none() => {
            let refusal = Refusal::NoPassphrase { key: key.path.clone() };
            if !draft.refusals.contains(&refusal) {
                draft.refusals.push(refusal);
            }
        }
        _ => {}
    }
}
