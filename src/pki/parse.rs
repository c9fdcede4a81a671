//! PEM text → certificates and requests, with their facts.

mod facts;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use pkcs8::der::asn1::{AnyRef, BitStringRef};
use pkcs8::der::{Decode, Reader, SliceReader};
use pkcs8::spki::AlgorithmIdentifierRef;
use x509_parser::certificate::X509Certificate;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::armor::{self, ArmorError, Block};
use super::signature::{self, KeyKind, Scheme};
use super::spec::{CertFacts, PublicKey};

/// A found certificate.
#[derive(Clone)]
pub struct Certificate {
    /// Its DER form.
    pub der: Vec<u8>,
    /// What it says.
    pub facts: CertFacts,
    parts: Parts,
}

/// Why a certificate or request can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is no PEM, or broken PEM.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// PEM, but of other things.
    #[error("it holds no certificate, but {found}")]
    NoCertificate {
        /// The labels.
        found: String,
    },
    /// PEM, but of other things.
    #[error("it holds no certificate request, but {found}")]
    NoRequest {
        /// The labels.
        found: String,
    },
    /// The bytes are not what the label promises.
    #[error("it is damaged: {what}")]
    Damaged {
        /// The first fault.
        what: String,
    },
    /// A request for a key that no verifier would accept.
    #[error("the request's key is {found}; ECDSA P-256 and P-384, Ed25519 and RSA of 2048 to 8192 bits can be used")]
    UnsupportedKey {
        /// Its kind.
        found: String,
    },
    /// A request that is signed in a way that proves too little.
    #[error("the request is signed with {found}; SHA-256, SHA-384 or SHA-512 (with RSA: PKCS#1 v1.5) is needed")]
    UnsupportedSignature {
        /// Its algorithm.
        found: String,
    },
    /// A request that was not signed by the key it names.
    #[error("the request's signature is wrong: it was not made with the key that the request names, or it is damaged")]
    BadSignature,
}

impl ParseError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Armor(ArmorError::NotPem) => {
                Some("a DER file is converted by: openssl x509 -inform der -in OLD -out NEW")
            }
            Self::UnsupportedSignature { .. } | Self::UnsupportedKey { .. } => Some(
                "make another: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=NAME \
                 -keyout key.pem -out NEW",
            ),
            _ => None,
        }
    }
}

/// What a signature check needs, found once: where it stands in the DER form.
#[derive(Clone)]
struct Parts {
    signed: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    key: Range<usize>,
    kind: KeyKind,
    scheme: Option<Scheme>,
    signature: Range<usize>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn parse(pem: &[u8]) -> Result<Self, ParseError> {
        let blocks = armor::blocks(pem)?;
        let first = blocks.iter().find(is_certificate).ok_or_else(|| no_certificate(&blocks))?;
        Self::from_der(&first.decode()?)
    }

    /// Reads every certificate of a PEM text: a CA bundle, at least one.
    pub fn parse_all(pem: &[u8]) -> Result<Vec<Self>, ParseError> {
        let blocks = armor::blocks(pem)?;
        let found = blocks.iter().filter(is_certificate).map(|block| Self::from_der(&block.decode()?));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() { Err(no_certificate(&blocks)) } else { Ok(found) }
    }

    /// Reads one DER form, as a TLS handshake brings it.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        check_frame(der, "certificate")?;
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| damaged("it is no certificate", &error))?;
        let facts = facts::read(&parsed, der)?;
        let parts = Parts::find(&parsed, der).ok_or_else(|| damaged("it is no certificate", &"parts"))?;
        Ok(Self { der: der.to_vec(), facts, parts })
    }

    /// Facts without a certificate: nobody has signed it, and it signs nothing.
    pub(super) fn without_bytes(facts: CertFacts) -> Self {
        let none = || 0..0;
        let (kind, scheme) = (KeyKind::Other, None);
        let parts =
            Parts { signed: none(), issuer: none(), subject: none(), key: none(), kind, scheme, signature: none() };
        Self { der: Vec::new(), facts, parts }
    }

    /// PEM text.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", self.der.as_slice()), config)
    }

    /// Whether `ca`'s subject is this certificate's issuer, byte for byte, and `ca`'s key made its signature.
    pub fn is_signed_by(&self, ca: &Certificate) -> bool {
        let (mine, theirs) = (&self.parts, &ca.parts);
        let Some(scheme) = mine.scheme else { return false };
        let key = &ca.der[theirs.key.clone()];
        self.is_issued_in_the_name_of(ca)
            && signature::is_good(
                theirs.kind,
                key,
                scheme,
                &self.der[mine.signed.clone()],
                &self.der[mine.signature.clone()],
            )
    }

    /// The first half of [`Self::is_signed_by`]: the names alone.
    pub(super) fn is_issued_in_the_name_of(&self, ca: &Certificate) -> bool {
        self.der[self.parts.issuer.clone()] == *ca.raw_subject()
    }

    /// DER of the subject.
    pub(super) fn raw_subject(&self) -> &[u8] {
        &self.der[self.parts.subject.clone()]
    }
}

/// Its fingerprint: the rest can be read from the facts.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.facts.fingerprint)
    }
}

/// A PKCS#10 certificate signing request (RFC 2986) whose signature is good.
#[derive(Clone, Debug)]
pub struct Request {
    /// The key that the certificate shall bear; the only thing that is taken from a request.
    pub public_key: PublicKey,
    /// Its DER form.
    pub(super) der: Vec<u8>,
    /// The part of it that is signed.
    pub(super) asked: Vec<u8>,
}

impl Request {
    /// Reads the first request of a PEM text and checks that it was signed by its own key.
    pub fn parse(pem: &[u8]) -> Result<Self, ParseError> {
        let blocks = armor::blocks(pem)?;
        let is_request = |block: &&Block<'_>| matches!(block.label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST");
        let first = blocks.iter().find(is_request);
        let der = first.ok_or_else(|| ParseError::NoRequest { found: armor::labels(&blocks) })?.decode()?;
        check_frame(&der, "request")?;
        let (_, request) =
            X509CertificationRequest::from_der(&der).map_err(|error| damaged("it is no request", &error))?;
        let info = &request.certification_request_info.subject_pki;
        let kind = signature::kind(info);
        match kind {
            KeyKind::Other => {
                let oid = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
                let oid = oid.as_ref().unwrap_or(&info.algorithm.algorithm);
                return Err(ParseError::UnsupportedKey { found: format!("of the kind {oid}") });
            }
            KeyKind::Rsa(bits) if !(2048..=8192).contains(&bits) => {
                return Err(ParseError::UnsupportedKey { found: format!("RSA of {bits} bits") });
            }
            KeyKind::Rsa(_) | KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => {}
        }
        let found = &request.signature_algorithm;
        let scheme = signature::scheme(found)
            .ok_or_else(|| ParseError::UnsupportedSignature { found: found.algorithm.to_string() })?;
        let message = request.certification_request_info.raw;
        let bytes = &request.signature_value.data;
        if !signature::is_good(kind, &info.subject_public_key.data, scheme, message, bytes) {
            return Err(ParseError::BadSignature);
        }
        Ok(Self { public_key: signature::public_key(info), der: der.to_vec(), asked: message.to_vec() })
    }
}

impl Parts {
    fn find(parsed: &X509Certificate<'_>, der: &[u8]) -> Option<Self> {
        let tbs = &parsed.tbs_certificate;
        // RFC 5280, 4.1.1.2: both must be equal. Only the outer one is used, only the inner one is signed.
        let is_named_twice = parsed.signature_algorithm == tbs.signature;
        Some(Self {
            signed: place(der, tbs.as_ref())?,
            issuer: place(der, tbs.issuer.as_raw())?,
            subject: place(der, tbs.subject.as_raw())?,
            key: place(der, &tbs.subject_pki.subject_public_key.data)?,
            kind: signature::kind(&tbs.subject_pki),
            scheme: signature::scheme(&parsed.signature_algorithm).filter(|_| is_named_twice),
            signature: place(der, &parsed.signature_value.data)?,
        })
    }
}

/// Certificates and requests have one frame: what is signed, how, and the signature. The frame itself is not signed, and the
/// parser takes its tags lightly; so it is read strictly here, lest one certificate have many forms and fingerprints.
fn check_frame(der: &[u8], what: &str) -> Result<(), ParseError> {
    let strict = || -> pkcs8::der::Result<Option<_>> {
        let mut reader = SliceReader::new(der)?;
        let signature = reader.sequence(|parts| -> pkcs8::der::Result<_> {
            AnyRef::decode(parts)?;
            AlgorithmIdentifierRef::decode(parts)?;
            BitStringRef::decode(parts)
        })?;
        reader.finish()?;
        Ok(signature.as_bytes())
    };
    match strict() {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(damaged(&format!("it is no {what}"), &"a signature of broken bytes")),
        Err(error) => Err(damaged(&format!("it is no {what}"), &error)),
    }
}

/// Where a part that the parser borrowed stands in the whole.
fn place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (whole.get(range.clone())? == part).then_some(range)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "an iterator's filter passes it so")]
fn is_certificate(block: &&Block<'_>) -> bool {
    matches!(block.label, "CERTIFICATE" | "X509 CERTIFICATE")
}

fn no_certificate(blocks: &[Block<'_>]) -> ParseError {
    ParseError::NoCertificate { found: armor::labels(blocks) }
}

fn damaged(what: &str, error: &dyn fmt::Display) -> ParseError {
    ParseError::Damaged { what: format!("{what} ({error})") }
}
