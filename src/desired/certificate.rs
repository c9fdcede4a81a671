//! Manifest → [`CertSpec`]s.

use time::Duration;

use super::{DesiredCa, DesiredClient, KeySource};
use crate::manifest::{Client, Lifetime, Manifest, Subject};
use crate::pki::{Attribute, CertSpec, DistinguishedName, Role, San};

/// The longest default of `renew_before`.
const RENEW_BEFORE_AT_MOST: Duration = Duration::days(30);

pub fn ca(manifest: &Manifest) -> DesiredCa {
    let ca = &manifest.ca;
    let spec = CertSpec {
        role: Role::Ca,
        subject: ca_subject(&ca_common_name(manifest), &ca.subject),
        sans: Vec::new(),
        key: ca.key,
        valid_for: ca.valid_for.duration(),
        renew_before: Duration::ZERO,
    };
    DesiredCa { spec: spec.into(), passphrase: ca.passphrase.clone() }
}

pub fn server(manifest: &Manifest) -> CertSpec {
    let server = &manifest.server;
    CertSpec {
        role: Role::Server,
        subject: DistinguishedName::from_common_name(manifest.host.as_str()),
        sans: server_sans(manifest),
        key: server.key,
        valid_for: server.valid_for.duration(),
        renew_before: renew_before(server.renew_before, server.valid_for),
    }
}

pub fn client(client: &Client) -> DesiredClient {
    let name = client.name.as_str();
    let spec = CertSpec {
        role: Role::Client,
        subject: DistinguishedName::from_common_name(name),
        sans: vec![San::Dns(name.to_ascii_lowercase())],
        key: client.key.unwrap_or_default(),
        valid_for: client.valid_for.duration(),
        renew_before: renew_before(client.renew_before, client.valid_for),
    };
    let key = match &client.csr {
        Some(path) => KeySource::Request(path.as_path().to_owned()),
        None => KeySource::Host,
    };
    DesiredClient { name: name.to_owned(), spec: spec.into(), key }
}

fn ca_common_name(manifest: &Manifest) -> String {
    manifest.ca.common_name.clone().unwrap_or_else(|| format!("{} Docker CA", manifest.host))
}

/// In the order in which `openssl req` asks for them, so that what people made with it compares equal at sight.
fn ca_subject(common_name: &str, subject: &Subject) -> DistinguishedName {
    let attributes = [
        (Attribute::Country, &subject.country),
        (Attribute::State, &subject.state),
        (Attribute::Locality, &subject.locality),
        (Attribute::Organization, &subject.organization),
        (Attribute::OrganizationalUnit, &subject.organizational_unit),
        (Attribute::CommonName, &Some(common_name.to_owned())),
        (Attribute::Email, &subject.email),
    ];
    DistinguishedName(
        attributes.into_iter().filter_map(|(attribute, value)| Some((attribute, value.clone()?))).collect(),
    )
}

/// The host's name first, each name once.
fn server_sans(manifest: &Manifest) -> Vec<San> {
    let sans = &manifest.server.sans;
    let names = std::iter::once(&manifest.host).chain(&sans.dns).map(|name| San::Dns(name.as_str().to_owned()));
    let mut all = Vec::new();
    for san in names.chain(sans.ip.iter().map(|ip| San::Ip(*ip))) {
        if !all.contains(&san) {
            all.push(san);
        }
    }
    all
}

/// A third of the lifetime, at most 30 days, where the manifest is silent.
fn renew_before(given: Option<Lifetime>, valid_for: Lifetime) -> Duration {
    match given {
        Some(span) => span.duration(),
        None => (valid_for.duration() / 3i32).min(RENEW_BEFORE_AT_MOST),
    }
}
