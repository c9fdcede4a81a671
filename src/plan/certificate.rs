//! Certificates and keys: specification against facts.

use std::collections::BTreeSet;
use std::sync::Arc;

use time::OffsetDateTime;

use super::Draft;
use super::accepted;
use super::attributes;
use super::ca::{self, Signer};
use super::change::{Action, After, Change, Issue, IssueKey, OldCopy, Party, Resource};
use super::elsewhere;
use super::finding::Refusal;
use super::reason::{Moment, Reason};
use super::request::{self, Wish};
use crate::desired::{Desired, DesiredClient, KeySource};
use crate::observed::{Found, KeyFacts, LeafFacts, Observed, ObservedClient, ObservedLeaf, Orphan, Pending, Seen};
use crate::pki::{CertFacts, CertSpec, ExtendedKeyUsage, Fingerprint, PublicKey, Role, San};

/// Compares the CA, the server, each client, and what is left of former clients.
pub fn compare(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) {
    let Some(signer) = ca::compare(desired, observed, now, draft) else { return };
    let leaves = draft.changes.len();
    let mut comparison = Comparison { desired, observed, signer: &signer, now, draft: &mut *draft };
    comparison.server();
    if let Some(requests) = &observed.requests {
        request::remove_leftovers(requests, comparison.draft);
    }
    for (client, seen) in desired.clients.iter().zip(&observed.clients) {
        comparison.client(client, seen);
    }
    for orphan in &observed.orphans {
        comparison.orphan(orphan);
    }
    if draft.changes[leaves..].iter().any(|change| matches!(change.after, After::Certificate(_))) {
        ca::require_key(&signer, desired, observed, draft);
    }
    ca::note_end(desired, &signer, now, draft);
}

/// What is wrong with a certificate over `key` that somebody else has signed: what a plan would find wrong with it once it
/// stands in its place. Of `found`, the CA is the one that is given, or none.
pub fn unfit(
    desired: &Desired,
    observed: &Observed,
    (spec, found): (&CertSpec, &LeafFacts),
    key: &PublicKey,
    ca: &CertFacts,
    now: OffsetDateTime,
) -> Vec<Reason> {
    let signer = ca::signer_of(0, ca);
    let comparison = Comparison { desired, observed, signer: &signer, now, draft: &mut Draft::default() };
    // Of the kind of its key nothing has to be said: that is judged where the key is made or brought.
    let source = KeySource::Request(std::path::PathBuf::new());
    let mut reasons = comparison.leaf_reasons(spec, found, &source, Some(key));
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

struct Comparison<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    signer: &'a Signer,
    now: OffsetDateTime,
    draft: &'a mut Draft,
}

impl<'a> Comparison<'a> {
    fn server(&mut self) {
        let leaf = &self.observed.server;
        let spec = &self.desired.server;
        let reissued = self.leaf(spec, &KeySource::Host, leaf, None, None, Resource::ServerCertificate);
        if let (false, Some(key)) = (reissued, &leaf.key) {
            self.draft.change_attributes(Resource::ServerKey, key, attributes::SECRET, self.observed);
        }
    }

    fn client(&mut self, client: &DesiredClient, seen: &ObservedClient) {
        let name = client.name.clone();
        if let (KeySource::Request(path), Some(request)) = (&client.key, &seen.request) {
            self.draft.refuse_unreadable(request);
            if request.is_missing() {
                let path = path.clone();
                self.draft.refusals.push(Refusal::RequestMissing { client: name.clone(), path });
            }
        }
        let request = seen.request.as_deref().and_then(Seen::present);
        let resource = Resource::ClientCertificate(name.clone());
        let reissued = self.leaf(&client.spec, &client.key, &seen.leaf, request, Some(seen), resource);
        if let (false, Some(key)) = (reissued, &seen.leaf.key) {
            self.draft.change_attributes(Resource::ClientKey(name.clone()), key, attributes::SECRET, self.observed);
        }
        // In the folder of the CA's own certificate there is no copy.
        if seen.ca.path != self.observed.ca.certificate.path {
            self.client_ca(name, &seen.ca);
        }
    }

    /// Whether a new certificate is planned.
    fn leaf(
        &mut self,
        spec: &Arc<CertSpec>,
        source: &KeySource,
        leaf: &ObservedLeaf,
        request: Option<&PublicKey>,
        client: Option<&ObservedClient>,
        resource: Resource,
    ) -> bool {
        let certificate = &leaf.certificate;
        self.draft.refuse_in_the_way(certificate);
        let dates = certificate.present().map(|found| (found.facts.not_before, found.facts.not_after));
        self.draft.renewals.push(dates.map(|(from, until)| spec.renewal.due(from, until)));
        let mut reasons = match &certificate.found {
            Found::Missing => vec![Reason::Missing],
            Found::Denied | Found::Distrusted => Vec::new(),
            Found::Unusable(why) => vec![Reason::Unreadable { why: why.clone() }],
            Found::Present(found) => self.leaf_reasons(spec, found, source, request),
        };
        if let Some(key) = &leaf.key {
            self.draft.refuse_in_the_way(key);
            reasons.extend(key_reason(key, certificate.present().map(|found| &found.facts)));
        }
        if let Some((party, pending)) = self.pending(&resource) {
            if party == Party::Server && reasons.is_empty() && elsewhere::is_between(self.observed) {
                reasons.push(Reason::IssuerChanged);
            }
            if !reasons.is_empty() {
                let reused = leaf.key.as_ref().filter(|key| self.keeps_key(spec, key, &reasons)).map(|key| &*key.path);
                let keeps_old = client.and_then(|client| self.keeps_old(client));
                let wish = Wish { party, spec, source, leaf, brought: request, pending, reasons, reused, keeps_old };
                self.wish(wish);
                return true;
            }
            request::remove(&party, pending, source, &Reason::NotAwaited, self.draft);
        }
        if reasons.is_empty() {
            self.draft.change_attributes(resource, certificate, attributes::PUBLIC, self.observed);
            return false;
        }
        let issue_key = match (source, &leaf.key) {
            (KeySource::Request(path), _) => IssueKey::Request(path.clone()),
            (KeySource::Host, Some(key)) if self.keeps_key(spec, key, &reasons) => IssueKey::Kept(key.path.clone()),
            (KeySource::Host, Some(key)) => IssueKey::New { path: key.path.clone(), seen: key.attributes },
            // A key that belongs on the host is always looked for.
            (KeySource::Host, None) => return false,
        };
        let is_new = certificate.is_missing();
        self.draft.changes.push(Change {
            resource,
            action: if is_new { Action::Create } else { Action::Replace },
            path: certificate.path.clone(),
            reasons,
            after: After::Certificate(Box::new(Issue {
                spec: Arc::clone(spec),
                key: issue_key,
                before: certificate.present().map(|found| Box::new(found.facts.clone())),
                keeps_old: client.and_then(|client| self.keeps_old(client)),
                not_after: self.end_of(spec),
            })),
            seen: certificate.attributes,
        });
        true
    }

    /// What waits for a certificate that is signed elsewhere.
    fn pending(&self, resource: &Resource) -> Option<(Party, &'a Pending)> {
        let requests = self.observed.requests.as_ref()?;
        match resource {
            Resource::ServerCertificate => Some((Party::Server, &requests.server)),
            Resource::ClientCertificate(name) => {
                let at = self.observed.clients.iter().position(|client| client.name == *name)?;
                Some((Party::Client(name.clone()), requests.clients.get(at)?))
            }
            _ => None,
        }
    }

    fn wish(&mut self, wish: Wish) {
        let (desired, observed, now, spec) = (self.desired, self.observed, self.now, Arc::clone(wish.spec));
        wish.decide(observed, self.draft, |certificate, key, ca, is_signed| {
            let found = LeafFacts { facts: certificate.facts.clone(), signed_by: is_signed.then_some(0) };
            unfit(desired, observed, (&spec, &found), key, &ca.facts, now)
        });
    }

    /// Whether the key that is there goes on, as the manifest allows: nothing speaks against the key itself.
    fn keeps_key(&self, spec: &CertSpec, key: &Seen<KeyFacts>, reasons: &[Reason]) -> bool {
        let fits = matches!(key.present(), Some(KeyFacts::Plain(public)) if public.word() == Some(spec.key));
        let is_another = reasons.iter().any(|reason| matches!(reason, Reason::KeyMismatch));
        spec.renewal.reuses_key && fits && !is_another && !self.signer.is_cut_off
    }

    /// The certificate that a client holds stays beside the new one while dockerd accepts it, so that a person can see who
    /// may not have taken the new one.
    fn keeps_old(&self, client: &ObservedClient) -> Option<OldCopy> {
        let held = client.leaf.certificate.present()?;
        let accepted_until = held.facts.not_after;
        if held.signed_by.is_none() || accepted_until < self.now || self.signer.is_cut_off {
            return None;
        }
        let seen = client.old.as_ref().and_then(|old| old.attributes);
        Some(OldCopy { path: self.desired.layout.client_old_certificate(&client.name), seen, accepted_until })
    }

    /// A leaf never outlives its CA.
    fn end_of(&self, spec: &CertSpec) -> OffsetDateTime {
        (self.now + spec.valid_for).min(self.signer.not_after)
    }

    fn leaf_reasons(
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

    fn client_ca(&mut self, name: String, copy: &Seen<Vec<Fingerprint>>) {
        if elsewhere::is_unknown(self.observed) {
            // There is nothing yet that could be copied.
            return;
        }
        self.draft.refuse_in_the_way(copy);
        let resource = Resource::ClientCa(name);
        let wanted: Option<Vec<Fingerprint>> =
            if self.signer.changes_bundle { None } else { self.observed.ca.fingerprints() };
        let (action, reason) = match &copy.found {
            Found::Missing => (Action::Create, Reason::Missing),
            Found::Present(found) if wanted.as_ref() == Some(found) => {
                return self.draft.change_attributes(resource, copy, attributes::PUBLIC, self.observed);
            }
            Found::Denied | Found::Distrusted => return,
            Found::Unusable(why) => (Action::Update, Reason::Unreadable { why: why.clone() }),
            Found::Present(_) => (Action::Update, Reason::CopyDiffers),
        };
        self.draft.changes.push(Change {
            resource,
            action,
            path: copy.path.clone(),
            reasons: vec![reason],
            after: After::CopyOfCa,
            seen: copy.attributes,
        });
    }

    /// Its files go; the reason says until when dockerd would still accept the certificate.
    fn orphan(&mut self, orphan: &Orphan) {
        let reason = Reason::NotInManifest { accepted_until: orphan.accepted_until().map(Moment) };
        let name = || orphan.name.clone();
        self.remove(Resource::ClientCertificate(name()), &orphan.certificate, reason);
        self.remove(Resource::ClientKey(name()), &orphan.key, Reason::GoesWithClient);
        self.remove(Resource::ClientCa(name()), &orphan.ca, Reason::GoesWithClient);
        self.remove(Resource::ClientOldCertificate(name()), &orphan.old, Reason::GoesWithClient);
    }

    fn remove<T>(&mut self, resource: Resource, file: &Seen<T>, reason: Reason) {
        if file.attributes.is_some() {
            self.draft.changes.push(Change {
                resource,
                action: Action::Delete,
                path: file.path.clone(),
                reasons: vec![reason],
                after: After::Gone,
                seen: file.attributes,
            });
        }
    }
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
fn key_reason(key: &Seen<KeyFacts>, facts: Option<&CertFacts>) -> Option<Reason> {
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
