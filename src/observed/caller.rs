//! Who calls an endpoint with a certificate: the clients of this host, one made for the occasion, and a stranger.

use std::path::Path;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::ObserveError;
use super::place::FILE_LIMIT;
use super::served::{CallerKind, Depth, Stranger};
use crate::desired::{Desired, KeySource};
use crate::host::{Entry, FileError, Root};
use crate::pki::{
    Authority, CertSpec, Certificate, DistinguishedName, KeyAlgorithm, PrivateKey, Renewal, Role, StoredKey,
};

/// How long a certificate made for one handshake is good.
const EPHEMERAL: Duration = Duration::hours(1);

/// One who holds a certificate.
pub struct Holder {
    /// Who.
    pub kind: CallerKind,
    /// Leaf first, DER.
    pub chain: Vec<Vec<u8>>,
    /// The leaf's key.
    pub key: PrivateKey,
}

/// CAs whose keys are at hand.
#[derive(Clone, Copy, Default)]
pub struct Authorities<'a> {
    /// The one that signs.
    pub signing: Option<&'a Authority>,
    /// One that is trusted beside it, while one replaces the other.
    pub also: Option<&'a Authority>,
    /// One that was trusted before.
    pub retired: Option<&'a Authority>,
}

/// While a CA is being replaced, a client of each: both are let in, or the old one no more.
pub fn witnesses(authorities: Authorities<'_>, now: OffsetDateTime) -> Result<Vec<Holder>, ObserveError> {
    let Authorities { signing, also, retired } = authorities;
    if also.is_none() && retired.is_none() {
        return Ok(Vec::new());
    }
    let admitted = signing.into_iter().chain(also).map(|authority| {
        let ca = authority.certificate().facts.subject.to_string();
        holder_of(authority, CallerKind::EphemeralOf(ca), now)
    });
    let refused = |authority| holder_of(authority, CallerKind::Stranger(Stranger::OfRetiredCa), now);
    admitted.chain(retired.map(refused)).collect()
}

/// The clients whose certificate and key are on the host: the first usable one, or all of them.
pub fn clients(root: &Root, desired: &Desired, depth: Depth) -> Result<Vec<Holder>, FileError> {
    let mut holders = Vec::new();
    for client in desired.clients.iter().filter(|client| client.key == KeySource::Host) {
        let certificate = bytes(root, &desired.layout.client_certificate(&client.name))?;
        let key = bytes(root, &desired.layout.client_key(&client.name))?;
        let (Some(certificate), Some(key)) = (certificate, key) else { continue };
        let (Ok(certificate), Ok(StoredKey::Plain(key))) = (Certificate::parse(&certificate), StoredKey::parse(&key))
        else {
            continue;
        };
        if *key.public_key() == certificate.facts.public_key {
            holders.push(Holder { kind: CallerKind::Client(client.name.clone()), chain: vec![certificate.der], key });
        }
        if depth == Depth::Ordinary && !holders.is_empty() {
            break;
        }
    }
    Ok(holders)
}

/// A client for one handshake; `None` where the CA's key is not at hand, or is locked and nobody unlocked it.
pub fn ephemeral(
    root: &Root,
    desired: &Desired,
    trusted: &[Certificate],
    authority: Option<&Authority>,
    now: OffsetDateTime,
) -> Result<Option<Holder>, ObserveError> {
    if let Some(authority) = authority {
        return Ok(Some(holder_of(authority, CallerKind::Ephemeral, now)?));
    }
    let Some(key) = bytes(root, &desired.layout.ca_key())? else { return Ok(None) };
    let (Ok(StoredKey::Plain(key)), Some(ca)) = (StoredKey::parse(&key), trusted.first()) else { return Ok(None) };
    match Authority::open(ca.clone(), key) {
        Ok(authority) => Ok(Some(holder_of(&authority, CallerKind::Ephemeral, now)?)),
        // That this CA can't sign is said where its facts are judged.
        Err(_) => Ok(None),
    }
}

/// A client of a CA that was introduced: whether dockerd trusts it has to be known before it signs. `None` where there is no
/// such CA, or its key is locked.
pub fn introduced(
    root: &Root,
    desired: &Desired,
    trusted: &[Certificate],
    now: OffsetDateTime,
) -> Result<Option<Holder>, ObserveError> {
    if trusted.len() < 2 {
        return Ok(None);
    }
    let Some(key) = bytes(root, &desired.layout.ca_next_key())? else { return Ok(None) };
    let Ok(StoredKey::Plain(key)) = StoredKey::parse(&key) else { return Ok(None) };
    let Some(ca) = trusted.iter().skip(1).find(|ca| ca.facts.public_key == *key.public_key()) else { return Ok(None) };
    // That it can't sign is said where it is to sign.
    let Ok(authority) = Authority::open(ca.clone(), key) else { return Ok(None) };
    Ok(Some(holder_of(&authority, CallerKind::EphemeralOf(ca.facts.subject.to_string()), now)?))
}

/// A client of a CA that nobody trusts.
pub fn foreigner(now: OffsetDateTime) -> Result<Holder, ObserveError> {
    let spec = ephemeral_spec(Role::Ca, "a CA that nobody trusts");
    let authority = Authority::create(&spec, PrivateKey::generate(spec.key)?, now)?;
    holder_of(&authority, CallerKind::Stranger(Stranger::OfAnotherCa), now)
}

fn holder_of(authority: &Authority, kind: CallerKind, now: OffsetDateTime) -> Result<Holder, ObserveError> {
    let spec = ephemeral_spec(Role::Client, "dockseal proof");
    let key = PrivateKey::generate(spec.key)?;
    let certificate = authority.issue(&spec, key.public_key(), now)?;
    Ok(Holder { kind, chain: vec![certificate.der], key })
}

fn ephemeral_spec(role: Role, name: &str) -> CertSpec {
    CertSpec {
        role,
        subject: DistinguishedName::from_common_name(name),
        sans: Vec::new(),
        key: KeyAlgorithm::EcdsaP256,
        valid_for: EPHEMERAL,
        renewal: Renewal::default(),
    }
}

fn bytes(root: &Root, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    Ok(match root.read(path, FILE_LIMIT)? {
        Entry::File(contents) => Some(contents.bytes),
        Entry::Missing | Entry::Denied | Entry::NotAFile(_) => None,
    })
}
