//! Private keys: made, read from every PEM form that openssl writes, stored as PKCS#8, plain or encrypted.

mod decode;
mod encrypted;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use pkcs8::SecretDocument;
use pkcs8::der::pem::LineEnding;
use zeroize::Zeroizing;

use super::armor::{self, ArmorError};
use super::spec::{KeyAlgorithm, PublicKey};

pub use encrypted::{EncryptedKey, Passphrase};

/// A private key in memory, wiped when dropped. Never shown.
pub struct PrivateKey {
    public: PublicKey,
    pkcs8: SecretDocument,
    pair: Pair,
}

/// The library's own form, which signs.
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A key as a file holds it.
#[derive(Debug)]
pub enum StoredKey {
    /// PKCS#8, PKCS#1 or SEC1.
    Plain(PrivateKey),
    /// Encrypted PKCS#8.
    Encrypted(EncryptedKey),
}

/// Why a key can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is no PEM, or broken PEM.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// PEM, but of other things.
    #[error("it holds no private key, but {found}")]
    NoPrivateKey {
        /// The labels.
        found: String,
    },
    /// Which of them is meant can't be known.
    #[error("it holds {count} private keys; one is expected")]
    SeveralPrivateKeys {
        /// How many.
        count: usize,
    },
    /// The bytes are not what the label promises.
    #[error("the private key is damaged: {what}")]
    Damaged {
        /// The first fault.
        what: &'static str,
    },
    /// A kind of key that is not used here.
    #[error("{found} can't be used; ECDSA P-256 and P-384, Ed25519 and RSA of 2048 to 8192 bits can")]
    Unsupported {
        /// Its name.
        found: String,
    },
    /// A key file that names a public key which is not its own.
    #[error("the private key is damaged: the public key beside it belongs to another private key")]
    PublicKeyDiffers,
    /// `Proc-Type: 4,ENCRYPTED`
    #[error("it is encrypted in the old way of openssl (Proc-Type: 4,ENCRYPTED), which is too weak to be read")]
    TraditionalEncryption,
    /// PKCS#8, but encrypted with something old or rare.
    #[error("it is encrypted with {found}, which can't be read")]
    UnsupportedEncryption {
        /// Its name.
        found: String,
    },
    /// The file asks for more work than a key file has reason to.
    #[error("its encryption asks for {found}, which is beyond all reason")]
    ExcessiveWork {
        /// How much.
        found: String,
    },
    /// An encrypted key, but nothing to unlock it with.
    #[error("it is encrypted and no passphrase is given")]
    PassphraseMissing,
    /// Unlocking gave no key.
    #[error("wrong passphrase, or the file is damaged (the two can't be told apart)")]
    WrongPassphrase,
    /// A passphrase that can't be used.
    #[error("the passphrase {why}")]
    UnusablePassphrase {
        /// Its fault.
        why: &'static str,
    },
    /// The cryptographic library refuses, for want of randomness or memory.
    #[error("the cryptographic library failed while {doing}")]
    Library {
        /// What was asked of it.
        doing: &'static str,
    },
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TraditionalEncryption | Self::UnsupportedEncryption { .. } | Self::ExcessiveWork { .. } => {
                Some("convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW")
            }
            Self::Armor(ArmorError::NotPem) => {
                Some("a DER key is converted by: openssl pkey -inform der -in OLD -out NEW")
            }
            _ => None,
        }
    }
}

impl PrivateKey {
    /// Makes a key pair. RSA-4096 takes about a second of CPU time.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa);
        let pair = match algorithm {
            KeyAlgorithm::EcdsaP256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Pair::Ecdsa),
            KeyAlgorithm::EcdsaP384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Pair::Ecdsa),
            KeyAlgorithm::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            KeyAlgorithm::Rsa2048 => rsa(KeySize::Rsa2048),
            KeyAlgorithm::Rsa3072 => rsa(KeySize::Rsa3072),
            KeyAlgorithm::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        let pair = pair.map_err(|_| KeyError::Library { doing: "making a key" })?;
        Self::from_pair(pair, Some(algorithm))
    }

    /// The public half, computed from the private one.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// PKCS#8 DER.
    pub fn pkcs8_der(&self) -> &[u8] {
        self.pkcs8.as_bytes()
    }

    /// PKCS#8 PEM.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let encoded = self.pkcs8.to_pem("PRIVATE KEY", LineEnding::LF);
        encoded.map_err(|_| KeyError::Library { doing: "encoding a key" })
    }

    /// Encrypted PKCS#8 PEM, as `openssl genrsa -aes256` of OpenSSL 3 writes it.
    pub fn to_encrypted_pem(&self, passphrase: &Passphrase) -> Result<Zeroizing<String>, KeyError> {
        encrypted::encrypt(self.pkcs8.as_bytes(), passphrase)
    }

    /// Signs with the hash that fits: SHA-384 for P-384, SHA-256 for the other curve and RSA (PKCS#1 v1.5).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let failed = |_| KeyError::Library { doing: "signing" };
        match &self.pair {
            Pair::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// What stands in the BIT STRING of a `SubjectPublicKeyInfo`.
    pub(super) fn raw_public_key(&self) -> &[u8] {
        self.pair.raw_public_key()
    }

    fn from_pair(pair: Pair, algorithm: Option<KeyAlgorithm>) -> Result<Self, KeyError> {
        let encoded = || -> Result<_, Unspecified> {
            let (pkcs8, spki): (_, PublicKeyX509Der<'_>) = match &pair {
                Pair::Ecdsa(pair) => (copy(pair.to_pkcs8v1()?.as_ref()), pair.public_key().as_der()?),
                Pair::Ed25519(pair) => (copy(pair.to_pkcs8v1()?.as_ref()), pair.public_key().as_der()?),
                Pair::Rsa(pair) => (copy(AsDer::<Pkcs8V1Der<'_>>::as_der(pair)?.as_ref()), pair.public_key().as_der()?),
            };
            Ok((pkcs8, spki.as_ref().to_vec()))
        };
        let failed = || KeyError::Library { doing: "encoding a key" };
        let (pkcs8, spki) = encoded().map_err(|_| failed())?;
        let pkcs8 = SecretDocument::try_from(pkcs8.as_slice()).map_err(|_| failed())?;
        Ok(Self { public: PublicKey { algorithm, spki }, pkcs8, pair })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.public.algorithm {
            Some(algorithm) => write!(f, "PrivateKey({algorithm})"),
            None => f.write_str("PrivateKey(other)"),
        }
    }
}

impl StoredKey {
    /// Reads the one private key of a PEM text; certificates and parameters beside it are skipped.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        let blocks = armor::blocks(pem)?;
        let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
        let Some(block) = keys.next() else {
            return Err(KeyError::NoPrivateKey { found: armor::labels(&blocks) });
        };
        let others = keys.count();
        if others > 0 {
            return Err(KeyError::SeveralPrivateKeys { count: others + 1 });
        }
        if block.is_traditionally_encrypted() {
            return Err(KeyError::TraditionalEncryption);
        }
        let der = block.decode()?;
        match block.label {
            "PRIVATE KEY" => decode::pkcs8(&der).map(Self::Plain),
            "RSA PRIVATE KEY" => decode::pkcs1(&der).map(Self::Plain),
            "EC PRIVATE KEY" => decode::sec1(&der, None).map(Self::Plain),
            "ENCRYPTED PRIVATE KEY" => EncryptedKey::decode(&der).map(Self::Encrypted),
            other => Err(KeyError::Unsupported { found: format!("\"{other}\"") }),
        }
    }

    /// The key itself, unlocked where it is encrypted. The passphrase of a plain key is not looked at.
    pub fn open(self, passphrase: Option<&Passphrase>) -> Result<PrivateKey, KeyError> {
        match self {
            Self::Plain(key) => Ok(key),
            Self::Encrypted(key) => key.unlock(passphrase.ok_or(KeyError::PassphraseMissing)?),
        }
    }
}

impl Pair {
    fn raw_public_key(&self) -> &[u8] {
        match self {
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
            Self::Rsa(pair) => pair.public_key().as_ref(),
        }
    }
}

fn copy(secret: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(secret.to_vec())
}
