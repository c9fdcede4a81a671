//! All files of an apply: staged beside their targets, synced once, renamed, synced once; or all put back.

mod siblings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use time::OffsetDateTime;

use super::Cause;
use crate::host::{
    Attributes, Cost, Entry, FileError, Growing, NewFile, Root, Stamp, Step, on_all_cores, on_all_cores_and,
};
use crate::observed::FILE_LIMIT;
use crate::plan::{After, Change};
use siblings::siblings;

/// The mode of a folder that is made, octal.
const FOLDER_MODE: u32 = 0o755;
/// The mode of a folder that nobody else shall look into, octal.
const PRIVATE_FOLDER_MODE: u32 = 0o700;
/// The mode of a text or certificate that is made, octal.
pub const PUBLIC_MODE: u32 = 0o644;

/// Steps that are taken together.
pub struct Transaction<'r> {
    root: &'r Root,
    sweeps: bool,
    steps: Vec<Step>,
    /// Numbers of steps that are not taken before all that come before them are.
    waiting: Vec<usize>,
    /// Folders that need not be looked at again while files are staged: as bytes, for paths compare name by name.
    entered: BTreeSet<OsString>,
    emptied: BTreeSet<PathBuf>,
}

/// What a journal holds of a transaction.
#[derive(Serialize, Deserialize)]
pub struct Taken<'a> {
    steps: Cow<'a, [Step]>,
    /// Folders that removals may leave empty.
    emptied: Cow<'a, BTreeSet<PathBuf>>,
}

impl<'r> Transaction<'r> {
    /// Nothing yet.
    pub fn new(root: &'r Root) -> Self {
        Self {
            root,
            sweeps: false,
            steps: Vec::new(),
            waiting: Vec::new(),
            entered: BTreeSet::new(),
            emptied: BTreeSet::new(),
        }
    }

    /// Nothing yet; it removes what killed runs left in the folders that it enters. The one main transaction alone does.
    pub fn sweeping(root: &'r Root) -> Self {
        Self { sweeps: true, ..Self::new(root) }
    }

    /// Stages a file whose bytes come in pieces.
    pub fn grow(&mut self, path: &Path, mode: u32, before: Option<Stamp>) -> Result<Growing, FileError> {
        self.enter_once(folder_of(path))?;
        let (step, growing) = self.root.stage_in_pieces(path, mode, before)?;
        self.steps.push(step);
        Ok(growing)
    }

    /// One that another process has begun, as its journal has it.
    pub fn resumed(root: &'r Root, taken: Taken<'_>) -> Self {
        let steps = taken.steps.into_owned().into_iter().map(Step::recorded).collect();
        Self { steps, emptied: taken.emptied.into_owned(), ..Self::new(root) }
    }

    /// What a journal holds of it.
    pub fn taken(&self) -> Taken<'_> {
        Taken { steps: Cow::Borrowed(&self.steps), emptied: Cow::Borrowed(&self.emptied) }
    }

    /// Stages a file; its missing parents are made at once.
    pub fn write(&mut self, path: &Path, bytes: &[u8], mode: u32, before: Option<Stamp>) -> Result<(), FileError> {
        self.enter_once(folder_of(path))?;
        self.steps.push(self.root.stage(path, bytes, mode, before)?);
        Ok(())
    }

    /// The staged file of `path` belongs to that user and group.
    pub fn give(&self, path: &Path, uid: u32, gid: u32) -> Result<(), FileError> {
        self.staging(path).map_or(Ok(()), |step| self.root.give(step, uid, gid))
    }

    /// A folder that is made where it is missing, for this user alone.
    pub fn enter_private(&mut self, folder: &Path) -> Result<(), FileError> {
        self.steps.extend(self.root.make_folder(folder, PRIVATE_FOLDER_MODE)?);
        Ok(())
    }

    /// The staged file of `path` was last written at that time.
    pub fn date(&self, path: &Path, at: OffsetDateTime) -> Result<(), FileError> {
        self.staging(path).map_or(Ok(()), |step| self.root.date(step, at))
    }

    /// Stages files on all cores; their missing parents are made at once. This thread does something else meanwhile, which
    /// is done even where something fails.
    pub fn write_all<A>(&mut self, files: &[NewFile<'_>], also: impl FnOnce() -> A) -> (Result<(), FileError>, A) {
        if let Err(error) = self.enter_all(files.iter().map(|file| file.path)) {
            return (Err(error), also());
        }
        let root = self.root;
        let folders: Vec<_> = files.chunk_by(|one, next| folder_of(one.path) == folder_of(next.path)).collect();
        let stage = |files: &&[NewFile<'_>]| Ok(root.stage_all(files));
        let (Ok::<_, Infallible>(staged), also) = on_all_cores_and(&folders, Cost::Small, stage, also);
        // Whatever became of the others: a step that nobody knows of could not be undone.
        let mut first = Ok(());
        for (steps, outcome) in staged {
            self.steps.extend(steps);
            first = first.and(outcome);
        }
        (first, also)
    }

    /// Makes the folders of these files where they are missing. One after the other: a folder is locked while something is
    /// made in it, and more cores would only wait for each other.
    pub fn enter_all<'p>(&mut self, files: impl Iterator<Item = &'p Path>) -> Result<(), FileError> {
        files.map(folder_of).try_for_each(|folder| self.enter_once(folder))
    }

    /// Stages what a change does to a file that stands there; new files come by [`Transaction::write_all`].
    pub fn stage(&mut self, change: &Change) -> Result<(), Cause> {
        let path = &change.path;
        let before = change.before();
        match &change.after {
            After::Mode(mode) => {
                let seen = change.seen.as_deref().ok_or_else(|| Cause::Gone(path.clone()))?;
                self.change_mode(path, *seen, *mode);
            }
            // A file of ours with the same bytes takes its place: whoever owned the old one has lost it.
            After::SameBytes(mode) => match self.root.read(path, FILE_LIMIT)? {
                Entry::File(contents) => self.write(path, &contents.bytes, *mode, before)?,
                _ => return Err(Cause::Gone(path.clone())),
            },
            After::Gone => self.remove(path, before.ok_or_else(|| Cause::Gone(path.clone()))?)?,
            After::Certificate(_)
            | After::Request(_)
            | After::HandedIn(_)
            | After::HandedInCa(_)
            | After::CaOfChain
            | After::Bundle(_)
            | After::CopyOfKey(_)
            | After::CopyOfCa
            | After::Text { .. }
            | After::Service => {}
        }
        Ok(())
    }

    /// Changes the mode of the file that was seen.
    pub fn change_mode(&mut self, path: &Path, seen: Attributes, to: u32) {
        self.steps.push(Step::ChangeMode { path: path.to_owned(), file: seen.stamp.id, from: seen.mode, to });
    }

    /// Removes the file that was seen, and its folder if nothing else is in it.
    pub fn remove(&mut self, path: &Path, seen: Stamp) -> Result<(), FileError> {
        self.steps.push(self.root.removal(path, seen)?);
        self.leave_folder_of(path);
        Ok(())
    }

    /// Takes what stands at `on` now for what the staged file of `path` replaces.
    pub fn rebase(&mut self, path: &Path, on: &Path) -> Result<(), FileError> {
        let now = self.root.look(on)?;
        for step in self.steps.iter_mut().filter(|step| step.path() == path) {
            if let (Step::Create { staged, .. } | Step::Replace { staged, .. }, Some((_, now))) = (&*step, &now) {
                *step = Step::Replace { path: path.to_owned(), staged: *staged, before: Box::new(now.stamp) };
            }
        }
        Ok(())
    }

    /// Everything that is staged reaches the disk, and what else was written in the folders of `also`.
    pub fn sync(&self, also: impl IntoIterator<Item = PathBuf>) -> Result<(), FileError> {
        self.root.sync(&self.places().chain(also).collect::<Vec<_>>())
    }

    /// One folder for each file system: with a thousand clients, opening all folders costs more than syncing.
    pub fn places(&self) -> impl Iterator<Item = PathBuf> {
        self.steps.iter().filter_map(place).collect::<BTreeMap<u64, PathBuf>>().into_values()
    }

    /// What is staged from here on appears after all that was staged before.
    pub fn then(&mut self) {
        self.waiting.push(self.steps.len());
    }

    /// Everything that was staged appears, in its order in each folder; folders beside each other at the same time. It need
    /// not have reached the disk.
    pub fn commit(&mut self) -> Result<(), FileError> {
        self.entered = BTreeSet::new();
        let mut begun = 0;
        for end in self.waiting.iter().copied().chain([self.steps.len()]) {
            for steps in self.steps[begun..end].split(|step| matches!(step, Step::MakeFolder { .. })) {
                for folders in siblings(steps, |step| folder_of(step.path())) {
                    on_all_cores(&folders, Cost::Small, |steps| self.root.take_all(steps))?;
                }
            }
            begun = end;
        }
        Ok(())
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
        // The inner ones first: an outer one may be empty by that.
        for folder in self.emptied.iter().rev() {
            self.root.keep(&Step::RemoveFolder { path: folder.clone() })?;
        }
        Ok(())
    }

    /// Where a staged file waits.
    pub fn staged(&self, path: &Path) -> Option<PathBuf> {
        self.staging(path).map(|step| self.root.staged_path(step))
    }

    /// The step by which a staged file appears.
    fn staging(&self, path: &Path) -> Option<&Step> {
        let is_staged = |step: &Step| matches!(step, Step::Create { .. } | Step::Replace { .. });
        self.steps.iter().find(|step| is_staged(step) && step.path() == path)
    }

    fn enter_once(&mut self, folder: &Path) -> Result<(), FileError> {
        if !self.entered.contains(folder.as_os_str()) {
            self.steps.extend(self.enter(folder)?);
            self.entered.insert(folder.into());
        }
        Ok(())
    }

    /// Makes a folder where it is missing; in one that is there, nothing is left of killed runs.
    fn enter(&self, folder: &Path) -> Result<Vec<Step>, FileError> {
        let made = self.root.make_folder(folder, FOLDER_MODE)?;
        if self.sweeps && made.is_empty() {
            self.root.sweep(folder)?;
        }
        Ok(made)
    }

    /// A folder that a removal may leave empty goes last.
    fn leave_folder_of(&mut self, path: &Path) {
        if let Some(folder) = path.parent() {
            self.emptied.insert(folder.to_owned());
        }
    }

    fn sync_what_is_left(&self) -> Result<(), FileError> {
        let folders: BTreeSet<&Path> = self.steps.iter().filter_map(|step| step.path().parent()).collect();
        let mut left = Vec::new();
        for folder in folders {
            if self.root.look(folder)?.is_some() {
                left.push(folder.to_owned());
            }
        }
        self.root.sync(&left)
    }
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The file system that a step is on, and a folder there.
fn place(step: &Step) -> Option<(u64, PathBuf)> {
    let device = match step {
        Step::MakeFolder { folder: id, .. }
        | Step::Create { staged: id, .. }
        | Step::Replace { staged: id, .. }
        | Step::ChangeMode { file: id, .. } => id.device,
        Step::Remove { before, .. } => before.id.device,
        Step::RemoveFolder { .. } => return None,
    };
    Some((device, step.path().parent()?.to_owned()))
}
