//! Private keys: made, read from every PEM form that openssl writes, stored as PKCS#8, plain or encrypted.

use std::fmt;

use zeroize::Zeroizing;

use super::spec::{KeyAlgorithm, PublicKey};

/// The passphrase of an encrypted key. Never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes the bytes as they are; the caller cuts a trailing newline.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// A private key in memory, wiped when dropped. Never shown.
pub struct PrivateKey {}

/// An encrypted PKCS#8 key (RFC 5958 with PBES2) that has not been unlocked.
pub struct EncryptedKey {}

/// A key as a file holds it.
pub enum StoredKey {
    /// PKCS#8, PKCS#1 or SEC1.
    Plain(PrivateKey),
    /// Encrypted PKCS#8.
    Encrypted(EncryptedKey),
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
}

impl PrivateKey {
    /// Makes a key pair. RSA-4096 takes about a second of CPU time.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        todo!()
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        todo!()
    }

    /// PKCS#8 PEM.
    pub fn to_pem(&self) -> Zeroizing<String> {
        todo!()
    }

    /// Encrypted PKCS#8 PEM, as `openssl genrsa -aes256` of OpenSSL 3 writes it.
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyError> {
        todo!()
    }
}

impl EncryptedKey {
    /// Unlocks it; a wrong passphrase and a damaged file can't always be told apart.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<PrivateKey, KeyError> {
        todo!()
    }
}

impl StoredKey {
    /// Reads the first private key of a PEM text.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        todo!()
    }
}
