//! X.509 (RFC 5280) and private keys: what a certificate shall be, what one is, and how one is made.
//! This stage knows nothing of Docker, of the manifest or of files.

mod armor;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod imagined;
mod issue;
mod key;
mod parse;
mod renewal;
mod request;
mod signature;
mod spec;
#[cfg(test)]
mod tool;

pub use issue::{Authority, IssueError};
pub use key::{KeyError, Passphrase, PrivateKey, StoredKey};
pub use parse::{Certificate, ParseError, Request};
pub use renewal::Renewal;
pub use spec::{
    Attribute, CertFacts, CertSpec, DistinguishedName, ExtendedKeyUsage, Fingerprint, KeyAlgorithm, PublicKey, Role,
    San,
};
#[cfg(test)]
pub use spec::{KeyUsage, Serial};
