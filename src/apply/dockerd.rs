//! The daemon during a change: what ran before, and how systemd makes it take files in.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Cause;
use crate::host::{self, CommandError};
use crate::observed::{Containers, ServiceFacts, containers};
use crate::plan::{Activation, DaemonStep};

/// systemctl's verbs that wait for nothing answer at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long dockerd may take to listen, or to read its file again, once systemd says that it runs.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
pub const PAUSE: Duration = Duration::from_millis(50);

/// docker.service as it was before a change, and what the change calls for. A journal holds it, so that whoever finds
/// one knows what to go back to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dockerd {
    /// `docker.service`
    pub unit: String,
    /// `docker.socket`, where there is one.
    pub socket: Option<String>,
    /// Whether it ran.
    pub was_active: bool,
    /// Its process; 0 where none ran.
    pub main_pid: u32,
    /// systemd reads the unit's files again.
    pub reads_units: bool,
    /// How dockerd takes the new files in.
    pub takes_in: TakesIn,
    /// How long a start may take.
    pub timeout: Duration,
}

/// How dockerd takes new files in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakesIn {
    /// Not now.
    Later,
    /// By SIGHUP.
    Reload,
    /// By a restart.
    Restart {
        /// With docker.socket.
        with_socket: bool,
    },
}

/// What has been done to it so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// systemd may have read the new unit.
    pub read_units: bool,
    /// dockerd may have read the new daemon.json.
    pub daemon: Touched,
}

/// What was done to dockerd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Touched {
    /// Nothing.
    #[default]
    Not,
    /// It was told to read its file again.
    Reloaded,
    /// It was told to stop and start.
    Restarted,
}

impl Dockerd {
    /// What a plan does to it; `None` where there is no systemd to ask.
    pub fn new(activation: &Activation, before: Option<&ServiceFacts>, timeout: Duration) -> Option<Self> {
        let before = before?;
        let takes_in = match activation.daemon {
            DaemonStep::Stay => TakesIn::Later,
            DaemonStep::Reload => TakesIn::Reload,
            DaemonStep::Restart { with_socket, .. } => TakesIn::Restart { with_socket },
        };
        Some(Self {
            unit: activation.unit.clone(),
            socket: before.has_socket.then(|| before.socket.clone()),
            was_active: before.is_active(),
            main_pid: before.main_pid,
            reads_units: activation.daemon_reload,
            takes_in,
            timeout,
        })
    }

    /// SIGHUP.
    pub fn reload(&self) -> Result<(), Cause> {
        systemctl(&["reload", &self.unit], ANSWER_WITHIN)
    }

    /// Stop and start. `reset-failed` first: three starts within a minute, whoever asked for them, would forbid this one.
    pub fn restart(&self, with_socket: bool) -> Result<(), Cause> {
        systemctl(&["reset-failed", &self.unit], ANSWER_WITHIN)?;
        let mut args = vec!["restart"];
        args.extend(self.socket.as_deref().filter(|_| with_socket));
        args.push(&self.unit);
        match host::run("systemctl", &args, self.timeout) {
            Ok(_) => Ok(()),
            Err(error) => Err(Cause::Start { error, journal: self.journal() }),
        }
    }

    /// SIGHUP is answered at once and acted on a moment later.
    pub fn await_live_restore(&self, wanted: bool) -> Result<(), Cause> {
        let deadline = Instant::now() + SETTLE_WITHIN;
        loop {
            match containers() {
                Containers::Asked { live_restore, .. } if live_restore == wanted => return Ok(()),
                _ if Instant::now() < deadline => sleep(PAUSE),
                _ => return Err(Cause::LiveRestore(self.journal())),
            }
        }
    }

    /// The unit's last words.
    pub fn journal(&self) -> String {
        let args = ["--unit", &self.unit, "--lines=12", "--output=cat", "--no-pager", "--quiet"];
        match host::run("journalctl", &args, ANSWER_WITHIN) {
            Ok(output) => String::from_utf8_lossy(&output).trim_end().to_owned(),
            Err(error) => format!("(the journal could not be read: {error})"),
        }
    }
}

/// systemd reads all unit files again.
pub fn read_units() -> Result<(), Cause> {
    systemctl(&["daemon-reload"], ANSWER_WITHIN)
}

fn systemctl(args: &[&str], within: Duration) -> Result<(), Cause> {
    host::run("systemctl", args, within).map(drop).map_err(|error: CommandError| error.into())
}
