//! Where a look goes: to a host, to a host with everything taken down, or to facts that were taken down elsewhere. And the
//! folders that an apply writes in: entered once each, by the trusted way, with a note of what bars it.

use std::path::{Path, PathBuf};

use super::facts::{Facts, Held, Recorder, Spot};
use super::{Found, ObserveError, Seen};
use crate::host::{self, Distrust, Entry, Listed, Root};

/// No file that is read here is larger on a sane host.
pub const FILE_LIMIT: usize = 1024 * 1024;

/// What is looked at. One reading serves all three, so that facts tell what their host would have.
#[derive(Clone, Copy)]
pub enum Source<'r> {
    /// A host.
    Host(&'r Root),
    /// A host, and what is seen is taken down.
    Recorded(&'r Root, &'r Recorder),
    /// What was taken down.
    Facts(&'r Facts),
}

/// A folder that was entered, or why it can't be.
pub struct Place<'r> {
    source: Source<'r>,
    path: PathBuf,
    folder: Folder<'r>,
}

enum Folder<'r> {
    Host(host::Place<'r>),
    Facts(Spot<'r>),
}

impl<'r> Source<'r> {
    /// Enters a folder by the trusted way.
    pub fn enter(&self, path: &Path) -> Result<Place<'r>, ObserveError> {
        let folder = match self {
            Self::Host(root) | Self::Recorded(root, _) => Folder::Host(root.enter(path)?),
            Self::Facts(facts) => Folder::Facts(facts.enter(path)?),
        };
        Ok(self.entered(path.to_owned(), folder))
    }

    fn entered(&self, path: PathBuf, folder: Folder<'r>) -> Place<'r> {
        if let (Self::Recorded(_, recorder), Folder::Host(place)) = (self, &folder) {
            recorder.enter(&path, place);
        }
        Place { source: *self, path, folder }
    }

    fn noted<T: Held>(&self, seen: Seen<T>) -> Seen<T> {
        if let Self::Recorded(_, recorder) = self {
            recorder.see(&seen);
        }
        seen
    }
}

impl Place<'_> {
    /// Enters a folder of this one.
    pub fn enter(&self, name: &str) -> Result<Self, ObserveError> {
        let path = self.path.join(name);
        let folder = match (&self.folder, &self.source) {
            (Folder::Host(place), _) => Folder::Host(place.enter(name)?),
            (Folder::Facts(_), Source::Facts(facts)) => Folder::Facts(facts.enter(&path)?),
            (Folder::Facts(_), _) => return self.source.enter(&path),
        };
        Ok(self.source.entered(path, folder))
    }

    /// What it holds, in the order of the names; nothing where it can't be entered. `None` where the observer may not list
    /// it.
    pub fn list(&self) -> Result<Option<Vec<Listed>>, ObserveError> {
        let listed = match &self.folder {
            Folder::Host(host::Place::Open(folder)) => match folder.list() {
                Err(error) if error.is_denied() => None,
                listed => Some(listed?),
            },
            Folder::Facts(Spot::Open(folder)) => return Ok(folder.list()?),
            Folder::Host(_) | Folder::Facts(_) => return Ok(Some(Vec::new())),
        };
        if let Source::Recorded(_, recorder) = &self.source {
            recorder.list(&self.path, listed.as_deref());
        }
        Ok(listed)
    }

    /// The same where a list is needed.
    pub fn list_all(&self) -> Result<Vec<Listed>, ObserveError> {
        match (&self.folder, self.list()?) {
            (_, Some(listed)) => Ok(listed),
            (Folder::Host(host::Place::Open(folder)), None) => Ok(folder.list()?),
            (_, None) => Err(ObserveError::Unlisted { path: self.path.clone() }),
        }
    }

    /// Why it is not trusted.
    pub fn distrust(&self) -> Option<&Distrust> {
        match &self.folder {
            Folder::Host(host::Place::Distrusted(distrust)) => Some(distrust),
            Folder::Facts(Spot::Distrusted(distrust)) => Some(distrust),
            _ => None,
        }
    }
}

/// Folders of one root.
pub struct Places<'r> {
    source: Source<'r>,
    /// What somebody else could change, each once.
    pub distrusted: Vec<Distrust>,
}

impl<'r> Places<'r> {
    /// None yet.
    pub fn new(source: Source<'r>) -> Self {
        Self { source, distrusted: Vec::new() }
    }

    /// Enters a folder.
    pub fn enter(&mut self, folder: &Path) -> Result<Place<'r>, ObserveError> {
        let place = self.source.enter(folder)?;
        self.note(&place);
        Ok(place)
    }

    /// Enters the folder of a file.
    pub fn enter_folder_of(&mut self, path: &Path) -> Result<Place<'r>, ObserveError> {
        self.enter(path.parent().unwrap_or(Path::new("/")))
    }

    /// Takes down why a folder is not trusted.
    pub fn note(&mut self, place: &Place) {
        if let Some(distrust) = place.distrust() {
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
pub fn see<T: Held>(
    place: &Place,
    path: PathBuf,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Seen<T>, ObserveError> {
    let entry = match (&place.folder, &place.source) {
        (Folder::Host(host::Place::Open(folder)), _) => {
            folder.read(path.file_name().unwrap_or_default(), FILE_LIMIT)?
        }
        (Folder::Facts(Spot::Open(folder)), Source::Facts(facts)) => return Ok(facts.see_in(folder, &path)?),
        // Its folder tells, and is taken down.
        (Folder::Host(host::Place::Missing) | Folder::Facts(Spot::Missing | Spot::Open(_)), _) => {
            return Ok(seen(path, Entry::Missing, parse));
        }
        (Folder::Host(host::Place::Denied) | Folder::Facts(Spot::Denied), _) => {
            return Ok(seen(path, Entry::Denied, parse));
        }
        (Folder::Host(host::Place::Distrusted(_)) | Folder::Facts(Spot::Distrusted(_)), _) => {
            return Ok(Seen { path, attributes: None, found: Found::Distrusted });
        }
    };
    Ok(place.source.noted(seen(path, entry, parse)))
}

/// The same for a file that may stand in anybody's folder.
pub fn see_anywhere<T: Held>(
    source: &Source,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<Seen<T>, ObserveError> {
    let entry = match source {
        Source::Host(root) | Source::Recorded(root, _) => root.read_anywhere(path, FILE_LIMIT)?,
        Source::Facts(facts) => return Ok(facts.see_anywhere(path)?),
    };
    Ok(source.noted(seen(path.to_owned(), entry, parse)))
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
