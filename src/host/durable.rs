//! Small files that have to be on the disk before anything else happens: written whole beside their name, renamed into
//! place, and synced. A journal needs exactly that.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::{TimeSpec, TimeValLike as _};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchownat, unlinkat};

use time::OffsetDateTime;

use super::append::Growing;
use super::error::FileError;
use super::root::Root;
use super::step::Step;
use super::trust::Obstacle;

/// The mode of such a file, octal.
const PRIVATE_MODE: u32 = 0o600;

impl Root {
    /// Begins a file beside `path`, for this user alone. Nothing of `path` itself changes before [`Root::publish`].
    pub fn draft(&self, path: &Path) -> Result<Growing, FileError> {
        let (file, _) = self.spot(path)?.create_new(PRIVATE_MODE)?;
        Ok(Growing::new(file, &self.place(path)))
    }

    /// The draft takes the place of what stands at `path`.
    pub fn publish(&self, path: &Path) -> Result<(), FileError> {
        let spot = self.spot(path)?;
        spot.rename(&spot.new, spot.name, "write")
    }

    /// Gives a file another name in its folder, over whatever had that name.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        let found = self.trusted_parent(from).and_then(|found| Ok((found, self.trusted_parent(to)?)));
        let renamed = found.and_then(|((folder, from), (_, to))| Ok(renameat(&folder, from, &folder, to)?));
        renamed.map_err(|obstacle| self.fail(from, "rename", obstacle))
    }

    /// Removes a file; one that is gone already is as good.
    pub fn remove(&self, path: &Path) -> Result<(), FileError> {
        let found = self.trusted_parent(path);
        let removed = found.and_then(|(folder, name)| Ok(unlinkat(folder, name, UnlinkatFlags::NoRemoveDir)?));
        match removed {
            Ok(()) | Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR)) => Ok(()),
            Err(obstacle) => Err(self.fail(path, "remove", obstacle)),
        }
    }

    /// Removes a folder if nothing is in it; one that is gone already is as good. One that is writable in a
    /// read-only folder stays: the sandbox of a unit mounts those that it may write in.
    pub fn remove_empty(&self, path: &Path) -> Result<(), FileError> {
        let found = self.trusted_parent(path);
        let removed = found.and_then(|(folder, name)| Ok(unlinkat(folder, name, UnlinkatFlags::RemoveDir)?));
        let is_mounted = || path.parent().is_some_and(|above| self.is_read_only(above)) && !self.is_read_only(path);
        match removed {
            Ok(()) | Err(Obstacle::System(Errno::ENOENT | Errno::ENOTDIR | Errno::ENOTEMPTY | Errno::EEXIST)) => Ok(()),
            Err(Obstacle::System(Errno::EROFS)) if is_mounted() => Ok(()),
            Err(obstacle) => Err(self.fail(path, "remove", obstacle)),
        }
    }

    /// The staged file of a step belongs to that user and group; to give it to its owner is nothing.
    pub fn give(&self, step: &Step, uid: u32, gid: u32) -> Result<(), FileError> {
        let spot = self.spot(step.path())?;
        match spot.look(&spot.new)? {
            Some((_, found)) if (found.uid, found.gid) == (uid, gid) => Ok(()),
            _ => {
                let (user, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                fchownat(&spot.folder, &*spot.new, user, group, AtFlags::AT_SYMLINK_NOFOLLOW)
                    .map_err(|errno| spot.fail("change the owner of", errno))
            }
        }
    }

    /// The staged file of a step was last written at that time.
    pub fn date(&self, step: &Step, at: OffsetDateTime) -> Result<(), FileError> {
        let spot = self.spot(step.path())?;
        let at = TimeSpec::seconds(at.unix_timestamp());
        utimensat(&spot.folder, &*spot.new, &at, &at, UtimensatFlags::NoFollowSymlink)
            .map_err(|errno| spot.fail("set the time of", errno))
    }

    /// `folder` and those above it that are missing, outermost first. What else is wrong with it is told by whoever makes
    /// it.
    pub fn missing_folders(&self, folder: &Path) -> Vec<PathBuf> {
        let is_missing = |folder: &&Path| matches!(self.trusted(folder), Err(Obstacle::System(Errno::ENOENT)));
        let mut missing: Vec<PathBuf> = folder.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        missing.reverse();
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_draft_is_seen_once_it_is_published() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        let (path, other) = (Path::new("/journal"), Path::new("/proven"));
        let draft = |text: &[u8]| {
            let mut growing = root.draft(path)?;
            growing.write_all(text).map_err(|error| growing.failed(&error))?;
            growing.finish()
        };
        draft(b"one")?;
        assert!(!folder.path().join("journal").exists());
        root.publish(path)?;
        draft(b"two")?;
        assert_eq!(fs::read(folder.path().join("journal"))?, b"one");
        root.publish(path)?;
        root.rename(path, other)?;
        assert_eq!(fs::read(folder.path().join("proven"))?, b"two");
        assert_eq!(fs::metadata(folder.path().join("proven"))?.permissions().mode() & 0o777, 0o600);
        root.remove(other)?;
        root.remove(other)?;
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }

    /// As after a boot that has given the file system another number.
    #[test]
    fn a_recorded_step_is_undone_on_a_disk_with_another_number() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        let path = Path::new("/file");
        fs::write(folder.path().join("file"), "old")?;
        let (_, mut before) = root.look(path)?.ok_or("missing")?;
        let step = root.stage(path, b"new", 0o644, Some(before.stamp))?;
        root.take(&step)?;
        before.stamp.id.device += 1;
        let Step::Replace { path, mut staged, .. } = step else { return Err("another step".into()) };
        staged.device += 1;
        let step = Step::Replace { path, staged, before: Box::new(before.stamp) };
        root.undo(&step.recorded())?;
        assert_eq!(fs::read(folder.path().join("file"))?, b"old");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn missing_folders_come_outermost_first() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        fs::create_dir(folder.path().join("a"))?;
        let missing = root.missing_folders(Path::new("/a/b/c"));
        assert_eq!(missing, [Path::new("/a/b"), Path::new("/a/b/c")]);
        assert_eq!(root.missing_folders(Path::new("/a")), Vec::<PathBuf>::new());
        root.remove_empty(Path::new("/a/b"))?;
        root.remove_empty(Path::new("/a"))?;
        assert!(!folder.path().join("a").exists());
        Ok(())
    }
}
