//! The PEM files under `directory`: certificates, keys, who signed what, which key belongs to which certificate.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use time::OffsetDateTime;

use super::{Found, ObserveError, Seen};
use crate::desired::{Desired, DesiredClient, KeySource, Layout};
use crate::host::{Entry, FileError, Root, on_all_cores};
use crate::pki::{CertFacts, Certificate, Fingerprint, PublicKey, Request, StoredKey};

/// No file that is read here is larger on a sane host.
pub const FILE_LIMIT: usize = 1024 * 1024;

/// The CA's files.
#[derive(Debug)]
pub struct ObservedCa {
    /// `ca.pem`: the signing CA first, then whatever else dockerd trusts.
    pub certificate: Seen<Vec<Certificate>>,
    /// `ca-key.pem`
    pub key: Seen<KeyFacts>,
}

/// The server's files.
#[derive(Debug)]
pub struct ObservedLeaf {
    /// Its certificate.
    pub certificate: Seen<LeafFacts>,
    /// Its key; `None` where the key does not belong on this host.
    pub key: Option<Seen<KeyFacts>>,
}

/// One client's files.
#[derive(Debug)]
pub struct ObservedClient {
    /// Its name in the manifest.
    pub name: String,
    /// Certificate and key.
    pub leaf: ObservedLeaf,
    /// Its copy of `ca.pem`.
    pub ca: Seen<Vec<Fingerprint>>,
    /// The key that its request bears.
    pub request: Option<Seen<PublicKey>>,
}

/// A leaf and whether it is what it says.
#[derive(Clone, Debug)]
pub struct LeafFacts {
    /// What it says.
    pub facts: CertFacts,
    /// Whether the signing CA of `ca.pem` signed it.
    pub is_signed_by_ca: bool,
}

/// What can be said of a key without showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFacts {
    /// Its public half.
    Plain(PublicKey),
    /// Encrypted; nothing more is known without the passphrase, and a plan needs none.
    Encrypted,
}

/// The files of a client that the manifest does not name.
#[derive(Debug)]
pub struct Orphan {
    /// Folder name.
    pub name: String,
    /// Its certificate.
    pub certificate: Seen<LeafFacts>,
    /// Its key: only that it is there.
    pub key: Seen<()>,
    /// Its copy of the CA certificate: only that it is there.
    pub ca: Seen<()>,
}

/// The certificates and keys of a host.
pub struct Certificates {
    pub ca: ObservedCa,
    pub server: ObservedLeaf,
    pub clients: Vec<ObservedClient>,
    pub orphans: Vec<Orphan>,
}

/// Reads them all, on all cores.
pub fn read(root: &Root, desired: &Desired) -> Result<Certificates, ObserveError> {
    let layout = &desired.layout;
    let mut pem = Vec::new();
    let certificate = see(root, &layout.ca_certificate(), |bytes| {
        bytes.clone_into(&mut pem);
        Certificate::parse_all(bytes).map_err(|error| unfit(&error, None))
    })?;
    let ca = ObservedCa { certificate, key: see_key(root, &layout.ca_key())? };
    let trusted = ca.certificate.present().map(Vec::as_slice).unwrap_or_default();
    let original = ca.fingerprints().map(|fingerprints| Original { pem, fingerprints });
    let server = ObservedLeaf {
        certificate: see_leaf(root, &layout.server_certificate(), trusted)?,
        key: Some(see_key(root, &layout.server_key())?),
    };
    let clients =
        on_all_cores(&desired.clients, |client| see_client(root, layout, client, trusted, original.as_ref()))?;
    let orphans = see_orphans(root, desired, trusted)?;
    Ok(Certificates { ca, server, clients, orphans })
}

/// `ca.pem` and what it holds, so that its copies need no parsing.
struct Original {
    pem: Vec<u8>,
    fingerprints: Vec<Fingerprint>,
}

fn see_client(
    root: &Root,
    layout: &Layout,
    client: &DesiredClient,
    trusted: &[Certificate],
    original: Option<&Original>,
) -> Result<ObservedClient, FileError> {
    let name = &client.name;
    let certificate = see_leaf(root, &layout.client_certificate(name), trusted)?;
    let (key, request) = match &client.key {
        KeySource::Host => (Some(see_key(root, &layout.client_key(name))?), None),
        KeySource::Request(path) => (None, Some(see_request(root, path)?)),
    };
    let ca = see(root, &layout.client_ca(name), |pem| match original {
        Some(original) if original.pem == pem => Ok(original.fingerprints.clone()),
        _ => fingerprints(pem),
    })?;
    Ok(ObservedClient { name: name.clone(), leaf: ObservedLeaf { certificate, key }, ca, request })
}

/// A folder counts as a client's once it holds a certificate or a key: others are none of our business.
fn see_orphans(root: &Root, desired: &Desired, trusted: &[Certificate]) -> Result<Vec<Orphan>, FileError> {
    let layout = &desired.layout;
    let known: BTreeSet<&str> = desired.clients.iter().map(|client| client.name.as_str()).collect();
    let mut orphans = Vec::new();
    for entry in root.list(&layout.clients())?.unwrap_or_default() {
        let Some(name) = entry.folder_name().filter(|name| !known.contains(name)) else { continue };
        let certificate = see_leaf(root, &layout.client_certificate(name), trusted)?;
        let key = see(root, &layout.client_key(name), |_| Ok(()))?;
        if certificate.is_missing() && key.is_missing() {
            continue;
        }
        let ca = see(root, &layout.client_ca(name), |_| Ok(()))?;
        orphans.push(Orphan { name: name.to_owned(), certificate, key, ca });
    }
    Ok(orphans)
}

fn see_leaf(root: &Root, path: &Path, trusted: &[Certificate]) -> Result<Seen<LeafFacts>, FileError> {
    see(root, path, |pem| {
        let certificate = Certificate::parse(pem).map_err(|error| unfit(&error, None))?;
        let is_signed_by_ca = trusted.first().is_some_and(|ca| certificate.is_signed_by(ca));
        Ok(LeafFacts { facts: certificate.facts, is_signed_by_ca })
    })
}

fn see_key(root: &Root, path: &Path) -> Result<Seen<KeyFacts>, FileError> {
    see(root, path, |pem| match StoredKey::parse(pem).map_err(|error| unfit(&error, error.hint()))? {
        StoredKey::Plain(key) => Ok(KeyFacts::Plain(key.public_key().clone())),
        StoredKey::Encrypted(_) => Ok(KeyFacts::Encrypted),
    })
}

fn see_request(root: &Root, path: &Path) -> Result<Seen<PublicKey>, FileError> {
    see(root, path, |pem| Ok(Request::parse(pem).map_err(|error| unfit(&error, error.hint()))?.public_key))
}

fn fingerprints(pem: &[u8]) -> Result<Vec<Fingerprint>, String> {
    let certificates = Certificate::parse_all(pem).map_err(|error| unfit(&error, None))?;
    Ok(certificates.iter().map(|certificate| certificate.facts.fingerprint).collect())
}

/// As the end of a sentence about the file, with what can be done about it.
fn unfit(error: &impl Display, hint: Option<&str>) -> String {
    let error = error.to_string();
    let end = error.strip_prefix("it ").map_or_else(|| format!("can't be used: {error}"), str::to_owned);
    hint.map_or(end.clone(), |hint| format!("{end}: {hint}"))
}

/// Reads one file and says what it holds; that it is not what it should be is a fact, not an error.
pub fn see<T>(root: &Root, path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<Seen<T>, FileError> {
    let (attributes, found) = match root.read(path, FILE_LIMIT)? {
        Entry::Missing => (None, Found::Missing),
        Entry::Denied => (None, Found::Denied),
        Entry::NotAFile(kind) => (None, Found::Unusable(format!("is {kind}, not a regular file"))),
        Entry::File(contents) => {
            let found = parse(&contents.bytes).map_or_else(Found::Unusable, Found::Present);
            (Some(contents.attributes), found)
        }
    };
    Ok(Seen { path: path.to_owned(), attributes, found })
}

impl ObservedCa {
    /// Of every certificate in `ca.pem`.
    pub fn fingerprints(&self) -> Option<Vec<Fingerprint>> {
        Some(self.certificate.present()?.iter().map(|certificate| certificate.facts.fingerprint).collect())
    }
}

impl Orphan {
    /// Until when dockerd would accept its certificate although the file is gone. `None` where it has no readable certificate of this CA.
    pub fn accepted_until(&self) -> Option<OffsetDateTime> {
        let leaf = self.certificate.present()?;
        leaf.is_signed_by_ca.then_some(leaf.facts.not_after)
    }
}
