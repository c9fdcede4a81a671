//! A log that grows by whole lines: a line enters, and stands at the file's end after one write.
//!
//! Its folder is the one exception from the trusted way: distributions give `/var/log` to a group of their syslog daemon,
//! which may then put anything under the log's name. So the file itself is judged by its own open handle: a regular file
//! of ours, under one name, that nobody else may write. At the worst that group takes the log away; it can't have a line
//! written elsewhere, save to another log of ours in that same folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};

use super::error::{FileCause, FileError};
use super::file::{Attributes, FileKind};
use super::root::Root;
use super::trust::Obstacle;

/// The mode of a log that is made, octal.
const LOG_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);

impl Root {
    /// Appends a line, which ends in a line feed. The file, and its folder where that is missing, are made. Not synced.
    pub fn append_line(&self, path: &Path, line: &[u8]) -> Result<(), FileError> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.refuse(path, FileCause::NotPlain));
        };
        let place = match self.log_folder(folder) {
            Err(Obstacle::System(Errno::ENOENT)) => {
                self.make_folder(folder, 0o755)?;
                self.log_folder(folder)
            }
            other => other,
        };
        let place = place.map_err(|obstacle| self.fail(path, "open the folder", obstacle))?;
        // O_NONBLOCK: whoever put a pipe there does not make us wait.
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOFOLLOW;
        let flags = flags | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let opened = openat(&place, name, flags, LOG_MODE).map_err(|errno| self.fail(path, "open", errno))?;
        let stat = fstat(&opened).map_err(|errno| self.fail(path, "read", errno))?;
        let (kind, found) = (FileKind::of(&stat), Attributes::of(&stat));
        if kind != FileKind::File {
            return Err(self.refuse(path, FileCause::InTheWay(kind)));
        }
        // All names count here, whoever made them.
        if found.uid != self.owner() || stat.st_nlink != 1 || found.mode & 0o022 != 0 {
            return Err(self.refuse(path, FileCause::NotALog));
        }
        let length = u64::try_from(stat.st_size).unwrap_or_default();
        write_whole(File::from(opened), line, length).map_err(|error| {
            self.fail(path, "write", error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
        })
    }

    fn log_folder(&self, folder: &Path) -> Result<Arc<OwnedFd>, Obstacle> {
        match self.trusted(folder) {
            Err(Obstacle::Distrusted(distrust)) if distrust.path == self.place(folder) || distrust.path == folder => {
                let (parent, name) = self.trusted_parent(folder)?;
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let opened = openat(&parent, name, flags, Mode::empty())?;
                let found = Attributes::of(&fstat(&opened)?);
                let is_a_groups = found.uid == self.owner() && found.mode & 0o002 == 0;
                if is_a_groups { Ok(Arc::new(opened)) } else { Err(Obstacle::Distrusted(distrust)) }
            }
            other => other,
        }
    }
}

/// All of it or nothing: half a line would spoil the next one too.
fn write_whole(mut file: File, line: &[u8], length: u64) -> io::Result<()> {
    let written = file.write(line)?;
    if written == line.len() {
        return Ok(());
    }
    file.set_len(length)?;
    Err(io::Error::from_raw_os_error(Errno::ENOSPC as i32))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    fn scratch() -> Result<(tempfile::TempDir, Root, &'static Path), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        Ok((folder, root, Path::new("/var/log/x.jsonl")))
    }

    #[test]
    fn lines_follow_each_other_in_a_file_for_this_user_alone() -> Checked {
        let (folder, root, path) = scratch()?;
        root.append_line(path, b"one\n")?;
        root.append_line(path, b"two\n")?;
        let file = folder.path().join("var/log/x.jsonl");
        assert_eq!(fs::read(&file)?, b"one\ntwo\n");
        assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("var/log"))?.permissions().mode() & 0o777, 0o755);
        Ok(())
    }

    #[test]
    fn a_folder_of_the_syslog_group_will_do_and_one_of_everybody_s_won_t() -> Checked {
        let (folder, root, path) = scratch()?;
        let log = folder.path().join("var/log");
        fs::create_dir_all(&log)?;
        let set = |mode| fs::set_permissions(&log, fs::Permissions::from_mode(mode));
        // 104: as on Ubuntu; where this is not root, the own group is all that can be had.
        let _ = nix::unistd::chown(&log, None, Some(nix::unistd::Gid::from_raw(104)));
        set(0o775)?;
        root.append_line(path, b"one\n")?;
        for mode in [0o777, 0o1777] {
            set(mode)?;
            let error = root.append_line(path, b"two\n").err().ok_or("written")?;
            assert!(error.to_string().contains("is not trusted"), "{mode:o}: {error}");
        }
        set(0o755)?;
        fs::set_permissions(folder.path().join("var"), fs::Permissions::from_mode(0o777))?;
        let other = Root::at(folder.path().to_owned())?;
        assert!(other.append_line(path, b"two\n").is_err());
        assert_eq!(fs::read(log.join("x.jsonl"))?, b"one\n");
        Ok(())
    }

    #[test]
    fn what_stands_there_and_is_no_log_of_ours_is_left_alone() -> Checked {
        let (folder, root, path) = scratch()?;
        let log = folder.path().join("var/log");
        fs::create_dir_all(&log)?;
        let (file, other) = (log.join("x.jsonl"), folder.path().join("other"));
        let refused = |what: &str| -> Checked {
            let error = root.append_line(path, b"line\n").err().ok_or("written")?;
            assert!(error.to_string().contains("x.jsonl"), "{what}: {error}");
            assert_eq!(fs::read(&other)?, b"", "{what}");
            Ok(())
        };
        fs::write(&other, "")?;
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600))?;
        symlink(&other, &file)?;
        refused("a symlink")?;
        fs::remove_file(&file)?;
        symlink("nothing", &file)?;
        refused("a dangling symlink")?;
        fs::remove_file(&file)?;
        fs::hard_link(&other, &file)?;
        refused("a hard link")?;
        fs::remove_file(&file)?;
        fs::write(&file, "")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o622))?;
        refused("a file that others may write")?;
        fs::remove_file(&file)?;
        nix::unistd::mkfifo(&file, LOG_MODE)?;
        refused("a pipe")?;
        fs::remove_file(&file)?;
        fs::create_dir(&file)?;
        refused("a folder")
    }
}
