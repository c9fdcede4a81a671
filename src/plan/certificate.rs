//! Certificates and keys: specification against facts.

use std::sync::Arc;

use time::OffsetDateTime;

use super::Draft;
use super::attributes;
use super::ca::{self, Signer};
use super::change::{Action, After, Change, Issue, IssueKey, OldCopy};
use super::elsewhere;
use super::leaf::{self, Yardstick};
use super::reason::{Moment, Reason};
use super::refusal::Refusal;
use super::request::{self, Wish};
use super::resource::{Party, Resource};
use crate::desired::{Desired, DesiredClient, KeySource};
use crate::observed::{Found, KeyFacts, LeafFacts, Observed, ObservedClient, ObservedLeaf, Orphan, Pending, Seen};
use crate::pki::{CertSpec, Fingerprint, PublicKey};

/// Compares the CA, the server, each client, and what is left of former clients.
pub fn compare(desired: &Desired, observed: &Observed, now: OffsetDateTime, draft: &mut Draft) {
    let Some(signer) = ca::compare(desired, observed, now, draft) else { return };
    let leaves = draft.changes.len();
    let yardstick = Yardstick { observed, signer: &signer, now };
    let mut comparison = Comparison { desired, observed, signer: &signer, yardstick, draft: &mut *draft };
    comparison.server();
    if let Some(requests) = &observed.requests {
        request::remove_leftovers(requests, comparison.draft);
    }
    for (number, (client, seen)) in desired.clients.iter().zip(&observed.clients).enumerate() {
        comparison.client(number, client, seen);
    }
    for orphan in &observed.orphans {
        comparison.orphan(orphan);
    }
    if draft.changes[leaves..].iter().any(|change| matches!(change.after, After::Certificate(_))) {
        ca::require_key(&signer, desired, observed, draft);
    }
    ca::note_end(desired, &signer, now, draft);
}

struct Comparison<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    signer: &'a Signer,
    yardstick: Yardstick<'a>,
    draft: &'a mut Draft,
}

impl<'a> Comparison<'a> {
    fn server(&mut self) {
        let leaf = &self.observed.server;
        let spec = &self.desired.server;
        let pending = self.observed.requests.as_ref().map(|requests| (Party::Server, &requests.server));
        let reissued = self.leaf(spec, &KeySource::Host, leaf, None, None, pending);
        if let (false, Some(key)) = (reissued, &leaf.key) {
            self.draft.change_attributes(Resource::ServerKey, key, attributes::SECRET, self.observed);
        }
    }

    fn client(&mut self, number: usize, client: &DesiredClient, seen: &ObservedClient) {
        let name = client.name.clone();
        if let (KeySource::Request(path), Some(request)) = (&client.key, &seen.request) {
            self.draft.refuse_unreadable(request);
            if request.is_missing() {
                let path = path.clone();
                self.draft.refusals.push(Refusal::RequestMissing { client: name.clone(), path });
            }
        }
        let request = seen.request.as_deref().and_then(Seen::present);
        let pending = self.observed.requests.as_ref().and_then(|requests| requests.clients.get(number));
        let pending = pending.map(|pending| (Party::Client(name.clone()), pending));
        let reissued = self.leaf(&client.spec, &client.key, &seen.leaf, request, Some(seen), pending);
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
        pending: Option<(Party, &'a Pending)>,
    ) -> bool {
        let certificate = &leaf.certificate;
        let resource =
            client.map_or(Resource::ServerCertificate, |client| Resource::ClientCertificate(client.name.clone()));
        self.draft.refuse_in_the_way(certificate);
        let dates = certificate.present().map(|found| (found.facts.not_before, found.facts.not_after));
        self.draft.renewals.push(dates.map(|(from, until)| spec.renewal.due(from, until)));
        let mut reasons = match &certificate.found {
            Found::Missing => vec![Reason::Missing],
            Found::Denied | Found::Distrusted => Vec::new(),
            Found::Unusable(why) => vec![Reason::Unreadable { why: why.clone() }],
            Found::Present(found) => self.yardstick.reasons(spec, found, source, request),
        };
        if let Some(key) = &leaf.key {
            self.draft.refuse_in_the_way(key);
            reasons.extend(leaf::key_reason(key, certificate.present().map(|found| &found.facts)));
        }
        if let Some((party, pending)) = pending {
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
            (KeySource::Host, Some(key)) => IssueKey::new_in(key),
            // A key that belongs on the host is always looked for.
            (KeySource::Host, None) => return false,
        };
        let action = if certificate.is_missing() { Action::Create } else { Action::Replace };
        self.draft.changes.push(Change::of(
            certificate,
            resource,
            action,
            reasons,
            After::Certificate(Box::new(Issue {
                spec: Arc::clone(spec),
                key: issue_key,
                before: certificate.present().map(|found| Box::new(found.facts.clone())),
                keeps_old: client.and_then(|client| self.keeps_old(client)),
                not_after: self.yardstick.end_of(spec),
            })),
        ));
        true
    }

    fn wish(&mut self, wish: Wish) {
        let (observed, now, spec) = (self.observed, self.yardstick.now, Arc::clone(wish.spec));
        wish.decide(observed, self.draft, |certificate, key, ca, is_signed| {
            let found = LeafFacts { facts: certificate.facts.clone(), signed_by: is_signed.then_some(0) };
            leaf::unfit(observed, (&spec, &found), key, &ca.facts, now)
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
    fn keeps_old(&self, client: &ObservedClient) -> Option<Box<OldCopy>> {
        let held = client.leaf.certificate.present()?;
        let accepted_until = held.facts.not_after;
        if held.signed_by.is_none() || accepted_until < self.yardstick.now || self.signer.is_cut_off {
            return None;
        }
        let seen = client.old.as_ref().and_then(|old| old.attributes);
        let path = self.desired.layout.client_old_certificate(&client.name);
        Some(Box::new(OldCopy { path, seen, accepted_until }))
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
        self.draft.changes.push(Change::of(copy, resource, action, vec![reason], After::CopyOfCa));
    }

    /// Its files go; the reason says until when dockerd would still accept the certificate.
    fn orphan(&mut self, orphan: &Orphan) {
        let reason = Reason::NotInManifest { accepted_until: orphan.accepted_until().map(Moment) };
        let name = || orphan.name.clone();
        self.draft.remove(Resource::ClientCertificate(name()), &orphan.certificate, reason);
        self.draft.remove(Resource::ClientKey(name()), &orphan.key, Reason::GoesWithClient);
        self.draft.remove(Resource::ClientCa(name()), &orphan.ca, Reason::GoesWithClient);
        self.draft.remove(Resource::ClientOldCertificate(name()), &orphan.old, Reason::GoesWithClient);
    }
}
