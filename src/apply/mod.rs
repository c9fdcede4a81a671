//! A plan → the changed host, or the host as it was.
//!
//! Everything that can fail without touching the host is done first: keys and certificates are made, texts are staged,
//! dockerd validates them, the journal says what is about to happen. Then all files appear, systemd and dockerd take them
//! in, and the host is observed once more: a plan that is not empty then is a failed proof, and everything is put back.

mod dockerd;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod issue;
mod journal;
mod layers;
mod passphrase;
mod previous;
mod put_back;
mod recover;
mod rollback;
mod stage;
mod transaction;
mod validate;

use std::thread::sleep;
use std::time::Instant;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::desired::Desired;
use crate::host::Root;
use crate::observed::{Depth, Observed};
use crate::pki::Authority;
use crate::plan::{Plan, Reason};

use dockerd::{Dockerd, Done, PAUSE, SETTLE_WITHIN, TakesIn, Touched, read_units};
pub use error::{ApplyError, Cause, Ending};
use issue::Issuer;
pub use journal::FOLDER as JOURNAL_FOLDER;
use journal::{Heading, Journal};
use layers::{Layers, Roots};
pub use recover::{Moment, Recovered, is_interrupted, recover};
pub use rollback::Rollback;

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
    /// The clock that everything is measured by.
    pub now: OffsetDateTime,
    /// Told how many keys are made, of how many.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

impl Apply<'_> {
    /// Makes the host match and proves it.
    pub fn run(mut self) -> Result<(), ApplyError> {
        let unchanged = |cause| ApplyError::new(cause, Ending::AsItWas);
        let mut issuer = Issuer::open(&self).map_err(unchanged)?;
        let roots = Roots::new(self.root).map_err(|error| unchanged(error.into()))?;
        let dockerd = Dockerd::new(&self.plan.activation, self.observed.service(), self.desired.unit.timeout);
        let daemon_json = self.desired.layout.daemon_json();
        let heading = Heading::new("apply", self.now, daemon_json);
        let journal = Journal::open(self.root, heading).map_err(|error| unchanged(error.into()))?;
        let attempt = Attempt { journal, layers: Layers::new(&roots), dockerd, done: Done::default() };
        attempt.run(|attempt| {
            stage::stage(&self, &mut issuer, &roots, attempt)?;
            // The proof observes ten thousand clients anew, and the memory for both would be twice as much.
            self.plan.changes = Vec::new();
            attempt.commit()?;
            let settled_at = Instant::now() + SETTLE_WITHIN.min(self.desired.unit.timeout);
            self.prove(attempt, issuer.authority.as_ref(), settled_at)
        })
    }

    /// Observes the host again, by every handshake there is, and compares once more.
    fn prove(&self, attempt: &Attempt<'_>, authority: Option<&Authority>, settled_at: Instant) -> Result<(), Cause> {
        loop {
            let observed = Observed::read(self.root, self.desired, Depth::Full, authority, self.now)?;
            let rest = Plan::new(self.desired, &observed, self.now);
            if rest.is_empty() {
                return Ok(());
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

/// A change of the host under way: what it takes to hold it or to undo it.
struct Attempt<'r> {
    journal: Journal<'r>,
    layers: Layers<'r>,
    /// `None` where no service is touched.
    dockerd: Option<Dockerd>,
    done: Done,
}

impl Attempt<'_> {
    /// Does it. Where that fails, everything is put back.
    fn run(mut self, work: impl FnOnce(&mut Self) -> Result<(), Cause>) -> Result<(), ApplyError> {
        match work(&mut self).and_then(|()| Ok(self.journal.prove()?)) {
            Ok(()) => {
                let kept = self.layers.keep().and_then(|()| self.journal.close());
                kept.map_err(|error| ApplyError::new(error.into(), Ending::LeftOver))
            }
            Err(cause) => {
                let daemon_json = &self.journal.heading().daemon_json;
                let back = put_back::put_back(&mut self.layers, daemon_json, self.dockerd.as_ref(), self.done);
                let back = back.and_then(|()| Ok(self.journal.abandon()?));
                let unit = self.dockerd.map(|dockerd| dockerd.unit);
                let broken = |failure| Ending::Broken { failure: Box::new(failure), unit };
                Err(ApplyError::new(cause, back.map_or_else(broken, |()| Ending::AsItWas)))
            }
        }
    }

    /// Everything that is staged appears, and systemd and dockerd take it in: at most one restart.
    fn commit(&mut self) -> Result<(), Cause> {
        self.journal.begin(self.layers.taken(), self.dockerd.clone(), |folder| self.layers.sync(folder))?;
        if let (Some(dockerd), true) = (&self.dockerd, self.layers.first.is_some()) {
            self.done.daemon = Touched::Reloaded;
            self.layers.commit_first(&self.journal.heading().daemon_json)?;
            dockerd.reload()?;
            dockerd.await_live_restore(true)?;
        }
        self.layers.main.commit()?;
        let Some(dockerd) = &self.dockerd else { return Ok(()) };
        if dockerd.reads_units {
            self.done.read_units = true;
            read_units()?;
        }
        match dockerd.takes_in {
            TakesIn::Later => Ok(()),
            TakesIn::Reload => {
                self.done.daemon = Touched::Reloaded;
                dockerd.reload()
            }
            TakesIn::Restart { with_socket } => {
                self.done.daemon = Touched::Restarted;
                dockerd.restart(with_socket)
            }
        }
    }
}

impl Heading {
    fn new(command: &str, now: OffsetDateTime, daemon_json: std::path::PathBuf) -> Self {
        // A year beyond 9999 has no such form; the command and the rest still say whose it is.
        Self { command: command.to_owned(), began: now.format(&Rfc3339).unwrap_or_default(), daemon_json }
    }
}
