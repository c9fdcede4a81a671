//! Which public keys and signatures are known, and whether one key made one signature. Certificates and requests share it.
//! Known is what Go, OpenSSL and rustls all accept today: ECDSA on P-256 and P-384, Ed25519, RSA from 2048 bits with
//! PKCS#1 v1.5, each with SHA-2. SHA-1, MD5 and RSA-PSS are not.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_PKCS1_SHA256WITHRSA,
    OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ECDSA_WITH_SHA512, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::spec::{KeyAlgorithm, PublicKey};

/// The kind of a public key, finer than the manifest's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    P256,
    P384,
    Ed25519,
    /// Bits of the modulus.
    Rsa(usize),
    Other,
}

/// How a signature was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    EcdsaSha256,
    EcdsaSha384,
    EcdsaSha512,
    RsaSha256,
    RsaSha384,
    RsaSha512,
    Ed25519,
}

/// The manifest's word for a key beside its bytes.
pub(super) fn public_key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    let algorithm = match kind(info) {
        KeyKind::P256 => Some(KeyAlgorithm::EcdsaP256),
        KeyKind::P384 => Some(KeyAlgorithm::EcdsaP384),
        KeyKind::Ed25519 => Some(KeyAlgorithm::Ed25519),
        KeyKind::Rsa(2048) => Some(KeyAlgorithm::Rsa2048),
        KeyKind::Rsa(3072) => Some(KeyAlgorithm::Rsa3072),
        KeyKind::Rsa(4096) => Some(KeyAlgorithm::Rsa4096),
        KeyKind::Rsa(_) | KeyKind::Other => None,
    };
    PublicKey { algorithm, spki: info.raw.to_vec() }
}

impl PublicKey {
    /// Reads a PEM text, `PUBLIC KEY`.
    pub fn parse(text: &str) -> Option<Self> {
        let block = pem::parse(text).ok().filter(|block| block.tag() == "PUBLIC KEY")?;
        let (rest, info) = SubjectPublicKeyInfo::from_der(block.contents()).ok()?;
        rest.is_empty().then(|| public_key(&info))
    }

    /// PEM text.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("PUBLIC KEY", self.spki.as_slice()), config)
    }

    /// The manifest's word for it; of an RSA key whose size has none, that of the next smaller one: docker:dind has made
    /// keys of 4196 bits.
    pub fn word(&self) -> Option<KeyAlgorithm> {
        if self.algorithm.is_some() {
            return self.algorithm;
        }
        match kind(&SubjectPublicKeyInfo::from_der(&self.spki).ok()?.1) {
            KeyKind::Rsa(2048..3072) => Some(KeyAlgorithm::Rsa2048),
            KeyKind::Rsa(3072..4096) => Some(KeyAlgorithm::Rsa3072),
            KeyKind::Rsa(4096..=8192) => Some(KeyAlgorithm::Rsa4096),
            _ => None,
        }
    }
}

/// What kind of key it is.
pub(super) fn kind(info: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let algorithm = &info.algorithm.algorithm;
    let parameters = info.algorithm.parameters.as_ref();
    if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        match parameters.and_then(|any| any.as_oid().ok()) {
            Some(curve) if curve == OID_EC_P256 => KeyKind::P256,
            Some(curve) if curve == OID_NIST_EC_P384 => KeyKind::P384,
            _ => KeyKind::Other,
        }
    } else if *algorithm == OID_PKCS1_RSAENCRYPTION {
        match info.parsed() {
            Ok(Parsed::RSA(key)) => KeyKind::Rsa(bits(key.modulus)),
            _ => KeyKind::Other,
        }
    } else if *algorithm == OID_SIG_ED25519 {
        KeyKind::Ed25519
    } else {
        KeyKind::Other
    }
}

/// How a signature was made, `None` where that is not accepted.
pub(super) fn scheme(algorithm: &AlgorithmIdentifier<'_>) -> Option<Scheme> {
    let known = [
        (OID_SIG_ECDSA_WITH_SHA256, Scheme::EcdsaSha256),
        (OID_SIG_ECDSA_WITH_SHA384, Scheme::EcdsaSha384),
        (OID_SIG_ECDSA_WITH_SHA512, Scheme::EcdsaSha512),
        (OID_PKCS1_SHA256WITHRSA, Scheme::RsaSha256),
        (OID_PKCS1_SHA384WITHRSA, Scheme::RsaSha384),
        (OID_PKCS1_SHA512WITHRSA, Scheme::RsaSha512),
        (OID_SIG_ED25519, Scheme::Ed25519),
    ];
    known.iter().find(|(oid, _)| *oid == algorithm.algorithm).map(|(_, scheme)| *scheme)
}

/// Whether `key` (the BIT STRING of its `SubjectPublicKeyInfo`) made `signature` over `message`.
pub(super) fn is_good(kind: KeyKind, key: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match (kind, scheme) {
        (KeyKind::P256, Scheme::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Scheme::EcdsaSha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Scheme::EcdsaSha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Scheme::EcdsaSha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Scheme::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Scheme::EcdsaSha512) => &signature::ECDSA_P384_SHA512_ASN1,
        // The names hold the bounds: 2048 to 8192 bits.
        (KeyKind::Rsa(_), Scheme::RsaSha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::Rsa(_), Scheme::RsaSha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa(_), Scheme::RsaSha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (KeyKind::Ed25519, Scheme::Ed25519) => &signature::ED25519,
        _ => return false,
    };
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

fn bits(number: &[u8]) -> usize {
    let number = &number[number.iter().take_while(|&&byte| byte == 0).count()..];
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
