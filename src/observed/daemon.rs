//! `/etc/docker/daemon.json`, as its bytes: white space and order count, so it is not parsed here.

use super::Seen;
use super::certificate::see;
use crate::desired::Layout;
use crate::host::{FileError, Root};

/// Reads it.
pub fn read(root: &Root, layout: &Layout) -> Result<Seen<Vec<u8>>, FileError> {
    see(root, &layout.daemon_json(), |bytes| Ok(bytes.to_vec()))
}
