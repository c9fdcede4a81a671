//! All files of an apply: staged beside their targets, synced once, renamed, synced once; or all put back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Cause;
use crate::host::{Entry, FileError, Root, Stamp, Step};
use crate::observed::FILE_LIMIT;
use crate::plan::{After, Change};

/// The mode of a folder that is made, octal.
const FOLDER_MODE: u32 = 0o755;
/// The mode of a text or certificate that is made, octal.
pub const PUBLIC_MODE: u32 = 0o644;

/// Steps that are taken together.
pub struct Transaction<'r> {
    root: &'r Root,
    sweeps: bool,
    steps: Vec<Step>,
    folders: BTreeSet<PathBuf>,
    emptied: BTreeSet<PathBuf>,
}

impl<'r> Transaction<'r> {
    /// Nothing yet.
    pub fn new(root: &'r Root) -> Self {
        Self { root, sweeps: false, steps: Vec::new(), folders: BTreeSet::new(), emptied: BTreeSet::new() }
    }

    /// Nothing yet; it removes what killed runs left in the folders that it enters. The one main transaction alone does.
    pub fn sweeping(root: &'r Root) -> Self {
        Self { sweeps: true, ..Self::new(root) }
    }

    /// Stages a file; its missing parents are made at once.
    pub fn write(&mut self, path: &Path, bytes: &[u8], mode: u32, before: Option<Stamp>) -> Result<(), FileError> {
        self.enter_folder_of(path)?;
        self.steps.push(self.root.stage(path, bytes, mode, before)?);
        Ok(())
    }

    /// Stages what a change says in so many words; certificates come by [`Transaction::write`].
    pub fn stage(&mut self, change: &Change, ca_pem: Option<&str>) -> Result<(), Cause> {
        let path = &change.path;
        let before = change.seen.map(|seen| seen.stamp);
        match &change.after {
            After::Text { after, .. } => {
                let mode = change.seen.map_or(PUBLIC_MODE, |seen| seen.mode);
                self.write(path, after.as_bytes(), mode, before)?;
            }
            After::CopyOfCa => {
                let pem = ca_pem.ok_or_else(|| Cause::Gone(path.clone()))?;
                self.write(path, pem.as_bytes(), PUBLIC_MODE, before)?;
            }
            After::Mode(mode) => {
                let seen = change.seen.ok_or_else(|| Cause::Gone(path.clone()))?;
                let (path, file, from) = (path.clone(), seen.stamp.id, seen.mode);
                self.steps.push(Step::ChangeMode { path, file, from, to: *mode });
            }
            // A file of ours with the same bytes takes its place: whoever owned the old one has lost it.
            After::SameBytes(mode) => match self.root.read(path, FILE_LIMIT)? {
                Entry::File(contents) => self.write(path, &contents.bytes, *mode, before)?,
                _ => return Err(Cause::Gone(path.clone())),
            },
            After::Gone => {
                let seen = before.ok_or_else(|| Cause::Gone(path.clone()))?;
                self.steps.push(self.root.removal(path, seen)?);
                self.leave_folder_of(path);
            }
            After::Certificate(_) | After::Service => {}
        }
        Ok(())
    }

    /// Takes what stands at `path` now for what the staged file replaces.
    pub fn rebase(&mut self, path: &Path) -> Result<(), FileError> {
        let now = self.root.look(path)?;
        for step in self.steps.iter_mut().filter(|step| step.path() == path) {
            if let (Step::Create { staged, .. } | Step::Replace { staged, .. }, Some((_, now))) = (&*step, &now) {
                *step = Step::Replace { path: path.to_owned(), staged: *staged, before: now.stamp };
            }
        }
        Ok(())
    }

    /// Everything that is staged reaches the disk.
    pub fn sync(&self) -> Result<(), FileError> {
        let folders: Vec<PathBuf> = self.folders.iter().cloned().collect();
        self.root.sync(&folders)
    }

    /// Everything that was staged appears, and reaches the disk.
    pub fn commit(&self) -> Result<(), FileError> {
        for step in &self.steps {
            self.root.take(step)?;
        }
        self.sync()
    }

    /// Everything is as it was, whatever was taken, and all that could not be put back is still tried.
    pub fn undo(&self) -> Result<(), FileError> {
        let mut first = Ok(());
        for step in self.steps.iter().rev() {
            let undone = self.root.undo(step);
            first = first.and(undone);
        }
        first.and(self.sync_what_is_left())
    }

    /// Nothing can be undone any more.
    pub fn keep(&self) -> Result<(), FileError> {
        for step in &self.steps {
            self.root.keep(step)?;
        }
        for folder in &self.emptied {
            self.root.keep(&Step::RemoveFolder { path: folder.clone() })?;
        }
        Ok(())
    }

    /// Where a staged file waits.
    pub fn staged(&self, path: &Path) -> Option<PathBuf> {
        let is_staged =
            |step: &&Step| matches!(step, Step::Create { .. } | Step::Replace { .. }) && step.path() == path;
        self.steps.iter().find(is_staged).map(|step| self.root.staged_path(step))
    }

    fn enter_folder_of(&mut self, path: &Path) -> Result<(), FileError> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        if self.folders.contains(folder) {
            return Ok(());
        }
        self.steps.extend(self.root.make_folder(folder, FOLDER_MODE)?);
        if self.sweeps {
            self.root.sweep(folder)?;
        }
        self.folders.insert(folder.to_owned());
        Ok(())
    }

    /// A folder that a removal may leave empty goes last.
    fn leave_folder_of(&mut self, path: &Path) {
        if let Some(folder) = path.parent() {
            self.emptied.insert(folder.to_owned());
        }
    }

    fn sync_what_is_left(&self) -> Result<(), FileError> {
        let mut folders = Vec::new();
        for folder in &self.folders {
            if self.root.look(folder)?.is_some() {
                folders.push(folder.clone());
            }
        }
        self.root.sync(&folders)
    }
}
