//! What a plan needs to know of a host, as a file that can be carried away: `dockseal.facts/1`. A host enters by
//! [`Recorder`], JSON leaves; and JSON enters elsewhere, to be looked at in the place of that host.
//!
//! It is kept file by file and not as one manifest sees them, so that another manifest can be compared with the same host.
//! What was not looked at is not guessed: it is a [`Lack`]. Of a key there is its public half alone, and of the units of
//! other people what `ExecStart=` needs (`unit/redacted.rs`); daemon.json stands there whole, as each line of it may be
//! context in a diff.

mod held;
mod look;
mod recorder;
mod trials;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use time::OffsetDateTime;

pub use held::Held;
pub use look::Spot;
pub use recorder::{Occasion, Recorder};
pub use wire::{
    CallerFacts, EndpointFacts, Entries, EntryFacts, FileFacts, FileFound, FileRole, FolderFacts, FolderFound,
    HostFacts, TrialFacts, UnitFacts, UnitFileFacts, UnitFileFound,
};

/// The value of `format`.
pub const FORMAT: &str = "dockseal.facts/1";
/// No host has more to tell: each of thirty thousand clients takes about two KiB.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;
/// The end of the year 9999, which is as late as a certificate can say; beyond it no time can be reckoned with.
const LATEST: i64 = 253_402_300_799;

/// Facts that can be looked at in the place of their host.
#[derive(Debug)]
pub struct Facts {
    /// As they were read.
    pub host: HostFacts,
    folders: BTreeMap<PathBuf, usize>,
    files: BTreeMap<PathBuf, Vec<usize>>,
}

/// Something that these facts don't tell, and that the host would have to be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the facts don't tell {what}")]
pub struct Lack {
    /// As the end of that sentence.
    pub what: String,
}

/// Why a text is no facts.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// More than [`MOST_BYTES`].
    #[error("larger than {} MiB", MOST_BYTES / 1024 / 1024)]
    TooLarge,
    /// Not what the schema says; `serde_json` names line and column.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// Of another version.
    #[error("its format is {format:?}, written by dockseal {by}; this is dockseal {}, which reads {FORMAT}", env!("CARGO_PKG_VERSION"))]
    OtherFormat {
        /// As it stands there.
        format: String,
        /// As it stands there.
        by: String,
    },
    /// Two say different things of one path, or one says what can't be.
    #[error("{}: {what}", .path.display())]
    Contradicts {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

impl FactsError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OtherFormat { by, .. } => Some(format!("use dockseal {by} here, or observe anew with this version")),
            Self::Malformed(_) | Self::Contradicts { .. } => {
                Some("`dockseal observe` writes such a file; `dockseal schema facts` describes it".to_owned())
            }
            Self::TooLarge => None,
        }
    }
}

/// Enough to know who wrote it.
#[derive(Deserialize)]
struct Heading {
    #[serde(default)]
    format: String,
    #[serde(default)]
    dockseal: String,
}

impl Facts {
    /// Reads them, strictly: the text may come from anywhere.
    pub fn parse(text: &[u8]) -> Result<Self, FactsError> {
        if text.len() > MOST_BYTES {
            return Err(FactsError::TooLarge);
        }
        let host = match serde_json::from_slice::<HostFacts>(text) {
            Ok(host) if host.format == FORMAT => host,
            Ok(host) => return Err(FactsError::OtherFormat { format: host.format, by: host.dockseal }),
            Err(error) => {
                return Err(match serde_json::from_slice::<Heading>(text) {
                    Ok(Heading { format, dockseal }) if format.starts_with("dockseal.facts/") && format != FORMAT => {
                        FactsError::OtherFormat { format, by: dockseal }
                    }
                    _ => error.into(),
                });
            }
        };
        Self::new(host)
    }

    /// Takes them as they were observed.
    pub fn new(host: HostFacts) -> Result<Self, FactsError> {
        let (mut folders, mut files) = (BTreeMap::new(), BTreeMap::<PathBuf, Vec<usize>>::new());
        let contradicts = |path: &Path, what| FactsError::Contradicts { path: path.to_owned(), what };
        for (index, folder) in host.folders.iter().enumerate() {
            if folders.insert(folder.path.clone(), index).is_some() {
                return Err(contradicts(&folder.path, "this folder stands there twice"));
            }
        }
        for (index, file) in host.files.iter().enumerate() {
            let same = files.entry(file.path.clone()).or_default();
            if same.iter().any(|other| host.files[*other].role == file.role) {
                return Err(contradicts(&file.path, "this file stands there twice"));
            }
            if file.attributes.is_some_and(|found| !(0..=LATEST).contains(&found.modified)) {
                return Err(contradicts(&file.path, "its last write is at no time that can be reckoned with"));
            }
            same.push(index);
        }
        Ok(Self { host, folders, files })
    }

    /// JSON, with a newline at its end.
    pub fn text(host: &HostFacts) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(host)? + "\n")
    }
}

impl Lack {
    fn of(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// When they were observed, in the form of the file.
pub fn moment(at: OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
