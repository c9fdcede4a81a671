//! Files that the caller has written where the command line says: on this machine, never on another root.

use std::path::{Path, PathBuf};

use super::error::{FileCause, FileError};
use super::file::FileKind;
use super::root::Root;

/// The whole file appears, with this mode and on the disk, or nothing does. What stands there is replaced if it is a
/// regular file: a symlink is not followed, and no device is replaced.
pub fn write_output(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    // The caller chose the folder, and all that is known of it is that it is there.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = Root::at(folder.to_owned())?;
    let name = path.file_name().map(|name| Path::new("/").join(name));
    let name = name.ok_or_else(|| FileError::new(path, FileCause::NotAFile(FileKind::Folder)))?;
    let before = match root.look(&name)? {
        None => None,
        Some((FileKind::File, found)) => Some(found.stamp),
        Some((kind, _)) => return Err(root.refuse(&name, FileCause::NotAFile(kind))),
    };
    let here = [PathBuf::from("/")];
    let step = root.stage(&name, bytes, mode, before)?;
    if let Err(error) = root.sync(&here).and_then(|()| root.take(&step)) {
        root.undo(&step)?;
        return Err(error);
    }
    root.sync(&here)?;
    root.keep(&step)
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
            write_output(&path, text.as_bytes(), 0o600)?;
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
            let error = write_output(&folder.path().join(name), b"new", 0o600).err().ok_or("written")?;
            assert!(error.to_string().contains(what), "{name}: {error}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("target"))?, "kept");
        assert_eq!(fs::read_dir(folder.path())?.count(), 3);
        Ok(())
    }
}
