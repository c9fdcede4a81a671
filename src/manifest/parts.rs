//! The parts of a manifest that could be read, each with its JSON pointer, so that what stands between fields can be
//! checked although another field is faulty. A part that can't be read is left out, and lists say whether they are whole.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::name::SanAddress;
use super::{Ca, ClientName, Daemon, DnsName, Endpoint, Lifetime, Server};

/// A part and its place.
pub(super) struct At<T> {
    pub pointer: String,
    pub value: T,
}

/// A list of which each entry could be read or not.
pub(super) struct List<T> {
    pub entries: Vec<At<T>>,
    pub is_whole: bool,
}

/// What a certificate's times are.
pub(super) struct Times {
    /// Pointer of what they belong to, and its name for people.
    pub owner: String,
    pub name: String,
    pub valid_for: Option<Lifetime>,
    pub renew_before: Option<Lifetime>,
}

/// All parts that take part in a check.
pub(super) struct Parts {
    pub host: Option<DnsName>,
    /// Whether this host has a CA of its own.
    pub has_ca: bool,
    /// As given; `None` where the default stands or it can't be read.
    pub ca_common_name: Option<String>,
    pub ca_has_common_name: bool,
    pub ca_has_subject: bool,
    pub ca_valid_for: Option<Lifetime>,
    pub dns: List<DnsName>,
    pub ip: List<SanAddress>,
    pub clients: List<ClientName>,
    pub clients_with_key_and_csr: Vec<String>,
    /// Of the server and of each client.
    pub times: Vec<Times>,
    pub hosts: List<Endpoint>,
    pub daemon_keys: Vec<String>,
}

impl Parts {
    pub fn read(manifest: &Value) -> Self {
        let clients = manifest.get("clients").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let times_of = |value: Option<&Value>, owner: String, name: String| Times {
            valid_for: or_default(value.and_then(|value| value.get("valid_for")), || Server::default().valid_for),
            renew_before: read(value.and_then(|value| value.get("renew_before"))),
            owner,
            name,
        };
        let client_times = clients.iter().enumerate().map(|(i, client)| {
            let name = read::<ClientName>(client.get("name"));
            let name = name.map_or_else(|| "the client".to_owned(), |name| format!("the client `{name}`"));
            times_of(Some(client), format!("/clients/{i}"), name)
        });
        let has = |pointer: &str| manifest.pointer(pointer).is_some();
        let mut hosts = list(manifest, "/daemon/hosts", None);
        if !has("/daemon/hosts") {
            let defaults = Daemon::default().hosts.into_iter();
            let entries = defaults.map(|value| At { pointer: "/daemon".to_owned(), value }).collect();
            hosts = List { entries, is_whole: manifest.get("daemon").is_none_or(Value::is_object) };
        }
        Self {
            host: read(manifest.get("host")),
            has_ca: manifest.pointer("/ca/issuer").is_none_or(|issuer| issuer == "local"),
            ca_common_name: read(manifest.pointer("/ca/common_name")),
            ca_has_common_name: has("/ca/common_name"),
            ca_has_subject: manifest.pointer("/ca/subject").is_some_and(|subject| *subject != serde_json::json!({})),
            ca_valid_for: or_default(manifest.pointer("/ca/valid_for"), || Ca::default().valid_for),
            dns: list(manifest, "/server/sans/dns", None),
            ip: list(manifest, "/server/sans/ip", None),
            clients: list(manifest, "/clients", Some("name")),
            clients_with_key_and_csr: (0..)
                .zip(clients)
                .filter(|(_, client)| client.get("key").is_some() && client.get("csr").is_some())
                .map(|(i, _): (usize, _)| format!("/clients/{i}"))
                .collect(),
            times: std::iter::once(times_of(manifest.get("server"), "/server".to_owned(), "the server".to_owned()))
                .chain(client_times)
                .collect(),
            hosts,
            daemon_keys: keys(manifest.get("daemon")),
        }
    }
}

fn read<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    T::deserialize(value?).ok()
}

/// The default where the field is not given; nothing where it is faulty.
fn or_default<T: DeserializeOwned>(value: Option<&Value>, default: impl Fn() -> T) -> Option<T> {
    if value.is_none() { Some(default()) } else { read(value) }
}

/// The entries of the list at `pointer`; of each a field, where one is named.
fn list<T: DeserializeOwned>(manifest: &Value, pointer: &str, field: Option<&str>) -> List<T> {
    let found = manifest.pointer(pointer);
    let items = found.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let entry = |(i, item): (usize, &Value)| match field {
        None => Some(At { value: read(Some(item))?, pointer: format!("{pointer}/{i}") }),
        Some(field) => Some(At { value: read(item.get(field))?, pointer: format!("{pointer}/{i}/{field}") }),
    };
    let entries: Vec<_> = items.iter().enumerate().filter_map(entry).collect();
    let is_whole = entries.len() == items.len() && found.is_none_or(Value::is_array);
    List { entries, is_whole }
}

fn keys(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_object).map(|object| object.keys().cloned().collect()).unwrap_or_default()
}
