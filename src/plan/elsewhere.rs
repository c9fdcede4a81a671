//! The CA where its key is elsewhere: `ca.pem` as it is, or as it comes with what that CA has signed. Nothing is said of
//! its subject, its key or its lifetime: that is for whoever keeps it.

use time::{OffsetDateTime, PrimitiveDateTime};

use super::Draft;
use super::attributes;
use super::ca::{self, Signer};
use super::change::{Action, After, Change};
use super::note::Note;
use super::reason::Reason;
use super::refusal::Refusal;
use super::request;
use super::resource::{Party, Resource};
use crate::desired::{Desired, Pace};
use crate::manifest::Issuer;
use crate::observed::{Found, Observed, ObservedRequests, Seen};
use crate::pki::{CertFacts, Certificate, Fingerprint};

/// Compares. `None` where no CA can be used, and then why is in `draft`.
pub fn compare(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) -> Option<Signer> {
    let present = &observed.ca.certificate;
    draft.refuse_unreadable(present);
    for key in [&observed.ca.key, &observed.ca.next_key, &observed.ca.old_key] {
        if key.attributes.is_some() {
            draft.notes.push(Note::CaKeyHere { key: key.path.clone() });
        }
    }
    if desired.ca.rotation.pace != Pace::Wait {
        draft.refusals.push(Refusal::CaElsewhere);
    }
    if let Some(requests) = &observed.requests {
        take_in(observed, requests, now, draft);
    }
    match (&present.found, trusted_after(observed)) {
        (Found::Present(bundle), None) => {
            let facts = &bundle.first()?.facts;
            judge(facts, present, now, draft);
            draft.change_attributes(Resource::CaCertificate, present, attributes::PUBLIC, observed);
            Some(ca::signer_of(0, facts))
        }
        (Found::Present(before), Some(after)) if fingerprint(before) == fingerprint(after) => {
            Some(Signer { changes_bundle: true, ..ca::signer_of(0, &after.first()?.facts) })
        }
        (Found::Present(_) | Found::Missing, Some(after)) => Some(new(after.first()?.facts.not_after)),
        (Found::Missing, None) => {
            if desired.ca.issuer != Issuer::External {
                draft.changes.push(change(present, Reason::Missing, After::CaOfChain));
            }
            // Nothing is known of it yet.
            Some(new(PrimitiveDateTime::MAX.assume_utc()))
        }
        _ => None,
    }
}

/// A CA that has signed nothing that stands here.
fn new(not_after: OffsetDateTime) -> Signer {
    Signer { place: None, not_after, changes_bundle: true, takes_over: None, is_cut_off: false }
}

/// Whether no CA is known here, and none comes by this plan.
pub fn is_unknown(observed: &Observed) -> bool {
    observed.requests.is_some() && observed.ca.certificate.is_missing() && trusted_after(observed).is_none()
}

/// The certificates of CAs that are put in the place of `ca.pem`; `None` where it stays.
///
/// Another signing CA comes together with a certificate of the server that it has signed: until then clients that trust
/// the new one alone would not know this host, nor the host them.
pub fn trusted_after(observed: &Observed) -> Option<&[Certificate]> {
    let requests = observed.requests.as_ref()?;
    let new = requests.ca.present()?.as_slice();
    let Some(old) = observed.ca.certificate.present() else { return Some(new) };
    if fingerprints(old) == fingerprints(new) {
        return None;
    }
    let server = requests.server.certificate.present();
    (fingerprint(old) == fingerprint(new) || server.is_some_and(|server| server.is_signed_by_new_ca)).then_some(new)
}

/// Whether another signing CA has come, and no certificate of the server with it yet.
pub fn is_between(observed: &Observed) -> bool {
    let Some(requests) = &observed.requests else { return false };
    match (observed.ca.certificate.present(), requests.ca.present()) {
        (Some(old), Some(new)) => fingerprint(old) != fingerprint(new) && trusted_after(observed).is_none(),
        _ => false,
    }
}

fn take_in(observed: &Observed, requests: &ObservedRequests, now: OffsetDateTime, draft: &mut Draft) {
    let handed_in = &requests.ca;
    if request::is_hidden(handed_in) {
        return request::refuse_hidden(handed_in, draft);
    }
    draft.refuse_in_the_way(handed_in);
    if handed_in.attributes.is_none() {
        return;
    }
    match &handed_in.found {
        Found::Present(bundle) => {
            for ca in bundle {
                judge(&ca.facts, handed_in, now, draft);
            }
        }
        Found::Unusable(why) => {
            let (path, why) = (handed_in.path.clone(), why.clone());
            draft.refusals.push(Refusal::HandedIn { path, why, reasons: Vec::new() });
        }
        _ => {}
    }
    let reason = if let Some(after) = trusted_after(observed) {
        draft.changes.push(change(&observed.ca.certificate, Reason::CaHandedIn, After::HandedInCa(after.to_vec())));
        Reason::Answered
    } else if is_between(observed) {
        return;
    } else {
        Reason::NotAwaited
    };
    draft.remove(Resource::HandedIn(Party::Ca), handed_in, reason);
}

fn change(present: &Seen<Vec<Certificate>>, reason: Reason, after: After) -> Change {
    let action = if present.is_missing() { Action::Create } else { Action::Update };
    Change::of(present, Resource::CaCertificate, action, vec![reason], after)
}

fn judge<T>(facts: &CertFacts, file: &Seen<T>, now: OffsetDateTime, draft: &mut Draft) {
    let path = file.path.clone();
    if !facts.is_ca || facts.key_usage.is_some_and(|usage| !usage.cert_sign) {
        draft.refusals.push(Refusal::NotACa { path: path.clone() });
    }
    if now > facts.not_after || now < facts.not_before {
        let (from, until) = (facts.not_before, facts.not_after);
        draft.refusals.push(Refusal::CaNotValid { path, from, until });
    }
}

/// Of the signing CA.
fn fingerprint(bundle: &[Certificate]) -> Option<Fingerprint> {
    bundle.first().map(|ca| ca.facts.fingerprint)
}

/// Of all.
fn fingerprints(bundle: &[Certificate]) -> Vec<Fingerprint> {
    bundle.iter().map(|ca| ca.facts.fingerprint).collect()
}
