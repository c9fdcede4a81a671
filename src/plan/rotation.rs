//! The CA's replacement: where it stands, read from `ca.pem` alone, and whether the next step is due.
//!
//! *Introduced*: the next CA stands in `ca.pem` behind the one that signs, so that whoever fetches `ca.pem` trusts both.
//! *Switched*: it stands in front and signs, and the old one is still trusted. Then the old one *retires*. Between the
//! steps clients have the overlap to fetch their files. When the next CA was introduced its own first second says; when it
//! took over, the time at which `ca.pem` was written.

use time::{Duration, OffsetDateTime};

use super::reason::Moment;
use crate::desired::{Desired, Pace};
use crate::observed::{Answer, CallerKind, Found, KeyFacts, Observed};
use crate::pki::{CertFacts, CertSpec, Certificate};

/// A CA is not replaced by itself before this part of its life has passed.
const EARLIEST_PART: i32 = 2;

/// The CAs of `ca.pem` that are this host's own.
pub struct Standing {
    /// Of the one that signs.
    pub generation: u32,
    /// One that was introduced: its place in `ca.pem`, and its generation.
    pub next: Option<(usize, u32)>,
    /// Those that signed before.
    pub old: Vec<usize>,
}

/// What happens to the CA now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Stay,
    /// A CA of this generation is made, trusted and does not sign yet.
    Introduce {
        /// Its generation.
        generation: u32,
        /// The end of the present one, where that is why.
        ca_until: Option<Moment>,
    },
    /// The CA at this place of `ca.pem` signs from now on.
    Switch {
        /// Its place.
        to: usize,
        /// Its generation.
        generation: u32,
    },
    /// Those that signed before are trusted no more.
    Retire,
    /// A CA of this generation is made and trusted alone.
    CutOff {
        /// Its generation.
        generation: u32,
    },
}

/// How far a replacement is, and what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The generation that signs.
    pub generation: u32,
    /// How far.
    pub phase: Phase,
    /// When the next step is due; for a steady CA, when its replacement begins by itself.
    pub due: OffsetDateTime,
    /// Clients that may hold a certificate of a CA that will retire, with its end.
    pub holders: Vec<(String, OffsetDateTime)>,
}

/// How far a replacement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// None is under way.
    Steady,
    /// This generation is trusted and does not sign yet.
    Introduced {
        /// Which.
        next: u32,
    },
    /// The new one signs, and the old one is still trusted.
    Switched,
}

impl Standing {
    /// `None` where the CA that signs is not of the manifest's name. A manifest that is silent about the name takes the one
    /// that is there for the first.
    pub fn of(desired: &Desired, observed: &Observed, bundle: &[Certificate]) -> Option<Self> {
        let first = bundle.first()?;
        let generation_of = |ca: &Certificate| desired.ca.generation_of(&ca.facts.subject);
        let is_any_name = !desired.ca.is_named && !is_a_leafs(desired, &first.facts);
        let generation = generation_of(first).or(is_any_name.then_some(1))?;
        let (mut next, mut old) = (None, Vec::new());
        for (place, ca) in bundle.iter().enumerate().skip(1) {
            match generation_of(ca) {
                Some(later) if later > generation => next = next.or(Some((place, later))),
                Some(earlier) if earlier < generation => old.push(place),
                None if is_any_name && generation > 1 && has_signed(observed, place, ca) => old.push(place),
                // Others are trusted by somebody's will.
                _ => {}
            }
        }
        Some(Self { generation, next, old })
    }

    /// Judges it. The rotation that is given is the one before the step.
    pub fn decide(
        &self,
        desired: &Desired,
        observed: &Observed,
        bundle: &[Certificate],
        now: OffsetDateTime,
    ) -> (Step, Rotation) {
        let wanted = desired.ca.rotation;
        let signing = &bundle[0].facts;
        let own_end = signing.not_after - lead(desired, signing.not_after - signing.not_before);
        let (phase, due) = match self.next {
            Some((place, next)) => {
                let introduced = bundle[place].facts.not_before;
                // What the old CA signs ends with it, and has to be replaced in time.
                let latest = signing.not_after - longest_window(desired);
                (Phase::Introduced { next }, introduced.saturating_add(wanted.overlap).min(latest))
            }
            None if self.old.is_empty() => (Phase::Steady, own_end),
            None => {
                let switched = observed.ca.certificate.attributes.map_or(now, |found| found.modified_at()).min(now);
                let trusted_until = self.old.iter().map(|place| bundle[*place].facts.not_after).max();
                (Phase::Switched, switched.saturating_add(wanted.overlap).min(trusted_until.unwrap_or(switched)))
            }
        };
        let is_due = (now >= due || wanted.pace == Pace::Advance) && is_trusted(observed);
        let later = self.next.map_or(self.generation, |(_, next)| next) + 1;
        let step = match (phase, self.next) {
            _ if wanted.pace == Pace::CutOff => Step::CutOff { generation: later.max(wanted.generation) },
            (Phase::Introduced { .. }, Some((to, generation))) if is_due => Step::Switch { to, generation },
            (Phase::Switched, _) if is_due => Step::Retire,
            (Phase::Steady, _) if wanted.generation > self.generation => {
                Step::Introduce { generation: wanted.generation, ca_until: None }
            }
            (Phase::Steady, _) if now >= due && can_replace(desired, observed) => {
                Step::Introduce { generation: later, ca_until: Some(Moment(signing.not_after)) }
            }
            _ => Step::Stay,
        };
        let holders = self.holders(observed, phase, now);
        (step, Rotation { generation: self.generation, phase, due, holders })
    }

    /// Whom the end of the old CA concerns: those whose certificate it signed, and those who were handed another since and
    /// may not have taken it.
    fn holders(&self, observed: &Observed, phase: Phase, now: OffsetDateTime) -> Vec<(String, OffsetDateTime)> {
        let retires = |signed_by: Option<usize>| match phase {
            Phase::Steady => false,
            Phase::Introduced { .. } => signed_by == Some(0),
            Phase::Switched => signed_by.is_some_and(|place| self.old.contains(&place)),
        };
        let mut holders = Vec::new();
        for client in &observed.clients {
            let held = [client.leaf.certificate.present(), client.old.as_deref().and_then(|old| old.present())];
            let until = held.into_iter().flatten().filter(|leaf| retires(leaf.signed_by));
            let until = until.map(|leaf| leaf.facts.not_after).filter(|until| *until > now).max();
            holders.extend(until.map(|until| (client.name.clone(), until)));
        }
        holders
    }
}

/// OpenSSL takes a leaf that has its CA's name for self-signed.
fn is_a_leafs(desired: &Desired, ca: &CertFacts) -> bool {
    leaves(desired).any(|leaf| leaf.subject.has_same_attributes(&ca.subject))
}

/// Whether a CA of any name is this host's: its key is kept here, or a client held a certificate of it.
fn has_signed(observed: &Observed, place: usize, ca: &Certificate) -> bool {
    let is_kept = matches!(observed.ca.old_key.present(), Some(KeyFacts::Plain(key)) if *key == ca.facts.public_key);
    let held = observed.clients.iter().filter_map(|client| client.old.as_ref()?.present());
    is_kept || held.into_iter().any(|leaf| leaf.signed_by == Some(place))
}

/// A key that is kept elsewhere is not replaced by one on this host unasked; and one that nobody can unlock stands in the
/// way of every run.
fn can_replace(desired: &Desired, observed: &Observed) -> bool {
    match &observed.ca.key.found {
        Found::Present(KeyFacts::Encrypted) => desired.ca.passphrase.is_some(),
        found => matches!(found, Found::Present(_)),
    }
}

/// A dockerd that has not restarted since the next CA was introduced would turn away whomever that one has signed.
fn is_trusted(observed: &Observed) -> bool {
    let mut trials = observed.served.iter().flat_map(|served| &served.trials);
    trials.all(|trial| !matches!(trial.caller, CallerKind::EphemeralOf(_)) || trial.answer == Answer::Admitted)
}

/// How long before its end a CA is replaced by itself: leaves of the longest lifetime are not to be cut short, and both
/// are trusted for a while. A CA that lives hardly longer than its leaves is not replaced in the first half of its life.
pub fn lead(desired: &Desired, lifetime: Duration) -> Duration {
    let longest = leaves(desired).map(|spec| spec.valid_for).max().unwrap_or_default();
    (longest + desired.ca.rotation.overlap).min(lifetime / EARLIEST_PART)
}

/// The time before the end in which some leaf is renewed.
fn longest_window(desired: &Desired) -> Duration {
    let window = |spec: &CertSpec| {
        let end = OffsetDateTime::UNIX_EPOCH + spec.valid_for;
        end - spec.renewal.due(OffsetDateTime::UNIX_EPOCH, end)
    };
    leaves(desired).map(window).max().unwrap_or_default()
}

fn leaves(desired: &Desired) -> impl Iterator<Item = &CertSpec> {
    std::iter::once(&*desired.server).chain(desired.clients.iter().map(|client| &*client.spec))
}
