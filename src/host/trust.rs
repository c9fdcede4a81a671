//! The trusted way to a folder: from the root's open folder, one name at a time, each looked at through its own open
//! handle. A path enters, an open folder leaves that nobody else can change; or who could, and where.
//!
//! Whoever can write in one folder of the way can put another folder, or a symlink to one, in the place of the next: then
//! root would write, or read a key, where somebody else says. Because all that follows is done on the handle that was
//! judged, nothing that is renamed or linked meanwhile plays a part.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::getegid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::{Attributes, FileId, FileKind};
use super::process::effective_user;
use super::root::Root;

/// What stands on the way to a folder that somebody else could change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distrust {
    /// Where; with another root it includes that root.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a folder is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It belongs to this user, who is neither root nor the one who works here.
    Owner(u32),
    /// Everyone may write in it; its mode, `07777`.
    Everyone(u32),
    /// This group may write in it.
    Group(u32),
    /// An access control list may let others write in it.
    AccessList,
    /// Everyone may make names in it, though not remove those of others (`/tmp`).
    Shared,
    /// A symlink that this user has made.
    LinkOwner(u32),
    /// A symlink in a folder like `/tmp`.
    LinkShared,
    /// A symlink to what is not there.
    LinkDangling,
    /// Symlinks that lead to each other.
    LinkLoop,
    /// No folder at all.
    NotAFolder(FileKind),
}

/// Why a folder can't be had.
#[derive(Debug)]
pub(super) enum Obstacle {
    System(Errno),
    Distrusted(Distrust),
}

/// A folder that nobody else can change.
#[derive(Debug)]
pub(super) struct Trusted {
    pub fd: OwnedFd,
    pub id: FileId,
}

/// As many as Linux follows (`path_resolution(7)`).
const MOST_LINKS: usize = 40;
const STEP: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Walks from the root to a folder. `below` is relative to the root.
pub(super) fn walk(root: &Root, below: &Path) -> Result<Trusted, Obstacle> {
    let at_root = Attributes::of(&fstat(root.as_fd())?);
    let shared = judge(root.as_fd(), &at_root).map_err(|why| root.distrust(Path::new("/"), why))?;
    let mut walk = Walk { root, root_is_shared: shared, stood: Vec::new(), ahead: Vec::new(), links: 0 };
    walk.go_on_by(below);
    while let Some(name) = walk.ahead.pop() {
        if name == ".." {
            // Above the root is the root.
            walk.stood.pop();
        } else {
            walk.step(&name)?;
        }
    }
    if walk.is_shared() {
        return Err(root.distrust(walk.path(), Why::Shared));
    }
    match walk.stood.pop() {
        Some(stood) => Ok(stood.folder),
        None => Ok(Trusted { fd: openat(root.as_fd(), ".", STEP, Mode::empty())?, id: at_root.stamp.id }),
    }
}

/// Opens a folder that stands in a trusted one and is no symlink.
pub(super) fn step_into(root: &Root, folder: impl AsFd, name: &OsStr, path: &Path) -> Result<Trusted, Obstacle> {
    let (folder, shared) = open_judged(root, folder.as_fd(), name, path)?;
    if shared { Err(root.distrust(path, Why::Shared)) } else { Ok(folder) }
}

/// A folder that was just made in a trusted one: what it has inherited may still let others in.
pub(super) fn take_made(root: &Root, fd: OwnedFd, found: &Attributes, path: &Path) -> Result<Trusted, Obstacle> {
    match judge(fd.as_fd(), found) {
        Ok(false) => Ok(Trusted { fd, id: found.stamp.id }),
        Ok(true) => Err(root.distrust(path, Why::Shared)),
        Err(why) => Err(root.distrust(path, why)),
    }
}

/// Folders that were opened on the way, the names still to come (the last one first), and how many links it took.
struct Walk<'r> {
    root: &'r Root,
    root_is_shared: bool,
    stood: Vec<Stood>,
    ahead: Vec<OsString>,
    links: usize,
}

struct Stood {
    folder: Trusted,
    path: PathBuf,
    shared: bool,
}

impl Walk<'_> {
    fn fd(&self) -> BorrowedFd<'_> {
        self.stood.last().map_or_else(|| self.root.as_fd(), |stood| stood.folder.fd.as_fd())
    }

    fn path(&self) -> &Path {
        self.stood.last().map_or(Path::new("/"), |stood| &stood.path)
    }

    fn is_shared(&self) -> bool {
        self.stood.last().map_or(self.root_is_shared, |stood| stood.shared)
    }

    fn go_on_by(&mut self, path: &Path) {
        let names = path.components().rev().filter_map(|part| match part {
            Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
            _ => None,
        });
        self.ahead.extend(names);
    }

    fn step(&mut self, name: &OsStr) -> Result<(), Obstacle> {
        let path = self.path().join(name);
        match open_judged(self.root, self.fd(), name, &path) {
            Ok((folder, shared)) => {
                self.stood.push(Stood { folder, path, shared });
                Ok(())
            }
            Err(Obstacle::System(Errno::ENOTDIR)) => self.follow(name, &path),
            // Whoever comes first makes it.
            Err(Obstacle::System(Errno::ENOENT)) if self.is_shared() => {
                Err(self.root.distrust(self.path(), Why::Shared))
            }
            Err(obstacle) => Err(obstacle),
        }
    }

    /// Follows a symlink of root or of the effective user: administrators move folders to larger disks so.
    fn follow(&mut self, name: &OsStr, path: &Path) -> Result<(), Obstacle> {
        let link = openat(self.fd(), name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())?;
        let found = fstat(&link)?;
        if FileKind::of(&found) != FileKind::Symlink {
            return Err(Errno::ENOTDIR.into());
        }
        if !is_ours(found.st_uid) {
            return Err(self.root.distrust(path, Why::LinkOwner(found.st_uid)));
        }
        // There it may be a hard link that somebody else has made of a link of root's (proc_sys_fs(5), protected_hardlinks).
        if self.is_shared() {
            return Err(self.root.distrust(path, Why::LinkShared));
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::ELOOP.into());
        }
        // Of that very link, whatever has taken its name since (readlinkat(2), the empty path).
        let target = PathBuf::from(readlinkat(&link, "")?);
        if target.is_absolute() {
            self.stood.clear();
        }
        self.go_on_by(&target);
        Ok(())
    }
}

/// Opens what must be a folder and judges what was opened; whether it is shared as `/tmp` is comes with it.
fn open_judged(root: &Root, folder: BorrowedFd, name: &OsStr, path: &Path) -> Result<(Trusted, bool), Obstacle> {
    let fd = openat(folder, name, STEP, Mode::empty())?;
    let found = Attributes::of(&fstat(&fd)?);
    let shared = judge(fd.as_fd(), &found).map_err(|why| root.distrust(path, why))?;
    Ok((Trusted { fd, id: found.stamp.id }, shared))
}

/// Whether somebody else may change what is in this folder; if only by new names, it is shared.
fn judge(folder: BorrowedFd, found: &Attributes) -> Result<bool, Why> {
    if !is_ours(found.uid) {
        return Err(Why::Owner(found.uid));
    }
    if found.mode & 0o020 != 0 {
        // Distributions give each user a group of its own, and a umask that trusts it.
        if found.gid != 0 && found.gid != getegid().as_raw() {
            return Err(Why::Group(found.gid));
        }
        // With a list, these bits are the most that anyone on it has (acl(5)).
        if has_access_list(folder) {
            return Err(Why::AccessList);
        }
    }
    match found.mode & 0o1002 {
        0o0002 => Err(Why::Everyone(found.mode)),
        0o1002 => Ok(true),
        _ => Ok(false),
    }
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == effective_user()
}

/// Whether there is one, or it can't be told.
fn has_access_list(folder: BorrowedFd) -> bool {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(fd) = openat(folder, ".", flags, Mode::empty()) else { return true };
    let mut none: [u8; 0] = [];
    let size = rustix::fs::fgetxattr(&fd, "system.posix_acl_access", &mut none);
    !matches!(size, Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP))
}

impl Root {
    fn distrust(&self, path: &Path, why: Why) -> Obstacle {
        Obstacle::Distrusted(Distrust { path: self.place(path), why })
    }

    /// Why there is no such folder: nothing stands there, which is no reason for distrust, or something else does.
    pub(super) fn explain(&self, folder: &Path) -> Result<Option<Distrust>, Obstacle> {
        let ways: Vec<&Path> = folder.ancestors().collect();
        for way in ways.into_iter().rev() {
            let why = match self.trusted(way) {
                Ok(_) => continue,
                Err(Obstacle::System(Errno::ENOENT)) if self.kind(way)? == Some(FileKind::Symlink) => Why::LinkDangling,
                Err(Obstacle::System(Errno::ENOENT)) => return Ok(None),
                Err(Obstacle::System(Errno::ELOOP)) => Why::LinkLoop,
                Err(Obstacle::System(Errno::ENOTDIR)) => match self.kind(way)? {
                    Some(kind) => Why::NotAFolder(kind),
                    None => return Ok(None),
                },
                Err(Obstacle::Distrusted(distrust)) => return Ok(Some(distrust)),
                Err(obstacle) => return Err(obstacle),
            };
            return Ok(Some(Distrust { path: self.place(way), why }));
        }
        Ok(None)
    }

    fn kind(&self, path: &Path) -> Result<Option<FileKind>, Obstacle> {
        let (folder, name) = self.trusted_parent(path)?;
        Ok(super::file::look_in(&folder, name)?.map(|(kind, _)| kind))
    }
}

impl From<Errno> for Obstacle {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// As the end of a sentence about what stands there.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "belongs to user {uid}, who could put anything there"),
            Self::Everyone(mode) => write!(f, "may be written by everyone (mode {mode:04o})"),
            Self::Group(gid) => write!(f, "may be written by group {gid}"),
            Self::AccessList => f.write_str("has an access control list that lets others write"),
            Self::Shared => f.write_str("is a folder where everyone may make files"),
            Self::LinkOwner(uid) => write!(f, "is a symlink that user {uid} has made"),
            Self::LinkShared => f.write_str("is a symlink in a folder where everyone may make files"),
            Self::LinkDangling => f.write_str("is a symlink to what is not there"),
            Self::LinkLoop => f.write_str("is a symlink that leads in a circle"),
            Self::NotAFolder(kind) => write!(f, "is {kind}, not a folder"),
        }
    }
}

#[cfg(test)]
mod tests;
