//! Making steps: new bytes are written beside their target, missing folders are made, leftovers of killed runs go.
//! Nothing that existed before changes here, apart from such leftovers.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::append::Growing;
use super::error::{FileCause, FileError};
use super::file::{Attributes, FileId, FileKind, Stamp};
use super::folder::Place;
use super::process::effective_user;
use super::root::Root;
use super::spot::{NEW, OLD, Spot};
use super::step::Step;
use super::trust::{Obstacle, take_made};

/// For errors.
const CREATE_FOLDER: &str = "create the folder";

/// A file that shall appear.
#[derive(Clone, Copy)]
pub struct NewFile<'a> {
    /// The target.
    pub path: &'a Path,
    /// What it holds.
    pub bytes: &'a [u8],
    /// Its permission bits, octal.
    pub mode: u32,
    /// What was seen there.
    pub before: Option<Stamp>,
}

impl Root {
    /// Writes `bytes` beside `path`, with its final mode and never with a wider one. `before` is what was seen at `path`:
    /// `None` if nothing. Not synced: [`Root::sync`] does that for all files together.
    pub fn stage(&self, path: &Path, bytes: &[u8], mode: u32, before: Option<Stamp>) -> Result<Step, FileError> {
        self.spot(path)?.stage(&NewFile { path, bytes, mode, before })
    }

    /// Stages files up to the first that fails, and gives the steps of those before it too. The way to a folder is walked
    /// once for those that follow each other in it.
    pub fn stage_all(&self, files: &[NewFile<'_>]) -> (Vec<Step>, Result<(), FileError>) {
        let (mut steps, mut last) = (Vec::with_capacity(files.len()), None);
        for file in files {
            let staged = self.spot_after(last, file.path).and_then(|spot| Ok((spot.stage(file)?, spot)));
            match staged {
                Ok((step, spot)) => {
                    steps.push(step);
                    last = Some(spot);
                }
                Err(error) => return (steps, Err(error)),
            }
        }
        (steps, Ok(()))
    }

    /// As [`Root::stage`], for bytes that come in pieces.
    pub fn stage_in_pieces(&self, path: &Path, mode: u32, before: Option<Stamp>) -> Result<(Step, Growing), FileError> {
        let spot = self.spot(path)?;
        if before.is_some() {
            spot.clear(&spot.old)?;
        }
        let (file, staged) = spot.create_new(mode)?;
        let growing = Growing::new(file, &self.place(path));
        Ok((step(path, staged, before), growing))
    }

    /// The removal of the file that was seen at `path`.
    pub fn removal(&self, path: &Path, before: Stamp) -> Result<Step, FileError> {
        let spot = self.spot(path)?;
        spot.clear(&spot.old)?;
        Ok(Step::Remove { path: path.to_owned(), before: Box::new(before) })
    }

    /// Makes a folder with `mode`, and each missing parent with 0755: one step for each that was made, outermost first.
    /// A folder that exists stays as it is.
    pub fn make_folder(&self, path: &Path, mode: u32) -> Result<Vec<Step>, FileError> {
        // Most often the last name alone is missing, and then this takes the fewest calls.
        if let Some(Ok(above)) = path.parent().map(|above| self.trusted(above))
            && let Some((step, _)) = self.make_one_folder(&above, path, mode)?
        {
            return Ok(vec![step]);
        }
        let mut missing: Vec<&Path> = Vec::new();
        let mut next = Some(path);
        let mut parent = None;
        while let Some(folder) = next {
            match self.trusted(folder) {
                Ok(found) => {
                    parent = Some(found);
                    break;
                }
                Err(Obstacle::System(Errno::ENOENT)) => missing.push(folder),
                Err(Obstacle::System(Errno::ENOTDIR)) => {
                    return Err(self.refuse(folder, FileCause::NotAFolder(FileKind::File)));
                }
                Err(obstacle) => return Err(self.fail(folder, "open", obstacle)),
            }
            next = folder.parent();
        }
        let mut steps = Vec::new();
        for folder in missing.into_iter().rev() {
            let Some(above) = &parent else { return Err(self.fail(folder, CREATE_FOLDER, Errno::ENOENT)) };
            let outcome = self.make_one_folder(above, folder, if folder == path { mode } else { 0o755 });
            let outcome = outcome.and_then(|made| match made {
                Some((step, opened)) => Ok((Some(step), opened)),
                None => self.found_meanwhile(folder).map(|found| (None, found)),
            });
            match outcome {
                Ok((step, opened)) => {
                    steps.extend(step);
                    parent = Some(opened);
                }
                Err(error) => {
                    for step in steps.iter().rev() {
                        self.undo(step)?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(steps)
    }

    /// Removes what killed runs left in a folder: files of this user under the names that steps use. What a journal still
    /// needs has to be undone or kept before. Gives the paths that went.
    pub fn sweep(&self, folder: &Path) -> Result<Vec<PathBuf>, FileError> {
        let mut swept = Vec::new();
        let Place::Open(open) = self.enter(folder)? else { return Ok(swept) };
        for listed in open.list()? {
            let name = listed.name.as_encoded_bytes();
            let ours = name.starts_with(b".") && (name.ends_with(NEW.as_bytes()) || name.ends_with(OLD.as_bytes()));
            if !ours || listed.kind != FileKind::File {
                continue;
            }
            let path = folder.join(&listed.name);
            let spot = self.spot(&path)?;
            if spot.look(spot.name)?.is_some_and(|(_, found)| found.uid == effective_user()) {
                spot.clear(spot.name)?;
                swept.push(path.clone());
            }
        }
        Ok(swept)
    }

    /// A folder that was missing a moment ago.
    fn found_meanwhile(&self, path: &Path) -> Result<Arc<OwnedFd>, FileError> {
        match self.look(path)? {
            Some((FileKind::Folder, _)) => self.trusted(path).map_err(|why| self.fail(path, CREATE_FOLDER, why)),
            Some((kind, _)) => Err(self.refuse(path, FileCause::NotAFolder(kind))),
            None => Err(self.refuse(path, FileCause::ChangedMeanwhile)),
        }
    }

    /// Gives nothing where something stands there already.
    fn make_one_folder(
        &self,
        parent: &OwnedFd,
        path: &Path,
        mode: u32,
    ) -> Result<Option<(Step, Arc<OwnedFd>)>, FileError> {
        let fail = |obstacle| self.fail(path, CREATE_FOLDER, obstacle);
        let Some(name) = path.file_name() else { return Err(fail(Errno::EINVAL.into())) };
        let mode = Mode::from_bits_truncate(mode);
        match mkdirat(parent, name, mode) {
            Ok(()) => {}
            Err(Errno::EEXIST) => return Ok(None),
            Err(errno) => return Err(fail(errno.into())),
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(parent, name, flags, Mode::empty()).and_then(|fd| {
            let mut found = Attributes::of(&fstat(&fd)?);
            // The umask has taken bits away, or none.
            if found.mode != mode.bits() {
                fchmod(&fd, mode)?;
                found = Attributes::of(&fstat(&fd)?);
            }
            Ok((fd, found))
        });
        let trusted = opened.map_err(Obstacle::from).and_then(|(fd, found)| take_made(self, fd, &found, path));
        match trusted {
            Ok(folder) => {
                let step = Step::MakeFolder { path: PathBuf::from(path), folder: folder.id };
                Ok(Some((step, self.remember(path, folder))))
            }
            Err(obstacle) => {
                // It is empty and ours; the first error is the one to tell.
                let _ = unlinkat(parent, name, UnlinkatFlags::RemoveDir);
                Err(fail(obstacle))
            }
        }
    }
}

impl Spot<'_> {
    fn stage(&self, file: &NewFile<'_>) -> Result<Step, FileError> {
        if file.before.is_some() {
            self.clear(&self.old)?;
        }
        let staged = self.write_new(file.bytes, file.mode)?;
        Ok(step(file.path, staged, file.before))
    }
}

fn step(path: &Path, staged: FileId, before: Option<Stamp>) -> Step {
    let path = path.to_owned();
    match before {
        // Most steps create: those that replace need not make all of them large.
        Some(before) => Step::Replace { path, staged, before: Box::new(before) },
        None => Step::Create { path, staged },
    }
}
