//! The vocabulary: [`CertSpec`] says what a certificate shall be, [`CertFacts`] what a found one is.
//! Both are plain values, so that comparing them needs neither a key nor a host.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::renewal::Renewal;

/// What a certificate is for; decides its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// basicConstraints CA:TRUE, pathlen 0, critical; keyUsage keyCertSign and cRLSign, critical.
    Ca,
    /// extendedKeyUsage serverAuth alone.
    Server,
    /// extendedKeyUsage clientAuth alone.
    Client,
}

/// The kind and size of a key pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256 with SHA-256: small, fast, accepted by every client.
    #[default]
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// ECDSA on NIST P-384 with SHA-384.
    #[serde(rename = "ecdsa-p384")]
    EcdsaP384,
    /// Ed25519 (RFC 8410). Some clients, browsers among them, do not accept it.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// RSA with a modulus of 2048 bits.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA with a modulus of 4096 bits; making one takes about a second of CPU time.
    #[serde(rename = "rsa-4096")]
    Rsa4096,
}

impl KeyAlgorithm {
    /// RSA of any size, whose arithmetic takes a hundred times as long as that of curves.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// The word that the manifest uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One attribute type of a distinguished name (RFC 5280, appendix A.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `C`
    Country,
    /// `ST`
    State,
    /// `L`
    Locality,
    /// `O`
    Organization,
    /// `OU`
    OrganizationalUnit,
    /// `CN`
    CommonName,
    /// `emailAddress`
    Email,
    /// Any other, by its dotted object identifier.
    Other(String),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Country => "C",
            Self::State => "ST",
            Self::Locality => "L",
            Self::Organization => "O",
            Self::OrganizationalUnit => "OU",
            Self::CommonName => "CN",
            Self::Email => "emailAddress",
            Self::Other(oid) => oid,
        })
    }
}

/// A distinguished name in the order of its encoding. Control characters of a found one are escaped when it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistinguishedName(pub Vec<(Attribute, String)>);

impl DistinguishedName {
    /// A name that has a common name alone.
    pub fn from_common_name(name: &str) -> Self {
        Self(vec![(Attribute::CommonName, name.to_owned())])
    }

    /// The last common name, which is the one that Go reads.
    pub fn common_name(&self) -> Option<&str> {
        let mut attributes = self.0.iter().rev();
        attributes.find(|(attribute, _)| *attribute == Attribute::CommonName).map(|(_, name)| name.as_str())
    }

    /// Whether both hold the same attributes, in whatever order: `openssl req` and people differ in it.
    pub fn has_same_attributes(&self, other: &Self) -> bool {
        let sorted = |name: &Self| {
            let mut attributes = name.0.clone();
            attributes.sort();
            attributes
        };
        sorted(self) == sorted(other)
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (attribute, value)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{attribute} = {}", value.escape_debug())?;
        }
        Ok(())
    }
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum San {
    /// `dNSName`, in lower case.
    Dns(String),
    /// `iPAddress`.
    Ip(IpAddr),
    /// Any other kind, as text with its kind in front; Dockseal issues none.
    Other(String),
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{}", name.escape_debug()),
            Self::Ip(address) => write!(f, "IP:{address}"),
            Self::Other(text) => write!(f, "{}", text.escape_debug()),
        }
    }
}

/// What a certificate shall be. Never its bytes: two certificates may both fulfil it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertSpec {
    /// Decides the extensions.
    pub role: Role,
    /// The whole subject.
    pub subject: DistinguishedName,
    /// Subject alternative names, in the order of the manifest; empty for a CA.
    pub sans: Vec<San>,
    /// The kind of key pair.
    pub key: KeyAlgorithm,
    /// From issue to `notAfter`; a leaf's is cut at its CA's end.
    pub valid_for: Duration,
    /// When it is issued anew before its end; says nothing of a CA.
    pub renewal: Renewal,
}

/// SHA-256 over a certificate's DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER form.
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(bytes)
    }
}

impl Fingerprint {
    /// Reads `AB:CD:…`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// A serial number: the content octets of its INTEGER (at most 20, RFC 5280 4.1.2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Serial(pub Vec<u8>);

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// As `openssl x509 -fingerprint` writes it: `AB:CD:…`.
fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let digit = |half: u8| b"0123456789ABCDEF"[usize::from(half)];
    for (i, byte) in bytes.iter().enumerate() {
        let pair = [b':', digit(byte >> 4), digit(byte & 0xf)];
        f.write_str(str::from_utf8(&pair[usize::from(i == 0)..]).map_err(|_| fmt::Error)?)?;
    }
    Ok(())
}

/// A public key as found: its DER `SubjectPublicKeyInfo`, by which keys and certificates are matched.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `None` for a kind that the manifest has no word for.
    pub algorithm: Option<KeyAlgorithm>,
    /// DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Some(algorithm) => write!(f, "PublicKey({algorithm})"),
            None => f.write_str("PublicKey(other)"),
        }
    }
}

/// The keyUsage bits that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage {
    /// digitalSignature
    pub digital_signature: bool,
    /// keyCertSign
    pub cert_sign: bool,
    /// cRLSign
    pub crl_sign: bool,
}

/// One purpose of extendedKeyUsage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtendedKeyUsage {
    /// serverAuth
    Server,
    /// clientAuth
    Client,
    /// Any other, as a word or dotted object identifier.
    Other(String),
}

/// What a found certificate says of itself. Whether it is *true* (its signature) is asked of [`super::Certificate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertFacts {
    /// The whole subject.
    pub subject: DistinguishedName,
    /// Serial number.
    pub serial: Serial,
    /// SHA-256 of the DER form.
    pub fingerprint: Fingerprint,
    /// First second of validity, UTC.
    pub not_before: OffsetDateTime,
    /// Last second of validity, UTC.
    pub not_after: OffsetDateTime,
    /// Subject alternative names, in the order of the certificate.
    pub sans: Vec<San>,
    /// The public key.
    pub public_key: PublicKey,
    /// basicConstraints CA:TRUE.
    pub is_ca: bool,
    /// `None` where the extension is absent: then every use is allowed.
    pub key_usage: Option<KeyUsage>,
    /// `None` where the extension is absent: then every purpose is allowed.
    pub extended_key_usage: Option<Vec<ExtendedKeyUsage>>,
}
