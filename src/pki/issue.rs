//! Signing: the only user of rcgen. A specification and a public key enter, a certificate leaves that has been read back
//! and says what it should. rcgen's defaults fit nobody, so every field is set.

mod name;
#[cfg(test)]
mod tests;

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber, SignatureAlgorithm, SigningKey, SubjectPublicKeyInfo,
};
use time::{Duration, OffsetDateTime};

use super::key::{KeyError, PrivateKey};
use super::parse::{Certificate, ParseError};
use super::spec::{CertSpec, KeyAlgorithm, PublicKey, Role, San};

/// Clocks differ: a client whose clock is a little late must not take a new certificate for one of the future.
pub(super) const BACK_DATED: Duration = Duration::minutes(5);

/// A CA whose key is at hand. `Sync`: leaves are issued on all cores with one.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, Signer>,
}

/// Why a certificate can't be issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A found CA that can't sign, or not so that its chain would hold.
    #[error("can't sign with this CA: {why}")]
    UnusableCa {
        /// What stands in the way.
        why: String,
    },
    /// Another CA's key, or another's certificate.
    #[error("can't sign with this CA: the key is not the one that its certificate names")]
    KeyDiffers,
    /// Nothing can be issued that would be valid.
    #[error("can't sign with this CA: it ends at {at}")]
    CaEnds {
        /// Its notAfter.
        at: OffsetDateTime,
    },
    /// A specification that no certificate can fulfil.
    #[error("no certificate can be made: {why}")]
    UnusableSpec {
        /// What stands in the way.
        why: String,
    },
    /// A public key that certificates aren't made for.
    #[error("no certificate can be made for this kind of key")]
    UnsupportedKey,
    /// The key or the source of randomness failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What came out is not what was asked for. It is thrown away.
    #[error("the certificate that was made is wrong: {what}")]
    WrongResult {
        /// The first difference.
        what: String,
    },
    /// The X.509 library failed.
    #[error("the certificate can't be made: {0}")]
    Library(#[from] rcgen::Error),
}

impl Authority {
    /// Makes a self-signed CA certificate over `key`.
    pub fn create(spec: &CertSpec, key: PrivateKey, now: OffsetDateTime) -> Result<Self, IssueError> {
        if spec.role != Role::Ca {
            return Err(unusable_spec("it is no CA's"));
        }
        let signer = Signer::new(key);
        let (not_before, not_after) = validity(spec, now)?;
        let params = params(spec, not_before, not_after)?;
        let made = params.self_signed(&signer)?;
        let certificate = read_back(made.der(), spec, signer.0.public_key())?;
        if !certificate.is_signed_by(&certificate) {
            return Err(IssueError::WrongResult { what: "its signature".to_owned() });
        }
        Ok(Self { certificate, issuer: Issuer::new(params, signer) })
    }

    /// Takes a found CA; fails where it is no CA or the key is another's.
    ///
    /// One certificate is signed for trial, so that a CA whose name can't be written again byte for byte, or a key that
    /// fails, is known before anything is changed.
    pub fn open(certificate: Certificate, key: PrivateKey) -> Result<Self, IssueError> {
        let unusable = |why: &str| IssueError::UnusableCa { why: why.to_owned() };
        if !certificate.facts.is_ca {
            return Err(unusable("its certificate says that it is no CA (basicConstraints)"));
        }
        if certificate.facts.key_usage.is_some_and(|usage| !usage.cert_sign) {
            return Err(unusable("its certificate does not allow it to sign certificates (keyUsage)"));
        }
        if certificate.facts.public_key.spki != key.public_key().spki {
            return Err(IssueError::KeyDiffers);
        }
        name::check_rewritable(&certificate).map_err(|why| IssueError::UnusableCa { why })?;
        let signer = Signer::new(key);
        let issuer = Issuer::from_ca_cert_der(&certificate.der.as_slice().into(), signer)
            .map_err(|_| unusable("its subject has a kind of text that can't be written again"))?;
        let authority = Self { certificate, issuer };
        authority.try_signing()?;
        Ok(authority)
    }

    /// The CA certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The CA's private key.
    #[cfg(test)]
    pub fn key(&self) -> &PrivateKey {
        &self.issuer.key().0
    }

    /// Issues a leaf over `key`: notBefore 5 minutes ago, notAfter cut at the CA's end, a random 20-byte serial.
    /// notBefore is cut at the CA's beginning too: the chain would not be valid earlier anyway.
    pub fn issue(&self, spec: &CertSpec, key: &PublicKey, now: OffsetDateTime) -> Result<Certificate, IssueError> {
        if spec.role == Role::Ca {
            return Err(unusable_spec("a CA is not issued by another"));
        }
        let ca = &self.certificate.facts;
        let (not_before, not_after) = validity(spec, now)?;
        let (not_before, not_after) = (not_before.max(ca.not_before), not_after.min(ca.not_after));
        if not_after <= now || not_after <= not_before {
            return Err(IssueError::CaEnds { at: ca.not_after });
        }
        let leaf = SubjectPublicKeyInfo::from_der(&key.spki).map_err(|_| IssueError::UnsupportedKey)?;
        let made = params(spec, not_before, not_after)?.signed_by(&leaf, &self.issuer)?;
        let made = read_back(made.der(), spec, key)?;
        if made.raw_subject() == self.certificate.raw_subject() {
            // OpenSSL would take it for self-signed and not look for its CA.
            return Err(unusable_spec("its subject is the CA's"));
        }
        let wrong = |what: &str| Err(IssueError::WrongResult { what: what.to_owned() });
        if (made.facts.not_before, made.facts.not_after) != (not_before, not_after) {
            return wrong("its dates");
        }
        // The signature itself is not checked again: it would double the work. A trial has shown that key and CA belong
        // together, and whoever observes the host afterwards checks each one.
        if !made.is_issued_in_the_name_of(&self.certificate) {
            return wrong("its issuer");
        }
        Ok(made)
    }

    fn try_signing(&self) -> Result<(), IssueError> {
        let ca = &self.certificate.facts;
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (ca.not_before, ca.not_after);
        params.serial_number = Some(serial()?);
        let trial = params.signed_by(self.issuer.key(), &self.issuer)?;
        let trial = Certificate::from_der(trial.der()).map_err(|error| unreadable(&error))?;
        if !trial.is_issued_in_the_name_of(&self.certificate) {
            let why = "its subject can't be written again byte for byte".to_owned();
            return Err(IssueError::UnusableCa { why });
        }
        if !trial.is_signed_by(&self.certificate) {
            return Err(IssueError::UnusableCa { why: "a signature made for trial is wrong".to_owned() });
        }
        Ok(())
    }
}

/// Back-dated, in whole seconds, UTC.
fn validity(spec: &CertSpec, now: OffsetDateTime) -> Result<(OffsetDateTime, OffsetDateTime), IssueError> {
    let now = now.to_offset(time::UtcOffset::UTC).truncate_to_second();
    let dates = now.checked_sub(BACK_DATED).zip(now.checked_add(spec.valid_for));
    match dates {
        // RFC 5280, 4.1.2.5: the two forms of time reach from 1950 to 9999.
        Some((from, to)) if spec.valid_for >= Duration::SECOND && from.year() >= 1950 && to.year() <= 9999 => {
            Ok((from, to.truncate_to_second()))
        }
        _ => Err(unusable_spec("its end can't be written as a date, or is not after its beginning")),
    }
}

/// What a role has: see [`Role`]. A leaf's keyUsage is digitalSignature alone, for RSA too: keyEncipherment serves the
/// key exchange of TLS 1.2 that is without forward secrecy, which neither Go nor rustls does by default.
pub(super) fn params(
    spec: &CertSpec,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (from, to);
    params.serial_number = Some(serial()?);
    params.distinguished_name = name::write(&spec.subject)?;
    params.subject_alt_names = spec.sans.iter().map(san).collect::<Result<_, _>>()?;
    params.use_authority_key_identifier_extension = true;
    (params.is_ca, params.key_usages, params.extended_key_usages) = match spec.role {
        Role::Ca => (
            IsCa::Ca(BasicConstraints::Constrained(0)),
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            Vec::new(),
        ),
        Role::Server => leaf(ExtendedKeyUsagePurpose::ServerAuth),
        Role::Client => leaf(ExtendedKeyUsagePurpose::ClientAuth),
    };
    Ok(params)
}

fn leaf(purpose: ExtendedKeyUsagePurpose) -> (IsCa, Vec<KeyUsagePurpose>, Vec<ExtendedKeyUsagePurpose>) {
    (IsCa::ExplicitNoCa, vec![KeyUsagePurpose::DigitalSignature], vec![purpose])
}

/// 158 random bits: the first is 0, or a 21st byte would be needed; the second is 1, or a byte fewer might be.
fn serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0; 20];
    rand::fill(&mut bytes).map_err(|_| KeyError::Library { doing: "drawing a serial number" })?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn san(wanted: &San) -> Result<SanType, IssueError> {
    match wanted {
        San::Dns(name) if name::is_dns(name) => Ok(SanType::DnsName(name.as_str().try_into()?)),
        San::Ip(address) => Ok(SanType::IpAddress(*address)),
        San::Dns(_) | San::Other(_) => Err(unusable_spec(&format!("{wanted} is not an allowed SAN"))),
    }
}

/// Fails closed: what is not exactly what was asked for is not handed out.
fn read_back(der: &[u8], spec: &CertSpec, key: &PublicKey) -> Result<Certificate, IssueError> {
    let made = Certificate::from_der(der).map_err(|error| unreadable(&error))?;
    let checks = [
        (made.facts.subject == spec.subject, "its subject"),
        (made.facts.sans == spec.sans, "its SANs"),
        (made.facts.is_ca == (spec.role == Role::Ca), "its basicConstraints"),
        (made.facts.public_key.spki == key.spki, "its public key"),
        (made.facts.serial.0.len() == 20, "its serial number"),
    ];
    match checks.iter().find(|(is_right, _)| !is_right) {
        Some((_, what)) => Err(IssueError::WrongResult { what: (*what).to_owned() }),
        None => Ok(made),
    }
}

fn unreadable(error: &ParseError) -> IssueError {
    IssueError::WrongResult { what: error.to_string() }
}

fn unusable_spec(why: &str) -> IssueError {
    IssueError::UnusableSpec { why: why.to_owned() }
}

/// rcgen's view of a key: it signs with ours, and keeps no copy.
pub(super) struct Signer(PrivateKey, &'static SignatureAlgorithm);

impl Signer {
    pub(super) fn new(key: PrivateKey) -> Self {
        let algorithm = match key.public_key().algorithm {
            Some(KeyAlgorithm::EcdsaP256) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Some(KeyAlgorithm::EcdsaP384) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Some(KeyAlgorithm::Ed25519) => &rcgen::PKCS_ED25519,
            // Keys without a word are RSA of another size.
            Some(KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096) | None => {
                &rcgen::PKCS_RSA_SHA256
            }
        };
        Self(key, algorithm)
    }
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.0.raw_public_key()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.1
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
