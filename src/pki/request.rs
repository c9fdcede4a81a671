//! PKCS#10 requests (RFC 2986) for a signer elsewhere: a specification and a key enter, a request leaves that asks for
//! exactly that. And the other way round: whether a request that was found asks for a specification.

use pkcs8::der::asn1::AnyRef;
use pkcs8::der::{Decode, Reader, SliceReader};
use rcgen::{CertificateParams, PublicKeyData, SignatureAlgorithm, SigningKey, SubjectPublicKeyInfo};

use super::issue::{self, IssueError};
use super::key::PrivateKey;
use super::parse::Request;
use super::spec::{CertSpec, PublicKey};

impl Request {
    /// Writes a request for a leaf over `key`, in PEM, and reads it back.
    pub fn write(spec: &CertSpec, key: PrivateKey) -> Result<String, IssueError> {
        let signer = issue::Signer::new(key);
        let made = params(spec)?.serialize_request(&signer)?;
        let pem = to_pem(made.der());
        match Self::parse(pem.as_bytes()) {
            Ok(request) if request.asks_for(spec) => Ok(pem),
            Ok(_) => Err(IssueError::WrongResult { what: "the request".to_owned() }),
            Err(error) => Err(IssueError::WrongResult { what: error.to_string() }),
        }
    }

    /// Whether it asks for what the specification says, byte for byte: subject, names and purpose. What a signer makes of
    /// that is another matter.
    pub fn asks_for(&self, spec: &CertSpec) -> bool {
        asked(spec, &self.public_key).is_some_and(|asked| asked == self.asked)
    }

    /// PEM text.
    pub fn to_pem(&self) -> String {
        to_pem(&self.der)
    }
}

fn to_pem(der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE REQUEST", der), config)
}

/// What is asked for; dates, serial number and identifiers are for the signer to say.
fn params(spec: &CertSpec) -> Result<CertificateParams, IssueError> {
    let mut params = issue::params(spec, time::OffsetDateTime::UNIX_EPOCH, time::OffsetDateTime::UNIX_EPOCH)?;
    params.serial_number = None;
    params.use_authority_key_identifier_extension = false;
    Ok(params)
}

/// The part of a request that its signature covers.
fn asked(spec: &CertSpec, key: &PublicKey) -> Option<Vec<u8>> {
    let unsigned = Unsigned(SubjectPublicKeyInfo::from_der(&key.spki).ok()?);
    let request = params(spec).ok()?.serialize_request(&unsigned).ok()?;
    let mut reader = SliceReader::new(request.der()).ok()?;
    reader
        .sequence(|parts| -> pkcs8::der::Result<_> {
            let asked = parts.tlv_bytes()?.to_vec();
            AnyRef::decode(parts)?;
            AnyRef::decode(parts)?;
            Ok(asked)
        })
        .ok()
}

/// A key that is not at hand: what is signed with it has no signature.
struct Unsigned(SubjectPublicKeyInfo);

impl PublicKeyData for Unsigned {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Unsigned {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::super::renewal::Renewal;
    use super::super::spec::{DistinguishedName, KeyAlgorithm, Role, San};
    use super::super::tool::openssl_with;
    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    fn spec(key: KeyAlgorithm) -> CertSpec {
        CertSpec {
            role: Role::Server,
            subject: DistinguishedName::from_common_name("build-01.example.com"),
            sans: vec![San::Dns("build-01.example.com".to_owned()), San::Ip([10, 0, 0, 1].into())],
            key,
            valid_for: Duration::days(365),
            renewal: Renewal::default(),
        }
    }

    #[test]
    fn openssl_reads_what_is_written() -> Checked {
        for algorithm in
            [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048]
        {
            let spec = spec(algorithm);
            let pem = Request::write(&spec, PrivateKey::generate(algorithm)?)?;
            let text = String::from_utf8(openssl_with("req -noout -text -verify -nameopt RFC2253", pem.as_bytes())?)?;
            for expected in [
                "Subject: CN=build-01.example.com",
                "DNS:build-01.example.com, IP Address:10.0.0.1",
                "TLS Web Server Authentication",
                "CA:FALSE",
            ] {
                assert!(text.contains(expected), "{algorithm}: {expected} in {text}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_request_asks_for_one_specification() -> Checked {
        for algorithm in
            [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048]
        {
            let wanted = spec(algorithm);
            let request = Request::parse(Request::write(&wanted, PrivateKey::generate(algorithm)?)?.as_bytes())?;
            assert!(request.asks_for(&wanted));
            assert_eq!(Request::parse(request.to_pem().as_bytes())?.public_key, request.public_key);
            let longer = CertSpec { valid_for: Duration::days(7), ..wanted.clone() };
            assert!(request.asks_for(&longer), "dates are for the signer to say");
            let others = [
                CertSpec { role: Role::Client, ..wanted.clone() },
                CertSpec { sans: Vec::new(), ..wanted.clone() },
                CertSpec { subject: DistinguishedName::from_common_name("other"), ..wanted },
            ];
            assert!(others.iter().all(|other| !request.asks_for(other)));
        }
        Ok(())
    }
}
