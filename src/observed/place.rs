//! The folders that an apply writes in: entered once each, by the trusted way, with a note of what bars it.

use std::path::{Path, PathBuf};

use super::{Found, Seen};
use crate::host::{Distrust, Entry, FileError, Place, Root};

/// No file that is read here is larger on a sane host.
pub const FILE_LIMIT: usize = 1024 * 1024;

/// Folders of one root.
pub struct Places<'r> {
    root: &'r Root,
    /// What somebody else could change, each once.
    pub distrusted: Vec<Distrust>,
}

impl<'r> Places<'r> {
    /// None yet.
    pub fn new(root: &'r Root) -> Self {
        Self { root, distrusted: Vec::new() }
    }

    /// Enters a folder.
    pub fn enter(&mut self, folder: &Path) -> Result<Place<'r>, FileError> {
        let place = self.root.enter(folder)?;
        self.note(&place);
        Ok(place)
    }

    /// Enters the folder of a file.
    pub fn enter_folder_of(&mut self, path: &Path) -> Result<Place<'r>, FileError> {
        self.enter(path.parent().unwrap_or(Path::new("/")))
    }

    /// Takes down why a folder is not trusted.
    pub fn note(&mut self, place: &Place) {
        if let Place::Distrusted(distrust) = place {
            self.add(distrust);
        }
    }

    /// Takes it down.
    pub fn add(&mut self, distrust: &Distrust) {
        if !self.distrusted.contains(distrust) {
            self.distrusted.push(distrust.clone());
        }
    }
}

/// Reads one file of a folder and says what it holds; that it is not what it should be is a fact, not an error.
pub fn see<T>(
    place: &Place,
    path: PathBuf,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Seen<T>, FileError> {
    let entry = match place {
        Place::Open(folder) => folder.read(path.file_name().unwrap_or_default(), FILE_LIMIT)?,
        Place::Missing => Entry::Missing,
        Place::Denied => Entry::Denied,
        Place::Distrusted(_) => return Ok(Seen { path, attributes: None, found: Found::Distrusted }),
    };
    Ok(seen(path, entry, parse))
}

/// The same for a file that may stand in anybody's folder.
pub fn see_anywhere<T>(
    root: &Root,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Seen<T>, FileError> {
    Ok(seen(path.to_owned(), root.read_anywhere(path, FILE_LIMIT)?, parse))
}

fn seen<T>(path: PathBuf, entry: Entry, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Seen<T> {
    let (attributes, found) = match entry {
        Entry::Missing => (None, Found::Missing),
        Entry::Denied => (None, Found::Denied),
        Entry::NotAFile(kind) => (None, Found::Unusable(format!("is {kind}, not a regular file"))),
        Entry::File(contents) => {
            let found = parse(&contents.bytes).map_or_else(Found::Unusable, Found::Present);
            (Some(contents.attributes), found)
        }
    };
    Seen { path, attributes, found }
}
