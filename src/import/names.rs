//! Subjects and SANs of found certificates → what a manifest can say of them.

use std::net::IpAddr;

use super::files::Files;
use crate::manifest::{DnsName, Manifest};
use crate::pki::{Attribute, CertFacts, DistinguishedName, San};

/// A CA's default name is the host's and ten characters more; a common name has at most 64 (RFC 5280).
const LONGEST_HOST: usize = 54;

/// The names that a server is called by.
pub struct Names {
    /// The host's.
    pub host: String,
    /// Further ones.
    pub dns: Vec<String>,
    /// Addresses.
    pub ip: Vec<IpAddr>,
}

impl Names {
    /// A certificate with its CA's whole subject is taken for self-signed by OpenSSL: then another name is the host's.
    pub fn shun(&mut self, ca: &DistinguishedName, files: &mut Files) {
        if *ca != DistinguishedName::from_common_name(&self.host) {
            return;
        }
        let own = own_name(files).filter(|name| name.len() <= LONGEST_HOST);
        let others = own.into_iter().chain(self.dns.iter().cloned()).chain(["localhost".to_owned()]);
        let Some(other) = others.into_iter().find(|name| *name != self.host) else { return };
        files.remark(format!(
            "the CA is called {} as the host is, and a certificate may not have its CA's name: `host` is {other}",
            self.host
        ));
        self.dns.retain(|name| *name != other);
        self.dns.insert(0, std::mem::replace(&mut self.host, other));
    }
}

/// The names of a found server certificate; where it has none, the host's own.
pub fn of_server(facts: Option<&CertFacts>, files: &mut Files) -> Names {
    let mut names: Vec<String> = Vec::new();
    let mut ip: Vec<IpAddr> = Vec::new();
    for san in facts.map(|facts| facts.sans.as_slice()).unwrap_or_default() {
        match san {
            San::Dns(name) => match DnsName::parse(name) {
                Ok(name) if !names.iter().any(|other| other == name.as_str()) => names.push(name.as_str().to_owned()),
                Ok(_) => {}
                Err(error) => files.remark(format!("the server's certificate: {error}; the manifest can't hold it")),
            },
            San::Ip(address) if ip.contains(address) => {}
            San::Ip(address) => {
                let manifest = format!("dockseal: 1\nhost: a.example\nserver: {{sans: {{ip: [\"{address}\"]}}}}\n");
                if Manifest::parse(manifest.as_bytes(), "").is_ok() {
                    ip.push(*address);
                } else {
                    files.remark(format!(
                        "the server's certificate: {address} is no address that the manifest can hold"
                    ));
                }
            }
            San::Other(_) => files.remark(format!("the server's certificate: the manifest can't hold the SAN {san}")),
        }
    }
    let host = host(facts, &names, files);
    names.retain(|name| *name != host);
    Names { host, dns: names, ip }
}

fn host(facts: Option<&CertFacts>, names: &[String], files: &mut Files) -> String {
    let fits = |name: &String| name.len() <= LONGEST_HOST;
    let common = facts.and_then(|facts| facts.subject.common_name()).and_then(|name| DnsName::parse(name).ok());
    let common = common.map(|name| name.as_str().to_owned()).filter(fits);
    let own = own_name(files).filter(fits);
    for name in [common.as_ref(), own.as_ref()].into_iter().flatten() {
        if names.contains(name) {
            return name.clone();
        }
    }
    let is_own = |name: &&String| fits(name) && *name != "localhost";
    let first = names.iter().find(is_own).or_else(|| names.iter().find(|name| fits(name)));
    // With addresses alone, or nothing, the certificate has to be issued anew for any name.
    first.cloned().or(common).or(own).unwrap_or_else(|| "localhost".to_owned())
}

/// `/etc/hostname`
pub fn own_name(files: &mut Files) -> Option<String> {
    let text = files.text("/etc/hostname".as_ref())?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    DnsName::parse(line).ok().map(|name| name.as_str().to_owned())
}

/// The CA's common name and the fields of `ca.subject`; `None` where the manifest has no words for its subject.
pub fn of_ca(subject: &DistinguishedName) -> Option<(String, Vec<(&'static str, String)>)> {
    let mut name = None;
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    for (attribute, value) in &subject.0 {
        let field = match attribute {
            Attribute::CommonName if name.is_none() => {
                name = Some(value.clone());
                continue;
            }
            Attribute::Country => "country",
            Attribute::State => "state",
            Attribute::Locality => "locality",
            Attribute::Organization => "organization",
            Attribute::OrganizationalUnit => "organizational_unit",
            Attribute::Email => "email",
            Attribute::CommonName | Attribute::Other(_) => return None,
        };
        if fields.iter().any(|(other, _)| *other == field) {
            return None;
        }
        fields.push((field, value.clone()));
    }
    Some((name?, fields))
}
