//! Folders: trusted ones held open, what they hold, and bringing what was written in them to the disk.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::syncfs;

use super::error::{FileCause, FileError};
use super::file::{Entry, FileId, FileKind, look_in};
use super::root::Root;
use super::spot::OLD;
use super::trust::{Distrust, Obstacle, step_into};

/// What the trusted way to a folder leads to.
#[derive(Debug)]
pub enum Place<'r> {
    /// The folder.
    Open(Folder<'r>),
    /// Nothing; a parent may be missing too.
    Missing,
    /// A folder on the way that this user may not enter.
    Denied,
    /// What somebody else could change. Nothing behind it is read.
    Distrusted(Distrust),
}

impl Place<'_> {
    /// A folder in it.
    pub fn enter(&self, name: &str) -> Result<Self, FileError> {
        match self {
            Self::Open(folder) => folder.enter(name),
            Self::Missing => Ok(Self::Missing),
            Self::Denied => Ok(Self::Denied),
            Self::Distrusted(distrust) => Ok(Self::Distrusted(distrust.clone())),
        }
    }
}

/// An open folder that nobody else can change.
#[derive(Debug)]
pub struct Folder<'r> {
    root: &'r Root,
    path: PathBuf,
    fd: Arc<OwnedFd>,
}

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

impl Folder<'_> {
    /// Reads a file in it; see [`Root::read`].
    pub fn read(&self, name: &OsStr, limit: usize) -> Result<Entry, FileError> {
        self.root.read_in(&self.fd, name, &self.path.join(name), limit)
    }

    /// The names in it, in byte order.
    pub fn list(&self) -> Result<Vec<Listed>, FileError> {
        let fd = openat(&self.fd, ".", LIST, Mode::empty());
        fd.map_err(|errno| self.root.fail(&self.path, "list", errno)).and_then(|fd| self.root.list_open(fd, &self.path))
    }
}

impl<'r> Folder<'r> {
    fn enter(&self, name: &str) -> Result<Place<'r>, FileError> {
        let path = self.path.join(name);
        let place = match step_into(self.root, &self.fd, OsStr::new(name), &path) {
            Ok(found) => Place::Open(Folder { root: self.root, path, fd: Arc::new(found.fd) }),
            Err(Obstacle::System(Errno::ENOENT)) => Place::Missing,
            // A symlink, or no folder at all.
            Err(Obstacle::System(Errno::ENOTDIR)) => return self.root.enter(&path),
            Err(Obstacle::System(Errno::EACCES)) => Place::Denied,
            Err(Obstacle::Distrusted(distrust)) => Place::Distrusted(distrust),
            Err(obstacle) => return Err(self.root.fail(&path, "open", obstacle)),
        };
        Ok(place)
    }
}

/// Opens a folder to list it.
const LIST: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Root {
    /// Goes to a folder by the trusted way.
    pub fn enter(&self, path: &Path) -> Result<Place<'_>, FileError> {
        let explained = match self.trusted(path) {
            Ok(fd) => return Ok(Place::Open(Folder { root: self, path: path.to_owned(), fd })),
            Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => self.explain(path),
            Err(Obstacle::Distrusted(distrust)) => Ok(Some(distrust)),
            Err(obstacle) => Err(obstacle),
        };
        match explained {
            Ok(None) => Ok(Place::Missing),
            Ok(Some(distrust)) => Ok(Place::Distrusted(distrust)),
            Err(Obstacle::System(Errno::EACCES)) => Ok(Place::Denied),
            Err(obstacle) => Err(self.fail(path, "open", obstacle)),
        }
    }

    /// Whether nothing is there, by the system's way; what can't be looked at is told by whoever reads it.
    pub fn is_missing(&self, folder: &Path) -> bool {
        matches!(self.folder(folder, OFlag::O_PATH), Err(Errno::ENOENT))
    }

    /// The names in a folder in byte order, by the system's way; `None` where the folder is missing. A symlink to a folder
    /// is followed.
    pub fn list_anywhere(&self, path: &Path) -> Result<Option<Vec<Listed>>, FileError> {
        let fd = match self.folder(path, OFlag::O_RDONLY) {
            Ok(fd) => fd,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ENOTDIR) => {
                let found = self.open(path, OFlag::O_PATH).and_then(|fd| fstat(&fd));
                return match found.map(|found| FileKind::of(&found)) {
                    Ok(kind) => Err(self.refuse(path, FileCause::NotAFolder(kind))),
                    Err(_) => Ok(None),
                };
            }
            Err(errno) => return Err(self.fail(path, "list", errno)),
        };
        self.list_open(fd, path).map(Some)
    }

    fn list_open(&self, fd: OwnedFd, path: &Path) -> Result<Vec<Listed>, FileError> {
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
        Ok(listed)
    }

    /// Brings everything written to the file systems of these folders to the disk: one syncfs(2) for each, whatever the
    /// number of files. Since Linux 5.8 it also reports earlier write errors.
    pub fn sync(&self, folders: &[PathBuf]) -> Result<(), FileError> {
        self.sync_others(folders, BTreeSet::new())
    }

    /// The same, but for the file system of `apart`.
    pub fn sync_apart_from(&self, folders: &[PathBuf], apart: &Path) -> Result<(), FileError> {
        let (_, device) = self.open_to_sync(apart)?;
        self.sync_others(folders, BTreeSet::from([device]))
    }

    fn sync_others(&self, folders: &[PathBuf], mut synced: BTreeSet<u64>) -> Result<(), FileError> {
        for path in folders {
            let (fd, device) = self.open_to_sync(path)?;
            if synced.insert(device) {
                syncfs(&fd).map_err(|errno| self.fail(path, "sync", errno))?;
            }
        }
        Ok(())
    }

    fn open_to_sync(&self, path: &Path) -> Result<(OwnedFd, u64), FileError> {
        let opened = self.folder(path, OFlag::O_RDONLY).and_then(|fd| {
            let device = fstat(&fd)?.st_dev;
            Ok((fd, device))
        });
        opened.map_err(|errno| self.fail(path, "sync", errno))
    }
}

/// How many of a file's hard links are names that a transaction gave it to save it.
pub(super) fn saved_links(folder: &OwnedFd, name: &OsStr, file: FileId) -> nix::Result<u64> {
    let mut ending = name.as_bytes().to_vec();
    ending.extend_from_slice(OLD.as_bytes());
    let mut count = 0;
    for entry in Dir::from_fd(openat(folder, ".", LIST, Mode::empty())?)?.iter() {
        let entry = entry?;
        let beside = entry.file_name().to_bytes();
        if beside.starts_with(b".") && beside.ends_with(&ending) {
            let found = look_in(folder, OsStr::from_bytes(beside))?;
            count += u64::from(found.is_some_and(|(_, found)| found.stamp.id == file));
        }
    }
    Ok(count)
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
            .list_anywhere(Path::new("/d"))?
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
        assert_eq!(root.list_anywhere(Path::new("/none/none"))?, None);
        assert_eq!(root.list_anywhere(Path::new("/d/b.conf/none"))?, None);
        let error = root.list_anywhere(Path::new("/d/b.conf")).err().ok_or("listed")?;
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
