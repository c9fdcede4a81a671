//! Signing: the only user of rcgen.

use time::OffsetDateTime;

use super::key::PrivateKey;
use super::parse::Certificate;
use super::spec::{CertSpec, PublicKey};

/// A CA whose key is at hand. `Sync`: leaves are issued on all cores with one.
pub struct Authority {}

/// Why a certificate can't be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
}

impl Authority {
    /// Makes a self-signed CA certificate over `key`.
    pub fn create(spec: &CertSpec, key: PrivateKey, now: OffsetDateTime) -> Result<Self, IssueError> {
        todo!()
    }

    /// Takes a found CA; fails where it is no CA or the key is another's.
    pub fn open(certificate: Certificate, key: PrivateKey) -> Result<Self, IssueError> {
        todo!()
    }

    /// The CA certificate.
    pub fn certificate(&self) -> &Certificate {
        todo!()
    }

    /// The CA's private key.
    pub fn key(&self) -> &PrivateKey {
        todo!()
    }

    /// Issues a leaf over `key`: notBefore 5 minutes ago, notAfter cut at the CA's end, a random 20-byte serial.
    pub fn issue(&self, spec: &CertSpec, key: &PublicKey, now: OffsetDateTime) -> Result<Certificate, IssueError> {
        todo!()
    }
}
