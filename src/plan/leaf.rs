//! A leaf, found or handed in, against its specification: why it can't stay.

use std::collections::BTreeSet;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::accepted;
use super::ca::{self, Signer};
use super::reason::{Moment, Reason};
use crate::desired::KeySource;
use crate::observed::{Found, KeyFacts, LeafFacts, Observed, Seen};
use crate::pki::{CertFacts, CertSpec, ExtendedKeyUsage, PublicKey, Role, San};

/// What leaves are measured by: the CA that signs, and the time.
#[derive(Clone, Copy)]
pub struct Yardstick<'a> {
    /// What else is known of the host.
    pub observed: &'a Observed,
    /// The CA.
    pub signer: &'a Signer,
    /// The time.
    pub now: OffsetDateTime,
}

impl Yardstick<'_> {
    /// A leaf never outlives its CA.
    pub fn end_of(&self, spec: &CertSpec) -> OffsetDateTime {
        (self.now + spec.valid_for).min(self.signer.not_after)
    }

    /// What the certificate says otherwise than it should; empty where it may stay.
    pub fn reasons(
        &self,
        spec: &CertSpec,
        found: &LeafFacts,
        source: &KeySource,
        request: Option<&PublicKey>,
    ) -> Vec<Reason> {
        let facts = &found.facts;
        let mut reasons = Vec::new();
        match self.signer.takes_over {
            _ if self.signer.place.is_some() && found.signed_by == self.signer.place => {}
            Some(generation) if found.signed_by.is_some() => reasons.push(Reason::CaSwitched { generation }),
            _ => reasons.push(Reason::IssuerChanged),
        }
        let bundle = self.observed.ca.certificate.present();
        let ca = self.signer.place.and_then(|place| Some(&bundle?.get(place)?.facts.subject));
        if !accepted::is_subject(spec, facts, ca) {
            reasons.push(Reason::SubjectDiffers { found: facts.subject.clone(), wanted: spec.subject.clone() });
        }
        reasons.extend(sans_differ(spec, facts));
        let algorithm = facts.public_key.algorithm;
        if *source == KeySource::Host && facts.public_key.word() != Some(spec.key) {
            reasons.push(Reason::KeyAlgorithmDiffers { found: algorithm, wanted: spec.key });
        }
        if request.is_some_and(|key| *key != facts.public_key) {
            reasons.push(Reason::RequestDiffers);
        }
        if facts.is_ca {
            reasons.push(Reason::LeafIsCa);
        }
        if !accepted::is_usage(spec.role, facts) {
            reasons.push(Reason::UsageDiffers);
        }
        reasons.extend(self.time_reason(spec, facts));
        reasons
    }

    fn time_reason(&self, spec: &CertSpec, facts: &CertFacts) -> Option<Reason> {
        let (from, at, ca_until) = (facts.not_before, facts.not_after, self.signer.not_after);
        if self.now > at {
            Some(Reason::Expired { at: Moment(at) })
        } else if self.now < from {
            Some(Reason::NotYetValid { from: Moment(from) })
        } else if accepted::outlives(at, ca_until) {
            Some(Reason::OutlivesCa { ca_until: Moment(ca_until) })
        } else if self.now >= spec.renewal.due(from, at) && self.end_of(spec) > at {
            // Near the CA's end a new leaf would end no later than this one: then there is nothing to gain.
            Some(Reason::ExpiresSoon { at: Moment(at) })
        } else {
            None
        }
    }
}

/// What is wrong with a certificate over `key` that somebody else has signed: what a plan would find wrong with it once it
/// stands in its place. Of `found`, the CA is the one that is given, or none.
pub fn unfit(
    observed: &Observed,
    (spec, found): (&CertSpec, &LeafFacts),
    key: &PublicKey,
    ca: &CertFacts,
    now: OffsetDateTime,
) -> Vec<Reason> {
    let signer = ca::signer_of(0, ca);
    let yardstick = Yardstick { observed, signer: &signer, now };
    // Of the kind of its key nothing has to be said: that is judged where the key is made or brought.
    let source = KeySource::Request(PathBuf::new());
    let mut reasons = yardstick.reasons(spec, found, &source, Some(key));
    let facts = &found.facts;
    // What was made by hand and works is left alone; what is made for this host is what was asked for.
    let is_told = |told: fn(&Reason) -> bool| reasons.iter().any(told);
    let subject = !facts.subject.has_same_attributes(&spec.subject)
        && !is_told(|reason| matches!(reason, Reason::SubjectDiffers { .. }));
    let usage = !has_usage(spec.role, facts) && !is_told(|reason| matches!(reason, Reason::UsageDiffers));
    if subject {
        reasons.push(Reason::SubjectDiffers { found: facts.subject.clone(), wanted: spec.subject.clone() });
    }
    if usage {
        reasons.push(Reason::UsageDiffers);
    }
    if facts.subject == ca.subject {
        reasons.push(Reason::SubjectOfCa);
    }
    reasons
}

/// One purpose and no other.
fn has_usage(role: Role, facts: &CertFacts) -> bool {
    let wanted = if role == Role::Server { ExtendedKeyUsage::Server } else { ExtendedKeyUsage::Client };
    let signs = facts.key_usage.is_none_or(|usage| usage.digital_signature);
    signs && facts.extended_key_usage.as_deref() == Some(&[wanted])
}

/// Only the server's names are compared: dockerd reads no name of a client but the common name, and a client made by
/// hand, without one, works as it is.
fn sans_differ(spec: &CertSpec, facts: &CertFacts) -> Option<Reason> {
    if spec.role != Role::Server {
        return None;
    }
    let wanted: BTreeSet<&San> = spec.sans.iter().collect();
    let found: BTreeSet<&San> = facts.sans.iter().collect();
    let without = |a: &BTreeSet<&San>, b: &BTreeSet<&San>| a.difference(b).map(|san| (*san).clone()).collect();
    let (added, removed): (Vec<San>, Vec<San>) = (without(&wanted, &found), without(&found, &wanted));
    (!added.is_empty() || !removed.is_empty()).then_some(Reason::SansDiffer { added, removed })
}

/// Why the key calls for a new pair, whatever the certificate says.
pub fn key_reason(key: &Seen<KeyFacts>, facts: Option<&CertFacts>) -> Option<Reason> {
    match &key.found {
        // Without a certificate there is a reason already.
        Found::Missing => facts.map(|_| Reason::KeyMissing),
        Found::Denied | Found::Distrusted => None,
        Found::Unusable(why) => Some(Reason::Unreadable { why: format!("has a key file that {why}") }),
        Found::Present(KeyFacts::Encrypted) => {
            Some(Reason::Unreadable { why: "has a key file that is encrypted: nobody could unlock it".to_owned() })
        }
        Found::Present(KeyFacts::Plain(public)) => {
            facts.is_some_and(|facts| facts.public_key != *public).then_some(Reason::KeyMismatch)
        }
    }
}
