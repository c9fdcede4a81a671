//! One applier at a time for each root.
//!
//! flock(2) ends with its holder, however that dies. On the live host the lock is a file in /run, where only root can
//! write: in /run/lock, which everyone can write to, any user could hold it for ever. For another root the root folder
//! itself is locked, so that nothing is left in an image.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

use super::error::FileError;
use super::root::Root;
use crate::visible::one_line;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another run works on {}: waited {} s for {}", path.display(), waited.as_secs_f32(), held_by(holder.as_ref()))]
    Held {
        /// What is locked.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
        /// Its process id and program, where the kernel tells.
        holder: Option<(u32, String)>,
    },
    /// The lock can't be opened.
    #[error("the lock {} cannot be taken: {source}", path.display())]
    Unusable {
        /// What is locked.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The root can't be opened.
    #[error(transparent)]
    Root(#[from] FileError),
}

impl LockError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { .. } => Some("try again when it is done"),
            Self::Unusable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Some("run it as root"),
            Self::Unusable { .. } => None,
            Self::Root(error) => error.hint(),
        }
    }
}

const LIVE: &str = "/run/dockseal.lock";
const PAUSE: Duration = Duration::from_millis(50);

impl Lock {
    /// Takes the lock of `root`, waiting for at most `wait`.
    pub fn acquire(root: &Root, wait: Duration) -> Result<Self, LockError> {
        if !root.is_live() {
            return Self::take(File::from(root.handle()?), &root.place(Path::new("/")), wait);
        }
        let path = Path::new(LIVE);
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let opened = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags)
            .open(path);
        match opened {
            Ok(file) => Self::take(file, path, wait),
            Err(source) => Err(LockError::Unusable { path: path.to_owned(), source }),
        }
    }

    fn take(file: File, path: &Path, wait: Duration) -> Result<Self, LockError> {
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(LockError::Unusable { path: path.to_owned(), source }),
            }
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(LockError::Held { path: path.to_owned(), waited: wait, holder: holder(&file) });
            }
            std::thread::sleep(left.min(PAUSE));
        }
    }
}

/// Who holds the lock, from `/proc/locks` (`proc_locks(5)`): `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
fn holder(file: &File) -> Option<(u32, String)> {
    let facts = file.metadata().ok()?;
    let device = facts.dev();
    let inode = format!("{:02x}:{:02x}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device), facts.ino());
    let mut locks = String::new();
    File::open("/proc/locks").ok()?.take(1 << 20).read_to_string(&mut locks).ok()?;
    let pid = locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let held = words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&inode.as_str());
        if held { words.get(4)?.parse().ok() } else { None }
    })?;
    let mut name = Vec::new();
    File::open(format!("/proc/{pid}/comm")).ok()?.take(64).read_to_end(&mut name).ok()?;
    Some((pid, one_line(&String::from_utf8_lossy(name.trim_ascii_end()))))
}

fn held_by(holder: Option<&(u32, String)>) -> String {
    holder.map_or_else(|| "its lock".to_owned(), |(pid, name)| format!("process {pid} ({name})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn the_second_waits_and_then_says_who_holds_it() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        let first = Lock::acquire(&root, Duration::ZERO)?;
        let start = Instant::now();
        let error = Lock::acquire(&root, Duration::from_millis(120)).err().ok_or("locked twice")?;
        assert!((120..10_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        let who = format!("process {} (", std::process::id());
        assert!(error.to_string().contains(&who), "{error}");
        drop(first);
        Lock::acquire(&root, Duration::ZERO)?;
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }

    #[test]
    fn a_waiting_run_goes_on_when_the_first_is_done() -> Checked {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        let first = Lock::acquire(&root, Duration::ZERO)?;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Lock::acquire(&root, Duration::from_secs(20)).map(drop));
            std::thread::sleep(Duration::from_millis(100));
            drop(first);
            waiting.join().map_err(|_| "panicked")?.map_err(Box::<dyn std::error::Error>::from)
        })
    }

    #[test]
    fn two_roots_do_not_meet() -> Checked {
        let (one, two) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let _first = Lock::acquire(&Root::at(one.path().to_owned())?, Duration::ZERO)?;
        Lock::acquire(&Root::at(two.path().to_owned())?, Duration::ZERO)?;
        Ok(())
    }
}
