//! What endpoints answer, for any manifest: every client whose key is on the host calls, not only the first that a plan
//! would take, and so does plain HTTP, by which a manifest that goes asks. From these, the calls that a plan makes are told.

use time::OffsetDateTime;

use super::{CallerFacts, EndpointFacts, Facts, Lack, TrialFacts};
use crate::desired::{Desired, KeySource};
use crate::host::Root;
use crate::manifest::Endpoint;
use crate::observed::certificate::Certificates;
use crate::observed::served::{self, Depth, Survey};
use crate::observed::{Answer, CallerKind, KeyFacts, ObserveError, Served, Stranger, Trial, caller};
use crate::pki::Fingerprint;

const PLAIN: CallerKind = CallerKind::Stranger(Stranger::PlainHttp);

/// Asks every endpoint.
pub fn ask(
    root: &Root,
    desired: &Desired,
    certificates: &Certificates,
    now: OffsetDateTime,
) -> Result<Vec<EndpointFacts>, ObserveError> {
    let trusted = certificates.trusted();
    let anchors: Vec<Vec<u8>> = trusted.iter().map(|certificate| certificate.der.clone()).collect();
    let mut holders = caller::clients(root, desired, Depth::Full)?;
    holders.extend(caller::ephemeral(root, desired, trusted, None, now)?);
    holders.extend(caller::introduced(root, desired, trusted, now)?);
    let survey = |endpoint: &Endpoint, holders| {
        Survey { anchors: &anchors, desired, holders, foreigner: None, depth: Depth::Ordinary }.ask(endpoint)
    };
    let ask = |endpoint: &Endpoint| {
        // Where nobody answers the first, a thousand others would each wait for as long.
        let mut answered = survey(endpoint, holders.get(..1).unwrap_or_default())?;
        if holders.len() > 1 && !answered.trials.iter().any(is_silent) {
            answered = survey(endpoint, &holders)?;
        }
        if let Endpoint::Tcp { host, port } = endpoint {
            let answer = served::ask_plain(host, *port);
            answered.trials.push(Trial { caller: PLAIN, answer });
        }
        Ok(EndpointFacts {
            endpoint: endpoint.to_string(),
            certificate: answered.certificate.map(|fingerprint| fingerprint.to_string()),
            trials: answered.trials.into_iter().filter_map(written).collect(),
        })
    };
    desired.daemon.endpoints.iter().map(ask).collect()
}

fn is_silent(trial: &Trial) -> bool {
    trial.caller != PLAIN && matches!(trial.answer, Answer::Silent(_))
}

fn written(trial: Trial) -> Option<TrialFacts> {
    let caller = match trial.caller {
        CallerKind::Client(name) => CallerFacts::Client(name),
        CallerKind::Ephemeral => CallerFacts::Ephemeral,
        CallerKind::EphemeralOf(ca) => CallerFacts::EphemeralOf(ca),
        CallerKind::Stranger(stranger) => CallerFacts::Stranger(stranger),
        CallerKind::Local => CallerFacts::Local,
        CallerKind::Name(_) => return None,
    };
    Some(TrialFacts { caller, answer: trial.answer })
}

impl TrialFacts {
    fn read(&self) -> Trial {
        let caller = match self.caller.clone() {
            CallerFacts::Client(name) => CallerKind::Client(name),
            CallerFacts::Ephemeral => CallerKind::Ephemeral,
            CallerFacts::EphemeralOf(ca) => CallerKind::EphemeralOf(ca),
            CallerFacts::Stranger(stranger) => CallerKind::Stranger(stranger),
            CallerFacts::Local => CallerKind::Local,
        };
        Trial { caller, answer: self.answer.clone() }
    }
}

impl Facts {
    /// What the calls of a plan by this manifest were answered.
    pub fn served(&self, desired: &Desired, certificates: &Certificates) -> Result<Vec<Served>, Lack> {
        desired.daemon.endpoints.iter().map(|endpoint| self.endpoint(endpoint, desired, certificates)).collect()
    }

    fn endpoint(&self, endpoint: &Endpoint, desired: &Desired, certificates: &Certificates) -> Result<Served, Lack> {
        let text = endpoint.to_string();
        let lack = || Lack::of(format!("what answers at {text}"));
        let facts = self.host.served.iter().find(|served| served.endpoint == text).ok_or_else(lack)?;
        let trials: Vec<Trial> = facts.trials.iter().map(TrialFacts::read).collect();
        let with = |certificate, trials| Ok(Served { endpoint: endpoint.clone(), certificate, trials });
        let by = |caller: &CallerKind| trials.iter().find(|trial| trial.caller == *caller).cloned();
        let local = by(&CallerKind::Local);
        if !matches!(endpoint, Endpoint::Tcp { .. }) {
            return with(None, vec![local.ok_or_else(lack)?]);
        }
        if desired.leaving.is_some() {
            return with(None, vec![by(&PLAIN).ok_or_else(lack)?]);
        }
        if certificates.trusted().is_empty() {
            return with(None, Vec::new());
        }
        if self.host.host != desired.host {
            return Err(Lack::of(format!("what answers at {text} to who asks for {}", desired.host)));
        }
        // Its name leads nowhere.
        if local.is_some() {
            return with(None, local.into_iter().collect());
        }
        let certificate = match &facts.certificate {
            Some(text) => Some(Fingerprint::parse(text).ok_or_else(lack)?),
            None => None,
        };
        let mut told = Vec::new();
        match first_holder(desired, certificates) {
            // Nobody answers anyone, then.
            Some(client) => told
                .push(by(&client).or_else(|| trials.iter().find(|trial| is_silent(trial)).cloned()).ok_or_else(lack)?),
            None => told.extend(by(&CallerKind::Ephemeral)),
        }
        told.extend(trials.iter().find(|trial| matches!(trial.caller, CallerKind::EphemeralOf(_))).cloned());
        told.push(by(&CallerKind::Stranger(Stranger::WithoutCertificate)).ok_or_else(lack)?);
        with(certificate, told)
    }
}

/// The first client of the manifest whose certificate and key are on the host.
fn first_holder(desired: &Desired, certificates: &Certificates) -> Option<CallerKind> {
    let clients = desired.clients.iter().zip(&certificates.clients);
    let usable = clients.filter(|(wanted, _)| wanted.key == KeySource::Host).find(|(_, found)| {
        let key = found.leaf.key.as_ref().and_then(|key| key.present());
        let leaf = found.leaf.certificate.present();
        matches!((leaf, key), (Some(leaf), Some(KeyFacts::Plain(key))) if *key == leaf.facts.public_key)
    });
    usable.map(|(wanted, _)| CallerKind::Client(wanted.name.clone()))
}
