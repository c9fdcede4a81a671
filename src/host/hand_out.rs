//! Small sets of files in folders that a person named on the command line: all of them are put in place, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::{FileCause, FileError};
use super::file::{Entry, FileKind, Stamp};
use super::root::Root;
use super::step::Step;

/// Where a file is larger than this, it is another one than ours.
const LIMIT: usize = 1024 * 1024;

/// One file to put in place.
pub struct Handed<'a> {
    /// Its folder, which must exist.
    pub folder: &'a Path,
    /// Its name there.
    pub name: &'a OsStr,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Its permission bits.
    pub mode: u32,
}

impl<'a> Handed<'a> {
    /// At the path that a person named.
    pub fn at(path: &'a Path, bytes: &'a [u8], mode: u32) -> Result<Self, FileError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().ok_or_else(|| FileError::new(path, FileCause::NotAFile(FileKind::Folder)))?;
        Ok(Self { folder, name, bytes, mode })
    }

    fn path(&self) -> PathBuf {
        Path::new("/").join(self.name)
    }

    /// What stands in its place and would be lost: `None` where there is nothing, or where it is this file already.
    fn replaces(&self, root: &Root) -> Result<Replaced, FileError> {
        let path = self.path();
        if let Entry::File(contents) = root.read(&path, LIMIT)?
            && contents.bytes.as_slice() == self.bytes
            && contents.attributes.mode == self.mode
        {
            return Ok(Replaced::Same);
        }
        match root.look(&path)? {
            None => Ok(Replaced::Nothing),
            Some((FileKind::File, found)) => Ok(Replaced::File(found.stamp)),
            Some((kind, _)) => Err(root.refuse(&path, FileCause::NotAFile(kind))),
        }
    }
}

enum Replaced {
    /// It is right already.
    Same,
    Nothing,
    File(Stamp),
}

/// The files whose place is taken by another file. What stands there and is no file at all is an error.
pub fn would_replace(files: &[Handed]) -> Result<Vec<PathBuf>, FileError> {
    let mut taken = Vec::new();
    for file in files {
        match Root::at(file.folder.to_owned()) {
            Ok(root) if matches!(file.replaces(&root)?, Replaced::File(_)) => taken.push(file.folder.join(file.name)),
            Ok(_) => {}
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

/// Puts them in place. Other files that stand there are replaced; one that is right already stays as it is. A missing
/// folder is made where `new_folder` gives its permission bits, in a folder that is there.
pub fn hand_out(files: &[Handed], new_folder: Option<u32>) -> Result<(), FileError> {
    let mut made = Vec::new();
    let written = write(files, new_folder, &mut made);
    if written.is_err() {
        for (parent, step) in made.iter().rev() {
            parent.undo(step)?;
        }
    }
    written
}

fn write(files: &[Handed], new_folder: Option<u32>, made: &mut Vec<(Root, Step)>) -> Result<(), FileError> {
    let folders: BTreeSet<&Path> = files.iter().map(|file| file.folder).collect();
    let mut roots = BTreeMap::new();
    for folder in folders {
        let root = match (Root::at(folder.to_owned()), new_folder) {
            (Err(error), Some(bits)) if error.is_missing() => {
                make(folder, bits, made)?;
                Root::at(folder.to_owned())?
            }
            (opened, _) => opened?,
        };
        roots.insert(folder, root);
    }
    let mut taken = Vec::new();
    let written = replace(files, &roots, &mut taken);
    if written.is_err() {
        for (root, step) in taken.iter().rev() {
            root.undo(step)?;
        }
    }
    written
}

fn make(folder: &Path, bits: u32, made: &mut Vec<(Root, Step)>) -> Result<(), FileError> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = Path::new("/").join(folder.file_name().unwrap_or_default());
    for step in Root::at(parent.to_owned())?.make_folder(&name, bits)? {
        made.push((Root::at(parent.to_owned())?, step));
    }
    Ok(())
}

fn replace<'r>(
    files: &[Handed],
    roots: &'r BTreeMap<&Path, Root>,
    taken: &mut Vec<(&'r Root, Step)>,
) -> Result<(), FileError> {
    // All are looked at before anything is touched.
    let mut wrong = Vec::new();
    for file in files {
        let Some(root) = roots.get(file.folder) else { continue };
        match file.replaces(root)? {
            Replaced::Same => {}
            Replaced::Nothing => wrong.push((root, file, None)),
            Replaced::File(stamp) => wrong.push((root, file, Some(stamp))),
        }
    }
    for (root, file, before) in wrong {
        taken.push((root, root.stage(&file.path(), file.bytes, file.mode, before)?));
    }
    let here = [PathBuf::from("/")];
    for root in roots.values() {
        root.sync(&here)?;
    }
    for (root, step) in taken.iter() {
        root.take(step)?;
    }
    for root in roots.values() {
        root.sync(&here)?;
    }
    for (root, step) in taken.iter() {
        root.keep(step)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_file_appears_or_is_replaced_whole() -> Checked {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("plan");
        for text in ["one", "another"] {
            hand_out(&[Handed::at(&path, text.as_bytes(), 0o600)?], None)?;
            assert_eq!(fs::read_to_string(&path)?, text);
            assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o7777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        }
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn what_is_no_file_stays() -> Checked {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("target"), "kept")?;
        symlink("target", folder.path().join("link"))?;
        fs::create_dir(folder.path().join("folder"))?;
        for (name, what) in [("link", "symlink"), ("folder", "folder"), ("..", "folder"), ("none/plan", "No such")] {
            let path = folder.path().join(name);
            let handed = Handed::at(&path, b"new", 0o600).and_then(|file| hand_out(&[file], None));
            let error = handed.err().ok_or("written")?;
            assert!(error.to_string().contains(what), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("target"))?, "kept");
        assert_eq!(fs::read_dir(folder.path())?.count(), 3);
        Ok(())
    }
}
