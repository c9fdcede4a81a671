//! What a person hands to a client: its files on the host enter, a checked bundle leaves, as files or as a docker context.
//!
//! Nothing is handed out that would not get in: the key has to fit the certificate, the certificate its CA, and both have
//! to be valid now.

mod context;
mod endpoint;
mod error;

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::desired::{Desired, DesiredClient, KeySource};
use crate::host::{Entry, Root};
use crate::pki::{CertFacts, Certificate, StoredKey};

pub use context::context;
pub use endpoint::{Address, address};
pub use error::ExportError;

/// Nothing that a client needs is larger.
const LIMIT: usize = 1024 * 1024;

/// What a client is handed.
pub struct Bundle {
    /// Whose it is.
    pub name: String,
    /// Its certificate.
    pub facts: CertFacts,
    /// `ca.pem`
    pub ca: Vec<u8>,
    /// `cert.pem`
    pub certificate: Vec<u8>,
    /// `key.pem`; `None` where the client made it itself and keeps it.
    pub key: Option<Zeroizing<Vec<u8>>>,
}

impl Bundle {
    /// Reads what the host has for a client of the manifest, and makes sure that dockerd lets it in at `now`.
    pub fn read(root: &Root, desired: &Desired, name: &str, now: OffsetDateTime) -> Result<Self, ExportError> {
        let client = find(desired, name)?;
        let layout = &desired.layout;
        let (ca, ca_path) = read(root, &layout.client_ca(name))?;
        let (certificate, path) = read(root, &layout.client_certificate(name))?;
        let trusted = Certificate::parse_all(&ca).map_err(|error| ExportError::Unfit { path: ca_path, error })?;
        let parsed =
            Certificate::parse(&certificate).map_err(|error| ExportError::Unfit { path: path.clone(), error })?;
        if !trusted.iter().any(|ca| parsed.is_signed_by(ca)) {
            return Err(ExportError::Stranger { path });
        }
        let facts = parsed.facts;
        if now < facts.not_before || facts.not_after <= now {
            return Err(ExportError::NotNow { path, from: facts.not_before, until: facts.not_after });
        }
        let key = match client.key {
            KeySource::Host => Some(key(root, &layout.client_key(name), &facts)?),
            KeySource::Request(_) => None,
        };
        Ok(Self { name: name.to_owned(), facts, ca: ca.to_vec(), certificate: certificate.to_vec(), key })
    }
}

/// A client of the manifest.
pub fn find<'d>(desired: &'d Desired, name: &str) -> Result<&'d DesiredClient, ExportError> {
    desired.clients.iter().find(|client| client.name == name).ok_or_else(|| ExportError::Nobody {
        name: name.to_owned(),
        known: desired.clients.iter().map(|client| client.name.clone()).collect(),
    })
}

fn key(root: &Root, path: &Path, facts: &CertFacts) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let (pem, path) = read(root, path)?;
    match StoredKey::parse(&pem).map_err(|error| ExportError::Key { path: path.clone(), error })? {
        StoredKey::Plain(key) if *key.public_key() == facts.public_key => Ok(pem),
        StoredKey::Plain(_) => Err(ExportError::OtherKey { path }),
        StoredKey::Encrypted(_) => Err(ExportError::EncryptedKey { path }),
    }
}

/// The bytes, and where they really stand.
fn read(root: &Root, path: &Path) -> Result<(Zeroizing<Vec<u8>>, PathBuf), ExportError> {
    let place = root.place(path);
    match root.read(path, LIMIT)? {
        Entry::File(contents) => Ok((contents.bytes, place)),
        Entry::Missing => Err(ExportError::Missing { path: place }),
        Entry::Denied => Err(ExportError::Denied { path: place }),
        Entry::NotAFile(kind) => Err(ExportError::NotAFile { path: place, kind }),
    }
}
