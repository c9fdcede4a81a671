//! What the manifest will say: found facts, chosen so that as little as possible differs.

use std::path::{Path, PathBuf};

use time::Duration;

use super::certificates::Seal;
use super::clients::FoundClient;
use super::files::Files;
use super::found::Told;
use super::{hosts, names};
use crate::manifest::{AbsolutePath, Endpoint};
use crate::pki::{CertFacts, KeyAlgorithm};

/// A manifest that is being put together.
pub struct Draft {
    /// The host's name.
    pub host: String,
    /// `directory`
    pub directory: PathBuf,
    /// The four of `files`, with the names that they have under `directory` by default.
    pub files: [(&'static str, &'static str, PathBuf); 4],
    /// The CA's common name and the rest of its subject.
    pub ca_name: Option<(String, Vec<(&'static str, String)>)>,
    /// The CA.
    pub ca: Times,
    /// Whether its key needs a passphrase.
    pub needs_passphrase: bool,
    /// Names beside the host's.
    pub dns: Vec<String>,
    /// Addresses.
    pub ip: Vec<std::net::IpAddr>,
    /// The server.
    pub server: Times,
    /// The clients.
    pub clients: Vec<ClientDraft>,
    /// Where dockerd listens.
    pub hosts: Vec<Endpoint>,
}

/// Key and lifetime of a certificate; what is `None` is the manifest's default.
#[derive(Default)]
pub struct Times {
    /// The kind of key.
    pub key: Option<KeyAlgorithm>,
    /// `365d`
    pub valid_for: Option<String>,
}

/// A client.
pub struct ClientDraft {
    /// Its name.
    pub name: String,
    /// The folder of its files.
    pub folder: PathBuf,
    /// Its key and lifetime.
    pub times: Times,
}

/// Where everything that is new goes when a folder has to be left.
const OWN_FOLDERS: [&str; 2] = ["/etc/docker/tls", "/etc/docker/dockseal"];

impl Draft {
    /// For a host without TLS.
    pub fn fresh(told: &Told, files: &mut Files) -> Self {
        let host = names::own_name(files).unwrap_or_else(|| "docker-host.example.com".to_owned());
        let directory = Path::new(OWN_FOLDERS[0]);
        let endpoints = hosts::endpoints(told, files);
        // What listens without TLS today does so on other ports.
        let local = endpoints.into_iter().filter(|endpoint| !matches!(endpoint, Endpoint::Tcp { .. }));
        let tcp = Endpoint::Tcp { host: "0.0.0.0".to_owned(), port: 2376 };
        Self {
            host,
            directory: directory.to_owned(),
            files: places(
                directory.join("ca.pem"),
                None,
                directory.join("server-cert.pem"),
                directory.join("server-key.pem"),
                directory,
            ),
            ca_name: None,
            ca: Times::default(),
            needs_passphrase: false,
            dns: Vec::new(),
            ip: vec![std::net::Ipv4Addr::LOCALHOST.into()],
            server: Times::default(),
            clients: vec![ClientDraft {
                name: "ci".to_owned(),
                folder: directory.join("clients/ci"),
                times: Times::default(),
            }],
            hosts: local.chain([tcp]).collect(),
        }
    }

    /// From what was found.
    pub fn of(told: &Told, seal: &Seal, clients: &[FoundClient], files: &mut Files) -> Self {
        let server = seal.server.as_ref().map(|server| &server.facts);
        let ca = seal.ca.as_ref().map(|ca| &ca.facts);
        let mut names = names::of_server(server, files);
        if let Some(ca) = ca {
            names.shun(&ca.subject, files);
        }
        let names::Names { host, dns, ip } = names;
        let ca_hours = ca.map_or(i64::MAX, hours);
        let mut draft = Self {
            host,
            directory: PathBuf::new(),
            files: places(PathBuf::new(), None, PathBuf::new(), PathBuf::new(), Path::new("/")),
            ca_name: ca.and_then(|ca| names::of_ca(&ca.subject)),
            ca: ca.map(|ca| times(ca, i64::MAX)).unwrap_or_default(),
            needs_passphrase: seal.ca_key.as_ref().is_some_and(|key| key.is_encrypted),
            dns,
            ip,
            server: server.map(|server| times(server, ca_hours)).unwrap_or_default(),
            clients: Vec::new(),
            hosts: hosts::endpoints(told, files),
        };
        draft.place(seal, &folder(seal));
        draft.name_bound_hosts(files);
        for client in clients {
            let folder = client.folder.clone();
            if folder.to_str().is_none_or(|text| AbsolutePath::parse(text).is_err()) {
                files.remark(format!(
                    "{} is no path that a manifest can hold: the client is left alone",
                    folder.display()
                ));
                continue;
            }
            draft.clients.push(ClientDraft {
                name: client.name.clone(),
                folder,
                times: times(&client.facts, ca_hours),
            });
        }
        draft
    }

    fn place(&mut self, seal: &Seal, directory: &Path) {
        let key = seal.ca_key.as_ref().map(|key| key.path.clone());
        directory.clone_into(&mut self.directory);
        self.files = places(seal.ca_path.clone(), key, seal.server_path.clone(), seal.server_key.clone(), directory);
    }

    /// What dockerd binds has to be in its certificate, or the manifest is none.
    fn name_bound_hosts(&mut self, files: &mut Files) {
        for host in hosts::bound(&self.hosts) {
            let address = host.parse::<std::net::IpAddr>().ok();
            let is_named = match address {
                Some(address) => self.ip.contains(&address),
                None => self.host == host || self.dns.iter().any(|name| name == host),
            };
            match address {
                _ if is_named => {}
                Some(address) => self.ip.push(address),
                None => self.dns.push(host.to_owned()),
            }
            if !is_named {
                files.remark(format!(
                    "dockerd listens on {host}, which its certificate does not name: the name is added"
                ));
            }
        }
    }

    /// Moves `directory`, and with it the folder of clients, to where nothing is.
    pub fn leave_folder(&mut self, files: &mut Files) {
        let left = self.directory.clone();
        let numbered = (1..100).map(|number| PathBuf::from(format!("{}-{number}", OWN_FOLDERS[1])));
        let mut own = OWN_FOLDERS.map(PathBuf::from).into_iter().chain(numbered);
        let is_free = |own: &PathBuf| *own != left && files.folders_in(&own.join("clients")).is_empty();
        let own = own.find(is_free).unwrap_or_else(|| left.clone());
        files.remark(format!(
            "{} holds certificates that the manifest does not name; `directory` is another folder so that they stay",
            left.join("clients").display()
        ));
        self.directory = own;
    }

    /// Takes out clients that would have to be issued anew, where nothing can be signed. Whether there were any.
    pub fn drop_unsigned(&mut self, names: &[String], files: &mut Files) -> bool {
        for name in names {
            files.remark(format!(
                "the client {name} would have to be issued anew, and nothing can be signed without the CA's key: it is left out"
            ));
        }
        let before = self.clients.len();
        self.clients.retain(|client| !names.contains(&client.name));
        self.clients.len() < before
    }

    /// Whether the CA had a name here, which it now has no more.
    pub fn forget_name_of_ca(&mut self) -> bool {
        self.ca_name.take().is_some()
    }
}

fn places(
    ca: PathBuf,
    ca_key: Option<PathBuf>,
    server: PathBuf,
    server_key: PathBuf,
    directory: &Path,
) -> [(&'static str, &'static str, PathBuf); 4] {
    let ca_key = ca_key.unwrap_or_else(|| directory.join("ca-key.pem"));
    [
        ("ca", "ca.pem", ca),
        ("ca_key", "ca-key.pem", ca_key),
        ("server_certificate", "server-cert.pem", server),
        ("server_key", "server-key.pem", server_key),
    ]
}

/// The folder with which the fewest files have to be named.
fn folder(seal: &Seal) -> PathBuf {
    let key = seal.ca_key.as_ref().map(|key| &key.path);
    let all = [
        ("ca.pem", Some(&seal.ca_path)),
        ("ca-key.pem", key),
        ("server-cert.pem", Some(&seal.server_path)),
        ("server-key.pem", Some(&seal.server_key)),
    ];
    let fits =
        |folder: &Path| all.iter().filter(|(name, path)| path.is_some_and(|path| *path == folder.join(name))).count();
    let mut folders: Vec<&Path> = [&seal.ca_path, &seal.server_path, &seal.server_key]
        .into_iter()
        .filter_map(|path| path.parent())
        .filter(|folder| folder.parent().is_some())
        .collect();
    // The first of equals wins.
    folders.reverse();
    folders.into_iter().max_by_key(|folder| fits(folder)).unwrap_or(Path::new(OWN_FOLDERS[0])).to_owned()
}

fn times(facts: &CertFacts, most: i64) -> Times {
    let hours = hours(facts).min(most);
    let valid_for = if hours % 24 == 0 { format!("{}d", hours / 24) } else { format!("{hours}h") };
    Times { key: facts.public_key.word(), valid_for: Some(valid_for) }
}

/// In whole days where it has lived for one: a second more or less is the tool's.
fn hours(facts: &CertFacts) -> i64 {
    let lifetime = facts.not_after - facts.not_before;
    let days = (lifetime + Duration::hours(12)).whole_days();
    let hours = if days > 0 { days * 24 } else { lifetime.whole_hours() };
    hours.clamp(1, 36_500 * 24)
}
