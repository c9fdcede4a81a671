//! The root that a run works on: the live host's `/`, or another folder (an image, a rehearsal). Absolute paths enter,
//! open files leave; under another root no symlink leads out of it.
//!
//! There are two ways to a file: the trusted one of `trust.rs`, for whatever is written and for keys, and the system's
//! own, for what only describes the host and may stand in anybody's folder.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, Permissions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;

use super::error::{FileCause, FileError};
use super::file::FileKind;
use super::known::Known;
use super::process::effective_user;
use super::trust::{Obstacle, Trusted, step_into, walk};

/// The root worked on. All paths given to its methods are absolute and without `..`.
#[derive(Debug)]
pub struct Root {
    at: PathBuf,
    live: bool,
    fd: OwnedFd,
    mark: &'static str,
    known: Known,
}

/// openat2 gives EAGAIN while something else on the host renames a folder and the path holds `..` (openat2(2)).
const RACES: usize = 64;

impl Root {
    /// The host that this runs on.
    pub fn live() -> Result<Self, FileError> {
        Self::open_root(PathBuf::from("/"), true)
    }

    /// Another root, which must exist. It may be relative to the working directory and may be a symlink.
    pub fn at(folder: PathBuf) -> Result<Self, FileError> {
        Self::open_root(folder, false)
    }

    /// Another root, made with 0755 where missing. Missing parents get what the umask leaves of that.
    pub fn create(folder: PathBuf) -> Result<Self, FileError> {
        match Self::open_root(folder.clone(), false) {
            Err(error) if matches!(error.cause, FileCause::System { errno: Errno::ENOENT, .. }) => {}
            other => return other,
        }
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&folder);
        let made = made.and_then(|()| std::fs::set_permissions(&folder, Permissions::from_mode(0o755)));
        match made {
            Ok(()) => Self::open_root(folder, false),
            Err(error) => Err(FileError::system(&folder, "create", errno(&error))),
        }
    }

    fn open_root(at: PathBuf, live: bool) -> Result<Self, FileError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match openat(AT_FDCWD, &at, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { at, live, known: Known::none(&fd), fd, mark: "" }),
            Err(Errno::ENOTDIR) => Err(FileError::new(&at, FileCause::NotAFolder(FileKind::File))),
            Err(errno) => Err(FileError::system(&at, "open", errno)),
        }
    }

    /// Whether this is the host's own `/`.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Where `path` really is; for messages.
    pub fn place(&self, path: &Path) -> PathBuf {
        self.at.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Its one name on this machine, whatever symlinks and working directory the caller went by.
    pub fn real_path(&self) -> Result<PathBuf, FileError> {
        std::fs::canonicalize(&self.at).map_err(|error| FileError::system(&self.at, "resolve", errno(&error)))
    }

    /// Whom its files should belong to: root on the live host, whoever works on it elsewhere.
    pub fn owner(&self) -> u32 {
        if self.live { 0 } else { effective_user() }
    }

    /// The same root for a second transaction on the same files: what it puts beside them bears names of their own.
    pub fn aside(&self, mark: &'static str) -> Result<Self, FileError> {
        let fd = self.fd.try_clone().map_err(|error| FileError::system(&self.at, "open", errno(&error)))?;
        Ok(Self { at: self.at.clone(), live: self.live, known: Known::none(&fd), fd, mark })
    }

    /// The name of what is put beside the file `name`.
    pub(super) fn beside(&self, name: &OsStr, ending: &str) -> OsString {
        let mut beside = OsString::from(".");
        beside.push(self.mark);
        beside.push(name);
        beside.push(ending);
        beside
    }

    /// The trusted way to a folder.
    pub(super) fn trusted(&self, folder: &Path) -> Result<Arc<OwnedFd>, Obstacle> {
        let below = relative(folder)?;
        if let Some(fd) = self.known.find(self, folder) {
            return Ok(fd);
        }
        let known_parent = folder.parent().and_then(|parent| self.known.find(self, parent));
        let stepped = match (known_parent, folder.file_name()) {
            (Some(parent), Some(name)) => step_into(self, &parent, name, folder),
            _ => walk(self, below),
        };
        let found = match stepped {
            // It may be a symlink.
            Err(Obstacle::System(Errno::ENOTDIR)) => walk(self, below)?,
            other => other?,
        };
        Ok(self.remember(folder, found))
    }

    /// The next way to that folder is short.
    pub(super) fn remember(&self, folder: &Path, found: Trusted) -> Arc<OwnedFd> {
        self.known.add(folder, found)
    }

    /// The trusted way to the folder that holds `path`, to work on the name in it.
    pub(super) fn trusted_parent<'p>(&self, path: &'p Path) -> Result<(Arc<OwnedFd>, &'p OsStr), Obstacle> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::EINVAL.into()) };
        relative(path)?;
        Ok((self.trusted(parent)?, name))
    }

    /// Opens `path` the system's way, without following a symlink at its end.
    pub(super) fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(relative(path)?, flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
    }

    /// Opens a folder the system's way; here a symlink at the end is followed too, inside the root.
    pub(super) fn folder(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(relative(path)?, flags | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
    }

    fn resolve(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        if self.live {
            return openat(&self.fd, path, flags, Mode::empty());
        }
        let how =
            OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        for _ in 0..RACES {
            match openat2(&self.fd, path, how) {
                Err(Errno::EAGAIN) => {}
                // Linux before 5.6; older seccomp filters answer EPERM to calls that they don't know.
                Err(Errno::ENOSYS | Errno::EPERM) => return self.walk(path, flags | OFlag::O_NOFOLLOW),
                other => return other,
            }
        }
        Err(Errno::EAGAIN)
    }

    /// The same by hand: no component may be a symlink.
    fn walk(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let step = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut folder = openat(&self.fd, ".", step, Mode::empty())?;
        let mut names = path.components().peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return openat(&folder, name.as_os_str(), flags, Mode::empty());
            }
            folder = openat(&folder, name.as_os_str(), step, Mode::empty())?;
        }
        openat(&folder, ".", flags, Mode::empty())
    }

    /// A handle of the root folder itself that can be locked.
    pub(super) fn handle(&self) -> Result<OwnedFd, FileError> {
        openat(&self.fd, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|errno| FileError::system(&self.at, "open", errno))
    }

    /// Gives an error its path; an impossible path gets its own sentence.
    pub(super) fn fail(&self, path: &Path, action: &'static str, obstacle: impl Into<Obstacle>) -> FileError {
        let cause = match obstacle.into() {
            Obstacle::Distrusted(distrust) => {
                return FileError::new(&distrust.path, FileCause::Distrusted(distrust.why));
            }
            Obstacle::System(Errno::EINVAL) if !is_plain(path) => FileCause::NotPlain,
            Obstacle::System(errno) => FileCause::System { action, errno },
        };
        FileError::new(&self.place(path), cause)
    }

    pub(super) fn refuse(&self, path: &Path, cause: FileCause) -> FileError {
        FileError::new(&self.place(path), cause)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The path below the root. `..` is refused and not resolved: a file is named in one way only.
pub(super) fn relative(path: &Path) -> nix::Result<&Path> {
    let below = path.strip_prefix("/").map_err(|_| Errno::EINVAL)?;
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(Errno::EINVAL);
    }
    Ok(if below.as_os_str().is_empty() { Path::new(".") } else { below })
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

fn is_plain(path: &Path) -> bool {
    relative(path).is_ok() && path.file_name().is_some() && !path.as_os_str().as_encoded_bytes().contains(&0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    fn scratch() -> Result<(tempfile::TempDir, Root), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let root = Root::create(folder.path().join("root"))?;
        Ok((folder, root))
    }

    /// Both ways of resolving a path: openat2, and the walk where the kernel lacks it.
    #[test]
    fn no_symlink_leads_out_of_another_root() -> Checked {
        let (folder, root) = scratch()?;
        let outside = folder.path().join("outside");
        fs::create_dir(&outside)?;
        fs::write(outside.join("secret"), "x")?;
        symlink(&outside, root.place(Path::new("/absolute")))?;
        symlink("../outside", root.place(Path::new("/relative")))?;
        symlink("../../../../../../../../etc", root.place(Path::new("/up")))?;
        for path in ["/absolute/secret", "/relative/secret", "/up/passwd"] {
            assert_eq!(root.open(Path::new(path), OFlag::O_RDONLY).err(), Some(Errno::ENOENT), "{path}");
            let walked = root.walk(relative(Path::new(path))?, OFlag::O_RDONLY | OFlag::O_NOFOLLOW);
            assert_eq!(walked.err(), Some(Errno::ENOTDIR), "{path}");
        }
        Ok(())
    }

    #[test]
    fn a_symlinked_parent_inside_the_root_is_followed() -> Checked {
        let (_folder, root) = scratch()?;
        fs::create_dir_all(root.place(Path::new("/usr/lib")))?;
        fs::write(root.place(Path::new("/usr/lib/unit")), "x")?;
        symlink("/usr/lib", root.place(Path::new("/lib")))?;
        assert!(root.open(Path::new("/lib/unit"), OFlag::O_RDONLY).is_ok());
        assert!(root.folder(Path::new("/lib"), OFlag::O_PATH).is_ok());
        assert!(root.walk(Path::new("usr/lib/unit"), OFlag::O_RDONLY).is_ok());
        assert!(root.walk(Path::new("."), OFlag::O_RDONLY).is_ok());
        Ok(())
    }

    #[test]
    fn a_root_must_be_a_folder() -> Checked {
        let folder = tempfile::tempdir()?;
        let missing = Root::at(folder.path().join("none")).err().ok_or("opened")?;
        assert!(missing.to_string().ends_with("none: cannot open: No such file or directory"), "{missing}");
        let file = folder.path().join("file");
        fs::write(&file, "")?;
        assert!(matches!(Root::at(file.clone()).err().ok_or("opened")?.cause, FileCause::NotAFolder(FileKind::File)));
        assert!(Root::create(file).is_err());
        Ok(())
    }

    #[test]
    fn a_path_has_one_form() -> Checked {
        let (_folder, root) = scratch()?;
        for path in ["relative", "/a/../b", "", "/a\0b"] {
            let error = root.open(Path::new(path), OFlag::O_RDONLY).err().ok_or("opened")?;
            assert_eq!(error, Errno::EINVAL, "{path:?}");
            let error = root.fail(Path::new(path), "read", error);
            assert!(matches!(error.cause, FileCause::NotPlain), "{path:?}");
        }
        Ok(())
    }
}
