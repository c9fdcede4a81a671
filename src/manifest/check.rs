//! What stands between fields and what a schema can't say, each with its own code.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::faults::Faults;
use super::parts::{At, Parts};
use super::paths;
use super::problem::{Code, quoted};
use super::validate::unsupported_format;
use super::{AbsolutePath, DnsName, Endpoint};

/// RFC 5280, ub-common-name.
const LONGEST_COMMON_NAME: usize = 64;

/// Reports what is wrong between the parts that could be read.
pub(super) fn check(faults: &mut Faults) {
    if !faults.value.is_object() {
        return;
    }
    if faults.value.get("dockseal").is_some_and(|format| format.is_number() && format.as_u64() != Some(1)) {
        unsupported_format(faults);
    }
    let parts = Parts::read(&faults.value);
    common_names(faults, &parts);
    issuer(faults, &parts);
    names_of_clients(faults, &parts);
    paths::check(faults);
    times(faults, &parts);
    sans(faults, &parts);
    daemon_keys(faults, &parts);
    endpoints(faults, &parts);
    ports(faults, &parts);
    hosts_in_sans(faults, &parts);
}

fn common_names(faults: &mut Faults, parts: &Parts) {
    let Some(host) = &parts.host else { return };
    let length = host.as_str().len();
    if length > LONGEST_COMMON_NAME {
        let message = format!("the host's name has {length} characters, but a common name has at most 64");
        let hint = "choose a shorter name of the host, and list the long one under `server.sans.dns`";
        faults.report("/host", Code::CommonNameTooLong, message, hint);
    } else if parts.has_ca && !parts.ca_has_common_name && length + " Docker CA".len() > LONGEST_COMMON_NAME {
        let message = "the CA's common name `<host> Docker CA` would have more than 64 characters";
        faults.report("/host", Code::CommonNameTooLong, message, "give a shorter one as `ca.common_name`");
    }
    // Names are compared without regard to case (RFC 5280, 7.1).
    let Some(ca) = parts.ca_common_name.as_deref().filter(|_| parts.has_ca && !parts.ca_has_subject) else { return };
    let hint = "give the CA another `common_name`, or more of a subject";
    if ca.eq_ignore_ascii_case(host.as_str()) {
        let message = "the CA's subject is the server's: OpenSSL would take the server's certificate for self-signed";
        let text = (message.to_owned(), hint);
        faults.report_with("/ca/common_name", Code::LeafSubjectEqualsCa, text, ("/host", "the server's name"));
    }
    for client in parts.clients.entries.iter().filter(|client| ca.eq_ignore_ascii_case(client.value.as_str())) {
        let message = "the client's subject is the CA's: OpenSSL would take its certificate for self-signed";
        let text = (message.to_owned(), hint);
        faults.report_with(&client.pointer, Code::LeafSubjectEqualsCa, text, ("/ca/common_name", "the CA's name"));
    }
}

/// What a manifest says of a CA whose key is on the host.
const OF_OWN_CA: [&str; 7] = ["common_name", "subject", "key", "passphrase", "valid_for", "rotate", "overlap"];

fn issuer(faults: &mut Faults, parts: &Parts) {
    if let Some(program) = faults.value.pointer("/ca/issuer/command/0").and_then(Value::as_str)
        && let Err(error) = AbsolutePath::parse(program)
    {
        faults.report("/ca/issuer/command/0", error.code, error.message, error.hint);
    }
    if parts.has_ca {
        return;
    }
    for field in OF_OWN_CA {
        if faults.value.pointer(&format!("/ca/{field}")).is_none() {
            continue;
        }
        let message = format!("`{field}` is of a CA on this host, but `issuer` has certificates signed elsewhere");
        let hint = "take it out, or write `issuer: local`".to_owned();
        faults.report_key("/ca", field, Code::NotWithIssuer, message, hint);
    }
}

fn names_of_clients(faults: &mut Faults, parts: &Parts) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for At { pointer, value } in &parts.clients.entries {
        if let Some(earlier) = first.get(&value.as_str().to_ascii_lowercase()) {
            let message = format!("the client {} is there twice", quoted(value.as_str()));
            let text = (message, "rename or remove one of them; upper and lower case do not tell names apart");
            faults.report_with(pointer, Code::DuplicateClient, text, (earlier, "first given here"));
        } else {
            first.insert(value.as_str().to_ascii_lowercase(), pointer);
        }
    }
    for client in &parts.clients_with_key_and_csr {
        let message = "the client has a request, which brings its own key".to_owned();
        let text = (message, "take `key` or `csr` out");
        let related = format!("{client}/csr");
        faults.report_with(&format!("{client}/key"), Code::KeyBesideCsr, text, (&related, "the request"));
    }
}

fn times(faults: &mut Faults, parts: &Parts) {
    for times in &parts.times {
        let Some(valid_for) = times.valid_for else { continue };
        let pointer = format!("{}/valid_for", times.owner);
        if let Some(ca) = parts.ca_valid_for.filter(|ca| parts.has_ca && valid_for > *ca) {
            let message = format!("{} is valid for {valid_for}, but the CA that signs it for {ca}", times.name);
            // The default of a year may be what is too long; then the CA's time is all that stands there.
            let is_given = faults.value.pointer(&pointer).is_some();
            let place = if is_given { pointer.as_str() } else { "/ca/valid_for" };
            let hint = format!("write at most `{ca}` here, or give the CA more time");
            let hint = if is_given {
                hint
            } else {
                format!("give the CA at least `{valid_for}`, or the leaf a shorter `valid_for`")
            };
            faults.report(place, Code::LeafOutlivesCa, message, hint);
        }
        if let Some(renew_before) = times.renew_before.filter(|renew_before| *renew_before >= valid_for) {
            let message =
                format!("{} would be renewed {renew_before} before its end, but is valid for {valid_for}", times.name);
            let hint = "write less than `valid_for`, or leave it out: a third of it, at most 30 days";
            faults.report(&format!("{}/renew_before", times.owner), Code::RenewBeforeTooLong, message, hint);
        }
    }
}

fn sans(faults: &mut Faults, parts: &Parts) {
    let dns = parts.dns.entries.iter().map(|name| (name.value.to_string(), name.pointer.as_str()));
    let ip = parts.ip.entries.iter().map(|address| (address.value.to_string(), address.pointer.as_str()));
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for (san, pointer) in dns.chain(ip) {
        if let Some(earlier) = first.get(&san) {
            let text = (format!("{} is there twice", quoted(&san)), "keep one of them");
            faults.report_with(pointer, Code::DuplicateSan, text, (earlier, "first given here"));
        } else {
            first.insert(san, pointer);
        }
    }
}

fn daemon_keys(faults: &mut Faults, parts: &Parts) {
    for key in &parts.daemon_keys {
        let lower = key.to_ascii_lowercase();
        if lower.starts_with("tls") {
            let message = format!("{} is not for a manifest to set", quoted(key));
            let hint = "take it out: `tlsverify`, `tlscacert`, `tlscert` and `tlskey` are derived from the rest";
            faults.report_key("/daemon", key, Code::TlsKeyUnderDaemon, message, hint.to_owned());
        } else if lower == "hosts" && key != "hosts" {
            let message = format!("dockerd knows no key {}", quoted(key));
            faults.report_key("/daemon", key, Code::MisspelledHosts, message, "write `hosts`".to_owned());
        }
    }
}

fn endpoints(faults: &mut Faults, parts: &Parts) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for At { pointer, value } in &parts.hosts.entries {
        if let Some(earlier) = first.get(&value.to_string()) {
            let text = (format!("{} is there twice", quoted(&value.to_string())), "keep one of them");
            faults.report_with(pointer, Code::DuplicateHost, text, (earlier, "first given here"));
        } else {
            first.insert(value.to_string(), pointer);
        }
    }
    // An entry that can't be read may be what is missed; an empty list has been reported.
    if !parts.hosts.is_whole || parts.hosts.entries.is_empty() {
        return;
    }
    let is_tcp = |endpoint: &At<Endpoint>| matches!(endpoint.value, Endpoint::Tcp { .. });
    let key = |faults: &mut Faults, code, message: &str, hint: &str| {
        faults.report_key("/daemon", "hosts", code, message.to_owned(), hint.to_owned());
    };
    if parts.hosts.entries.iter().all(is_tcp) {
        let message = "no local endpoint is left: `docker` on the host itself would find no daemon";
        key(faults, Code::NoLocalEndpoint, message, "add `fd://`, or `unix:///var/run/docker.sock`");
    }
    if !parts.hosts.entries.iter().any(is_tcp) {
        let message = "no tcp host is given: there is nothing to seal";
        key(faults, Code::NoTcpEndpoint, message, "add `tcp://0.0.0.0:2376`, or an address of the host");
    }
}

/// Where a tcp host listens. dockerd binds `0.0.0.0` and `[::]` alike to every address of both families.
#[derive(PartialEq, Eq)]
enum Bound {
    Everywhere,
    Loopback,
    Other(String),
}

impl Bound {
    fn new(host: &str) -> Self {
        match host.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => Self::Everywhere,
            Ok(IpAddr::V4(address)) if address.is_loopback() && host == "127.0.0.1" => Self::Loopback,
            _ if host == "localhost" => Self::Loopback,
            _ => Self::Other(host.to_owned()),
        }
    }
}

fn ports(faults: &mut Faults, parts: &Parts) {
    /// What has been seen on one port: any place, and the first that takes every address.
    #[derive(Default)]
    struct Port<'p> {
        any: Option<(&'p str, &'p str)>,
        everywhere: Option<(&'p str, &'p str)>,
        loopback: Option<(&'p str, &'p str)>,
    }
    let mut seen: BTreeMap<u16, Port> = BTreeMap::new();
    for At { pointer, value } in &parts.hosts.entries {
        let Endpoint::Tcp { host, port } = value else { continue };
        let earlier = seen.entry(*port).or_default();
        let this = Some((pointer.as_str(), host.as_str()));
        let bound = Bound::new(host);
        let rival = match &bound {
            Bound::Everywhere => earlier.any,
            Bound::Loopback => earlier.everywhere.or(earlier.loopback),
            Bound::Other(_) => earlier.everywhere,
        };
        // The very same entry twice has been reported.
        if let Some((place, _)) = rival.filter(|(_, rival)| rival != host) {
            let message = format!("{} wants port {port}, which is taken by another entry", quoted(&value.to_string()));
            let text =
                (message, "keep one of them: `0.0.0.0` and `[::]` both mean every address, `localhost` is 127.0.0.1");
            faults.report_with(pointer, Code::WildcardTwice, text, (place, "takes the port"));
        }
        earlier.any = earlier.any.or(this);
        match bound {
            Bound::Everywhere => earlier.everywhere = earlier.everywhere.or(this),
            Bound::Loopback => earlier.loopback = earlier.loopback.or(this),
            Bound::Other(_) => {}
        }
    }
}

/// Whoever dials an address finds it in the certificate. A wildcard says nothing about what is dialled.
fn hosts_in_sans(faults: &mut Faults, parts: &Parts) {
    let has_name = |name: &str| {
        parts.host.as_ref().map(DnsName::as_str) == Some(name)
            || parts.dns.entries.iter().any(|entry| entry.value.as_str() == name)
    };
    for At { pointer, value } in &parts.hosts.entries {
        let Endpoint::Tcp { host, .. } = value else { continue };
        let (is_named, list) = match host.parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => (true, "ip"),
            Ok(address) => (!parts.ip.is_whole || parts.ip.entries.iter().any(|entry| entry.value.0 == address), "ip"),
            Err(_) => (!parts.dns.is_whole || parts.host.is_none() || has_name(host), "dns"),
        };
        if !is_named {
            let message = format!("the certificate would not name {}, where dockerd would listen", quoted(host));
            faults.report(pointer, Code::HostNotInSans, message, format!("add `{host}` to `server.sans.{list}`"));
        }
    }
}
