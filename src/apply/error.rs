//! Why an apply ended without its goal, and in what condition it left the host.

use std::path::PathBuf;

use crate::host::{CommandError, FileError};
use crate::observed::ObserveError;
use crate::pki::{IssueError, KeyError, ParseError};
use crate::plan::Plan;

/// A failed apply.
#[derive(Debug)]
pub struct ApplyError {
    /// Why.
    pub cause: Box<Cause>,
    /// What it left behind.
    pub ending: Ending,
}

/// What a failed apply left behind.
#[derive(Debug)]
pub enum Ending {
    /// The host as it was.
    AsItWas,
    /// The host in a condition that a person has to look at: it could not be put back, and why.
    Broken(Box<Cause>),
    /// The host as it should be, with files left over.
    LeftOver,
}

impl ApplyError {
    pub(super) fn new(cause: Cause, ending: Ending) -> Self {
        Self { cause: Box::new(cause), ending }
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The host could not be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// A key.
    #[error("{}: {error}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: KeyError,
    },
    /// A certificate or request.
    #[error("{}: {error}", path.display())]
    Parse {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: ParseError,
    },
    /// A certificate could not be signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// A key could not be made.
    #[error(transparent)]
    Generate(#[from] KeyError),
    /// A file that was there when the plan was made.
    #[error("{} has gone since the plan was made", .0.display())]
    Gone(PathBuf),
    /// The passphrase can't be had.
    #[error("the passphrase of the CA's key: {0}")]
    Passphrase(String),
    /// dockerd refuses the new files.
    #[error("dockerd refuses the new configuration: {0}")]
    Invalid(String),
    /// dockerd did not take live-restore in, on or off.
    #[error("dockerd did not switch live-restore: {0}")]
    LiveRestore(String),
    /// docker.service did not start.
    #[error("{error}")]
    Start {
        /// systemctl's words.
        error: CommandError,
        /// The last lines of the unit's journal.
        journal: String,
    },
    /// The host was observed again and does not match.
    #[error("the proof failed")]
    NotProven {
        /// What would still have to change.
        rest: Box<Plan>,
        /// The last lines of the unit's journal.
        journal: String,
    },
}

impl Cause {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(str::to_owned),
            Self::Command(error) => error.hint(),
            Self::Key { error, .. } | Self::Generate(error) => error.hint().map(str::to_owned),
            Self::Parse { error, .. } => error.hint().map(str::to_owned),
            Self::Gone(_) => Some("run it again".to_owned()),
            Self::Passphrase(_) => Some("see ca.passphrase in the manifest".to_owned()),
            Self::Observe(_)
            | Self::Issue(_)
            | Self::Invalid(_)
            | Self::LiveRestore(_)
            | Self::Start { .. }
            | Self::NotProven { .. } => None,
        }
    }
}
