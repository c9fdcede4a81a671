//! What the host is: facts only, no judgement and no secret. Each observation reads the host afresh; nothing is
//! remembered between runs.

mod caller;
mod certificate;
mod daemon;
pub mod facts;
mod imagined;
mod left;
mod place;
mod program;
mod request;
mod served;
mod service;
pub mod unit;

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use crate::desired::{Desired, OWN_FOLDER};
use crate::host::Root;

use certificate::Certificates;
use facts::{Facts, Lack};
use place::{Places, Source};

pub use crate::host::{Attributes, Distrust, Stamp, Why};
pub use caller::Authorities;
pub use certificate::{KeyFacts, LeafFacts, ObservedCa, ObservedClient, ObservedLeaf, Orphan};
pub use imagined::Written;
pub use place::FILE_LIMIT;
pub use request::{ObservedRequests, Pending};
pub use served::{Answer, CallerKind, Depth, Served, Stranger, Trial};
pub use service::{Containers, LOCAL_SOCKETS, ServiceFacts, Systemd, containers, is_answering, read as read_service};
pub use unit::files::ObservedUnit;

/// What the host is.
#[derive(Debug)]
pub struct Observed {
    /// Where the root is; for commands that a person is given.
    pub root: PathBuf,
    /// What somebody else could change on the way to the folders that an apply writes in. Nothing behind it was read.
    pub distrusted: Vec<Distrust>,
    /// Whom the files of this root belong to: root's on a live host, the observer's elsewhere.
    pub owner: u32,
    /// The CA's files.
    pub ca: ObservedCa,
    /// The server's files.
    pub server: ObservedLeaf,
    /// The clients' files, in the order of the manifest.
    #[expect(clippy::vec_box, reason = "a thousand in one piece leave a hole that nothing fits into")]
    pub clients: Vec<Box<ObservedClient>>,
    /// Folders of clients that the manifest does not name.
    pub orphans: Vec<Orphan>,
    /// What waits for a signature elsewhere; `None` where nothing is signed elsewhere.
    pub requests: Option<Box<ObservedRequests>>,
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
    /// Somebody else could change the folder that it stands in; it was not read.
    Distrusted,
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

    /// The same file, with something else made of what it holds.
    fn map<U>(self, make: impl FnOnce(T) -> U) -> Seen<U> {
        let found = match self.found {
            Found::Missing => Found::Missing,
            Found::Denied => Found::Denied,
            Found::Distrusted => Found::Distrusted,
            Found::Unusable(why) => Found::Unusable(why),
            Found::Present(value) => Found::Present(make(value)),
        };
        Seen { path: self.path, attributes: self.attributes, found }
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
    /// A folder that may not be listed.
    #[error("{}: cannot list: it was denied to the observer", .path.display())]
    Unlisted {
        /// Which.
        path: PathBuf,
    },
    /// Facts that don't tell what a manifest asks.
    #[error(transparent)]
    Lack(#[from] facts::Lack),
    /// The certificate of a handshake's caller.
    #[error(transparent)]
    Issue(#[from] crate::pki::IssueError),
}

/// What files tell beside the certificates.
struct Files {
    distrusted: Vec<Distrust>,
    requests: Option<Box<ObservedRequests>>,
    daemon_json: Seen<Vec<u8>>,
    unit: ObservedUnit,
}

impl Files {
    fn read(source: &Source, desired: &Desired) -> Result<(Self, Certificates), ObserveError> {
        let mut places = Places::new(*source);
        let certificates = certificate::read(source, desired, &mut places)?;
        let requests = request::read(desired, &certificates.ca.certificate, &mut places)?;
        let daemon_json = daemon::read(&desired.layout, &mut places)?;
        let unit = unit::files::read(source, desired, &mut places)?;
        places.enter(Path::new(OWN_FOLDER))?;
        Ok((Self { distrusted: places.distrusted, requests, daemon_json, unit }, certificates))
    }
}

/// What else is known of a host.
struct Standing {
    root: PathBuf,
    owner: u32,
    program: String,
    systemd: Systemd,
    served: Vec<Served>,
}

impl Observed {
    /// Reads the host. `authorities` are the unlocked CAs, where a caller has them.
    pub fn read(
        root: &Root,
        desired: &Desired,
        depth: Depth,
        authorities: Authorities<'_>,
        now: OffsetDateTime,
    ) -> Result<Self, ObserveError> {
        let source = Source::Host(root);
        let (files, certificates) = Files::read(&source, desired)?;
        let systemd = service::read(root, &desired.unit.name)?;
        let served = match &systemd {
            // Keys of the callers may be behind what is not trusted.
            Systemd::Asked(service) if service.is_active() && files.distrusted.is_empty() => match desired.leaving {
                Some(_) => left::read(desired),
                None => served::read(root, desired, &certificates, depth, authorities, now)?,
            },
            _ => Vec::new(),
        };
        let standing = Standing {
            root: root.place(Path::new("/")),
            owner: root.owner(),
            program: program::read(root),
            systemd,
            served,
        };
        Ok(Self::of(files, certificates, standing))
    }

    /// Looks at facts in the place of their host. What its endpoints answer comes apart, as not every plan asks for it.
    pub fn recall(facts: &Facts, desired: &Desired) -> Result<(Self, Result<Vec<Served>, Lack>), ObserveError> {
        let (files, certificates) = Files::read(&Source::Facts(facts), desired)?;
        let host = &facts.host;
        let served = match &host.systemd {
            Systemd::Asked(service) if service.is_active() && files.distrusted.is_empty() => {
                facts.served(desired, &certificates)
            }
            _ => Ok(Vec::new()),
        };
        let standing = Standing {
            root: host.root.clone(),
            owner: host.owner,
            program: host.program.clone(),
            systemd: host.systemd.clone(),
            served: Vec::new(),
        };
        Ok((Self::of(files, certificates, standing), served))
    }

    fn of(files: Files, certificates: Certificates, standing: Standing) -> Self {
        Self {
            root: standing.root,
            distrusted: files.distrusted,
            owner: standing.owner,
            requests: files.requests,
            daemon_json: files.daemon_json,
            unit: files.unit,
            program: standing.program,
            systemd: standing.systemd,
            served: standing.served,
            containers: None,
            ca: certificates.ca,
            server: certificates.server,
            clients: certificates.clients,
            orphans: certificates.orphans,
        }
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
