//! The journal of a change: what is about to be done, on the disk before it is done, so that whoever comes after a kill
//! or a power cut knows the way back.
//!
//! `/var/lib/dockseal/journal` exists from the first staged file until the proof. Renaming it to `proven` is the moment
//! that decides: before it the change is undone, after it the change is finished. It holds paths, inode numbers and what
//! ran; no key and no text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Cause;
use super::dockerd::Dockerd;
use super::layers::TakenLayers;
use crate::desired::{JOURNAL, OWN_FOLDER as FOLDER};
use crate::host::{Entry, FileError, Root, Step};

const FOLDER_MODE: u32 = 0o700;
const PROVEN: &str = "/var/lib/dockseal/proven";
/// The steps of a hundred thousand clients.
const LIMIT: usize = 256 << 20;
const FORMAT: &str = "dockseal.journal/1";

/// A journal that is being kept.
pub struct Journal<'r> {
    root: &'r Root,
    heading: Heading,
    /// The folders that were made for it.
    made: Vec<Step>,
}

/// Whose journal it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Heading {
    /// `apply` or `rollback`.
    pub command: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// The daemon's configuration file.
    pub daemon_json: PathBuf,
}

/// What a journal says.
#[derive(Serialize, Deserialize)]
struct Record<'a> {
    format: String,
    heading: Heading,
    made: Vec<Step>,
    #[serde(borrow)]
    phase: Phase<'a>,
}

/// How far a run had come.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase<'a> {
    /// Files were written beside their targets; no target was touched.
    Staging {
        /// Where.
        folders: BTreeSet<PathBuf>,
        /// The folders that were missing before, outermost first.
        missing: BTreeSet<PathBuf>,
    },
    /// Targets may have been touched.
    Changing {
        /// The steps.
        #[serde(borrow)]
        layers: TakenLayers<'a>,
        /// What ran.
        dockerd: Option<Dockerd>,
    },
}

/// What an earlier run left.
pub struct Found {
    text: Vec<u8>,
    /// Whether its change was proven.
    pub is_proven: bool,
}

/// A journal that was found, in words that can be acted on.
pub struct Interrupted<'a> {
    /// Whose it is; `None` where the run was cut short before it had written a line.
    pub heading: Option<Heading>,
    /// The folders that were made for it.
    pub made: Vec<Step>,
    /// How far it came.
    pub phase: Phase<'a>,
}

/// Why a journal can't be acted on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It is not what this program writes.
    #[error("{JOURNAL} of an interrupted run cannot be read: {0}")]
    Unreadable(String),
    /// Something else stands there.
    #[error("{JOURNAL} is no regular file that can be read")]
    NotAFile,
}

impl Heading {
    /// Of a command that begins now.
    pub fn new(command: &str, now: OffsetDateTime, daemon_json: PathBuf) -> Self {
        // A year beyond 9999 has no such form; the command and the rest still say whose it is.
        Self { command: command.to_owned(), began: now.format(&Rfc3339).unwrap_or_default(), daemon_json }
    }
}

impl<'r> Journal<'r> {
    /// Makes room for one. Nothing is written yet.
    pub fn open(root: &'r Root, heading: Heading) -> Result<Self, FileError> {
        let made = root.make_folder(Path::new(FOLDER), FOLDER_MODE)?;
        Ok(Self { root, heading, made })
    }

    /// Whose it is.
    pub fn heading(&self) -> &Heading {
        &self.heading
    }

    /// From here on files may appear beside targets in these folders. A power cut that loses this line loses nothing
    /// else: it is not synced.
    pub fn stage(&self, folders: BTreeSet<PathBuf>) -> Result<(), Cause> {
        let mut missing: BTreeSet<PathBuf> = BTreeSet::new();
        for folder in &folders {
            // Outer folders come first, and one that is missing holds nothing.
            if folder.parent().is_some_and(|above| missing.contains(above)) {
                missing.insert(folder.clone());
            } else {
                missing.extend(self.root.missing_folders(folder));
            }
        }
        self.draft(Phase::Staging { folders, missing })?;
        Ok(self.root.publish(Path::new(JOURNAL))?)
    }

    /// From here on targets may be touched.
    pub fn begin(
        &self,
        layers: TakenLayers<'_>,
        dockerd: Option<Dockerd>,
        sync: impl FnOnce(&Path) -> Result<(), FileError>,
    ) -> Result<(), Cause> {
        self.draft(Phase::Changing { layers, dockerd })?;
        self.root.publish(Path::new(JOURNAL))?;
        // The journal and the staged files in one go. Until then nothing that the journal names has happened, so that it
        // does no harm if the power goes before.
        Ok(sync(Path::new(FOLDER))?)
    }

    /// The change holds: from here on it is finished, not undone.
    ///
    /// `places` are folders of the file systems that it is on. It reaches the disk now, on the journal's own file system
    /// together with the new name: a file system keeps the order of renames, so that none that comes before is lost while
    /// the new name is there. Until then a power cut leaves the journal, which knows the way back from any part of it.
    pub fn prove(&self, places: &[PathBuf]) -> Result<(), FileError> {
        let folder = [PathBuf::from(FOLDER)];
        self.root.sync_apart_from(places, &folder[0])?;
        self.root.rename(Path::new(JOURNAL), Path::new(PROVEN))?;
        self.root.sync(&folder).inspect_err(|_| {
            // It is undone now, and who finds a journal must not finish it. That is the error to tell either way.
            let _ = self.root.rename(Path::new(PROVEN), Path::new(JOURNAL));
        })
    }

    /// The change is finished.
    pub fn close(&self) -> Result<(), FileError> {
        self.root.remove(Path::new(PROVEN))
    }

    /// The change is undone: nothing is left of it.
    pub fn abandon(&self) -> Result<(), FileError> {
        abandon(self.root, &self.made)
    }

    fn draft(&self, phase: Phase<'_>) -> Result<(), Cause> {
        let record =
            Record { format: FORMAT.to_owned(), heading: self.heading.clone(), made: self.made.clone(), phase };
        let mut draft = self.root.draft(Path::new(JOURNAL))?;
        serde_json::to_writer(&mut draft, &record).map_err(|error| draft.failed(&error.into()))?;
        Ok(draft.finish()?)
    }
}

fn abandon(root: &Root, made: &[Step]) -> Result<(), FileError> {
    sweep(root)?;
    root.remove(Path::new(JOURNAL))?;
    made.iter().rev().try_for_each(|step| root.undo(&step.clone().recorded()))
}

/// A draft that never became the journal announced nothing.
pub fn sweep(root: &Root) -> Result<(), FileError> {
    root.sweep(Path::new(FOLDER)).map(drop)
}

impl Found {
    /// What an earlier run left, if anything.
    pub fn read(root: &Root) -> Result<Option<Self>, Cause> {
        for (path, is_proven) in [(JOURNAL, false), (PROVEN, true)] {
            match root.read(Path::new(path), LIMIT)? {
                Entry::Missing => {}
                Entry::File(contents) => return Ok(Some(Self { text: contents.bytes.to_vec(), is_proven })),
                Entry::Denied | Entry::NotAFile(_) => return Err(JournalError::NotAFile.into()),
            }
        }
        Ok(None)
    }

    /// Understands it. An empty one was lost in a power cut, and with it all that it could have announced.
    pub fn parse(&self) -> Result<Interrupted<'_>, JournalError> {
        parse(&self.text)
    }

    /// Nothing is left of the run.
    pub fn remove(&self, root: &Root, made: &[Step]) -> Result<(), FileError> {
        sweep(root)?;
        if self.is_proven { root.remove(Path::new(PROVEN)) } else { abandon(root, made) }
    }
}

impl Interrupted<'_> {
    /// The service that the change was about.
    pub fn unit(&self) -> Option<String> {
        match &self.phase {
            Phase::Changing { dockerd: Some(dockerd), .. } => Some(dockerd.unit.clone()),
            Phase::Changing { .. } | Phase::Staging { .. } => None,
        }
    }
}

/// Bytes → what to do.
pub fn parse(text: &[u8]) -> Result<Interrupted<'_>, JournalError> {
    if text.is_empty() {
        let phase = Phase::Staging { folders: BTreeSet::new(), missing: BTreeSet::new() };
        return Ok(Interrupted { heading: None, made: Vec::new(), phase });
    }
    let record: Record = serde_json::from_slice(text).map_err(|error| JournalError::Unreadable(error.to_string()))?;
    if record.format != FORMAT {
        return Err(JournalError::Unreadable("another version of dockseal wrote it".to_owned()));
    }
    Ok(Interrupted { heading: Some(record.heading), made: record.made, phase: record.phase })
}
