//! The steps of a transaction: each replaces, creates or removes one thing and can be put back. Bytes and expectations
//! enter, plain values leave that a journal can hold.
//!
//! Whether a step has been taken is read from the disk (by inode), not from memory. So `undo` is right for a step that
//! was taken, half taken or not taken, and twice in a row; `new` and `old` files carry names of their own beside their
//! target: `.NAME.dockseal-new`, `.NAME.dockseal-old`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::FileError;
use super::file::{FileId, FileKind, Stamp};
use super::root::Root;
use super::spot::{NEW, Spot};

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
        self.take_all(std::slice::from_ref(step))
    }

    /// Takes steps up to the first that fails. The way to a folder is walked once for those that follow each other in it.
    pub fn take_all(&self, steps: &[Step]) -> Result<(), FileError> {
        let mut last = None;
        for step in steps {
            if !matches!(step, Step::MakeFolder { .. } | Step::RemoveFolder { .. }) {
                let spot = self.spot_after(last, step.path())?;
                spot.take(step)?;
                last = Some(spot);
            }
        }
        Ok(())
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
                Some((_, now)) if now.stamp.id == *file && now.mode == *to => {
                    self.spot(path)?.change_mode(*file, *to, *from)
                }
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
}

impl Spot<'_> {
    fn take(&self, step: &Step) -> Result<(), FileError> {
        match step {
            Step::MakeFolder { .. } | Step::RemoveFolder { .. } => Ok(()),
            Step::Create { staged, .. } => {
                self.expect_staged(*staged)?;
                self.move_to_free(&self.new, self.name, "create")
            }
            Step::Replace { staged, before, .. } => {
                self.expect_staged(*staged)?;
                self.expect(**before)?;
                self.save(before.id)?;
                self.rename(&self.new, self.name, "replace")
            }
            Step::Remove { before, .. } => {
                self.expect(**before)?;
                self.move_to_free(self.name, &self.old, "remove")
            }
            Step::ChangeMode { file, from, to, .. } => self.change_mode(*file, *from, *to),
        }
    }
}

#[cfg(test)]
mod tests;
