//! The steps of a transaction: each replaces, creates or removes one thing and can be put back. Bytes and expectations
//! enter, plain values leave that a journal can hold.
//!
//! Whether a step has been taken is read from the disk (by inode), not from memory. So `undo` is right for a step that
//! was taken, half taken or not taken, and twice in a row; `new` and `old` files carry names of their own beside their
//! target: `.NAME.dockseal-new`, `.NAME.dockseal-old`.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};
use serde::{Deserialize, Serialize};

use super::error::{FileCause, FileError};
use super::file::{Attributes, FileId, FileKind, Stamp, look_in};
use super::root::Root;
use super::trust::Obstacle;

/// One change of the file system. Dropping it does nothing: what is not taken has to be undone (which removes the staged
/// file), what is taken has to be undone or kept (which removes the saved file).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// A folder that was missing; it exists since the step was made.
    MakeFolder {
        /// The folder.
        path: PathBuf,
        /// Which one it is.
        folder: FileId,
    },
    /// A staged file appears where nothing stood.
    Create {
        /// The target.
        path: PathBuf,
        /// The staged file.
        staged: FileId,
    },
    /// A staged file takes the place of another.
    Replace {
        /// The target.
        path: PathBuf,
        /// The staged file.
        staged: FileId,
        /// What stood there when it was looked at.
        before: Box<Stamp>,
    },
    /// A file goes.
    Remove {
        /// The target.
        path: PathBuf,
        /// What stood there when it was looked at.
        before: Box<Stamp>,
    },
    /// A file or folder gets another mode.
    ChangeMode {
        /// The target.
        path: PathBuf,
        /// Which one it is.
        file: FileId,
        /// Its mode when it was looked at, `07777`.
        from: u32,
        /// Its new mode.
        to: u32,
    },
    /// A folder goes if it is empty once the steps before it are kept.
    RemoveFolder {
        /// The folder.
        path: PathBuf,
    },
}

/// Endings of the names beside a target.
pub(super) const NEW: &str = ".dockseal-new";
pub(super) const OLD: &str = ".dockseal-old";

impl Step {
    /// What it changes.
    pub fn path(&self) -> &Path {
        match self {
            Self::MakeFolder { path, .. }
            | Self::Create { path, .. }
            | Self::Replace { path, .. }
            | Self::Remove { path, .. }
            | Self::ChangeMode { path, .. }
            | Self::RemoveFolder { path } => path,
        }
    }

    /// The same as another process has recorded it, maybe before a boot: file systems get their numbers anew then (btrfs,
    /// overlay, LVM, a disk at another place), while files keep their inodes.
    pub fn recorded(mut self) -> Self {
        match &mut self {
            Self::MakeFolder { folder: id, .. }
            | Self::Create { staged: id, .. }
            | Self::ChangeMode { file: id, .. } => {
                id.device = FileId::ANY_DEVICE;
            }
            Self::Replace { staged, before, .. } => {
                (staged.device, before.id.device) = (FileId::ANY_DEVICE, FileId::ANY_DEVICE);
            }
            Self::Remove { before, .. } => before.id.device = FileId::ANY_DEVICE,
            Self::RemoveFolder { .. } => {}
        }
        self
    }
}

impl Root {
    /// Where the bytes of a step wait that has not been taken.
    pub fn staged_path(&self, step: &Step) -> PathBuf {
        let path = step.path();
        path.with_file_name(self.beside(path.file_name().unwrap_or_default(), NEW))
    }

    /// Takes a step. Fails, and changes nothing that `undo` would not put back, where the target is not as expected.
    pub fn take(&self, step: &Step) -> Result<(), FileError> {
        match step {
            Step::MakeFolder { .. } | Step::RemoveFolder { .. } => Ok(()),
            Step::Create { path, staged } => {
                let spot = self.spot(path)?;
                spot.expect_staged(*staged)?;
                spot.move_to_free(&spot.new, spot.name, "create")
            }
            Step::Replace { path, staged, before } => {
                let spot = self.spot(path)?;
                spot.expect_staged(*staged)?;
                spot.expect(**before)?;
                spot.save(before.id)?;
                spot.rename(&spot.new, spot.name, "replace")
            }
            Step::Remove { path, before } => {
                let spot = self.spot(path)?;
                spot.expect(**before)?;
                spot.move_to_free(spot.name, &spot.old, "remove")
            }
            Step::ChangeMode { path, file, from, to } => self.change_mode(path, *file, *from, *to),
        }
    }

    /// Puts things back as they were before the step: same inode, mode, owner and modification time.
    /// Fails, and leaves the saved file, where someone else has changed the target since.
    pub fn undo(&self, step: &Step) -> Result<(), FileError> {
        match step {
            Step::RemoveFolder { .. } => Ok(()),
            Step::MakeFolder { path, folder } => match self.look(path)? {
                Some((FileKind::Folder, now)) if now.stamp.id == *folder => self.remove_empty(path),
                _ => Ok(()),
            },
            Step::Create { path, staged } => {
                let Some(spot) = self.spot_if_there(path)? else { return Ok(()) };
                spot.remove_if(spot.name, *staged)?;
                spot.remove_if(&spot.new, *staged)
            }
            Step::Replace { path, staged, before } => {
                let Some(spot) = self.spot_if_there(path)? else { return Err(self.changed(path)) };
                spot.put_back(before.id, Some(*staged))?;
                spot.remove_if(&spot.new, *staged)
            }
            Step::Remove { path, before } => {
                let Some(spot) = self.spot_if_there(path)? else { return Err(self.changed(path)) };
                spot.put_back(before.id, None)
            }
            Step::ChangeMode { path, file, from, to } => match self.look(path)? {
                Some((_, now)) if now.stamp.id == *file && now.mode == *to => self.change_mode(path, *file, *to, *from),
                _ => Ok(()),
            },
        }
    }

    /// Makes a taken step final: what was saved for `undo` is removed.
    pub fn keep(&self, step: &Step) -> Result<(), FileError> {
        match step {
            Step::MakeFolder { .. } | Step::Create { .. } | Step::ChangeMode { .. } => Ok(()),
            Step::Replace { path, before, .. } | Step::Remove { path, before } => match self.spot_if_there(path)? {
                Some(spot) => spot.remove_if(&spot.old, before.id),
                None => Ok(()),
            },
            Step::RemoveFolder { path } => self.remove_empty(path),
        }
    }

    fn change_mode(&self, path: &Path, file: FileId, from: u32, to: u32) -> Result<(), FileError> {
        let fail = |errno| self.fail(path, "change the mode", errno);
        let spot = self.spot(path)?;
        let expect = |now: Attributes| now.stamp.id == file && now.mode == from;
        // Looked at first: what else may stand there by now is not opened.
        if !spot.look(spot.name)?.is_some_and(|(_, now)| expect(now)) {
            return Err(self.changed(path));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = openat(&spot.folder, spot.name, flags, Mode::empty()).map_err(fail)?;
        if !expect(Attributes::of(&fstat(&fd).map_err(fail)?)) {
            return Err(self.changed(path));
        }
        fchmod(&fd, Mode::from_bits_truncate(to)).map_err(fail)
    }

    fn changed(&self, path: &Path) -> FileError {
        self.refuse(path, FileCause::ChangedMeanwhile)
    }

    pub(super) fn spot<'r>(&'r self, path: &'r Path) -> Result<Spot<'r>, FileError> {
        let found = self.trusted_parent(path);
        let (folder, name) = found.map_err(|obstacle| self.fail(path, "open the folder", obstacle))?;
        let (new, old) = (self.beside(name, NEW), self.beside(name, OLD));
        Ok(Spot { root: self, path, folder, name, new, old })
    }

    fn spot_if_there<'r>(&'r self, path: &'r Path) -> Result<Option<Spot<'r>>, FileError> {
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

    fn id(&self, name: &OsStr) -> Result<Option<FileId>, FileError> {
        Ok(self.look(name)?.map(|(_, found)| found.stamp.id))
    }

    fn expect(&self, before: Stamp) -> Result<(), FileError> {
        match self.look(self.name)? {
            Some((FileKind::File, now)) if now.stamp == before => Ok(()),
            _ => Err(self.root.changed(self.path)),
        }
    }

    fn expect_staged(&self, staged: FileId) -> Result<(), FileError> {
        if self.id(&self.new)? == Some(staged) {
            return Ok(());
        }
        Err(self.root.changed(&self.path.with_file_name(&self.new)))
    }

    /// A second name for the target's inode: whatever happens next, its content, mode, owner and times live on.
    fn save(&self, before: FileId) -> Result<(), FileError> {
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
    fn move_to_free(&self, from: &OsStr, to: &OsStr, action: &'static str) -> Result<(), FileError> {
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
    fn put_back(&self, before: FileId, staged: Option<FileId>) -> Result<(), FileError> {
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
    fn remove_if(&self, name: &OsStr, file: FileId) -> Result<(), FileError> {
        if self.id(name)? != Some(file) {
            return Ok(());
        }
        match unlinkat(&self.folder, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.fail("remove", errno)),
        }
    }
}

#[cfg(test)]
mod tests;
