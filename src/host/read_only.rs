//! Whether a folder can be written to at all: a folder enters, the answer of its mount leaves. A unit's sandbox makes most of
//! a host read-only, and a run that finds everything in sync would not notice.

use std::path::Path;

use nix::sys::statvfs::{FsFlags, fstatvfs};

use super::root::Root;

impl Root {
    /// Whether a folder, or the one in which it would be made, is mounted read-only. What else bars the way to it is
    /// another's to tell.
    pub fn is_read_only(&self, folder: &Path) -> bool {
        let nearest = folder.ancestors().find_map(|above| self.trusted(above).ok());
        let mount = nearest.and_then(|open| fstatvfs(&open).ok());
        mount.is_some_and(|mount| mount.flags().contains(FsFlags::ST_RDONLY))
    }
}
