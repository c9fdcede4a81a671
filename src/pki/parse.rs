//! PEM text → certificates and requests, with their facts.

use super::spec::{CertFacts, PublicKey};

/// A found certificate.
pub struct Certificate {
    /// Its DER form.
    pub der: Vec<u8>,
    /// What it says.
    pub facts: CertFacts,
}

/// Why a certificate or request can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn parse(pem: &[u8]) -> Result<Self, ParseError> {
        todo!()
    }

    /// Reads every certificate of a PEM text: a CA bundle, at least one.
    pub fn parse_all(pem: &[u8]) -> Result<Vec<Self>, ParseError> {
        todo!()
    }

    /// Reads one DER form, as a TLS handshake brings it.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        todo!()
    }

    /// PEM text.
    pub fn to_pem(&self) -> String {
        todo!()
    }

    /// Whether `ca`'s subject is this certificate's issuer, byte for byte, and `ca`'s key made its signature.
    pub fn is_signed_by(&self, ca: &Certificate) -> bool {
        todo!()
    }
}

/// A PKCS#10 certificate signing request (RFC 2986) whose signature is good.
pub struct Request {
    /// The key that the certificate shall bear; the only thing that is taken from a request.
    pub public_key: PublicKey,
}

impl Request {
    /// Reads the first request of a PEM text and checks that it was signed by its own key.
    pub fn parse(pem: &[u8]) -> Result<Self, ParseError> {
        todo!()
    }
}
