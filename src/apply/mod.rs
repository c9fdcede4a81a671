//! A plan → the changed host, or the host as it was.
//!
//! Everything that can fail without touching the host is done first: keys and certificates are made, texts are staged,
//! dockerd validates them, the journal says what is about to happen. Then all files appear, systemd and dockerd take them
//! in, and the host is observed once more: a plan that is not empty then is a failed proof, and everything is put back.

mod attempt;
mod dockerd;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod issue;
mod journal;
mod key;
mod layers;
mod passphrase;
mod previous;
mod put_back;
mod recover;
mod request;
mod rollback;
mod rotate;
mod signer;
mod stage;
mod transaction;
mod validate;
mod write;

use std::borrow::Cow;
use std::thread::sleep;
use std::time::Instant;

use time::OffsetDateTime;

use crate::desired::{Desired, Pace};
use crate::host::Root;
use crate::manifest;
use crate::observed::{Depth, Observed};
use crate::plan::{Plan, Reason};

use attempt::Attempt;
use dockerd::{Dockerd, PAUSE, SETTLE_WITHIN};
pub use error::{ApplyError, Cause, Ending};
use issue::Issuer;
use journal::{Heading, Journal};
use layers::Roots;
pub use passphrase::read as read_passphrase;
pub use recover::{Moment, Recovered, is_interrupted, recover};
pub use rollback::{Rollback, RolledBack};

/// What an apply works with.
pub struct Apply<'a> {
    /// The host's files.
    pub root: &'a Root,
    /// What the host shall be.
    pub desired: &'a Desired,
    /// What it was when the plan was made.
    pub observed: &'a Observed,
    /// The difference; without refusals.
    pub plan: Plan,
    /// The time that the plan was made for: the dates of what is issued are counted from it.
    pub now: OffsetDateTime,
    /// When the run began: later than `now` where a saved plan is carried out. By this clock the host has to be in line.
    pub began: OffsetDateTime,
    /// Told how many keys are made, of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Apply<'_> {
    /// Makes the host match and proves it: gives the host as the proof has seen it.
    pub fn run(mut self) -> Result<Observed, ApplyError> {
        let unchanged = |cause| ApplyError::new(cause, Ending::AsItWas);
        let mut issuer = Issuer::open(&self).map_err(unchanged)?;
        if matches!(self.desired.ca.issuer, manifest::Issuer::Command(_)) {
            self.began = signer::later(self.began);
        }
        let roots = Roots::new(self.root).map_err(|error| unchanged(error.into()))?;
        let dockerd = Dockerd::new(&self.plan.activation, self.observed.service(), self.desired.unit.timeout);
        let daemon_json = self.desired.layout.daemon_json();
        let heading = Heading::new("apply", self.began, daemon_json);
        let journal = Journal::open(self.root, heading).map_err(|error| unchanged(error.into()))?;
        Attempt::new(journal, &roots, dockerd).run(|attempt| {
            stage::stage(&self, &mut issuer, &roots, attempt)?;
            // The proof observes ten thousand clients anew, and the memory for both would be twice as much.
            self.plan.changes = Vec::new();
            attempt.commit()?;
            let settled_at = Instant::now() + SETTLE_WITHIN.min(self.desired.unit.timeout);
            self.prove(attempt, &issuer, settled_at)
        })
    }

    /// Observes the host again, by every handshake there is, and compares once more.
    fn prove(&self, attempt: &Attempt<'_>, issuer: &Issuer, settled_at: Instant) -> Result<Observed, Cause> {
        let mut desired = Cow::Borrowed(self.desired);
        if desired.ca.rotation.pace != Pace::Wait {
            // One step was to be taken; the next one waits for its time.
            desired.to_mut().ca.rotation.pace = Pace::Wait;
        }
        let authorities = issuer.authorities();
        loop {
            let observed = Observed::read(self.root, &desired, Depth::Full, authorities, self.began)?;
            let rest = Plan::new(&desired, &observed, self.began);
            if rest.is_empty() {
                return Ok(observed);
            }
            if Instant::now() >= settled_at || !is_silent(&rest) {
                let journal = attempt.dockerd.as_ref().map(Dockerd::journal).unwrap_or_default();
                return Err(Cause::NotProven { rest: Box::new(rest), journal });
            }
            sleep(PAUSE);
        }
    }
}

/// Whether what is missing from the proof may only be a matter of moments.
fn is_silent(rest: &Plan) -> bool {
    let is_silent = |reason: &Reason| matches!(reason, Reason::EndpointSilent { .. });
    rest.refusals.is_empty() && rest.changes.iter().all(|change| change.reasons.iter().all(is_silent))
}
