//! DER of a private key → [`PrivateKey`]: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017) and SEC1 (RFC 5915).
//! The public key that a file names is optional and proves nothing: it is computed anew, and the file's must equal it.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RsaKeyPair,
};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use pkcs8::der::{Decode, Encode, Reader, SliceReader};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeyError, Pair, PrivateKey};

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// DER of prime-field (X9.62), which only a curve that is spelt out in numbers mentions.
const PRIME_FIELD: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];

/// Reads PKCS#8.
pub(super) fn pkcs8(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| KeyError::Damaged { what: "it is not PKCS#8" })?;
    let inner = info.private_key.as_bytes();
    let key = match info.algorithm.oid {
        RSA => pkcs1(inner)?,
        EC => {
            if contains(der, PRIME_FIELD) {
                return Err(explicit_curve());
            }
            let curve = info.algorithm.parameters_oid();
            sec1(inner, Some(curve.map_err(|_| KeyError::Damaged { what: "it names no curve" })?))?
        }
        ED25519 => ed25519(inner)?,
        other => return Err(KeyError::Unsupported { found: algorithm_name(other) }),
    };
    match info.public_key {
        Some(public) if !is_same_point(public.raw_bytes(), key.raw_public_key()) => Err(KeyError::PublicKeyDiffers),
        _ => Ok(key),
    }
}

/// Reads PKCS#1.
pub(super) fn pkcs1(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let (version, bits) = rsa_size(der).map_err(|_| KeyError::Damaged { what: "it is not PKCS#1" })?;
    if version != 0 {
        return Err(KeyError::Unsupported { found: "an RSA key with more than two primes".to_owned() });
    }
    if !(2048..=8192).contains(&bits) {
        return Err(KeyError::Unsupported { found: format!("an RSA key of {bits} bits") });
    }
    let algorithm = match bits {
        2048 => Some(KeyAlgorithm::Rsa2048),
        3072 => Some(KeyAlgorithm::Rsa3072),
        4096 => Some(KeyAlgorithm::Rsa4096),
        _ => None,
    };
    let pair = RsaKeyPair::from_der(der).map_err(|_| KeyError::Damaged { what: "its numbers make no RSA key" })?;
    PrivateKey::from_pair(Pair::Rsa(pair), algorithm)
}

/// Reads SEC1; PKCS#8 names the curve outside.
pub(super) fn sec1(der: &[u8], curve: Option<ObjectIdentifier>) -> Result<PrivateKey, KeyError> {
    if contains(der, PRIME_FIELD) {
        return Err(explicit_curve());
    }
    let found = EcPrivateKey::try_from(der).map_err(|_| KeyError::Damaged { what: "it is not SEC1" })?;
    let inside = found.parameters.and_then(EcParameters::named_curve);
    let curve = match (curve, inside) {
        (Some(outside), Some(inside)) if outside != inside => {
            return Err(KeyError::Damaged { what: "it names two curves" });
        }
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(KeyError::Damaged { what: "it names no curve" }),
    };
    let (algorithm, signing, size): (_, &'static EcdsaSigningAlgorithm, usize) = match curve {
        P256 => (KeyAlgorithm::EcdsaP256, &ECDSA_P256_SHA256_ASN1_SIGNING, 32),
        P384 => (KeyAlgorithm::EcdsaP384, &ECDSA_P384_SHA384_ASN1_SIGNING, 48),
        other => return Err(KeyError::Unsupported { found: curve_name(other) }),
    };
    let pair = ecdsa(found.private_key, curve, signing, size)?;
    if found.public_key.is_some_and(|public| !is_same_point(public, pair.raw_public_key())) {
        return Err(KeyError::PublicKeyDiffers);
    }
    PrivateKey::from_pair(pair, Some(algorithm))
}

/// Without its public half, so that the library computes that.
fn ecdsa(
    scalar: &[u8],
    curve: ObjectIdentifier,
    signing: &'static EcdsaSigningAlgorithm,
    size: usize,
) -> Result<Pair, KeyError> {
    let damaged = || KeyError::Damaged { what: "its number is no key of its curve" };
    // RFC 5915 wants the scalar padded; not every writer does so.
    let mut padded = Zeroizing::new(vec![0; size]);
    let start = size.checked_sub(scalar.len()).ok_or_else(damaged)?;
    padded[start..].copy_from_slice(scalar);
    let bare =
        EcPrivateKey { private_key: &padded, parameters: Some(EcParameters::NamedCurve(curve)), public_key: None };
    let bare = Zeroizing::new(bare.to_der().map_err(|_| damaged())?);
    EcdsaKeyPair::from_private_key_der(signing, &bare).map(Pair::Ecdsa).map_err(|_| damaged())
}

/// RFC 8410: an OCTET STRING in the OCTET STRING.
fn ed25519(der: &[u8]) -> Result<PrivateKey, KeyError> {
    let damaged = || KeyError::Damaged { what: "it is not an Ed25519 seed" };
    let seed = <&OctetStringRef>::from_der(der).map_err(|_| damaged())?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).map_err(|_| damaged())?;
    PrivateKey::from_pair(Pair::Ed25519(pair), Some(KeyAlgorithm::Ed25519))
}

/// The version and the bits of the modulus; the library checks the rest.
fn rsa_size(der: &[u8]) -> pkcs8::der::Result<(u8, usize)> {
    let mut reader = SliceReader::new(der)?;
    let found = reader.sequence(|fields| -> pkcs8::der::Result<_> {
        let version = u8::decode(fields)?;
        let modulus = UintRef::decode(fields)?;
        let zeros = modulus.as_bytes().first().map_or(0, |first| first.leading_zeros() as usize);
        let bits = modulus.as_bytes().len() * 8 - zeros;
        fields.read_slice(fields.remaining_len())?;
        Ok((version, bits))
    })?;
    reader.finish()?;
    Ok(found)
}

/// Whether a file's public key is the computed one. A point may be given by its x coordinate and y's parity (SEC1 2.3.3).
fn is_same_point(found: &[u8], computed: &[u8]) -> bool {
    match (found, computed) {
        ([sign @ (2 | 3), x @ ..], [4, point @ ..]) if x.len() * 2 == point.len() => {
            let is_odd = point.last().is_some_and(|last| last & 1 == 1);
            point.starts_with(x) && is_odd == (*sign == 3)
        }
        _ => found == computed,
    }
}

fn explicit_curve() -> KeyError {
    KeyError::Unsupported { found: "an elliptic curve that is not named but given in numbers".to_owned() }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn algorithm_name(oid: ObjectIdentifier) -> String {
    let name = match oid.to_string().as_str() {
        "1.2.840.10040.4.1" => "a DSA key",
        "1.2.840.113549.1.1.10" => "an RSA key that is restricted to PSS",
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => "a Diffie-Hellman key",
        "1.3.101.110" => "an X25519 key, which does not sign,",
        "1.3.101.111" => "an X448 key, which does not sign,",
        "1.3.101.113" => "an Ed448 key",
        other => return format!("a key of the algorithm {other}"),
    };
    name.to_owned()
}

fn curve_name(oid: ObjectIdentifier) -> String {
    let name = match oid.to_string().as_str() {
        "1.2.840.10045.3.1.1" => "P-192",
        "1.3.132.0.33" => "P-224",
        "1.3.132.0.35" => "P-521",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        other => return format!("an ECDSA key on the curve {other}"),
    };
    format!("an ECDSA key on the curve {name}")
}
