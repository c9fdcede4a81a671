//! What a certificate that was made by hand may say otherwise than ours would: dockerd and its callers take it as it is, so
//! that issuing it anew would cost a hand-out and gain nothing.

use time::{Duration, OffsetDateTime};

use crate::manifest::ClientName;
use crate::pki::{CertFacts, CertSpec, DistinguishedName, ExtendedKeyUsage, Role, San};

/// Most guides give the CA and its leaves the same days, a coffee apart: a leaf that outlives its CA by less than this is
/// no leaf that was meant to.
const LATER_THAN_CA: Duration = Duration::DAY;

/// Whether the subject will do.
///
/// Nobody reads a server's where it has SANs (RFC 9525, 2), unless it speaks of a host that was renamed: then it is another
/// of those names. Of a client's, authorization plugins read the common name.
pub fn is_subject(spec: &CertSpec, facts: &CertFacts, ca: Option<&DistinguishedName>) -> bool {
    if facts.subject.has_same_attributes(&spec.subject) {
        return true;
    }
    // OpenSSL takes a certificate with its issuer's name for self-signed.
    if ca.is_some_and(|ca| facts.subject.has_same_attributes(ca)) {
        return false;
    }
    let wanted = spec.subject.common_name().unwrap_or_default();
    let Some(found) = facts.subject.common_name() else { return true };
    match spec.role {
        Role::Ca => false,
        Role::Server => {
            found.eq_ignore_ascii_case(wanted) || !facts.sans.contains(&San::Dns(found.to_ascii_lowercase()))
        }
        Role::Client => ClientName::of_common_name(found).is_some_and(|name| name.as_str() == wanted),
    }
}

/// Whether it may be used as its role needs, and in no way that endangers others.
///
/// A server's that is a client's too (docker-machine's) opens the host to whoever holds the server's key, who has the host
/// already. A client's that is a server's too could pass for the host.
pub fn is_usage(role: Role, facts: &CertFacts) -> bool {
    let signs = facts.key_usage.is_none_or(|usage| usage.digital_signature);
    let purposes = facts.extended_key_usage.as_deref().unwrap_or_default();
    let serves = purposes.contains(&ExtendedKeyUsage::Server);
    let serves_or_any = serves || purposes.contains(&ExtendedKeyUsage::Other("any".to_owned()));
    match role {
        Role::Ca => facts.is_ca,
        Role::Server => signs && serves,
        Role::Client => signs && purposes.contains(&ExtendedKeyUsage::Client) && !serves_or_any,
    }
}

/// Whether a leaf that ends at `at` was meant to outlive its CA.
pub fn outlives(at: OffsetDateTime, ca_until: OffsetDateTime) -> bool {
    at - ca_until >= LATER_THAN_CA
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Attribute, Fingerprint, KeyAlgorithm, KeyUsage, PublicKey, Serial};

    fn named(attributes: &[(Attribute, &str)]) -> DistinguishedName {
        DistinguishedName(attributes.iter().map(|(kind, value)| (kind.clone(), (*value).to_owned())).collect())
    }

    fn facts(subject: DistinguishedName, sans: &[&str], usage: Option<&[ExtendedKeyUsage]>) -> CertFacts {
        CertFacts {
            subject,
            serial: Serial(vec![1]),
            fingerprint: Fingerprint([0; 32]),
            not_before: OffsetDateTime::UNIX_EPOCH,
            not_after: OffsetDateTime::UNIX_EPOCH,
            sans: sans.iter().map(|name| San::Dns((*name).to_owned())).collect(),
            public_key: PublicKey { algorithm: None, spki: Vec::new() },
            is_ca: false,
            key_usage: None,
            extended_key_usage: usage.map(<[_]>::to_vec),
        }
    }

    fn spec(role: Role, name: &str) -> CertSpec {
        CertSpec {
            role,
            subject: DistinguishedName::from_common_name(name),
            sans: Vec::new(),
            key: KeyAlgorithm::Rsa2048,
            valid_for: Duration::days(365),
            renewal: crate::pki::Renewal::default(),
        }
    }

    #[test]
    fn subjects() {
        let cn = |name: &'static str| named(&[(Attribute::CommonName, name)]);
        let ca = named(&[(Attribute::Organization, "Example")]);
        let server = |subject: DistinguishedName| {
            is_subject(&spec(Role::Server, "a.example"), &facts(subject, &["a.example", "b.example"], None), Some(&ca))
        };
        assert!(server(cn("a.example")));
        assert!(server(cn("A.example")));
        assert!(server(named(&[(Attribute::Country, "ES"), (Attribute::CommonName, "a.example")])));
        assert!(server(cn("docker:dind server")));
        assert!(server(named(&[(Attribute::Organization, "me.machine")])), "docker-machine's has no common name");
        assert!(!server(cn("b.example")), "another of its names: the host was renamed");
        assert!(!server(ca.clone()), "OpenSSL would take it for self-signed");
        let client = |subject: DistinguishedName| {
            is_subject(&spec(Role::Client, "docker-dind-client"), &facts(subject, &[], None), Some(&ca))
        };
        assert!(client(cn("docker-dind-client")));
        assert!(client(cn("docker:dind client")), "the folder's name follows from it");
        assert!(client(named(&[(Attribute::Organization, "me")])));
        assert!(client(named(&[(Attribute::Country, "ES"), (Attribute::CommonName, "docker-dind-client")])));
        assert!(!client(cn("docker-dind-client-2")));
        assert!(!client(cn("::")));
        assert!(!client(ca.clone()));
    }

    #[test]
    fn usages() {
        let of = |role, usage: Option<&[ExtendedKeyUsage]>| is_usage(role, &facts(named(&[]), &[], usage));
        let any = ExtendedKeyUsage::Other("any".to_owned());
        let mail = ExtendedKeyUsage::Other("emailProtection".to_owned());
        let (server, client) = (ExtendedKeyUsage::Server, ExtendedKeyUsage::Client);
        assert!(of(Role::Server, Some(std::slice::from_ref(&server))));
        assert!(of(Role::Server, Some(&[client.clone(), server.clone()])));
        assert!(of(Role::Client, Some(std::slice::from_ref(&client))));
        assert!(of(Role::Client, Some(&[client.clone(), mail])));
        assert!(!of(Role::Client, Some(&[client.clone(), server.clone()])));
        assert!(!of(Role::Client, Some(&[client.clone(), any.clone()])));
        for role in [Role::Server, Role::Client] {
            assert!(!of(role, None));
            assert!(!of(role, Some(&[])));
            assert!(!of(role, Some(std::slice::from_ref(&any))));
        }
        assert!(!of(Role::Server, Some(std::slice::from_ref(&client))));
        assert!(!of(Role::Client, Some(std::slice::from_ref(&server))));
        let mut encrypting = facts(named(&[]), &[], Some(&[server]));
        encrypting.key_usage = Some(KeyUsage { digital_signature: false, cert_sign: false, crl_sign: false });
        assert!(!is_usage(Role::Server, &encrypting));
    }

    #[test]
    fn an_hour_is_no_life_and_a_day_is() {
        let ca = OffsetDateTime::UNIX_EPOCH;
        assert!(!outlives(ca - Duration::days(9), ca));
        assert!(!outlives(ca + Duration::hours(23), ca));
        assert!(outlives(ca + Duration::DAY, ca));
    }
}
