//! `/etc/docker/daemon.json`, as text: its white space and order are kept, so it is never parsed here.

use super::certificate::see;
use super::Seen;
use crate::desired::Layout;
use crate::host::{FileError, Root};

/// Reads it.
pub fn read(root: &Root, layout: &Layout) -> Result<Seen<String>, FileError> {
    see(root, &layout.daemon_json(), |bytes| {
        String::from_utf8(bytes.to_vec()).map_err(|error| {
            format!("is not UTF-8: the first bad byte is at offset {}", error.utf8_error().valid_up_to())
        })
    })
}
