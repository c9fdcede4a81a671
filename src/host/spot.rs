//! One target and the two names beside it, in their open trusted folder: what is done there plays with these names alone.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::error::{FileCause, FileError};
use super::file::{Attributes, FileId, FileKind, Stamp, look_in};
use super::process::effective_user;
use super::root::Root;
use super::trust::Obstacle;

/// Endings of the names beside a target.
pub(super) const NEW: &str = ".dockseal-new";
pub(super) const OLD: &str = ".dockseal-old";

impl Root {
    pub(super) fn changed(&self, path: &Path) -> FileError {
        self.refuse(path, FileCause::ChangedMeanwhile)
    }

    pub(super) fn spot<'r>(&'r self, path: &'r Path) -> Result<Spot<'r>, FileError> {
        let found = self.trusted_parent(path);
        let (folder, name) = found.map_err(|obstacle| self.fail(path, "open the folder", obstacle))?;
        Ok(self.spot_in(folder, path, name))
    }

    /// The same, where the last one may stand in the same folder.
    pub(super) fn spot_after<'r>(&'r self, last: Option<Spot<'_>>, path: &'r Path) -> Result<Spot<'r>, FileError> {
        match (last, path.file_name()) {
            (Some(last), Some(name)) if last.path.parent() == path.parent() => {
                Ok(self.spot_in(last.folder, path, name))
            }
            _ => self.spot(path),
        }
    }

    fn spot_in<'r>(&'r self, folder: Arc<OwnedFd>, path: &'r Path, name: &'r OsStr) -> Spot<'r> {
        let (new, old) = (self.beside(name, NEW), self.beside(name, OLD));
        Spot { root: self, path, folder, name, new, old }
    }

    pub(super) fn spot_if_there<'r>(&'r self, path: &'r Path) -> Result<Option<Spot<'r>>, FileError> {
        match self.trusted_parent(path) {
            Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
            _ => self.spot(path).map(Some),
        }
    }
}

/// A target with the two names beside it, in their open trusted folder: one swapped for another meanwhile plays no part.
pub(super) struct Spot<'r> {
    root: &'r Root,
    path: &'r Path,
    pub(super) folder: Arc<OwnedFd>,
    pub(super) name: &'r OsStr,
    pub(super) new: OsString,
    pub(super) old: OsString,
}

impl Spot<'_> {
    pub(super) fn fail(&self, action: &'static str, errno: Errno) -> FileError {
        self.root.fail(self.path, action, errno)
    }

    /// An error about a name beside the target.
    pub(super) fn in_the_way(&self, name: &OsStr, kind: FileKind) -> FileError {
        self.root.refuse(&self.path.with_file_name(name), FileCause::InTheWay(kind))
    }

    pub(super) fn look(&self, name: &OsStr) -> Result<Option<(FileKind, Attributes)>, FileError> {
        look_in(&self.folder, name).map_err(|errno| self.fail("read", errno))
    }

    /// Changes the mode of that file.
    pub(super) fn change_mode(&self, file: FileId, from: u32, to: u32) -> Result<(), FileError> {
        let fail = |errno| self.fail("change the mode", errno);
        let expect = |now: Attributes| now.stamp.id == file && now.mode == from;
        // Looked at first: what else may stand there by now is not opened.
        if !self.look(self.name)?.is_some_and(|(_, now)| expect(now)) {
            return Err(self.root.changed(self.path));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&self.folder, self.name, flags, Mode::empty()).map_err(fail)?;
        if !expect(Attributes::of(&fstat(&fd).map_err(fail)?)) {
            return Err(self.root.changed(self.path));
        }
        fchmod(&fd, Mode::from_bits_truncate(to)).map_err(fail)
    }

    fn id(&self, name: &OsStr) -> Result<Option<FileId>, FileError> {
        Ok(self.look(name)?.map(|(_, found)| found.stamp.id))
    }

    pub(super) fn expect(&self, before: Stamp) -> Result<(), FileError> {
        match self.look(self.name)? {
            Some((FileKind::File, now)) if now.stamp == before => Ok(()),
            _ => Err(self.root.changed(self.path)),
        }
    }

    pub(super) fn expect_staged(&self, staged: FileId) -> Result<(), FileError> {
        if self.id(&self.new)? == Some(staged) {
            return Ok(());
        }
        Err(self.root.changed(&self.path.with_file_name(&self.new)))
    }

    /// A second name for the target's inode: whatever happens next, its content, mode, owner and times live on.
    pub(super) fn save(&self, before: FileId) -> Result<(), FileError> {
        match linkat(&self.folder, self.name, &self.folder, &*self.old, AtFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(self.fail("save the old file", errno)),
        }
        match self.look(&self.old)? {
            Some((_, saved)) if saved.stamp.id == before => Ok(()),
            Some((kind, _)) => Err(self.in_the_way(&self.old, kind)),
            None => Err(self.root.changed(self.path)),
        }
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr, action: &'static str) -> Result<(), FileError> {
        renameat(&self.folder, from, &self.folder, to).map_err(|errno| self.fail(action, errno))
    }

    /// Renames where nothing stands; what appeared there meanwhile is not clobbered.
    pub(super) fn move_to_free(&self, from: &OsStr, to: &OsStr, action: &'static str) -> Result<(), FileError> {
        let moved = renameat2(&self.folder, from, &self.folder, to, RenameFlags::RENAME_NOREPLACE).or_else(|errno| {
            if errno != Errno::EINVAL {
                return Err(errno);
            }
            // File systems without that flag (renameat2(2)): a link does not clobber either.
            linkat(&self.folder, from, &self.folder, to, AtFlags::empty())?;
            unlinkat(&self.folder, from, UnlinkatFlags::NoRemoveDir)
        });
        match moved {
            Ok(()) => Ok(()),
            Err(Errno::EEXIST | Errno::ENOENT) => Err(self.root.changed(self.path)),
            Err(errno) => Err(self.fail(action, errno)),
        }
    }

    /// Gives the saved file its name back, where the target is gone, is `staged`, or is that file itself.
    pub(super) fn put_back(&self, before: FileId, staged: Option<FileId>) -> Result<(), FileError> {
        let now = self.id(self.name)?;
        if self.id(&self.old)? != Some(before) {
            // Nothing saved: right if nothing was taken.
            return if now.is_some() && now == staged { Err(self.root.changed(self.path)) } else { Ok(()) };
        }
        match now {
            // rename(2) does nothing between two names of one inode.
            Some(now) if now == before => self.remove_if(&self.old, before),
            Some(now) if Some(now) == staged => self.rename(&self.old, self.name, "put back"),
            Some(_) => Err(self.root.changed(self.path)),
            None => self.move_to_free(&self.old, self.name, "put back"),
        }
    }

    /// Removes a name if it is that file.
    pub(super) fn remove_if(&self, name: &OsStr, file: FileId) -> Result<(), FileError> {
        if self.id(name)? != Some(file) {
            return Ok(());
        }
        match unlinkat(&self.folder, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.fail("remove", errno)),
        }
    }

    pub(super) fn write_new(&self, bytes: &[u8], mode: u32) -> Result<FileId, FileError> {
        let (mut file, id) = self.create_new(mode)?;
        file.write_all(bytes).map_err(|error| self.give_up_new(&error))?;
        Ok(id)
    }

    /// An empty file under the name of what is staged.
    pub(super) fn create_new(&self, mode: u32) -> Result<(File, FileId), FileError> {
        let mode = Mode::from_bits_truncate(mode);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let create = || openat(&self.folder, &*self.new, flags, mode);
        let fd = match create() {
            Err(Errno::EEXIST) => {
                self.clear(&self.new)?;
                create()
            }
            other => other,
        };
        let file = File::from(fd.map_err(|errno| self.fail("create", errno))?);
        let created = (|| {
            let found = Attributes::of(&fstat(&file)?);
            // The umask has taken bits away, or none.
            if found.mode != mode.bits() {
                fchmod(&file, mode)?;
            }
            Ok(found.stamp.id)
        })();
        let id = created.map_err(|errno: Errno| self.give_up_new(&errno.into()))?;
        Ok((file, id))
    }

    /// What could not be written whole is of no use; the first error is the one to tell.
    fn give_up_new(&self, error: &std::io::Error) -> FileError {
        let _ = unlinkat(&self.folder, &*self.new, UnlinkatFlags::NoRemoveDir);
        self.fail("write", error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
    }

    /// Removes what a killed run left under that name. Anything that is not a regular file of this user stays: no run
    /// made it.
    pub(super) fn clear(&self, name: &OsStr) -> Result<(), FileError> {
        match self.look(name)? {
            None => Ok(()),
            Some((FileKind::File, found)) if found.uid == effective_user() => {
                match unlinkat(&self.folder, name, UnlinkatFlags::NoRemoveDir) {
                    Ok(()) | Err(Errno::ENOENT) => Ok(()),
                    Err(errno) => Err(self.fail("remove a leftover of", errno)),
                }
            }
            Some((kind, _)) => Err(self.in_the_way(name, kind)),
        }
    }
}
