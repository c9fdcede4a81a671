//! Files that a change makes out of nothing that stands anywhere: keys and certificates, whole and in memory.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::transaction::PUBLIC_MODE;
use crate::host::{NewFile, Stamp};
use crate::plan::Change;

/// The mode of a private key, octal.
pub const SECRET_MODE: u32 = 0o600;

/// One file to write.
pub struct Write {
    pub path: PathBuf,
    pub bytes: Zeroizing<Vec<u8>>,
    pub mode: u32,
    pub before: Option<Stamp>,
}

impl Write {
    /// The certificate or bundle of a change.
    pub fn public(change: &Change, pem: String) -> Self {
        Self {
            path: change.path.clone(),
            bytes: Zeroizing::new(pem.into_bytes()),
            mode: PUBLIC_MODE,
            before: change.before(),
        }
    }

    /// A private key.
    pub fn secret(path: &Path, mut pem: Zeroizing<String>, before: Option<Stamp>) -> Self {
        let bytes = Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
        Self { path: path.to_owned(), bytes, mode: SECRET_MODE, before }
    }

    /// What a transaction takes.
    pub fn as_new_file(&self) -> NewFile<'_> {
        NewFile { path: &self.path, bytes: &self.bytes, mode: self.mode, before: self.before }
    }
}
