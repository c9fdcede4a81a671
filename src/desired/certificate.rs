//! Manifest → [`CertSpec`]s.

use time::Duration;

use super::{DesiredCa, DesiredClient, DesiredRotation, KeySource, Pace};
use crate::manifest::{Client, Lifetime, Manifest, Subject};
use crate::pki::{Attribute, CertSpec, DistinguishedName, Fingerprint, Renewal, Role, San};

pub fn ca(manifest: &Manifest) -> DesiredCa {
    let ca = &manifest.ca;
    let spec = CertSpec {
        role: Role::Ca,
        subject: ca_subject(&ca_common_name(manifest), &ca.subject),
        sans: Vec::new(),
        key: ca.key,
        valid_for: ca.valid_for.duration(),
        renewal: Renewal::default(),
    };
    let rotation =
        DesiredRotation { generation: ca.rotate.generation, overlap: ca.overlap.duration(), pace: Pace::default() };
    let is_named = ca.common_name.is_some() || ca.subject != Subject::default();
    DesiredCa { spec: spec.into(), is_named, issuer: ca.issuer.clone(), passphrase: ca.passphrase.clone(), rotation }
}

pub fn server(manifest: &Manifest) -> CertSpec {
    let server = &manifest.server;
    CertSpec {
        role: Role::Server,
        subject: DistinguishedName::from_common_name(manifest.host.as_str()),
        sans: server_sans(manifest),
        key: server.key,
        valid_for: server.valid_for.duration(),
        renewal: Renewal {
            before: server.renew_before.map(Lifetime::duration),
            early: early(manifest, "server"),
            reuses_key: server.reuse_key,
        },
    }
}

pub fn client(manifest: &Manifest, client: &Client) -> DesiredClient {
    let name = client.name.as_str();
    let spec = CertSpec {
        role: Role::Client,
        subject: DistinguishedName::from_common_name(name),
        sans: vec![San::Dns(name.to_ascii_lowercase())],
        key: client.key.unwrap_or_default(),
        valid_for: client.valid_for.duration(),
        renewal: Renewal {
            before: client.renew_before.map(Lifetime::duration),
            early: early(manifest, &format!("client.{name}")),
            reuses_key: client.reuse_key,
        },
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

/// This certificate's share of the span that renewals are spread over: the same in each run, another on each host.
fn early(manifest: &Manifest, name: &str) -> Duration {
    let digest = Fingerprint::of(format!("{}\0{name}", manifest.host).as_bytes()).0;
    let share = i32::from(u16::from_be_bytes([digest[0], digest[1]]));
    manifest.renew_jitter.duration() * share / (i32::from(u16::MAX) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fleet of a thousand hosts from one template: on none of the 72 hours that renewals are spread over do more than
    /// twice as many renew as on average, each host has its own moment in every run, and so has each client of one host.
    #[test]
    fn a_fleet_does_not_renew_in_one_hour() -> Result<(), String> {
        let moments = |host: usize| {
            let text = format!("dockseal: 1\nhost: build-{host:04}.example.com\nclients: [{{name: ci}}]\n");
            let manifest = Manifest::parse(text.as_bytes(), "test").map_err(|problems| problems.len().to_string())?;
            Ok::<_, String>([
                server(&manifest).renewal.early,
                client(&manifest, &manifest.clients[0]).spec.renewal.early,
            ])
        };
        let mut hours = [0; 72];
        for host in 0..1000 {
            let [server, client] = moments(host)?;
            assert_eq!(moments(host)?, [server, client]);
            assert_ne!(server, client);
            let hour = usize::try_from(server.whole_hours()).map_err(|error| error.to_string())?;
            hours[hour] += 1;
        }
        assert!(hours.iter().all(|count| (1..=28).contains(count)), "{hours:?}");
        Ok(())
    }
}
