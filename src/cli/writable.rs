//! Whether an apply could write wherever this manifest may one day have it write. Without this a nightly run in a sandbox
//! would find everything in sync for months, and fail when the certificates end.

use std::path::Path;

use super::say_error;
use super::session::Session;
use crate::desired::{LOG, OWN_FOLDER};

impl Session {
    /// Whether it could; why not has been told.
    pub fn can_write(&self) -> bool {
        let layout = &self.desired.layout;
        let mut folders = layout.folders();
        let files = [layout.daemon_json(), layout.drop_in(), layout.recover_unit(), LOG.into()];
        folders.extend(files.iter().filter_map(|file| file.parent().map(Path::to_owned)));
        folders.push(OWN_FOLDER.into());
        let Some(folder) = folders.iter().find(|folder| self.root.is_read_only(folder)) else { return true };
        let folder = self.root.place(folder);
        let message = format!("{} cannot be written to: it is mounted read-only here", folder.display());
        let hint = format!("in a unit like dockseal.service, add a drop-in with `ReadWritePaths={}`", folder.display());
        say_error(&message, Some(&hint));
        false
    }
}
