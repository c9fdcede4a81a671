//! Reads docker.service's files: the fragment, every drop-in, the environment files that they name, and our own drop-in.

use std::path::{Path, PathBuf};

use super::{SEARCH_FOLDERS, Unit, UnitError, UnitFile, drop_in_folders};
use crate::desired::Desired;
use crate::host::{Entry, FileError, FileKind, Root};
use crate::observed::facts::{Facts, Recorder};
use crate::observed::place::{FILE_LIMIT, Places, Source, see};
use crate::observed::{ObserveError, Seen};

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
pub fn read(source: &Source, desired: &Desired, places: &mut Places) -> Result<ObservedUnit, ObserveError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "is not UTF-8".to_owned());
    let (drop_in, recover) = (desired.layout.drop_in(), desired.layout.recover_unit());
    let drop_in = see(&places.enter_folder_of(&drop_in)?, drop_in, text)?;
    let recover = see(&places.enter_folder_of(&recover)?, recover, text)?;
    let files = match source {
        Source::Host(root) => read_unit(root, &desired.unit.name)?,
        Source::Recorded(root, recorder) => apart(read_files(root, &desired.unit.name, Some(recorder)))?,
        Source::Facts(facts) => told(facts, &desired.unit.name)?,
    };
    Ok(ObservedUnit { files, drop_in, recover })
}

/// Reads what systemd reads of a unit, or says why that can't be understood.
pub fn read_unit(root: &Root, name: &str) -> Result<Result<UnitFiles, UnitError>, FileError> {
    apart(read_files(root, name, None))
}

fn apart(read: Result<UnitFiles, ReadError>) -> Result<Result<UnitFiles, UnitError>, FileError> {
    match read {
        Ok(files) => Ok(Ok(files)),
        Err(ReadError::Unit(error)) => Ok(Err(error)),
        Err(ReadError::File(error)) => Err(error),
    }
}

fn read_files(root: &Root, name: &str, recorder: Option<&Recorder>) -> Result<UnitFiles, ReadError> {
    let read = |path: &Path, is_environment| {
        let outcome = match read_one(root, path) {
            Ok(found) => Ok(found),
            Err(ReadError::Unit(error)) => Err(error),
            Err(error) => return Err(error),
        };
        if let Some(recorder) = recorder {
            recorder.unit_file(path, &outcome, is_environment);
        }
        Ok(outcome?)
    };
    let found = candidates(root, name)?;
    let found = found.iter().filter_map(|path| read(path, false).transpose()).collect::<Result<_, ReadError>>()?;
    let unit = Unit::new(name, found);
    let environment = environment_files(&unit)?;
    let environment = environment.iter().filter_map(|path| read(path, true).transpose());
    let environment = environment.collect::<Result<_, ReadError>>()?;
    Ok(UnitFiles { unit, environment })
}

/// The same from facts.
fn told(facts: &Facts, name: &str) -> Result<Result<UnitFiles, UnitError>, ObserveError> {
    let found: Result<Vec<UnitFile>, UnitError> = facts.unit_files(name)?.collect();
    Ok(found.and_then(|found| {
        let unit = Unit::new(name, found);
        let environment = environment_files(&unit)?;
        let environment =
            environment.iter().filter_map(|path| facts.environment_file(path)).collect::<Result<_, _>>()?;
        Ok(UnitFiles { unit, environment })
    }))
}

/// Those that the unit names.
fn environment_files(unit: &Unit) -> Result<Vec<PathBuf>, UnitError> {
    let wanted = unit.unmasked().service(None)?.environment_files;
    Ok(wanted.into_iter().filter(|file| !file.pattern).map(|file| file.path).collect())
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
