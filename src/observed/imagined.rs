//! A host that is only imagined: docker.service as Docker's own packages bring it, running, and the files of a manifest that
//! was applied a moment ago. A manifest enters, and the one by which that host shall be looked at; no host is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use super::service::socket_of;
use super::unit::files::UnitFiles;
use super::unit::{Unit, UnitFile};
use super::{
    Found, KeyFacts, LeafFacts, Observed, ObservedCa, ObservedClient, ObservedLeaf, ObservedRequests, ObservedUnit,
    Orphan, Pending, Seen, ServiceFacts, Systemd,
};
use crate::desired::{Desired, KeySource, Waiting};
use crate::host::{Attributes, Stamp};
use crate::manifest::Issuer;
use crate::pki::{CertFacts, CertSpec, Certificate, Fingerprint, KeyAlgorithm, PublicKey};

/// Where and what Docker's own packages install, since 18.09; other lines have no say.
const UNIT_FOLDER: &str = "/usr/lib/systemd/system";
const UNIT: &str = "[Service]\nExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock\n";

/// What an apply would have written beside certificates; empty on a host without Dockseal.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// daemon.json
    pub daemon_json: Option<String>,
    /// The drop-in.
    pub drop_in: Option<String>,
    /// The unit that undoes an interrupted change.
    pub recover: Option<String>,
}

/// What stands at a path.
enum File {
    Ca(Certificate),
    Leaf(CertFacts),
    Key(KeyFacts),
    Copy,
}

struct Imagined<'a> {
    files: BTreeMap<PathBuf, File>,
    /// Who has files under `clients/`.
    names: BTreeSet<&'a str>,
    ca: Option<Fingerprint>,
    now: OffsetDateTime,
}

impl Observed {
    /// What `new` would see on a host where `old` was applied at `now`; `None`: on one that never saw Dockseal.
    pub fn imagine(old: Option<&Desired>, written: &Written, new: &Desired, now: OffsetDateTime) -> Self {
        let imagined = Imagined::of(old, now);
        let unit = imagined.unit(old, written, new);
        let systemd = Systemd::Asked(service(&unit, &new.unit.name));
        let layout = &new.layout;
        Self {
            root: PathBuf::from("/"),
            distrusted: Vec::new(),
            owner: 0,
            ca: ObservedCa {
                certificate: imagined.see(layout.ca_certificate(), 0o644, |file| match file {
                    File::Ca(ca) => Some(vec![ca.clone()]),
                    _ => None,
                }),
                key: imagined.key(layout.ca_key()),
                next_key: imagined.key(layout.ca_next_key()),
                old_key: imagined.key(layout.ca_old_key()),
            },
            server: ObservedLeaf {
                certificate: imagined.leaf(layout.server_certificate(), new),
                key: Some(imagined.key(layout.server_key())),
            },
            clients: new.clients.iter().map(|client| imagined.client(&client.name, &client.key, new)).collect(),
            orphans: imagined.orphans(new),
            requests: (new.ca.issuer == Issuer::External).then(|| Box::new(requests(new))),
            daemon_json: imagined.text(layout.daemon_json(), written.daemon_json.clone().map(String::into_bytes)),
            unit,
            program: "dockseal".to_owned(),
            systemd,
            served: Vec::new(),
            containers: None,
        }
    }
}

impl<'a> Imagined<'a> {
    fn of(old: Option<&'a Desired>, now: OffsetDateTime) -> Self {
        let mut imagined = Self { files: BTreeMap::new(), names: BTreeSet::new(), ca: None, now };
        let Some(old) = old.filter(|old| old.leaving.is_none()) else { return imagined };
        let layout = &old.layout;
        let spec = old.ca.spec_of(old.ca.rotation.generation);
        let ca = CertFacts::imagined(&spec, public_key(spec.key, &layout.ca_key()), now, None);
        if old.ca.issuer.is_local() {
            let plain = KeyFacts::Plain(ca.public_key.clone());
            let key = if old.ca.passphrase.is_some() { KeyFacts::Encrypted } else { plain };
            imagined.files.insert(layout.ca_key(), File::Key(key));
        }
        let until = ca.not_after;
        imagined.ca = Some(ca.fingerprint);
        imagined.files.insert(layout.ca_certificate(), File::Ca(Certificate::imagined(ca)));
        let server = (layout.server_certificate(), &old.server);
        imagined.issue(server, &KeySource::Host, layout.server_key(), until);
        for client in &old.clients {
            let name = client.name.as_str();
            let certificate = (layout.client_certificate(name), &client.spec);
            imagined.issue(certificate, &client.key, layout.client_key(name), until);
            imagined.files.entry(layout.client_ca(name)).or_insert(File::Copy);
            imagined.names.insert(name);
        }
        imagined
    }

    fn issue(
        &mut self,
        (path, spec): (PathBuf, &Arc<CertSpec>),
        source: &KeySource,
        key: PathBuf,
        until: OffsetDateTime,
    ) {
        let public = match source {
            KeySource::Host => public_key(spec.key, &key),
            KeySource::Request(request) => requested(request),
        };
        if *source == KeySource::Host {
            self.files.insert(key, File::Key(KeyFacts::Plain(public.clone())));
        }
        self.files.insert(path, File::Leaf(CertFacts::imagined(spec, public, self.now, Some(until))));
    }

    fn attributes(&self, mode: u32) -> Attributes {
        let modified = (self.now.unix_timestamp(), 0);
        Attributes { mode, uid: 0, gid: 0, links: 1, stamp: Stamp { modified, ..Stamp::default() } }
    }

    fn see<T>(&self, path: PathBuf, mode: u32, read: impl FnOnce(&File) -> Option<T>) -> Seen<T> {
        match self.files.get(&path) {
            None => missing(path),
            Some(file) => {
                let unusable = || Found::Unusable("is something else".to_owned());
                let found = read(file).map_or_else(unusable, Found::Present);
                Seen { path, attributes: Some(self.attributes(mode)), found }
            }
        }
    }

    fn text<T>(&self, path: PathBuf, text: Option<T>) -> Seen<T> {
        match text {
            Some(text) => Seen { path, attributes: Some(self.attributes(0o644)), found: Found::Present(text) },
            None => missing(path),
        }
    }

    fn key(&self, path: PathBuf) -> Seen<KeyFacts> {
        self.see(path, 0o600, |file| match file {
            File::Key(key) => Some(key.clone()),
            _ => None,
        })
    }

    /// Signed by the CA, if that is still found where it is looked for.
    fn leaf(&self, path: PathBuf, new: &Desired) -> Seen<LeafFacts> {
        let signed_by = matches!(self.files.get(&new.layout.ca_certificate()), Some(File::Ca(_))).then_some(0);
        self.see(path, 0o644, |file| match file {
            File::Leaf(facts) => Some(LeafFacts { facts: facts.clone(), signed_by }),
            _ => None,
        })
    }

    fn client(&self, name: &str, source: &KeySource, new: &Desired) -> Box<ObservedClient> {
        let layout = &new.layout;
        let (key, request) = match source {
            KeySource::Host => (Some(self.key(layout.client_key(name))), None),
            KeySource::Request(path) => (None, Some(Box::new(self.text(path.clone(), Some(requested(path)))))),
        };
        let ca = self.see(layout.client_ca(name), 0o644, |file| match file {
            File::Ca(_) | File::Copy => self.ca.map(|ca| vec![ca]),
            _ => None,
        });
        let leaf = ObservedLeaf { certificate: self.leaf(layout.client_certificate(name), new), key };
        Box::new(ObservedClient { name: name.to_owned(), leaf, ca, old: None, request })
    }

    fn orphans(&self, new: &Desired) -> Vec<Orphan> {
        let layout = &new.layout;
        let is_known = |name: &str| new.clients.iter().any(|client| client.name == name) || layout.is_taken(name);
        let orphan = |name: &&str| {
            let folder = layout.clients().join(name);
            let there = |file: &str| self.see(folder.join(file), 0o644, |_| Some(()));
            let certificate = self.leaf(folder.join("cert.pem"), new);
            let (key, ca, old) = (there("key.pem"), there("ca.pem"), there("old-cert.pem"));
            let is_client = !(certificate.is_missing() && key.is_missing());
            is_client.then(|| Orphan { name: (*name).to_owned(), certificate, key, ca, old })
        };
        self.names.iter().filter(|name| !is_known(name)).filter_map(orphan).collect()
    }

    fn unit(&self, old: Option<&Desired>, written: &Written, new: &Desired) -> ObservedUnit {
        let name = &new.unit.name;
        let fragment = UnitFile { path: Path::new(UNIT_FOLDER).join(name), text: UNIT.to_owned() };
        let drop_in = old.zip(written.drop_in.clone()).map(|(old, text)| UnitFile { path: old.layout.drop_in(), text });
        let ours = drop_in.as_ref().filter(|file| file.path == new.layout.drop_in()).map(|file| file.text.clone());
        let files = std::iter::once(fragment).chain(drop_in).collect();
        ObservedUnit {
            files: Ok(UnitFiles { unit: Unit::new(name, files), environment: Vec::new() }),
            drop_in: self.text(new.layout.drop_in(), ours),
            recover: self.text(new.layout.recover_unit(), written.recover.clone()),
        }
    }
}

/// Nothing waits: what was asked for has come.
fn requests(new: &Desired) -> ObservedRequests {
    let pending = |client: Option<&str>| Pending {
        key: missing(new.layout.waiting(client, Waiting::Key)),
        request: missing(new.layout.waiting(client, Waiting::Request)),
        certificate: missing(new.layout.waiting(client, Waiting::Certificate)),
    };
    ObservedRequests {
        ca: missing(new.layout.handed_in_ca()),
        server: pending(None),
        clients: new.clients.iter().map(|client| pending(Some(&client.name))).collect(),
        leftovers: Vec::new(),
    }
}

/// It runs by what its files say.
fn service(unit: &ObservedUnit, name: &str) -> ServiceFacts {
    let service = unit.files.as_ref().ok().and_then(|files| files.unit.service(None).ok());
    ServiceFacts {
        load: "loaded".to_owned(),
        active: "active".to_owned(),
        main_pid: 1,
        needs_reload: false,
        exec_start: service.and_then(|service| service.exec_start).map(|line| line.argv_text()),
        socket: socket_of(name),
        has_socket: true,
    }
}

fn missing<T>(path: PathBuf) -> Seen<T> {
    Seen { path, attributes: None, found: Found::Missing }
}

fn public_key(algorithm: KeyAlgorithm, path: &Path) -> PublicKey {
    PublicKey::imagined(algorithm, &path.display().to_string())
}

/// The key that a client brings. Of which kind it is, nobody asks.
fn requested(path: &Path) -> PublicKey {
    public_key(KeyAlgorithm::EcdsaP256, path)
}
