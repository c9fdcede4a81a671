//! Keys that certificates are issued over: made, read from where they stay, or known from a request.

use std::path::Path;

use zeroize::Zeroizing;

use super::Cause;
use crate::host::{Entry, Root};
use crate::observed::FILE_LIMIT;
use crate::pki::{Passphrase, PrivateKey, PublicKey, Request, Role, StoredKey};
use crate::plan::{Issue, IssueKey};

/// The key of a certificate. Of a leaf's, only what is written: the library's own form is many times larger.
pub enum Bearer {
    Ca(PrivateKey),
    Made { public: PublicKey, pem: Zeroizing<String> },
    Requested(PublicKey),
}

impl Bearer {
    /// Makes the key that a plan asks for, or reads the one that stays.
    pub fn of(root: &Root, issue: &Issue, passphrase: Option<&Passphrase>) -> Result<Self, Cause> {
        match &issue.key {
            IssueKey::New { .. } => {
                let key = PrivateKey::generate(issue.spec.key)?;
                if issue.spec.role == Role::Ca {
                    return Ok(Self::Ca(key));
                }
                Ok(Self::Made { public: key.public_key().clone(), pem: key.to_pem()? })
            }
            IssueKey::Kept(path) if issue.spec.role == Role::Ca => Ok(Self::Ca(read_key(root, path, passphrase)?)),
            IssueKey::Kept(path) => Ok(Self::Requested(read_key(root, path, None)?.public_key().clone())),
            IssueKey::Request(path) => {
                let bytes = bytes(root.read_anywhere(path, FILE_LIMIT)?, path)?;
                let request = Request::parse(&bytes).map_err(|error| Cause::Parse { path: path.clone(), error })?;
                Ok(Self::Requested(request.public_key))
            }
        }
    }

    /// What a certificate over it bears.
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Ca(key) => key.public_key(),
            Self::Made { public: key, .. } | Self::Requested(key) => key,
        }
    }
}

/// A CA's key as it is stored.
pub fn ca_key_pem(key: &PrivateKey, passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>, Cause> {
    Ok(match passphrase {
        Some(passphrase) => key.to_encrypted_pem(passphrase)?,
        None => key.to_pem()?,
    })
}

/// Reads a key.
pub fn read_key(root: &Root, path: &Path, passphrase: Option<&Passphrase>) -> Result<PrivateKey, Cause> {
    let bytes = read(root, path)?;
    let key = StoredKey::parse(&bytes).and_then(|key| key.open(passphrase));
    key.map_err(|error| Cause::Key { path: path.to_owned(), error })
}

/// Reads a file that has to be there.
pub fn read(root: &Root, path: &Path) -> Result<Zeroizing<Vec<u8>>, Cause> {
    bytes(root.read(path, FILE_LIMIT)?, path)
}

fn bytes(entry: Entry, path: &Path) -> Result<Zeroizing<Vec<u8>>, Cause> {
    match entry {
        Entry::File(contents) => Ok(contents.bytes),
        Entry::Missing | Entry::Denied | Entry::NotAFile(_) => Err(Cause::Gone(path.to_owned())),
    }
}
