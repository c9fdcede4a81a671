//! The CA's folder → what signs: `ca.pem`, the signing CA first, and `ca-key.pem`.

use std::path::Path;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::SignError;
use crate::host::{Entry, Root};
use crate::pki::{Authority, Certificate, Passphrase, StoredKey};

const LIMIT: usize = 1024 * 1024;
/// Permission bits by which others could have the key.
const OTHERS: u32 = 0o077;

/// A CA whose key is at hand.
pub struct Ca {
    pub(super) authority: Authority,
    /// Every certificate of `ca.pem`, in PEM.
    pub(super) bundle: String,
}

impl Ca {
    /// Opens it. `host` is for the commands that make one where there is none.
    pub fn open(
        folder: &Path,
        passphrase: Option<&Passphrase>,
        host: &str,
        now: OffsetDateTime,
    ) -> Result<Self, SignError> {
        let root = Root::at(folder.to_owned())
            .map_err(|error| if error.is_missing() { no_ca(folder, folder, host) } else { error.into() })?;
        let path = folder.join("ca.pem");
        let (pem, _) = read(&root, folder, "ca.pem", host)?;
        let bundle = Certificate::parse_all(&pem).map_err(|error| SignError::Parse { path: path.clone(), error })?;
        let key_path = folder.join("ca-key.pem");
        let (key, mode) = read(&root, folder, "ca-key.pem", host)?;
        if mode & OTHERS != 0 {
            return Err(SignError::KeyOpen { path: key_path, mode });
        }
        let key = StoredKey::parse(&key).and_then(|key| key.open(passphrase));
        let key = key.map_err(|error| SignError::Key { path: key_path, error })?;
        let pem = bundle.iter().map(Certificate::to_pem).collect();
        let Some(first) = bundle.into_iter().next() else { return Err(no_ca(folder, &path, host)) };
        let from = first.facts.not_before;
        if now < from {
            return Err(SignError::NotYet { path, from });
        }
        let authority = Authority::open(first, key).map_err(|error| SignError::Issue { path, error })?;
        Ok(Self { authority, bundle: pem })
    }
}

fn no_ca(folder: &Path, path: &Path, host: &str) -> SignError {
    SignError::NoCa { path: path.to_owned(), folder: folder.to_owned(), host: host.to_owned() }
}

fn read(root: &Root, folder: &Path, name: &str, host: &str) -> Result<(Zeroizing<Vec<u8>>, u32), SignError> {
    let path = folder.join(name);
    match root.read(&Path::new("/").join(name), LIMIT)? {
        Entry::File(contents) => Ok((contents.bytes, contents.attributes.mode)),
        Entry::Missing => Err(no_ca(folder, &path, host)),
        Entry::Denied => Err(SignError::NotAFile { path, what: "may not be read by this user".to_owned() }),
        Entry::NotAFile(kind) => Err(SignError::NotAFile { path, what: format!("is {kind}, not a regular file") }),
    }
}
