//! A certificate that is signed elsewhere: asked for, waited for, taken in. What a leaf lacks is found out as for any
//! other; this says what follows from it where no key of a CA is at hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Draft;
use super::attributes::{PUBLIC, SECRET, Wanted};
use super::change::{Action, After, Change, Intake, MovedKey, NewRequest, OldCopy};
use super::elsewhere;
use super::reason::Reason;
use super::refusal::Refusal;
use super::resource::{Party, Resource};
use crate::desired::{Desired, KeySource};
use crate::observed::{Attributes, Found, KeyFacts, Observed, ObservedLeaf, ObservedRequests, Pending, Seen};
use crate::pki::{CertSpec, Certificate, PublicKey};

/// What somebody elsewhere has to sign.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The certificate that is waited for.
    pub resource: Resource,
    /// What has to be signed.
    pub request: PathBuf,
    /// Where the certificate is expected.
    pub certificate: PathBuf,
}

/// One leaf that has to have another certificate.
pub struct Wish<'a> {
    pub party: Party,
    pub spec: &'a Arc<CertSpec>,
    pub source: &'a KeySource,
    pub leaf: &'a ObservedLeaf,
    /// The key of a request that the client has brought.
    pub brought: Option<&'a PublicKey>,
    pub pending: &'a Pending,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The key that goes on.
    pub reused: Option<&'a Path>,
    /// Where the certificate that a client holds stays.
    pub keeps_old: Option<Box<OldCopy>>,
}

impl<'a> Wish<'a> {
    /// Asks, waits or takes in. `judge` says what is wrong with a certificate of that CA over that key.
    pub fn decide(
        self,
        observed: &Observed,
        draft: &mut Draft,
        judge: impl Fn(&Certificate, &PublicKey, &Certificate, bool) -> Vec<Reason>,
    ) {
        let Pending { key, request, certificate } = self.pending;
        if is_hidden(key) || is_hidden(request) || is_hidden(certificate) {
            return refuse_hidden(key, draft);
        }
        draft.refuse_in_the_way(key);
        draft.refuse_in_the_way(request);
        draft.refuse_in_the_way(certificate);
        if certificate.attributes.is_none() {
            return self.ask(draft);
        }
        let refuse = |draft: &mut Draft, why: String, reasons| {
            draft.refusals.push(Refusal::HandedIn { path: certificate.path.clone(), why, reasons });
        };
        let handed_in = match &certificate.found {
            Found::Present(handed_in) => handed_in,
            Found::Unusable(why) => return refuse(draft, why.clone(), Vec::new()),
            _ => return,
        };
        let Some(waits) = self.key() else {
            return refuse(draft, format!("has come, and its key is not at {}", key.path.display()), Vec::new());
        };
        let (ca, is_signed) = match elsewhere::trusted_after(observed) {
            Some(new) => (new.first(), handed_in.is_signed_by_new_ca),
            None => (observed.ca.certificate.present().and_then(|bundle| bundle.first()), handed_in.is_signed_by_ca),
        };
        let Some(ca) = ca else {
            let ca = observed.requests.as_ref().map(|requests| requests.ca.path.clone()).unwrap_or_default();
            draft.refusals.push(Refusal::NoCaYet { path: certificate.path.clone(), ca });
            return;
        };
        if elsewhere::is_between(observed) && handed_in.is_signed_by_new_ca {
            return self.wait(draft);
        }
        let wrong = judge(&handed_in.certificate, waits, ca, is_signed);
        if wrong.is_empty() {
            self.take_in(handed_in.certificate.clone(), draft);
        } else {
            refuse(draft, String::new(), wrong);
        }
    }

    /// The key that the certificate has to bear.
    fn key(&self) -> Option<&'a PublicKey> {
        match (self.source, self.pending.key.present()) {
            (KeySource::Request(_), _) => self.brought,
            (KeySource::Host, Some(KeyFacts::Plain(key))) if key.algorithm == Some(self.spec.key) => Some(key),
            (KeySource::Host, _) => None,
        }
    }

    fn ask(self, draft: &mut Draft) {
        let request = &self.pending.request;
        let is_fit = |key: &PublicKey| {
            request.present().is_some_and(|found| found.public_key == *key && found.asks_for(self.spec))
        };
        let KeySource::Host = self.source else {
            // One that is not there has been told.
            if self.brought.is_some() {
                self.wait(draft);
            }
            return;
        };
        if !self.key().is_some_and(is_fit) {
            draft.changes.push(Change::of(
                request,
                Resource::Request(self.party.clone()),
                if request.is_missing() { Action::Create } else { Action::Replace },
                self.reasons.clone(),
                After::Request(Box::new(NewRequest {
                    spec: Arc::clone(self.spec),
                    key: self.pending.key.path.clone(),
                    key_seen: self.pending.key.attributes,
                    reused: self.reused.map(Path::to_owned),
                })),
            ));
        }
        self.wait(draft);
    }

    fn wait(self, draft: &mut Draft) {
        let request = match self.source {
            KeySource::Host => &self.pending.request.path,
            KeySource::Request(path) => path,
        };
        draft.waiting.push(Waiting {
            resource: self.party.certificate(),
            request: request.clone(),
            certificate: self.pending.certificate.path.clone(),
        });
    }

    fn take_in(self, certificate: Certificate, draft: &mut Draft) {
        let Pending { key: waits, .. } = self.pending;
        let key = match (&self.leaf.key, waits.attributes) {
            (Some(key), Some(from_seen)) => {
                let (from, path) = (waits.path.clone(), key.path.clone());
                Some(MovedKey { from, from_seen, path, seen: key.attributes })
            }
            _ => None,
        };
        let place = &self.leaf.certificate;
        draft.changes.push(Change::of(
            place,
            self.party.certificate(),
            if place.is_missing() { Action::Create } else { Action::Replace },
            self.reasons,
            After::HandedIn(Box::new(Intake {
                certificate,
                before: place.present().map(|found| Box::new(found.facts.clone())),
                key,
                keeps_old: self.keeps_old,
            })),
        ));
        remove(&self.party, self.pending, self.source, &Reason::Answered, draft);
    }
}

/// Whether it can't be known what stands there.
pub fn is_hidden<T>(seen: &Seen<T>) -> bool {
    matches!(seen.found, Found::Denied | Found::Distrusted)
}

/// The folder may not be entered: said once, whatever is looked for in it. That it is not trusted has been said.
pub fn refuse_hidden<T>(seen: &Seen<T>, draft: &mut Draft) {
    let path = seen.path.parent().unwrap_or(&seen.path).to_owned();
    let refusal = Refusal::Denied { path };
    if matches!(seen.found, Found::Denied) && !draft.refusals.contains(&refusal) {
        draft.refusals.push(refusal);
    }
}

/// What waits with nothing to wait for goes. A request that the manifest names stays, wherever it stands.
pub fn remove(party: &Party, pending: &Pending, source: &KeySource, reason: &Reason, draft: &mut Draft) {
    let Pending { key, request, certificate } = pending;
    let is_named = |path: &Path| matches!(source, KeySource::Request(named) if named == path);
    if !is_named(&key.path) {
        draft.remove(Resource::RequestKey(party.clone()), key, reason.clone());
    }
    if !is_named(&request.path) {
        draft.remove(Resource::Request(party.clone()), request, reason.clone());
    }
    if !is_named(&certificate.path) {
        draft.remove(Resource::HandedIn(party.clone()), certificate, reason.clone());
    }
}

/// Everything of the folder, for a host that is left with its keys.
pub fn remove_all(desired: &Desired, requests: &ObservedRequests, draft: &mut Draft) {
    remove(&Party::Server, &requests.server, &KeySource::Host, &Reason::StateAbsent, draft);
    for (client, pending) in desired.clients.iter().zip(&requests.clients) {
        remove(&Party::Client(client.name.clone()), pending, &client.key, &Reason::StateAbsent, draft);
    }
    remove_leftovers(requests, draft);
}

/// Files of clients that have gone.
pub fn remove_leftovers(requests: &ObservedRequests, draft: &mut Draft) {
    for (client, file) in &requests.leftovers {
        let party = Party::Client(client.clone());
        let is_key = file.path.extension().is_some_and(|ending| ending == "key");
        let resource = if is_key { Resource::RequestKey(party) } else { Resource::Request(party) };
        draft.remove(resource, file, Reason::GoesWithClient);
    }
}

/// Whether the server has no certificate to serve, and gets none by this plan: then dockerd would not start with the rest.
pub fn holds_back(observed: &Observed, draft: &Draft) -> bool {
    if observed.requests.is_none() {
        return false;
    }
    let comes = |resource| draft.changes.iter().any(|change| change.resource == resource);
    let server = &observed.server;
    let has_pair = match (server.certificate.present(), server.key.as_ref().map(|key| &key.found)) {
        (Some(certificate), Some(Found::Present(KeyFacts::Plain(key)))) => certificate.facts.public_key == *key,
        // A reviewer who may not read the key takes it for the certificate's.
        (found, Some(Found::Denied)) => found.is_some(),
        _ => false,
    };
    let has_ca = observed.ca.certificate.present().is_some();
    !(has_pair || comes(Resource::ServerCertificate)) || !(has_ca || comes(Resource::CaCertificate))
}

/// A file, for judging who could have written it.
pub struct Judged<'a> {
    pub path: &'a Path,
    pub attributes: Option<Attributes>,
}

/// All that is read there, and who may have written it.
pub fn files(requests: &ObservedRequests) -> impl Iterator<Item = (Judged<'_>, Wanted)> {
    fn judged<T>(seen: &Seen<T>) -> Judged<'_> {
        Judged { path: &seen.path, attributes: seen.attributes }
    }
    let pending = std::iter::once(&requests.server).chain(&requests.clients).flat_map(|pending| {
        let Pending { key, request, certificate } = pending;
        [(judged(key), SECRET), (judged(request), PUBLIC), (judged(certificate), PUBLIC)]
    });
    std::iter::once((judged(&requests.ca), PUBLIC)).chain(pending)
}
