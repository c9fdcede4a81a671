//! systemd and dockerd take the new files in, or the old ones back.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Map, json};

use super::transaction::{PUBLIC_MODE, Transaction};
use super::{Apply, Cause};
use crate::host::{self, CommandError, Root};
use crate::observed::{Containers, ServiceFacts, containers};
use crate::plan::{DaemonStep, Plan, Reason, daemon_json};

/// How long a start may take.
const START_WITHIN: Duration = Duration::from_secs(60);
/// systemctl's other verbs answer at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long dockerd may take to listen, or to read its file again, once systemd says that it runs.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// docker.service during one apply, and what was done to it so far.
pub struct Service<'a> {
    apply: &'a Apply<'a>,
    /// The same files, under names that do not meet those of the main transaction.
    aside: &'a Root,
    /// The daemon.json that was put in place first, to switch live-restore on.
    first: Option<Transaction<'a>>,
    reloaded_units: bool,
    touched: Touched,
    settled_at: Option<Instant>,
}

/// What was done to dockerd.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touched {
    Not,
    Reloaded,
    Restarted,
}

impl<'a> Service<'a> {
    /// Untouched.
    pub fn new(apply: &'a Apply<'a>, aside: &'a Root) -> Self {
        Self { apply, aside, first: None, reloaded_units: false, touched: Touched::Not, settled_at: None }
    }

    /// Switches live-restore on in the running dockerd, where containers need it to survive the restart. It has to be
    /// done with a daemon.json that does not hold `hosts` yet: while dockerd runs with `-H`, it refuses to read one that does.
    pub fn prepare(&mut self, files: &mut Transaction) -> Result<(), Cause> {
        let DaemonStep::Restart { live_restore_first: Some(text), .. } = &self.apply.plan.activation.daemon else {
            return Ok(());
        };
        let seen = self.apply.observed.daemon_json.attributes;
        let path = self.apply.desired.layout.daemon_json();
        let mut first = Transaction::new(self.aside);
        let written =
            first.write(&path, text.as_bytes(), seen.map_or(PUBLIC_MODE, |seen| seen.mode), seen.map(|s| s.stamp));
        let first = self.first.insert(first);
        written?;
        first.sync()?;
        first.commit()?;
        files.rebase(&path)?;
        self.touched = Touched::Reloaded;
        systemctl(&["reload", self.unit()], ANSWER_WITHIN)?;
        self.await_live_restore(true)
    }

    /// Switches live-restore off again. The old daemon.json alone would not do it: on a reload dockerd leaves live-restore
    /// as it is where the file does not hold the key.
    fn switch_live_restore_off(&self) -> Result<(), Cause> {
        let DaemonStep::Restart { live_restore_first: Some(text), .. } = &self.apply.plan.activation.daemon else {
            return Ok(());
        };
        let path = self.apply.desired.layout.daemon_json();
        let Some((_, now)) = self.apply.root.look(&path)? else { return Ok(()) };
        let live_restore = Map::from_iter([("live-restore".to_owned(), json!(false))]);
        let off = daemon_json::merge(Some(text), &live_restore).map_err(|error| Cause::Invalid(error.to_string()))?;
        let aside = self.apply.root.aside("off-")?;
        let mut files = Transaction::new(&aside);
        let outcome = files.write(&path, off.text.as_bytes(), now.mode, Some(now.stamp)).map_err(Cause::from);
        let outcome = outcome.and_then(|()| {
            files.sync()?;
            files.commit()?;
            systemctl(&["reload", self.unit()], ANSWER_WITHIN)?;
            self.await_live_restore(false)
        });
        outcome.and(files.undo().map_err(Cause::from))
    }

    /// SIGHUP is answered at once and acted on a moment later.
    fn await_live_restore(&self, wanted: bool) -> Result<(), Cause> {
        let deadline = Instant::now() + SETTLE_WITHIN;
        loop {
            match containers() {
                Containers::Asked { live_restore, .. } if live_restore == wanted => return Ok(()),
                _ if Instant::now() < deadline => sleep(PAUSE),
                _ => return Err(Cause::LiveRestore(self.journal())),
            }
        }
    }

    /// Makes systemd and dockerd read the new files: at most one restart.
    pub fn activate(&mut self) -> Result<(), Cause> {
        let activation = &self.apply.plan.activation;
        if activation.daemon_reload {
            self.reloaded_units = true;
            systemctl(&["daemon-reload"], ANSWER_WITHIN)?;
        }
        match activation.daemon {
            DaemonStep::Stay => {}
            DaemonStep::Reload => {
                self.touched = Touched::Reloaded;
                systemctl(&["reload", self.unit()], ANSWER_WITHIN)?;
            }
            DaemonStep::Restart { with_socket, .. } => {
                self.touched = Touched::Restarted;
                self.restart(with_socket)?;
            }
        }
        self.settled_at = Some(Instant::now() + SETTLE_WITHIN);
        Ok(())
    }

    /// Puts the files back, and has systemd and dockerd read them. Every part is tried whatever becomes of the others;
    /// the first failure is the one to tell.
    pub fn put_back(&mut self, files: &Transaction) -> Result<(), Cause> {
        let mut outcome = files.undo().map_err(Cause::from);
        if self.reloaded_units {
            outcome = outcome.and(systemctl(&["daemon-reload"], ANSWER_WITHIN).map(drop).map_err(Cause::from));
        }
        let ran_before = self.before().is_some_and(ServiceFacts::is_active);
        if self.touched == Touched::Restarted && ran_before {
            // With the socket: the failed dockerd may have removed its path.
            outcome = outcome.and(self.restart(self.before().is_some_and(|service| service.has_socket)));
        } else if self.touched == Touched::Restarted {
            // The dockerd that may run by now has lost its files. With the old ones the unit fails as it did before, which
            // is no failure of ours.
            let _ = self.restart(false);
        }
        if let Some(first) = self.first.take() {
            // live-restore stays on until the old dockerd has its containers back.
            outcome = outcome.and(self.switch_live_restore_off());
            outcome = outcome.and(first.undo().map_err(Cause::from));
        }
        if self.touched != Touched::Not && ran_before {
            outcome = outcome.and(systemctl(&["reload", self.unit()], ANSWER_WITHIN).map(drop).map_err(Cause::from));
        }
        outcome
    }

    /// Removes what was saved for [`Service::put_back`].
    pub fn keep(&self) -> Result<(), Cause> {
        if let Some(first) = &self.first {
            first.keep()?;
        }
        Ok(())
    }

    /// Whether what is missing from the proof may only be a matter of moments.
    pub fn may_still_start(&self, rest: &Plan) -> bool {
        let is_silent = |reason: &Reason| matches!(reason, Reason::EndpointSilent { .. });
        let waits = self.settled_at.is_some_and(|at| Instant::now() < at)
            && rest.refusals.is_empty()
            && rest.changes.iter().all(|change| change.reasons.iter().all(is_silent));
        if waits {
            sleep(PAUSE);
        }
        waits
    }

    /// The unit's last words.
    pub fn journal(&self) -> String {
        let args = ["--unit", self.unit(), "--lines=12", "--output=cat", "--no-pager", "--quiet"];
        match host::run("journalctl", &args, ANSWER_WITHIN) {
            Ok(output) => String::from_utf8_lossy(&output).trim_end().to_owned(),
            Err(error) => format!("(the journal could not be read: {error})"),
        }
    }

    /// `reset-failed` first: three starts within a minute, whoever asked for them, would forbid this one.
    fn restart(&self, with_socket: bool) -> Result<(), Cause> {
        systemctl(&["reset-failed", self.unit()], ANSWER_WITHIN)?;
        let mut args = vec!["restart"];
        match self.before() {
            Some(service) if with_socket => args.push(&service.socket),
            _ => {}
        }
        args.push(self.unit());
        match systemctl(&args, START_WITHIN) {
            Ok(_) => Ok(()),
            Err(error) => Err(Cause::Start { error, journal: self.journal() }),
        }
    }

    fn unit(&self) -> &str {
        &self.apply.plan.activation.unit
    }

    fn before(&self) -> Option<&ServiceFacts> {
        self.apply.observed.service()
    }
}

fn systemctl(args: &[&str], within: Duration) -> Result<Vec<u8>, CommandError> {
    host::run("systemctl", args, within)
}
