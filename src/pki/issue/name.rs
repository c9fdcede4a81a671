//! Distinguished names: written as RFC 5280 wants them, and whether a found one can be written again.

use std::collections::HashSet;

use rcgen::{DnType, DnValue};
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{IssueError, unusable_spec};
use crate::pki::parse::Certificate;
use crate::pki::spec::{Attribute, DistinguishedName};

/// In the order given; rcgen keeps one value per type, so a second is refused.
pub(super) fn write(name: &DistinguishedName) -> Result<rcgen::DistinguishedName, IssueError> {
    let mut written = rcgen::DistinguishedName::new();
    for (attribute, value) in &name.0 {
        // The upper bounds of RFC 5280, appendix A.1, in characters.
        let (kind, longest) = match attribute {
            Attribute::Country => (DnType::CountryName, 2),
            Attribute::State => (DnType::StateOrProvinceName, 128),
            Attribute::Locality => (DnType::LocalityName, 128),
            Attribute::Organization => (DnType::OrganizationName, 64),
            Attribute::OrganizationalUnit => (DnType::OrganizationalUnitName, 64),
            Attribute::CommonName => (DnType::CommonName, 64),
            Attribute::Email => (DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), 255),
            Attribute::Other(oid) => (DnType::CustomDnType(components(oid)?), 255),
        };
        let refused = |why: &str| unusable_spec(&format!("{attribute} = {} {why}", value.escape_debug()));
        if value.is_empty() || value.chars().count() > longest || value.chars().any(char::is_control) {
            return Err(refused(&format!("must have 1 to {longest} characters, none of them a control character")));
        }
        if written.get(&kind).is_some() {
            return Err(refused("is a second value of its kind"));
        }
        let text = match attribute {
            Attribute::Country if value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                DnValue::PrintableString(value.as_str().try_into()?)
            }
            Attribute::Country => return Err(refused("must have two letters")),
            Attribute::Email if value.is_ascii() => DnValue::Ia5String(value.as_str().try_into()?),
            Attribute::Email => return Err(refused("must be ASCII")),
            _ => DnValue::Utf8String(value.clone()),
        };
        written.push(kind, text);
    }
    Ok(written)
}

/// rcgen drops the first of two attributes of one type and knows no multi-valued RDN; leaves would then name an issuer
/// that does not exist. Active Directory's `DC=corp, DC=example` is the common case.
pub(super) fn check_rewritable(ca: &Certificate) -> Result<(), String> {
    let (_, parsed) = X509Certificate::from_der(&ca.der).map_err(|error| error.to_string())?;
    let mut seen = HashSet::new();
    for rdn in parsed.subject().iter() {
        if rdn.iter().count() != 1 {
            return Err(format!("a part of its subject has several values at once ({})", ca.facts.subject));
        }
        for attribute in rdn.iter() {
            // asn1-rs misreads those above 2.47, such as 2.999, and rcgen panics at what comes of them.
            if components(&attribute.attr_type().to_id_string()).is_err() {
                return Err(format!("its subject has an attribute of an unusual kind ({})", ca.facts.subject));
            }
            // It is one of the allowed letters (X.680, table 10), and what rcgen writes with panics at it.
            if attribute.attr_value().tag() == Tag::PrintableString && attribute.attr_value().data.contains(&b'?') {
                return Err(format!("its subject has a `?` in a PrintableString ({})", ca.facts.subject));
            }
            if !seen.insert(attribute.attr_type().to_id_string()) {
                return Err(format!("its subject has two values of one kind ({})", ca.facts.subject));
            }
        }
    }
    Ok(())
}

/// Labels of letters, digits and inner hyphens, at most 253 characters; rcgen itself would write anything.
pub(super) fn is_dns(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn components(oid: &str) -> Result<Vec<u64>, IssueError> {
    let numbers: Result<Vec<u64>, _> = oid.split('.').map(str::parse).collect();
    match numbers {
        Ok(numbers)
            if numbers.len() >= 2 && (numbers[0] < 2 && numbers[1] < 40 || numbers[0] == 2 && numbers[1] < 48) =>
        {
            Ok(numbers)
        }
        _ => Err(unusable_spec(&format!("{} is no object identifier", oid.escape_debug()))),
    }
}
