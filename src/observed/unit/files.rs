//! Reads docker.service's files: the fragment, every drop-in, the environment files that they name, and our own drop-in.

use std::path::{Path, PathBuf};

use super::{SEARCH_FOLDERS, Unit, UnitError, UnitFile, drop_in_folders};
use crate::desired::Desired;
use crate::host::{Entry, FileError, FileKind, Root};
use crate::observed::Seen;
use crate::observed::place::{FILE_LIMIT, Places, see};

/// The files of a unit.
#[derive(Debug)]
pub struct ObservedUnit {
    /// What counts, ours included; or why it can't be understood.
    pub files: Result<UnitFiles, UnitError>,
    /// Our drop-in.
    pub drop_in: Seen<String>,
    /// Our unit that undoes an interrupted change.
    pub recover: Seen<String>,
}

/// What systemd reads.
#[derive(Debug)]
pub struct UnitFiles {
    /// The unit and its drop-ins.
    pub unit: Unit,
    /// The environment files that exist.
    pub environment: Vec<UnitFile>,
}

/// Why the files can't be read: for a person, or not at all.
enum ReadError {
    Unit(UnitError),
    File(FileError),
}

/// Reads them.
pub fn read(root: &Root, desired: &Desired, places: &mut Places) -> Result<ObservedUnit, FileError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "is not UTF-8".to_owned());
    let (drop_in, recover) = (desired.layout.drop_in(), desired.layout.recover_unit());
    let drop_in = see(&places.enter_folder_of(&drop_in)?, drop_in, text)?;
    let recover = see(&places.enter_folder_of(&recover)?, recover, text)?;
    let files = read_unit(root, &desired.unit.name)?;
    Ok(ObservedUnit { files, drop_in, recover })
}

/// Reads what systemd reads of a unit, or says why that can't be understood.
pub fn read_unit(root: &Root, name: &str) -> Result<Result<UnitFiles, UnitError>, FileError> {
    match read_files(root, name) {
        Ok(files) => Ok(Ok(files)),
        Err(ReadError::Unit(error)) => Ok(Err(error)),
        Err(ReadError::File(error)) => Err(error),
    }
}

fn read_files(root: &Root, name: &str) -> Result<UnitFiles, ReadError> {
    let found = read_all(root, candidates(root, name)?)?;
    let unit = Unit::new(name, found);
    let wanted = unit.unmasked().service(None)?.environment_files;
    let environment = read_all(root, wanted.into_iter().filter(|file| !file.pattern).map(|file| file.path))?;
    Ok(UnitFiles { unit, environment })
}

/// Every place where systemd would look.
fn candidates(root: &Root, name: &str) -> Result<Vec<PathBuf>, FileError> {
    // Most of them are on no host, and each would be asked for several names.
    let there: Vec<&Path> = SEARCH_FOLDERS.iter().map(Path::new).filter(|folder| !root.is_missing(folder)).collect();
    let mut paths: Vec<PathBuf> = there.iter().map(|folder| folder.join(name)).collect();
    let is_there = |folder: &PathBuf| folder.parent().is_some_and(|parent| there.contains(&parent));
    for folder in drop_in_folders(name).into_iter().filter(is_there) {
        let entries = root.list_anywhere(&folder)?.unwrap_or_default();
        let names = entries.into_iter().map(|entry| folder.join(entry.name));
        paths.extend(names.filter(|path| path.extension().is_some_and(|extension| extension == "conf")));
    }
    Ok(paths)
}

fn read_all(root: &Root, paths: impl IntoIterator<Item = PathBuf>) -> Result<Vec<UnitFile>, ReadError> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(read_one(root, &path)?);
    }
    Ok(found)
}

/// A link is followed once: to /dev/null it masks, and else the file is kept elsewhere.
fn read_one(root: &Root, path: &Path) -> Result<Option<UnitFile>, ReadError> {
    let mut entry = root.read_anywhere(path, FILE_LIMIT)?;
    if let Entry::NotAFile(FileKind::Symlink) = entry {
        let Some(target) = root.read_link(path)? else { return Ok(None) };
        if target == "/dev/null" {
            return Ok(Some(UnitFile { path: path.to_owned(), text: String::new() }));
        }
        entry = root.read_anywhere(&path.parent().unwrap_or(Path::new("/")).join(target), FILE_LIMIT)?;
    }
    match entry {
        Entry::File(contents) => Ok(Some(UnitFile::decode(path, &contents.bytes)?)),
        Entry::Missing | Entry::NotAFile(_) => Ok(None),
        Entry::Denied => Err(UnitError::Denied(path.to_owned()).into()),
    }
}

impl From<UnitError> for ReadError {
    fn from(error: UnitError) -> Self {
        Self::Unit(error)
    }
}

impl From<FileError> for ReadError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
