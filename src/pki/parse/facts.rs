//! A parsed certificate → [`CertFacts`]. What can't be read but changes nothing here is kept as text, so that it shows up
//! as a difference; an extension that decides and can't be read makes the whole certificate unreadable.

use std::net::IpAddr;

use aws_lc_rs::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, Tag};
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::x509::X509Name;

use super::ParseError;
use crate::pki::signature;
use crate::pki::spec::{Attribute, CertFacts, DistinguishedName, ExtendedKeyUsage, Fingerprint, KeyUsage, San, Serial};

/// Real ones have about ten; each is compared with each.
const MAX_EXTENSIONS: usize = 64;

/// Reads what a certificate says.
pub(super) fn read(parsed: &X509Certificate<'_>, der: &[u8]) -> Result<CertFacts, ParseError> {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    let mut facts = CertFacts {
        subject: name(parsed.subject()),
        serial: Serial(parsed.raw_serial().to_vec()),
        fingerprint: Fingerprint(fingerprint),
        not_before: parsed.validity().not_before.to_datetime(),
        not_after: parsed.validity().not_after.to_datetime(),
        sans: Vec::new(),
        public_key: signature::public_key(parsed.public_key()),
        is_ca: false,
        key_usage: None,
        extended_key_usage: None,
    };
    let extensions = parsed.extensions();
    if extensions.len() > MAX_EXTENSIONS {
        return Err(ParseError::Damaged { what: format!("it has {} extensions", extensions.len()) });
    }
    for (index, extension) in extensions.iter().enumerate() {
        if extensions[..index].iter().any(|earlier| earlier.oid == extension.oid) {
            return Err(ParseError::Damaged { what: format!("the extension {} stands twice", extension.oid) });
        }
        read_extension(extension, &mut facts)?;
    }
    // Lists that are collected begin with room for four, and there are thousands of certificates.
    facts.subject.0.shrink_to_fit();
    facts.sans.shrink_to_fit();
    if let Some(purposes) = &mut facts.extended_key_usage {
        purposes.shrink_to_fit();
    }
    Ok(facts)
}

fn read_extension(extension: &X509Extension<'_>, facts: &mut CertFacts) -> Result<(), ParseError> {
    match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(found) => facts.is_ca = found.ca,
        ParsedExtension::KeyUsage(found) => {
            facts.key_usage = Some(KeyUsage {
                digital_signature: found.digital_signature(),
                cert_sign: found.key_cert_sign(),
                crl_sign: found.crl_sign(),
            });
        }
        ParsedExtension::ExtendedKeyUsage(found) => {
            let named = [
                (found.server_auth, ExtendedKeyUsage::Server),
                (found.client_auth, ExtendedKeyUsage::Client),
                (found.any, ExtendedKeyUsage::Other("any".to_owned())),
                (found.code_signing, ExtendedKeyUsage::Other("codeSigning".to_owned())),
                (found.email_protection, ExtendedKeyUsage::Other("emailProtection".to_owned())),
                (found.time_stamping, ExtendedKeyUsage::Other("timeStamping".to_owned())),
                (found.ocsp_signing, ExtendedKeyUsage::Other("OCSPSigning".to_owned())),
            ];
            let named = named.into_iter().filter(|(is_there, _)| *is_there).map(|(_, purpose)| purpose);
            let others = found.other.iter().map(|oid| ExtendedKeyUsage::Other(oid.to_id_string()));
            facts.extended_key_usage = Some(named.chain(others).collect());
        }
        ParsedExtension::SubjectAlternativeName(found) => facts.sans = found.general_names.iter().map(san).collect(),
        ParsedExtension::ParseError { .. } if extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME => {
            facts.sans = vec![San::Other(format!("malformed subjectAltName {}", hex(extension.value)))];
        }
        ParsedExtension::ParseError { .. } => {
            return Err(ParseError::Damaged { what: format!("the extension {} can't be read", extension.oid) });
        }
        _ => {}
    }
    Ok(())
}

fn san(found: &GeneralName<'_>) -> San {
    match found {
        // A name with a NUL or a space in it is how a check that stops early is fooled.
        GeneralName::DNSName(name) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            San::Dns(name.to_ascii_lowercase())
        }
        GeneralName::DNSName(name) => San::Other(format!("malformed DNS name {name}")),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.map_or_else(|_| San::Other(format!("malformed IP address {}", hex(bytes))), San::Ip)
        }
        GeneralName::RFC822Name(address) => San::Other(format!("email:{address}")),
        GeneralName::URI(uri) => San::Other(format!("URI:{uri}")),
        GeneralName::DirectoryName(directory) => San::Other(format!("DirName:{}", name(directory))),
        GeneralName::RegisteredID(oid) => San::Other(format!("Registered ID:{oid}")),
        GeneralName::OtherName(oid, value) => San::Other(format!("othername:{oid} {}", hex(value))),
        GeneralName::X400Address(value) => San::Other(format!("X400Name:{}", hex(value.data))),
        GeneralName::EDIPartyName(value) => San::Other(format!("EdiPartyName:{}", hex(value.data))),
        GeneralName::Invalid(Tag(2), bytes) => San::Other(format!("malformed DNS name {}", hex(bytes))),
        GeneralName::Invalid(tag, bytes) => San::Other(format!("malformed name of kind {} {}", tag.0, hex(bytes))),
    }
}

fn name(found: &X509Name<'_>) -> DistinguishedName {
    let attributes = found.iter_attributes();
    DistinguishedName(
        attributes
            .map(|attribute| {
                let oid = attribute.attr_type().to_id_string();
                let kind = match oid.as_str() {
                    "2.5.4.6" => Attribute::Country,
                    "2.5.4.8" => Attribute::State,
                    "2.5.4.7" => Attribute::Locality,
                    "2.5.4.10" => Attribute::Organization,
                    "2.5.4.11" => Attribute::OrganizationalUnit,
                    "2.5.4.3" => Attribute::CommonName,
                    "1.2.840.113549.1.9.1" => Attribute::Email,
                    _ => Attribute::Other(oid),
                };
                (kind, text(attribute.attr_value()))
            })
            .collect(),
    )
}

/// The text of an attribute, or its bytes as RFC 4514 writes them where it has none.
fn text(value: &Any<'_>) -> String {
    let bytes = value.data;
    let units = || bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
        // In practice Latin-1, as openssl takes it too.
        Tag::T61String => Some(bytes.iter().map(|&byte| char::from(byte)).collect()),
        Tag::BmpString if bytes.len().is_multiple_of(2) => char::decode_utf16(units()).collect::<Result<_, _>>().ok(),
        Tag::UniversalString if bytes.len().is_multiple_of(4) => {
            let words = bytes.chunks(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
            words.map(char::from_u32).collect()
        }
        _ => None,
    };
    text.unwrap_or_else(|| format!("#{}", hex(bytes)))
}

fn hex(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    let mut text: String = bytes.iter().take(SHOWN).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}
