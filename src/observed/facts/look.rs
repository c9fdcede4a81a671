//! Looking at facts as at a host: folders and files by their paths, each with what was found there.
//!
//! A path that was not looked at is answered where its folder tells: nothing is in a folder that is not there, and a name
//! that its list does not hold is not in it. Everything else is a lack.

use std::ffi::OsStr;
use std::path::Path;

use super::{Entries, Facts, FileFacts, FileFound, FileRole, FolderFacts, FolderFound, Held, Lack, UnitFileFound};
use crate::host::{Attributes, Distrust, Listed};
use crate::observed::unit::{Origin, UnitError, UnitFile};
use crate::observed::{Found, Seen};

/// A folder, as it was found.
#[derive(Debug)]
pub enum Spot<'f> {
    Open(&'f FolderFacts),
    Missing,
    Denied,
    Distrusted(&'f Distrust),
}

impl Facts {
    /// Enters a folder.
    pub fn enter(&self, path: &Path) -> Result<Spot<'_>, Lack> {
        for (steps, folder) in path.ancestors().enumerate() {
            let Some(index) = self.folders.get(folder) else { continue };
            let facts = &self.host.folders[*index];
            return match &facts.found {
                FolderFound::Open if steps == 0 => Ok(Spot::Open(facts)),
                FolderFound::Open => match path.strip_prefix(folder).ok().and_then(|below| below.iter().next()) {
                    Some(name) if facts.lacks(name) => Ok(Spot::Missing),
                    _ => Err(Lack::of(format!("what stands in {}", path.display()))),
                },
                FolderFound::Missing => Ok(Spot::Missing),
                FolderFound::Denied => Ok(Spot::Denied),
                FolderFound::Distrusted(distrust) => Ok(Spot::Distrusted(distrust)),
            };
        }
        Err(Lack::of(format!("what stands in {}", path.display())))
    }

    /// Reads a file of a folder that was entered.
    pub fn see_in<T: Held>(&self, folder: &FolderFacts, path: &Path) -> Result<Seen<T>, Lack> {
        if let Some(file) = self.file(path, T::ROLE) {
            return seen(file, path);
        }
        if path.file_name().is_some_and(|name| folder.lacks(name)) {
            return Ok(Seen { path: path.to_owned(), attributes: None, found: Found::Missing });
        }
        Err(Lack::of(format!("what stands in {}", path.display())))
    }

    /// Reads a file that may stand in anybody's folder.
    pub fn see_anywhere<T: Held>(&self, path: &Path) -> Result<Seen<T>, Lack> {
        let file = self.file(path, T::ROLE);
        seen(file.ok_or_else(|| Lack::of(format!("what stands in {}", path.display())))?, path)
    }

    /// What was found there in that role, or whatever holds for every role.
    fn file(&self, path: &Path, role: FileRole) -> Option<&FileFacts> {
        let mut found = self.files.get(path)?.iter().map(|index| &self.host.files[*index]);
        let is_for_all = |file: &FileFacts| role == FileRole::Any || file.attributes.is_none();
        found.clone().find(|file| file.role == role).or_else(|| found.find(|file| is_for_all(file)))
    }

    /// The unit's files, in order, up to the first that can't be read.
    pub fn unit_files(&self, name: &str) -> Result<impl Iterator<Item = Result<UnitFile, UnitError>>, Lack> {
        if self.host.unit.name == name {
            Ok(self.host.unit.files.iter().map(|file| decode(&file.path, &file.found)))
        } else {
            Err(Lack::of(format!("what the files of {name} say")))
        }
    }

    /// An environment file.
    pub fn environment_file(&self, path: &Path) -> Option<Result<UnitFile, UnitError>> {
        let file = self.host.unit.environment.iter().find(|file| file.path == path)?;
        Some(decode(&file.path, &file.found))
    }
}

impl FolderFacts {
    /// What it holds; `None` where the observer might not list it.
    pub fn list(&self) -> Result<Option<Vec<Listed>>, Lack> {
        match &self.entries {
            Entries::Unasked => Err(Lack::of(format!("all that stands in {}", self.path.display()))),
            Entries::Denied => Ok(None),
            Entries::Listed(entries) => Ok(Some(
                entries.iter().map(|entry| Listed { name: entry.name.clone().into(), kind: entry.kind }).collect(),
            )),
        }
    }

    /// Whether its list is known and has no such name.
    fn lacks(&self, name: &OsStr) -> bool {
        match &self.entries {
            Entries::Listed(entries) => !entries.iter().any(|entry| *entry.name == *name),
            Entries::Unasked | Entries::Denied => false,
        }
    }
}

fn seen<T: Held>(file: &FileFacts, path: &Path) -> Result<Seen<T>, Lack> {
    let attributes = file.attributes.map(Attributes::from);
    let is_anything = T::ROLE == FileRole::Any && attributes.is_some();
    let found = match &file.found {
        FileFound::Missing => Found::Missing,
        FileFound::Denied => Found::Denied,
        FileFound::Unusable(why) if !is_anything => Found::Unusable(why.clone()),
        found => Found::Present(
            T::of(found).ok_or_else(|| Lack::of(format!("what {} holds: what they say is not it", path.display())))?,
        ),
    };
    Ok(Seen { path: path.to_owned(), attributes, found })
}

fn decode(path: &Path, found: &UnitFileFound) -> Result<UnitFile, UnitError> {
    let path = path.to_owned();
    match found {
        UnitFileFound::Text(text) => UnitFile::decode(path, text.as_bytes()),
        UnitFileFound::Denied => Err(UnitError::Denied(path)),
        UnitFileFound::TooLarge => Err(UnitError::TooLarge(path)),
        UnitFileFound::NotUtf8(line) => Err(UnitError::NotUtf8(Origin { path, line: *line, variable: None })),
    }
}
