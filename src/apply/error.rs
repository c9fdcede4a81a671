//! Why an apply ended without its goal, and in what condition it left the host.

use std::path::PathBuf;

use super::journal::JournalError;
use super::previous::PREVIOUS;
use crate::host::{CommandError, FileError};
use crate::observed::ObserveError;
use crate::pki::{IssueError, KeyError, ParseError};
use crate::plan::{Plan, Reason};

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
    /// The host as it was: nothing had changed yet.
    AsItWas,
    /// The host as it was, after a change that was put back.
    PutBack,
    /// The host in a condition that a person has to look at: it could not be put back.
    Broken {
        /// Why not.
        failure: Box<Cause>,
        /// The service to look at, where one was touched.
        unit: Option<String>,
    },
    /// The host as it should be, with files left over that the next run removes.
    LeftOver,
    /// An earlier run's change, half done: it could not be undone or finished.
    Interrupted {
        /// The service to look at, where one was touched.
        unit: Option<String>,
    },
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
    /// The program that signs could be changed by others, or is none.
    #[error("{} is not run: it {why}", path.display())]
    Program {
        /// Which.
        path: PathBuf,
        /// As the end of a sentence about it.
        why: String,
    },
    /// The program that signs gave something else than what it was asked for.
    #[error("{resource}: the issuer {why}")]
    Signer {
        /// The certificate.
        resource: String,
        /// As the end of a sentence about it.
        why: String,
        /// What is wrong with what it gave.
        reasons: Vec<Reason>,
    },
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
    /// The journal of an interrupted run.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What a rollback needs is there and of no use; the end of a sentence.
    #[error("{PREVIOUS} {0}")]
    Previous(String),
    /// There is no change to go back from.
    #[error("there is nothing to go back to: no apply has changed this host since the last rollback")]
    NothingBefore,
    /// The last change was a step of the CA's replacement.
    #[error(
        "the last apply was a step of the CA's replacement, which leads forward only: clients may have followed it"
    )]
    CaReplaced,
    /// Files that are not what the change left.
    #[error("{} changed since that apply", listed(.0))]
    ChangedSince(Vec<PathBuf>),
    /// A restart would stop containers.
    #[error("the restart would stop {} running containers: {}", .0.len(), .0.join(", "))]
    ContainersWouldStop(Vec<String>),
    /// Nobody tells what a restart would stop.
    #[error("what runs is not known, and a restart may stop it: {0}")]
    ContainersUnknown(String),
    /// dockerd runs and does not answer locally any more.
    #[error("dockerd does not answer on its local socket")]
    Silent(String),
    /// The host was observed again and does not match.
    #[error("the proof failed")]
    NotProven {
        /// What would still have to change.
        rest: Box<Plan>,
        /// The last lines of the unit's journal.
        journal: String,
    },
}

/// At most five paths.
fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().take(5).map(|path| path.display().to_string()).collect();
    let more = if paths.len() > 5 { format!(" and {} more", paths.len() - 5) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

impl Cause {
    /// The last lines of the unit's journal, where they say more.
    pub fn journal(&self) -> Option<&str> {
        match self {
            Self::NotProven { journal, .. } | Self::Start { journal, .. } | Self::Silent(journal) => Some(journal),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint().map(str::to_owned),
            Self::Command(error) => error.hint(),
            Self::Key { error, .. } | Self::Generate(error) => error.hint().map(str::to_owned),
            Self::Parse { error, .. } => error.hint().map(str::to_owned),
            Self::Gone(_) => Some("run it again".to_owned()),
            Self::Program { .. } => Some("see ca.issuer in the manifest".to_owned()),
            Self::Signer { .. } => {
                Some("what it is asked for stands in its DOCKSEAL_… variables: see ca.issuer in the README".to_owned())
            }
            Self::Passphrase(_) => Some("see ca.passphrase in the manifest".to_owned()),
            Self::Journal(_) => Some(
                "look at the files named .*.dockseal-old beside those of the manifest, then remove the journal"
                    .to_owned(),
            ),
            Self::ChangedSince(_) => Some("apply a manifest instead: it takes any host as it is".to_owned()),
            Self::ContainersWouldStop(_) | Self::ContainersUnknown(_) => {
                Some("stop them first, or use --allow-restart".to_owned())
            }
            Self::Previous(_)
            | Self::NothingBefore
            | Self::CaReplaced
            | Self::Silent(_)
            | Self::Observe(_)
            | Self::Issue(_)
            | Self::Invalid(_)
            | Self::LiveRestore(_)
            | Self::Start { .. }
            | Self::NotProven { .. } => None,
        }
    }
}
