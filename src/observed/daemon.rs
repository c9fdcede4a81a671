//! `/etc/docker/daemon.json`, as its bytes: white space and order count, so it is not parsed here.

use super::place::{Places, see};
use super::{ObserveError, Seen};
use crate::desired::Layout;

/// Reads it.
pub fn read(layout: &Layout, places: &mut Places) -> Result<Seen<Vec<u8>>, ObserveError> {
    let path = layout.daemon_json();
    let place = places.enter_folder_of(&path)?;
    see(&place, path, |bytes| Ok(bytes.to_vec()))
}
