//! Plan, observation and time → the [`Status`].

use time::OffsetDateTime;

use super::super::json::{JsonError, JsonReason, rotation, waiting};
use super::super::{notes, words};
use super::{
    AnswerKind, CertificateFacts, CertificateStatus, EndpointStatus, FORMAT, NextChange, NextRun, ServiceStatus,
    Standing, Status, TrialStatus,
};
use crate::observed::{Answer, CallerKind, Found, LeafFacts, Observed, ObservedClient, Orphan, Seen, Served, Trial};
use crate::pki::{CertFacts, Fingerprint};
use crate::plan::{Change, DaemonStep, Moment, Plan};

impl<'a> Status<'a> {
    /// Puts together what was found and what comes of it. Whether a run was cut short is not told by either: whoever
    /// knows says so.
    pub fn new(plan: &'a Plan, observed: &Observed, now: OffsetDateTime) -> Self {
        let ca = &observed.ca.certificate;
        let bundle = ca.present().map(Vec::as_slice).unwrap_or_default();
        let mut trusted = bundle.iter().map(|certificate| CertificateFacts::new(&certificate.facts, now));
        let (first, also_trusted) = (trusted.next(), trusted.collect());
        let on_disk = observed.server.certificate.present().map(|leaf| leaf.facts.fingerprint);
        let renewal = |place: usize| plan.renewals.get(place).copied().flatten().map(Moment);
        Self {
            format: FORMAT,
            host: plan.host.clone(),
            now: Moment(now),
            in_sync: plan.is_empty(),
            interrupted: false,
            ca: CertificateStatus { certificate: first, ..CertificateStatus::of_file(ca) },
            also_trusted,
            server: CertificateStatus {
                renews_at: renewal(0),
                ..CertificateStatus::of_leaf(&observed.server.certificate, now)
            },
            clients: (observed.clients.iter().enumerate())
                .map(|(number, client)| CertificateStatus {
                    renews_at: renewal(number + 1),
                    ..CertificateStatus::of_client(client, now)
                })
                .collect(),
            orphans: observed.orphans.iter().map(|orphan| CertificateStatus::of_orphan(orphan, now)).collect(),
            service: observed.service().map(|service| ServiceStatus {
                unit: plan.activation.unit.clone(),
                load: service.load.clone(),
                active: service.active.clone(),
                is_running: service.is_active(),
            }),
            endpoints: observed.served.iter().map(|served| EndpointStatus::new(served, on_disk)).collect(),
            rotation: plan.rotation.as_ref().map(rotation),
            waiting: plan.waiting.iter().map(waiting).collect(),
            next_run: NextRun::new(plan),
        }
    }
}

impl CertificateStatus {
    fn of_file<T>(seen: &Seen<T>) -> Self {
        let (standing, why) = match &seen.found {
            Found::Present(_) => (Standing::Present, None),
            Found::Missing => (Standing::Missing, None),
            Found::Denied => (Standing::Denied, Some("may not be read".to_owned())),
            Found::Distrusted => {
                (Standing::Distrusted, Some("is not read: somebody else could change its folder".to_owned()))
            }
            Found::Unusable(why) => (Standing::Unusable, Some(why.clone())),
        };
        let path = seen.path.display().to_string();
        Self {
            name: None,
            path,
            standing,
            why,
            key_is_elsewhere: false,
            signed_by_ca: None,
            renews_at: None,
            old_accepted_until: None,
            certificate: None,
        }
    }

    fn of_leaf(seen: &Seen<LeafFacts>, now: OffsetDateTime) -> Self {
        let leaf = seen.present();
        Self {
            signed_by_ca: leaf.map(|leaf| leaf.signed_by.is_some()),
            certificate: leaf.map(|leaf| CertificateFacts::new(&leaf.facts, now)),
            ..Self::of_file(seen)
        }
    }

    fn of_client(client: &ObservedClient, now: OffsetDateTime) -> Self {
        let old = client.old.as_ref().and_then(|old| old.present());
        let old_until = old.filter(|old| old.signed_by.is_some()).map(|old| old.facts.not_after);
        Self {
            name: Some(client.name.clone()),
            key_is_elsewhere: client.leaf.key.is_none(),
            old_accepted_until: old_until.filter(|until| *until > now).map(Moment),
            ..Self::of_leaf(&client.leaf.certificate, now)
        }
    }

    fn of_orphan(orphan: &Orphan, now: OffsetDateTime) -> Self {
        let key_is_elsewhere = orphan.key.is_missing();
        Self { name: Some(orphan.name.clone()), key_is_elsewhere, ..Self::of_leaf(&orphan.certificate, now) }
    }
}

impl CertificateFacts {
    fn new(facts: &CertFacts, now: OffsetDateTime) -> Self {
        Self {
            subject: facts.subject.to_string(),
            sans: facts.sans.iter().map(ToString::to_string).collect(),
            key: facts.public_key.algorithm.map(|algorithm| algorithm.to_string()),
            serial: facts.serial.to_string(),
            sha256: facts.fingerprint.to_string(),
            not_before: Moment(facts.not_before),
            not_after: Moment(facts.not_after),
            days_left: words::days_left(facts.not_after, now),
        }
    }
}

impl EndpointStatus {
    fn new(served: &Served, on_disk: Option<Fingerprint>) -> Self {
        let trials = &served.trials;
        let is_silent = |trial: &Trial| matches!(trial.answer, Answer::Silent(_));
        let mut strangers = trials.iter().filter(|trial| matches!(trial.caller, CallerKind::Stranger(_))).peekable();
        let is_admitted = |trial: &Trial| trial.answer == Answer::Admitted;
        Self {
            endpoint: served.endpoint.to_string(),
            answers: (!trials.is_empty()).then(|| !trials.iter().all(is_silent)),
            serves: served.certificate.map(|certificate| certificate.to_string()),
            serves_disk: served.certificate.map(|certificate| Some(certificate) == on_disk),
            admits_strangers: strangers.peek().is_some().then(|| strangers.any(is_admitted)),
            trials: trials.iter().map(TrialStatus::new).collect(),
        }
    }
}

impl TrialStatus {
    fn new(trial: &Trial) -> Self {
        let (answer, why) = match &trial.answer {
            Answer::Admitted => (AnswerKind::Admitted, None),
            Answer::Refused(why) => (AnswerKind::Refused, Some(why.clone())),
            Answer::ServerNotTrusted(why) => (AnswerKind::ServerNotTrusted, Some(why.clone())),
            Answer::Silent(why) => (AnswerKind::Silent, Some(why.clone())),
        };
        Self { caller: trial.caller.to_string(), answer, why }
    }
}

impl<'a> NextRun<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            changes: plan.changes.iter().map(NextChange::new).collect(),
            restart: match &plan.activation.daemon {
                DaemonStep::Stay => None,
                DaemonStep::Reload => Some("reload"),
                DaemonStep::Restart { .. } => Some("restart"),
            },
            errors: plan.refusals.iter().map(JsonError::new).collect(),
            notes: plan.notes.iter().map(notes::note).collect(),
        }
    }
}

impl<'a> NextChange<'a> {
    fn new(change: &'a Change) -> Self {
        Self {
            resource: change.resource.to_string(),
            action: change.action,
            path: change.path.display().to_string(),
            reason: change.reasons.first().map(JsonReason::new),
        }
    }
}
