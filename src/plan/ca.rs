//! The CA: made where there is none, replaced where the manifest or its end asks for it, and otherwise never changed.
//! Whatever does not fit is refused, not mended.

use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::Draft;
use super::attributes;
use super::change::{Action, After, Change, Issue, IssueKey};
use super::elsewhere;
use super::note::Note;
use super::reason::Reason;
use super::refusal::Refusal;
use super::replace_ca;
use super::resource::Resource;
use super::rotation::{Standing, Step};
use crate::desired::{Desired, Pace};
use crate::observed::{Found, KeyFacts, Observed, Seen};
use crate::pki::{CertFacts, CertSpec, Certificate};

/// A host that boots without a clock begins in 1970, 1980 or 2000. Docker is younger.
const EARLIEST: OffsetDateTime = datetime!(2013-01-01 00:00 UTC);

/// The CA that leaves are measured against.
pub struct Signer {
    /// Its place in `ca.pem`; `None` where this plan makes it.
    pub place: Option<usize>,
    /// Its end.
    pub not_after: OffsetDateTime,
    /// Whether `ca.pem` will hold something else than it does.
    pub changes_bundle: bool,
    /// Its generation, where it takes over in this plan.
    pub takes_over: Option<u32>,
    /// Whether no key that was on this host counts any more.
    pub is_cut_off: bool,
}

/// Gives the CA to measure against; `None` where none can be used, and then why is in `draft`.
pub fn compare(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) -> Option<Signer> {
    if !desired.ca.issuer.is_local() {
        return elsewhere::compare(desired, observed, now, draft);
    }
    let certificate = &observed.ca.certificate;
    let key = &observed.ca.key;
    draft.refuse_unreadable(certificate);
    for key in [key, &observed.ca.next_key, &observed.ca.old_key] {
        draft.refuse_unreadable(key);
    }
    match (&certificate.found, &key.found) {
        (Found::Present(bundle), _) => compare_found(desired, observed, bundle, now, draft),
        (Found::Missing, Found::Missing | Found::Present(_)) => create(desired, observed, now, draft),
        _ => None,
    }
}

fn compare_found(
    desired: &Desired,
    observed: &Observed,
    bundle: &[Certificate],
    now: OffsetDateTime,
    draft: &mut Draft,
) -> Option<Signer> {
    let present = &bundle.first()?.facts;
    let path = &observed.ca.certificate.path;
    let Some(standing) = Standing::of(desired, observed, bundle) else {
        let (found, wanted) = (present.subject.clone(), desired.ca.spec.subject.clone());
        draft.refusals.push(Refusal::CaSubjectDiffers { path: path.clone(), found, wanted });
        return Some(keep(desired, observed, (0, present), now, draft));
    };
    let (step, rotation) = standing.decide(desired, observed, bundle, now);
    let signer = match step {
        Step::Stay | Step::Introduce { .. } | Step::Retire => {
            let is_replaced = matches!(step, Step::Introduce { .. }) || standing.next.is_some();
            if present.public_key.word() != Some(desired.ca.spec.key) && !is_replaced {
                let (found, wanted) = (present.public_key.algorithm, desired.ca.spec.key);
                draft.refusals.push(Refusal::CaKeyAlgorithmDiffers { path: path.clone(), found, wanted });
            }
            Signer { changes_bundle: step != Step::Stay, ..keep(desired, observed, (0, present), now, draft) }
        }
        Step::Switch { to, generation } => {
            let next = &bundle[to].facts;
            judge(next, observed, now, draft);
            compare_key(next, &observed.ca.next_key, observed, draft);
            Signer { changes_bundle: true, takes_over: Some(generation), ..signer_of(to, next) }
        }
        Step::CutOff { generation } => {
            refuse_early_clock(now, draft);
            if now < present.not_before {
                draft.refusals.push(not_valid(present, observed));
            }
            let not_after = now + desired.ca.spec.valid_for;
            let takes_over = Some(generation);
            Signer { place: None, not_after, changes_bundle: true, takes_over, is_cut_off: true }
        }
    };
    if step == Step::Stay {
        draft.change_attributes(Resource::CaCertificate, &observed.ca.certificate, attributes::PUBLIC, observed);
        draft.change_attributes(Resource::CaNextKey, &observed.ca.next_key, attributes::SECRET, observed);
        draft.change_attributes(Resource::CaOldKey, &observed.ca.old_key, attributes::SECRET, observed);
    }
    replace_ca::plan(step, &standing, desired, observed, bundle, now, draft);
    replace_ca::note(step, &rotation, desired, observed, now, draft);
    draft.rotation = Some(rotation);
    Some(signer)
}

/// The CA that stands there goes on signing.
fn keep(
    desired: &Desired,
    observed: &Observed,
    (place, facts): (usize, &CertFacts),
    now: OffsetDateTime,
    draft: &mut Draft,
) -> Signer {
    judge(facts, observed, now, draft);
    let key = &observed.ca.key;
    compare_key(facts, key, observed, draft);
    if desired.ca.passphrase.is_some() && matches!(key.present(), Some(KeyFacts::Plain(_))) {
        draft.notes.push(Note::CaKeyNotEncrypted { key: key.path.clone() });
    }
    draft.change_attributes(Resource::CaKey, key, attributes::SECRET, observed);
    signer_of(place, facts)
}

pub fn signer_of(place: usize, facts: &CertFacts) -> Signer {
    let not_after = facts.not_after;
    Signer { place: Some(place), not_after, changes_bundle: false, takes_over: None, is_cut_off: false }
}

/// With a key that is already there (a run that was cut short, a lost `ca.pem`), the certificate is made over that key.
fn create(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) -> Option<Signer> {
    let key = &observed.ca.key;
    if key.is_missing()
        && let Some(orphaned) = observed.leaf_certificates().find(|leaf| leaf.present().is_some())
    {
        let path = observed.ca.certificate.path.clone();
        draft.refusals.push(Refusal::CaLost { path, orphaned: orphaned.path.clone() });
        return None;
    }
    refuse_early_clock(now, draft);
    if let Some(KeyFacts::Encrypted) = key.present()
        && desired.ca.passphrase.is_none()
    {
        draft.refusals.push(Refusal::NoPassphrase { key: key.path.clone() });
    }
    if let Some(KeyFacts::Plain(public)) = key.present()
        && public.word() != Some(desired.ca.spec.key)
    {
        let (path, found, wanted) = (key.path.clone(), public.algorithm, desired.ca.spec.key);
        draft.refusals.push(Refusal::CaKeyAlgorithmDiffers { path, found, wanted });
    }
    let spec = desired.ca.spec_of(desired.ca.rotation.generation);
    let issue = issue(spec, key, now);
    let not_after = issue.not_after;
    draft.changes.push(Change::of(
        &observed.ca.certificate,
        Resource::CaCertificate,
        Action::Create,
        vec![Reason::Missing],
        After::Certificate(Box::new(issue)),
    ));
    draft.change_attributes(Resource::CaKey, key, attributes::SECRET, observed);
    Some(Signer { place: None, not_after, changes_bundle: true, takes_over: None, is_cut_off: false })
}

/// A CA that is made: over a key that nothing was signed with yet, or a new one.
pub fn issue(spec: std::sync::Arc<CertSpec>, key: &Seen<KeyFacts>, now: OffsetDateTime) -> Issue {
    let not_after = now + spec.valid_for;
    let key = if key.is_missing() { IssueKey::new_in(key) } else { IssueKey::Kept(key.path.clone()) };
    Issue { spec, key, before: None, keeps_old: None, not_after }
}

fn refuse_early_clock(now: OffsetDateTime, draft: &mut Draft) {
    if now < EARLIEST {
        draft.refusals.push(Refusal::ClockTooEarly { now });
    }
}

fn judge(facts: &CertFacts, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) {
    let path = observed.ca.certificate.path.clone();
    if !facts.is_ca || facts.key_usage.is_some_and(|usage| !usage.cert_sign) {
        draft.refusals.push(Refusal::NotACa { path: path.clone() });
    }
    if now > facts.not_after || now < facts.not_before {
        draft.refusals.push(not_valid(facts, observed));
    }
    if facts.key_usage.is_none() {
        draft.notes.push(Note::CaNotStrict { path });
    }
}

fn not_valid(facts: &CertFacts, observed: &Observed) -> Refusal {
    let path = observed.ca.certificate.path.clone();
    Refusal::CaNotValid { path, from: facts.not_before, until: facts.not_after }
}

fn compare_key(facts: &CertFacts, key: &Seen<KeyFacts>, observed: &Observed, draft: &mut Draft) {
    if let Some(KeyFacts::Plain(public)) = key.present()
        && *public != facts.public_key
    {
        let certificate = observed.ca.certificate.path.clone();
        draft.refusals.push(Refusal::CaKeyMismatch { key: key.path.clone(), certificate });
    }
}

/// Refuses where something is to be signed and the key is not at hand.
pub fn require_key(signer: &Signer, desired: &Desired, observed: &Observed, draft: &mut Draft) {
    if !desired.ca.issuer.is_local() {
        return;
    }
    let key = match signer.place {
        None => return,
        Some(0) => &observed.ca.key,
        Some(_) => &observed.ca.next_key,
    };
    let refusal = match &key.found {
        Found::Missing => Refusal::CaKeyMissing { path: key.path.clone() },
        Found::Present(KeyFacts::Encrypted) if desired.ca.passphrase.is_none() => {
            Refusal::NoPassphrase { key: key.path.clone() }
        }
        _ => return,
    };
    if !draft.refusals.contains(&refusal) {
        draft.refusals.push(refusal);
    }
}

/// A CA that ends sooner than a new leaf would.
pub fn note_end(desired: &Desired, signer: &Signer, now: OffsetDateTime, draft: &mut Draft) {
    let at = signer.not_after;
    let longest: Duration = desired.clients.iter().map(|client| client.spec.valid_for).max().unwrap_or_default();
    let is_found = signer.place == Some(0) && desired.ca.rotation.pace != Pace::CutOff;
    if is_found && now + longest.max(desired.server.valid_for) > at {
        draft.notes.push(Note::CaEndsSoon { at });
    }
}
