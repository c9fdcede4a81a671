//! The difference between what the host shall be and what it is. Pure: the same inputs give the same plan, byte for byte,
//! wherever and whenever it is made.

mod accepted;
mod attributes;
mod ca;
mod certificate;
mod change;
mod daemon;
pub mod daemon_json;
pub mod drop_in;
mod due;
mod elsewhere;
mod flag_conflict;
mod imagined;
mod leaf;
mod leaving;
mod note;
mod reason;
mod recover;
mod refusal;
mod replace_ca;
mod request;
mod resource;
mod restart;
mod rotation;
mod served;
mod trust;
mod unit;

use time::OffsetDateTime;

use crate::desired::Desired;
use crate::observed::{Found, Observed, Seen};

pub use change::{Action, After, Bundle, BundlePart, Change, Intake, Issue, IssueKey, MovedKey, NewRequest, OldCopy};
pub use leaf::unfit;
pub use note::Note;
pub use reason::{Moment, Reason};
pub use refusal::{Exposure, Refusal};
pub use request::Waiting;
pub use resource::Resource;
pub use restart::{Activation, DaemonStep};
pub use rotation::{Phase, Rotation};

/// What has to happen for the host to match.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host's DNS name.
    pub host: String,
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// How systemd and dockerd come to know of them.
    pub activation: Activation,
    /// What stands in the way. While there is one, nothing at all is written.
    pub refusals: Vec<Refusal>,
    /// What a person should know; none of it is a difference.
    pub notes: Vec<Note>,
    /// What somebody elsewhere has to sign: nothing that this host could do.
    pub waiting: Vec<Waiting>,
    /// How far the CA's replacement is before this plan; `None` where there is no CA of the manifest's name.
    pub rotation: Option<Rotation>,
    /// From when on each certificate that is there is renewed: the server's, then the clients' in the manifest's order.
    pub renewals: Vec<Option<OffsetDateTime>>,
}

/// A plan that is being made.
#[derive(Default)]
struct Draft {
    changes: Vec<Change>,
    refusals: Vec<Refusal>,
    notes: Vec<Note>,
    waiting: Vec<Waiting>,
    rotation: Option<Rotation>,
    renewals: Vec<Option<OffsetDateTime>>,
}

impl Draft {
    /// A file goes, if there is one; whether there is.
    fn remove<T>(&mut self, resource: Resource, file: &Seen<T>, reason: Reason) -> bool {
        if file.attributes.is_some() {
            self.changes.push(Change::of(file, resource, Action::Delete, vec![reason], After::Gone));
        }
        file.attributes.is_some()
    }

    /// For what is never replaced: it has to be readable.
    fn refuse_unreadable<T>(&mut self, seen: &Seen<T>) {
        self.refuse_in_the_way(seen);
        if let (Found::Unusable(why), Some(_)) = (&seen.found, seen.attributes) {
            self.refusals.push(Refusal::Unusable { path: seen.path.clone(), why: why.clone() });
        }
    }

    /// For what may be replaced: it has to be a file that may be looked at.
    fn refuse_in_the_way<T>(&mut self, seen: &Seen<T>) {
        let path = seen.path.clone();
        match (&seen.found, seen.attributes) {
            (Found::Denied, _) => self.refusals.push(Refusal::Denied { path }),
            (Found::Unusable(what), None) => self.refusals.push(Refusal::NotAFile { path, what: what.clone() }),
            _ => {}
        }
    }
}

impl Plan {
    /// Compares.
    pub fn new(desired: &Desired, observed: &Observed, now: OffsetDateTime) -> Self {
        let mut draft = Draft::default();
        trust::judge(observed, &mut draft);
        if desired.leaving.is_none() {
            certificate::compare(desired, observed, now, &mut draft);
        }
        let activation = if request::holds_back(observed, &draft) && desired.leaving.is_none() {
            // dockerd would not start.
            draft.notes.push(Note::NotSealedYet);
            Activation::none(desired)
        } else {
            let daemon = daemon::compare(desired, observed, &mut draft);
            let unit = match desired.leaving {
                Some(leaving) => {
                    let unit = leaving::unit(desired, observed, &daemon, &mut draft);
                    leaving::files(desired, leaving, observed, &mut draft);
                    unit
                }
                None => unit::compare(desired, observed, &daemon, &mut draft),
            };
            restart::decide(desired, observed, &daemon, &unit, &mut draft)
        };
        Self {
            host: desired.host.clone(),
            changes: draft.changes,
            activation,
            refusals: draft.refusals,
            notes: draft.notes,
            waiting: draft.waiting,
            rotation: draft.rotation,
            renewals: draft.renewals,
        }
    }

    /// Whether the host matches as far as it can by itself: nothing to change and nothing in the way.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.refusals.is_empty()
    }

    /// Whether it matters what runs: dockerd would restart, or start by another daemon.json some day.
    pub fn concerns_containers(&self) -> bool {
        let restarts = matches!(self.activation.daemon, DaemonStep::Restart { .. });
        restarts || self.changes.iter().any(|change| change.resource == Resource::DaemonJson)
    }
}
