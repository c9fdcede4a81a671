//! Folders that were found trusted a moment ago, still open: a thousand files in one folder take one walk.
//!
//! What is remembered is the handle, which stays the folder that was judged. Each use asks the system whether the path
//! still leads there, and otherwise the way is walked again.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::AtFlags;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::fstatat;

use super::file::{Attributes, FileId};
use super::root::{Root, relative};
use super::trust::Trusted;

/// The folders of as many clients as are written at a time, and those above.
const MOST: usize = 136;
/// Open files of a process that has room for so many folders and its other ones: the kernel's tables are powers of two.
const ROOM: u64 = 256;

/// The last ones used, at the end the last.
#[derive(Debug)]
pub(super) struct Known {
    most: usize,
    entries: Mutex<Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    id: FileId,
    fd: Arc<OwnedFd>,
}

impl Entry {
    /// By its bytes: paths compare name by name, and another spelling only takes another walk.
    fn is_at(&self, path: &Path) -> bool {
        self.path.as_os_str() == path.as_os_str()
    }
}

impl Known {
    /// None yet, and room for their handles beside that of the root: while threads share a table of open files, the kernel
    /// waits for all processors before it puts a larger one in its place, for ten milliseconds and more.
    ///
    /// Where a process may open fewer files, fewer folders stay open: the way to them is only walked again.
    pub fn none(root: &OwnedFd) -> Self {
        let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((ROOM, ROOM));
        // Opened at the end of the room, and closed at once. Where that fails all goes on, only slower.
        drop(i32::try_from(limit.min(ROOM)).map(|room| rustix::io::fcntl_dupfd_cloexec(root, room - 1)));
        // Two thirds stay for what is read and written on all cores.
        let third = usize::try_from(limit / 3).unwrap_or(MOST);
        Self { most: third.clamp(1, MOST), entries: Mutex::default() }
    }

    /// The folder at `path`, if it is known and still there.
    pub fn find(&self, root: &Root, path: &Path) -> Option<Arc<OwnedFd>> {
        let entry = self.take_last(path)?;
        // What is compared was judged when it was opened; a link that somebody swaps in gives another folder.
        let now = fstatat(root, relative(path).ok()?, AtFlags::empty()).ok()?;
        (Attributes::of(&now).stamp.id == entry.id).then_some(entry.fd)
    }

    /// Remembers a folder that was just judged.
    pub fn add(&self, path: &Path, folder: Trusted) -> Arc<OwnedFd> {
        let fd = Arc::new(folder.fd);
        let mut entries = self.lock();
        entries.retain(|entry| !entry.is_at(path));
        if entries.len() >= self.most {
            entries.remove(0);
        }
        entries.push(Entry { path: path.to_owned(), id: folder.id, fd: Arc::clone(&fd) });
        fd
    }

    fn take_last(&self, path: &Path) -> Option<Entry> {
        let mut entries = self.lock();
        let at = entries.iter().rposition(|entry| entry.is_at(path))?;
        let entry = entries.remove(at);
        entries.push(entry.clone());
        Some(entry)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
