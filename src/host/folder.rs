//! Folders: what they hold, and bringing what was written in them to the disk.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::fstat;
use nix::unistd::syncfs;

use super::error::{FileCause, FileError};
use super::file::{FileKind, look_in};
use super::root::Root;

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name, any bytes.
    pub name: OsString,
    /// What it names; a symlink is not followed.
    pub kind: FileKind,
}

/// Ten times what the largest fleet of clients needs.
const MOST_ENTRIES: usize = 100_000;

impl Listed {
    /// Its name, where it is a folder and the name is text.
    pub fn folder_name(&self) -> Option<&str> {
        self.name.to_str().filter(|_| self.kind == FileKind::Folder)
    }
}

impl Root {
    /// The names in a folder in byte order; `None` where the folder is missing. A symlink to a folder is followed.
    pub fn list(&self, path: &Path) -> Result<Option<Vec<Listed>>, FileError> {
        let fd = match self.folder(path, OFlag::O_RDONLY) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR) => {
                return match self.look(path)? {
                    Some((kind, _)) => Err(self.refuse(path, FileCause::NotAFolder(kind))),
                    None => Ok(None),
                };
            }
            Err(errno) => return Err(self.fail(path, "list", errno)),
        };
        let fail = |errno| self.fail(path, "list", errno);
        let again = fd.try_clone().map_err(|_| fail(Errno::EMFILE))?;
        let mut listed = Vec::new();
        for entry in Dir::from_fd(fd).map_err(fail)?.iter() {
            let entry = entry.map_err(fail)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if listed.len() == MOST_ENTRIES {
                return Err(self.refuse(path, FileCause::TooMany { limit: MOST_ENTRIES }));
            }
            let kind = match entry.file_type() {
                Some(Type::File) => FileKind::File,
                Some(Type::Directory) => FileKind::Folder,
                Some(Type::Symlink) => FileKind::Symlink,
                Some(Type::Fifo) => FileKind::Fifo,
                Some(Type::Socket) => FileKind::Socket,
                Some(Type::BlockDevice | Type::CharacterDevice) => FileKind::Device,
                // Some file systems don't say it here.
                None => match look_in(&again, name).map_err(fail)? {
                    Some((kind, _)) => kind,
                    None => continue,
                },
            };
            listed.push(Listed { name: name.to_owned(), kind });
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(listed))
    }

    /// Brings everything written to the file systems of these folders to the disk: one syncfs(2) for each, whatever the
    /// number of files. Since Linux 5.8 it also reports earlier write errors.
    pub fn sync(&self, folders: &[PathBuf]) -> Result<(), FileError> {
        let mut synced = BTreeSet::new();
        for path in folders {
            let fail = |errno| self.fail(path, "sync", errno);
            let fd = self.folder(path, OFlag::O_RDONLY).map_err(fail)?;
            if synced.insert(fstat(&fd).map_err(fail)?.st_dev) {
                syncfs(&fd).map_err(fail)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn lists_in_order_without_following() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        fs::create_dir_all(folder.path().join("d/sub"))?;
        fs::write(folder.path().join("d/b.conf"), "")?;
        fs::write(folder.path().join("d/B.conf"), "")?;
        fs::write(folder.path().join("d").join(OsStr::from_bytes(b"\xff")), "")?;
        symlink("/dev/null", folder.path().join("d/a.conf"))?;
        let named: Vec<_> = root
            .list(Path::new("/d"))?
            .ok_or("missing")?
            .into_iter()
            .map(|l| (l.name.to_string_lossy().into_owned(), l.kind))
            .collect();
        let expected = [
            ("B.conf", FileKind::File),
            ("a.conf", FileKind::Symlink),
            ("b.conf", FileKind::File),
            ("sub", FileKind::Folder),
            ("\u{fffd}", FileKind::File),
        ];
        assert_eq!(named, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert_eq!(root.list(Path::new("/none/none"))?, None);
        assert_eq!(root.list(Path::new("/d/b.conf/none"))?, None);
        let error = root.list(Path::new("/d/b.conf")).err().ok_or("listed")?;
        assert!(matches!(error.cause, FileCause::NotAFolder(FileKind::File)), "{error}");
        Ok(())
    }

    #[test]
    fn syncs_folders_on_several_file_systems() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        fs::create_dir(folder.path().join("a"))?;
        root.sync(&[PathBuf::from("/"), PathBuf::from("/a")])?;
        assert!(root.sync(&[PathBuf::from("/none")]).is_err());
        Root::live()?.sync(&[PathBuf::from("/dev/shm")])?;
        Ok(())
    }
}
