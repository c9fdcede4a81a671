//! The changes of one step of the CA's replacement: what `ca.pem` holds afterwards, and which key stands where.

use time::OffsetDateTime;

use super::Draft;
use super::ca;
use super::change::{Action, After, Bundle, BundlePart, Change, Issue, IssueKey};
use super::note::Note;
use super::reason::Reason;
use super::refusal::Refusal;
use super::resource::Resource;
use super::rotation::{Phase, Rotation, Standing, Step};
use crate::desired::Desired;
use crate::observed::{Found, KeyFacts, Observed, Seen};
use crate::pki::Certificate;

/// Plans it.
pub fn plan(
    step: Step,
    standing: &Standing,
    desired: &Desired,
    observed: &Observed,
    bundle: &[Certificate],
    now: OffsetDateTime,
    draft: &mut Draft,
) {
    let ca = &observed.ca;
    let found = |place: usize| BundlePart::Found(bundle[place].facts.fingerprint);
    let all_but = |gone: &[usize]| -> Vec<BundlePart> {
        (0..bundle.len()).filter(|place| !gone.contains(place)).map(found).collect()
    };
    let mut own: Vec<usize> = standing.old.clone();
    own.push(0);
    own.extend(standing.next.map(|(place, _)| place));
    match step {
        Step::Stay => {}
        Step::Introduce { generation, ca_until } => {
            require_passphrase(&ca.next_key, desired, draft);
            let issue = ca::issue(desired.ca.spec_of(generation), &ca.next_key, now);
            let mut parts = all_but(&[0]);
            parts.splice(0..0, [found(0), BundlePart::New]);
            draft.write_bundle(observed, Some(issue), parts, Reason::CaIntroduced { generation, ca_until });
        }
        Step::Switch { to, generation } => {
            let reason = || Reason::CaSwitched { generation };
            if !ca.key.is_missing() {
                draft.copy_key(Resource::CaOldKey, &ca.old_key, &ca.key, reason());
            }
            draft.copy_key(Resource::CaKey, &ca.key, &ca.next_key, reason());
            draft.remove(Resource::CaNextKey, &ca.next_key, reason());
            let mut parts = all_but(&[to]);
            parts.insert(0, found(to));
            draft.write_bundle(observed, None, parts, reason());
        }
        Step::Retire => {
            draft.remove(Resource::CaOldKey, &ca.old_key, Reason::CaRetired);
            draft.write_bundle(observed, None, all_but(&standing.old), Reason::CaRetired);
        }
        Step::CutOff { generation } => {
            let reason = || Reason::CaCutOff { generation };
            let mut parts = all_but(&own);
            parts.insert(0, BundlePart::New);
            let key = IssueKey::new_in(&ca.key);
            let issue = Issue { key, ..ca::issue(desired.ca.spec_of(generation), &ca.key, now) };
            draft.write_bundle(observed, Some(issue), parts, reason());
            draft.remove(Resource::CaNextKey, &ca.next_key, reason());
            draft.remove(Resource::CaOldKey, &ca.old_key, reason());
        }
    }
}

/// Says how far the replacement is after this plan, what comes next, and whom it concerns.
pub fn note(
    step: Step,
    rotation: &Rotation,
    desired: &Desired,
    observed: &Observed,
    now: OffsetDateTime,
    draft: &mut Draft,
) {
    let later = now + desired.ca.rotation.overlap;
    let clients = || observed.clients.iter().filter(|client| client.leaf.certificate.present().is_some());
    let note = match (step, rotation.phase) {
        (Step::Stay, Phase::Steady) | (Step::Retire, _) => return,
        (Step::Stay, Phase::Introduced { next }) => Note::CaIntroduced { generation: next, switches: rotation.due },
        (Step::Stay, Phase::Switched) => {
            let generation = rotation.generation;
            Note::CaSwitched { generation, retires: rotation.due, holders: rotation.holders.clone() }
        }
        (Step::Introduce { generation, .. }, _) => Note::CaIntroduced { generation, switches: later },
        (Step::Switch { generation, .. }, _) => {
            let holders = clients().filter_map(|client| {
                let leaf = client.leaf.certificate.present()?;
                Some((client.name.clone(), leaf.facts.not_after))
            });
            Note::CaSwitched { generation, retires: later, holders: holders.collect() }
        }
        (Step::CutOff { .. }, _) => {
            Note::CaCutOff { locked_out: clients().map(|client| client.name.clone()).collect() }
        }
    };
    draft.notes.push(note);
}

/// A key that lies there already and is locked.
fn require_passphrase(key: &Seen<KeyFacts>, desired: &Desired, draft: &mut Draft) {
    if matches!(key.found, Found::Present(KeyFacts::Encrypted)) && desired.ca.passphrase.is_none() {
        draft.refusals.push(Refusal::NoPassphrase { key: key.path.clone() });
    }
}

impl Draft {
    fn write_bundle(&mut self, observed: &Observed, new: Option<Issue>, parts: Vec<BundlePart>, reason: Reason) {
        let certificate = &observed.ca.certificate;
        let action = if parts.first() == Some(&BundlePart::New) { Action::Replace } else { Action::Update };
        self.changes.push(Change::of(
            certificate,
            Resource::CaCertificate,
            action,
            vec![reason],
            After::Bundle(Box::new(Bundle { new, parts })),
        ));
    }

    fn copy_key(&mut self, resource: Resource, to: &Seen<KeyFacts>, from: &Seen<KeyFacts>, reason: Reason) {
        let action = if to.attributes.is_some() { Action::Replace } else { Action::Create };
        self.changes.push(Change::of(to, resource, action, vec![reason], After::CopyOfKey(from.path.clone())));
    }
}
