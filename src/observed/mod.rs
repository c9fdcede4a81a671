//! What the host is: facts only, no judgement and no secret. Each observation reads the host afresh; nothing is
//! remembered between runs.

mod caller;
mod certificate;
mod daemon;
mod program;
mod served;
mod service;
pub mod unit;

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::desired::Desired;
use crate::host::Root;
use crate::pki::Authority;

pub use crate::host::Attributes;
pub use certificate::{FILE_LIMIT, KeyFacts, LeafFacts, ObservedCa, ObservedClient, ObservedLeaf, Orphan};
pub use served::{Answer, CallerKind, Depth, Served, Stranger, Trial};
pub use service::{Containers, ServiceFacts, Systemd, containers, is_answering, read as read_service};
pub use unit::files::ObservedUnit;

/// What the host is.
#[derive(Debug)]
pub struct Observed {
    /// Whom the files of this root belong to: root's on a live host, the observer's elsewhere.
    pub owner: u32,
    /// The CA's files.
    pub ca: ObservedCa,
    /// The server's files.
    pub server: ObservedLeaf,
    /// The clients' files, in the order of the manifest.
    pub clients: Vec<ObservedClient>,
    /// Folders of clients that the manifest does not name.
    pub orphans: Vec<Orphan>,
    /// `/etc/docker/daemon.json`
    pub daemon_json: Seen<Vec<u8>>,
    /// The files of docker.service.
    pub unit: ObservedUnit,
    /// This program, as a unit of this root names it.
    pub program: String,
    /// What systemd says of docker.service.
    pub systemd: Systemd,
    /// What the endpoints answer; empty where dockerd is not expected to.
    pub served: Vec<Served>,
    /// What runs; asked only where it matters.
    pub containers: Option<Containers>,
}

/// One file, as it was found.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// On the host that is worked on.
    pub path: PathBuf,
    /// `None` where nothing is there.
    pub attributes: Option<Attributes>,
    /// What it holds.
    pub found: Found<T>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// Nothing is there.
    Missing,
    /// The observer may not read it.
    Denied,
    /// It is not what it should be; why.
    Unusable(String),
    /// This.
    Present(T),
}

impl<T> Seen<T> {
    /// What it holds, if it is there and whole.
    pub fn present(&self) -> Option<&T> {
        match &self.found {
            Found::Present(value) => Some(value),
            _ => None,
        }
    }

    /// Whether nothing is there.
    pub fn is_missing(&self) -> bool {
        matches!(self.found, Found::Missing)
    }
}

/// Why a host can't be observed at all.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A file.
    #[error(transparent)]
    File(#[from] crate::host::FileError),
    /// systemctl.
    #[error(transparent)]
    Command(#[from] crate::host::CommandError),
    /// The key of a handshake's caller.
    #[error(transparent)]
    Key(#[from] crate::pki::KeyError),
    /// A handshake's caller has nothing to call with.
    #[error(transparent)]
    Caller(#[from] crate::host::CallerError),
    /// The certificate of a handshake's caller.
    #[error(transparent)]
    Issue(#[from] crate::pki::IssueError),
}

impl Observed {
    /// Reads the host. `authority` is the unlocked CA, where a caller has it: see [`served`].
    pub fn read(
        root: &Root,
        desired: &Desired,
        depth: Depth,
        authority: Option<&Authority>,
        now: OffsetDateTime,
    ) -> Result<Self, ObserveError> {
        let certificates = certificate::read(root, desired)?;
        let systemd = service::read(root, &desired.unit.name)?;
        let served = match &systemd {
            Systemd::Asked(service) if service.is_active() => {
                served::read(root, desired, &certificates, depth, authority, now)?
            }
            _ => Vec::new(),
        };
        Ok(Self {
            owner: root.owner(),
            daemon_json: daemon::read(root, &desired.layout)?,
            unit: unit::files::read(root, desired)?,
            program: program::read(root),
            systemd,
            served,
            containers: None,
            ca: certificates.ca,
            server: certificates.server,
            clients: certificates.clients,
            orphans: certificates.orphans,
        })
    }

    /// What systemd says of docker.service, where it was asked.
    pub fn service(&self) -> Option<&ServiceFacts> {
        match &self.systemd {
            Systemd::Asked(service) => Some(service),
            Systemd::OtherRoot | Systemd::NotRunning => None,
        }
    }

    /// Whether there is a dockerd to ask.
    pub fn is_dockerd_running(&self) -> bool {
        self.service().is_some_and(ServiceFacts::is_active)
    }

    /// Every leaf that the CA may have signed.
    pub fn leaf_certificates(&self) -> impl Iterator<Item = &Seen<LeafFacts>> {
        let clients = self.clients.iter().map(|client| &client.leaf.certificate);
        let orphans = self.orphans.iter().map(|orphan| &orphan.certificate);
        std::iter::once(&self.server.certificate).chain(clients).chain(orphans)
    }

    /// Asks what would stop with dockerd; only worth it where a restart is planned.
    pub fn ask_containers(&mut self) {
        self.containers = Some(service::containers());
    }
}
