//! `/etc/docker/daemon.json`, as its bytes: white space and order count, so it is not parsed here.

use super::Seen;
use super::place::{Places, see};
use crate::desired::Layout;
use crate::host::FileError;

/// Reads it.
pub fn read(layout: &Layout, places: &mut Places) -> Result<Seen<Vec<u8>>, FileError> {
    let path = layout.daemon_json();
    let place = places.enter_folder_of(&path)?;
    see(&place, path, |bytes| Ok(bytes.to_vec()))
}
