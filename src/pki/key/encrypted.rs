//! Encrypted PKCS#8 (RFC 5958) with PBES2 (RFC 8018): what openssl has written since 1.1.

use std::fmt;

use aws_lc_rs::rand;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode, Reader, SliceReader};
use pkcs8::pkcs5::Error as Pkcs5Error;
use pkcs8::pkcs5::pbes2::{self, Kdf, PBES2_OID, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::{KeyError, PrivateKey, decode};

/// What OWASP has asked for since 2023; openssl's own default is 2,048. About 0.2 s.
const WRITTEN_ROUNDS: u32 = 600_000;
/// A few seconds of work. A key file is input, and must not be able to stop the run.
const MAX_ROUNDS: u32 = 10_000_000;
const MAX_SCRYPT_MEMORY: u64 = 64 * 1024 * 1024;
const MAX_SCRYPT_LANES: u16 = 16;
const MAX_PASSPHRASE: usize = 1024;

/// The passphrase of an encrypted key. Never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// An encrypted PKCS#8 key (RFC 5958 with PBES2) that has not been unlocked.
pub struct EncryptedKey {
    parameters: pbes2::Parameters,
    ciphertext: Vec<u8>,
}

impl Passphrase {
    /// Takes the bytes as they are; the caller cuts a trailing newline.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    fn usable(&self) -> Result<&[u8], KeyError> {
        let why = if self.0.is_empty() {
            "is empty"
        } else if self.0.len() > MAX_PASSPHRASE {
            "has more than 1024 bytes"
        } else if self.0.iter().any(|byte| matches!(byte, 0 | b'\n' | b'\r')) {
            // openssl reads one line of its passphrase file, up to a NUL.
            "has a line break or a NUL in it"
        } else {
            return Ok(&self.0);
        };
        Err(KeyError::UnusablePassphrase { why })
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl fmt::Debug for EncryptedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptedKey(…)")
    }
}

impl EncryptedKey {
    /// Reads the outer form, and refuses at once what could never be unlocked.
    pub(super) fn decode(der: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, ciphertext) =
            outer(der).map_err(|_| KeyError::Damaged { what: "it is not encrypted PKCS#8" })?;
        if algorithm.oid != PBES2_OID {
            return Err(KeyError::UnsupportedEncryption { found: name(algorithm.oid) });
        }
        let damaged = || KeyError::Damaged { what: "its encryption has no parameters" };
        let inner = algorithm.parameters.ok_or_else(damaged)?;
        let parameters = pbes2::Parameters::try_from(inner).map_err(|_| {
            let parts = inner.sequence(|parts| -> pkcs8::der::Result<_> {
                Ok((AlgorithmIdentifierRef::decode(parts)?, AlgorithmIdentifierRef::decode(parts)?))
            });
            parts.map_or_else(
                |_| damaged(),
                |(kdf, cipher)| {
                    let found = format!("{} and {}", name(kdf.oid), name(cipher.oid));
                    KeyError::UnsupportedEncryption { found }
                },
            )
        })?;
        check_work(&parameters.kdf)?;
        Ok(Self { parameters, ciphertext: ciphertext.to_vec() })
    }

    /// Whether it can be unlocked within milliseconds: what a fuzz target may try thousands of times a second.
    #[cfg(any(fuzzing, test))]
    pub fn is_cheap(&self) -> bool {
        match &self.parameters.kdf {
            Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= 4096,
            Kdf::Scrypt(scrypt) => {
                let size = scrypt.cost_parameter.saturating_mul(u64::from(scrypt.block_size));
                size.saturating_mul(u64::from(scrypt.parallelization)) <= 8192
            }
            _ => true,
        }
    }

    /// Unlocks it; a wrong passphrase and a damaged file can't always be told apart.
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<PrivateKey, KeyError> {
        let plain = self.parameters.decrypt(passphrase.usable()?, &self.ciphertext).map(Zeroizing::new);
        let plain = plain.map_err(|error| match error {
            Pkcs5Error::DecryptFailed => KeyError::WrongPassphrase,
            other => KeyError::UnsupportedEncryption { found: other.to_string() },
        })?;
        // One wrong passphrase in 256 leaves a padding that looks right, and then bytes that are no key.
        decode::pkcs8(&plain).map_err(|error| match error {
            KeyError::Damaged { .. } => KeyError::WrongPassphrase,
            other => other,
        })
    }
}

/// PBKDF2 rather than scrypt, which FIPS 140 does not know.
pub(super) fn encrypt(pkcs8: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyError> {
    let passphrase = passphrase.usable()?;
    let failed = KeyError::Library { doing: "encrypting a key" };
    let encrypted = || -> Option<_> {
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        rand::fill(&mut salt).ok()?;
        rand::fill(&mut iv).ok()?;
        let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(WRITTEN_ROUNDS, &salt, iv).ok()?;
        let ciphertext = parameters.encrypt(passphrase, pkcs8).ok()?;
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: parameters.into(),
            encrypted_data: OctetStringRef::new(&ciphertext).ok()?,
        };
        SecretDocument::encode_msg(&info).ok()?.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).ok()
    };
    encrypted().ok_or(failed)
}

fn outer(der: &[u8]) -> pkcs8::der::Result<(AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let found = reader.sequence(|fields| -> pkcs8::der::Result<_> {
        Ok((AlgorithmIdentifierRef::decode(fields)?, <&OctetStringRef>::decode(fields)?.as_bytes()))
    })?;
    reader.finish()?;
    Ok(found)
}

fn check_work(kdf: &Kdf) -> Result<(), KeyError> {
    let excessive = |found| Err(KeyError::ExcessiveWork { found });
    match kdf {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.prf == Pbkdf2Prf::HmacWithSha1 => {
            Err(KeyError::UnsupportedEncryption { found: "PBKDF2 with HMAC-SHA1".to_owned() })
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > MAX_ROUNDS => {
            excessive(format!("{} rounds of PBKDF2", pbkdf2.iteration_count))
        }
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count == 0 => {
            Err(KeyError::Damaged { what: "its encryption asks for no rounds of PBKDF2" })
        }
        Kdf::Scrypt(scrypt) => {
            let (n, r, p) = (scrypt.cost_parameter, scrypt.block_size, scrypt.parallelization);
            // RFC 7914, section 6. The library would stop the program at N = 0.
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(KeyError::Damaged { what: "its scrypt parameters are impossible" });
            }
            let memory = n.saturating_mul(128).saturating_mul(u64::from(r));
            if memory > MAX_SCRYPT_MEMORY || p > MAX_SCRYPT_LANES {
                return excessive(format!("{} MiB of memory {p} times for scrypt", memory / 1024 / 1024));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn name(oid: ObjectIdentifier) -> String {
    let oid = oid.to_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.5.3" | "1.2.840.113549.1.5.10" => "PBES1 and DES",
        "1.2.840.113549.1.5.6" | "1.2.840.113549.1.5.11" => "PBES1 and RC2",
        "1.2.840.113549.1.12.1.3" | "1.2.840.113549.1.12.1.4" => "PKCS#12 and 3DES",
        "1.2.840.113549.1.5.12" => "PBKDF2",
        "1.3.6.1.4.1.11591.4.11" => "scrypt",
        "1.2.840.113549.3.7" => "3DES",
        "1.3.14.3.2.7" => "DES",
        "1.2.840.113549.3.2" => "RC2",
        other => other,
    };
    name.to_owned()
}
