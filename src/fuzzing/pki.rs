//! Keys, requests and certificates. All but DER itself is hidden behind base64 and would never be reached by chance, so
//! an input is DER with a byte before it that says what it is put into; PEM as such is a target of its own.

use std::sync::OnceLock;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::assert_one_line;
use crate::pki::{
    Attribute, Authority, CertSpec, Certificate, DistinguishedName, IssueError, KeyAlgorithm, Passphrase, PrivateKey,
    PublicKey, Renewal, Request, Role, San, StoredKey,
};

/// The first byte of an input chooses among these.
const KEY_LABELS: [&str; 5] =
    ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "DSA PRIVATE KEY"];
/// The passphrase of the seeds.
const PASSPHRASE: &[u8] = b"fuzz";
/// The key of the CAs among the seeds: what is changed of such a CA still fits it.
const CA_KEY: &str = include_str!("../../fuzz/seeds/authority.pem");

/// A private key. What is read comes out of its own PEM as the same key.
pub fn key(input: &[u8]) {
    let Some((label, der)) = input.split_first() else { return };
    let label = KEY_LABELS[usize::from(*label) % KEY_LABELS.len()];
    let text = Zeroizing::new(pem::encode(&pem::Pem::new(label, der)));
    let passphrase = Passphrase::new(Zeroizing::new(PASSPHRASE.to_vec()));
    let opened = StoredKey::parse(text.as_bytes()).and_then(|key| match key {
        StoredKey::Encrypted(key) if !key.is_cheap() => Err(crate::pki::KeyError::WrongPassphrase),
        key => key.open(Some(&passphrase)),
    });
    let key = match opened {
        Ok(key) => key,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    let again = key.to_pem().and_then(|text| StoredKey::parse(text.as_bytes())).and_then(|key| key.open(None));
    match again {
        Ok(again) => {
            assert_eq!(again.pkcs8_der(), key.pkcs8_der());
            assert_eq!(again.public_key(), key.public_key());
        }
        Err(error) => panic!("what was written can't be read: {error}"),
    }
}

/// A certificate request. A certificate can be made for the key of every request that is accepted.
pub fn request(der: &[u8]) {
    let text = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
    match Request::parse(text.as_bytes()) {
        Ok(request) => issue(ca(), &request.public_key, OffsetDateTime::now_utc()),
        Err(error) => assert_one_line(&error.to_string()),
    }
}

/// A certificate. Written again it is the same, and it is not issued by another's CA.
pub fn certificate(der: &[u8]) {
    let text = pem::encode(&pem::Pem::new("CERTIFICATE", der));
    let found = match Certificate::parse(text.as_bytes()) {
        Ok(found) => found,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    assert_eq!(found.der, der);
    match Certificate::parse_all(found.to_pem().as_bytes()).as_deref() {
        Ok([again]) => assert_eq!((&again.der, &again.facts), (&found.der, &found.facts)),
        other => panic!("what was written can't be read: {other:?}"),
    }
    found.is_signed_by(&found);
    assert!(!found.is_signed_by(ca().certificate()));
}

/// A CA's certificate whose key is at hand: it is refused at once, or what it issues is right.
pub fn authority(der: &[u8]) {
    let Ok(found) = Certificate::from_der(der) else { return };
    let key = StoredKey::parse(CA_KEY.as_bytes()).and_then(|key| key.open(None));
    let Ok(key) = key else { panic!("the seeds have no key") };
    // The middle of its life, where it has one.
    let life = found.facts.not_after - found.facts.not_before;
    let now = found.facts.not_before.checked_add(life / 2);
    match (Authority::open(found, key), now) {
        (Ok(authority), Some(now)) => issue(&authority, &ca().certificate().facts.public_key, now),
        (Ok(_), None) => {}
        (Err(error), _) => assert_one_line(&error.to_string()),
    }
}

fn issue(authority: &Authority, key: &PublicKey, now: OffsetDateTime) {
    match authority.issue(&spec(Role::Client), key, now) {
        Ok(made) => {
            assert!(made.is_signed_by(authority.certificate()));
            assert_eq!(made.facts.public_key.spki, key.spki);
        }
        Err(IssueError::CaEnds { .. } | IssueError::UnusableSpec { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// A CA that no seed knows.
fn ca() -> &'static Authority {
    static CA: OnceLock<Option<Authority>> = OnceLock::new();
    let make = || {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).ok()?;
        Authority::create(&spec(Role::Ca), key, OffsetDateTime::now_utc()).ok()
    };
    match CA.get_or_init(make) {
        Some(ca) => ca,
        None => panic!("no CA can be made"),
    }
}

fn spec(role: Role) -> CertSpec {
    CertSpec {
        role,
        subject: DistinguishedName(vec![(Attribute::CommonName, format!("fuzz {role:?}"))]),
        sans: if role == Role::Ca { Vec::new() } else { vec![San::Dns("fuzz.example".to_owned())] },
        key: KeyAlgorithm::EcdsaP256,
        valid_for: Duration::days(30),
        renewal: Renewal::default(),
    }
}
