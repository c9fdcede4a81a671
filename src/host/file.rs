//! Reading one file: what stands there, its bytes, and enough facts to see later whether it changed.
//!
//! Nothing that stands there can make the read hang or grow: only regular files are read, up to a limit.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::error::{FileCause, FileError};
use super::folder::saved_links;
use super::root::Root;
use super::trust::Obstacle;

/// What stands at a path.
#[derive(Debug)]
pub enum Entry {
    /// Nothing; a parent may be missing too.
    Missing,
    /// Something that this user may not read.
    Denied,
    /// Something that is never read.
    NotAFile(FileKind),
    /// A regular file.
    File(Contents),
}

/// A regular file as it was read.
pub struct Contents {
    /// Its bytes, wiped when dropped: they may be a key.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its facts, from the same open file.
    pub attributes: Attributes,
}

/// What is known of a file beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, `07777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links, without those that this program has made and that a killed run left.
    pub links: u64,
    /// For noticing a change.
    pub stamp: Stamp,
}

/// Which file this is, whatever its name.
#[derive(Clone, Copy, Debug, Default, Eq, Serialize, Deserialize)]
pub struct FileId {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl FileId {
    /// Equal to every device number; the kernel gives it to none.
    pub const ANY_DEVICE: u64 = 0;
}

impl PartialEq for FileId {
    fn eq(&self, other: &Self) -> bool {
        let same_device = self.device == other.device || [self.device, other.device].contains(&Self::ANY_DEVICE);
        same_device && self.inode == other.inode
    }
}

/// Equal stamps: the same file, not written or changed in mode or owner between the two looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which file.
    pub id: FileId,
    /// In bytes.
    pub size: i64,
    /// Last write: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// Last change of any attribute, link count included.
    pub changed: (i64, i64),
}

impl Attributes {
    /// Its last write.
    pub fn modified_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.stamp.modified.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A block or character device.
    Device,
}

/// Opens a file to read it: no FIFO is waited for, no terminal becomes ours.
const READ: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Root {
    /// Reads the regular file at `path`, at most `limit` bytes, by the trusted way to its folder. A symlink at the end is
    /// not followed.
    pub fn read(&self, path: &Path, limit: usize) -> Result<Entry, FileError> {
        match self.trusted_parent(path) {
            Ok((folder, name)) => self.read_in(&folder, name, path, limit),
            Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR)) => Ok(Entry::Missing),
            Err(Obstacle::System(Errno::EACCES)) => Ok(Entry::Denied),
            Err(obstacle) => Err(self.fail(path, "read", obstacle)),
        }
    }

    /// The same by the system's way, for what may stand in anybody's folder: a request, the files of other people's
    /// units.
    pub fn read_anywhere(&self, path: &Path, limit: usize) -> Result<Entry, FileError> {
        // Some devices do something when they are opened: they are only looked at.
        let opened = match self.open(path, OFlag::O_PATH).and_then(|fd| Ok(FileKind::of(&fstat(&fd)?))) {
            Ok(FileKind::File) => self.open(path, READ),
            Ok(kind) => return Ok(Entry::NotAFile(kind)),
            Err(errno) => Err(errno),
        };
        self.read_opened(opened, path, limit)
    }

    /// Reads a name of a trusted folder.
    pub(super) fn read_in(
        &self,
        folder: &OwnedFd,
        name: &OsStr,
        path: &Path,
        limit: usize,
    ) -> Result<Entry, FileError> {
        let opened = match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|found| FileKind::of(&found)) {
            Ok(FileKind::File) => openat(folder, name, READ, Mode::empty()),
            Ok(kind) => return Ok(Entry::NotAFile(kind)),
            Err(errno) => Err(errno),
        };
        let mut entry = self.read_opened(opened, path, limit)?;
        if let Entry::File(contents) = &mut entry
            && contents.attributes.links > 1
        {
            let left = saved_links(folder, name, contents.attributes.stamp.id);
            contents.attributes.links -= left.map_err(|errno| self.fail(path, "read", errno))?;
        }
        Ok(entry)
    }

    fn read_opened(&self, opened: nix::Result<OwnedFd>, path: &Path, limit: usize) -> Result<Entry, FileError> {
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Entry::Missing),
            Err(Errno::EACCES) => return Ok(Entry::Denied),
            Err(errno) => return Err(self.fail(path, "read", errno)),
        };
        let stat = fstat(&fd).map_err(|errno| self.fail(path, "read", errno))?;
        match FileKind::of(&stat) {
            FileKind::File => {}
            kind => return Ok(Entry::NotAFile(kind)),
        }
        if usize::try_from(stat.st_size).is_ok_and(|size| size > limit) {
            return Err(self.refuse(path, FileCause::TooLarge { limit }));
        }
        match read_all(fd, usize::try_from(stat.st_size).unwrap_or(0), limit) {
            Ok(Some(bytes)) => Ok(Entry::File(Contents { bytes, attributes: Attributes::of(&stat) })),
            Ok(None) => Err(self.refuse(path, FileCause::TooLarge { limit })),
            Err(error) => {
                let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
                Err(self.fail(path, "read", errno))
            }
        }
    }

    /// The kind and facts of what stands at `path` itself, without opening it, by the trusted way to its folder.
    pub fn look(&self, path: &Path) -> Result<Option<(FileKind, Attributes)>, FileError> {
        let looked = self.trusted_parent(path).and_then(|(folder, name)| Ok(look_in(&folder, name)?));
        match looked {
            Ok(found) => Ok(found),
            Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
            Err(obstacle) => Err(self.fail(path, "read", obstacle)),
        }
    }

    /// Where the symlink at `path` points, by the system's way; `None` where no symlink stands there.
    pub fn read_link(&self, path: &Path) -> Result<Option<OsString>, FileError> {
        // Of the very link that was opened (readlinkat(2), the empty path).
        match self.open(path, OFlag::O_PATH).and_then(|link| readlinkat(link, "")) {
            Ok(target) => Ok(Some(target)),
            // ENOENT is given for the empty path of something else than a symlink too.
            Err(Errno::EINVAL | Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(self.fail(path, "read", errno)),
        }
    }
}

/// Reads to the end; `None` where that is beyond `limit`. No copy of the bytes stays behind unwiped.
fn read_all(fd: OwnedFd, size: usize, limit: usize) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut file = File::from(fd);
    // Room for one byte more: a read that leaves it empty has met the end. Files under /proc say that their size is 0.
    let mut bytes = Zeroizing::new(vec![0; if size == 0 { 4096 } else { size + 1 }]);
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled > limit {
            return Ok(None);
        }
        if filled == size {
            break;
        }
        if filled == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; filled * 2]);
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// The name in an open folder; `None` where there is none.
pub(super) fn look_in(folder: &OwnedFd, name: &OsStr) -> nix::Result<Option<(FileKind, Attributes)>> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some((FileKind::of(&stat), Attributes::of(&stat)))),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl Attributes {
    pub(super) fn of(stat: &FileStat) -> Self {
        Self {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            links: stat.st_nlink,
            stamp: Stamp {
                id: FileId { device: stat.st_dev, inode: stat.st_ino },
                size: stat.st_size,
                modified: (stat.st_mtime, stat.st_mtime_nsec),
                changed: (stat.st_ctime, stat.st_ctime_nsec),
            },
        }
    }
}

impl FileKind {
    pub(super) fn of(stat: &FileStat) -> Self {
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Self::File,
            SFlag::S_IFDIR => Self::Folder,
            SFlag::S_IFLNK => Self::Symlink,
            SFlag::S_IFIFO => Self::Fifo,
            SFlag::S_IFSOCK => Self::Socket,
            _ => Self::Device,
        }
    }
}

/// With its article, for sentences.
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Symlink => "a symlink",
            Self::Fifo => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

/// The bytes may be a key.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("bytes", &self.bytes.len()).field("attributes", &self.attributes).finish()
    }
}

#[cfg(test)]
mod tests;
