//! Folders that were found trusted a moment ago, still open: a thousand files in one folder take one walk.
//!
//! What is remembered is the handle, which stays the folder that was judged. Each use asks the system whether the path
//! still leads there, and otherwise the way is walked again.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::AtFlags;
use nix::sys::stat::{fstat, fstatat};

use super::file::{Attributes, FileId};
use super::root::{Root, relative};

/// A client's folder, the one above, and what a second core works on; more are not needed at a time.
const MOST: usize = 8;

/// The last ones used, at the end the last.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Vec<Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    id: FileId,
    fd: Arc<OwnedFd>,
}

impl Known {
    /// The folder at `path`, if it is known and still there.
    pub fn find(&self, root: &Root, path: &Path) -> Option<Arc<OwnedFd>> {
        let entry = self.take_last(path)?;
        // What is compared was judged when it was opened; a link that somebody swaps in gives another folder.
        let now = fstatat(root, relative(path).ok()?, AtFlags::empty()).ok()?;
        (Attributes::of(&now).stamp.id == entry.id).then_some(entry.fd)
    }

    /// Remembers a folder that was just judged.
    pub fn add(&self, path: &Path, fd: OwnedFd) -> Arc<OwnedFd> {
        let fd = Arc::new(fd);
        if let Ok(now) = fstat(&fd) {
            let mut entries = self.lock();
            entries.retain(|entry| entry.path != path);
            if entries.len() == MOST {
                entries.remove(0);
            }
            entries.push(Entry { path: path.to_owned(), id: Attributes::of(&now).stamp.id, fd: Arc::clone(&fd) });
        }
        fd
    }

    fn take_last(&self, path: &Path) -> Option<Entry> {
        let mut entries = self.lock();
        let at = entries.iter().rposition(|entry| entry.path == path)?;
        let entry = entries.remove(at);
        entries.push(entry.clone());
        Some(entry)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
