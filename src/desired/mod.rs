//! What the host shall be: a [`Manifest`] enters, certificate *specifications*, a daemon.json patch and paths leave.
//! Nothing here is bytes of a certificate and nothing is read from the host.

mod certificate;
mod daemon;
mod generation;
mod layout;

use crate::manifest::{Endpoint, Issuer, Manifest, PassphraseSource, RestartPolicy, State};
use crate::pki::CertSpec;

pub use layout::{CLIENTS, JOURNAL, LOG, Layout, OWN_FOLDER, RECOVER_UNIT, Waiting};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

/// What the host shall be.
#[derive(Clone, Debug)]
pub struct Desired {
    /// The host's DNS name.
    pub host: String,
    /// Whether all of it goes off the host again; then the rest says what that is.
    pub leaving: Option<Leaving>,
    /// Where each file stands.
    pub layout: Layout,
    /// The CA.
    pub ca: DesiredCa,
    /// The server certificate.
    pub server: Arc<CertSpec>,
    /// One for each client, in the order of the manifest.
    pub clients: Vec<DesiredClient>,
    /// daemon.json and where dockerd listens.
    pub daemon: DesiredDaemon,
    /// docker.service.
    pub unit: DesiredUnit,
}

/// What becomes of the PEM files where everything else goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// They stay.
    KeepKeys,
    /// They go.
    DeleteKeys,
}

/// The CA: its certificate and how its key is stored.
#[derive(Clone, Debug)]
pub struct DesiredCa {
    /// Its certificate.
    pub spec: Arc<CertSpec>,
    /// Who signs. With another than [`Issuer::Local`] the rest says nothing.
    pub issuer: Issuer,
    /// Whether the manifest gives anything of the subject. Where it is silent, a CA that is there may be called anything.
    pub is_named: bool,
    /// Where the passphrase of its key comes from; `None`: the key is stored unencrypted.
    pub passphrase: Option<PassphraseSource>,
    /// Its replacement.
    pub rotation: DesiredRotation,
}

/// The CA's replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesiredRotation {
    /// The CA's generation, or a later one.
    pub generation: u32,
    /// How long both CAs are trusted before each further step.
    pub overlap: time::Duration,
    /// Whether this run waits for that.
    pub pace: Pace,
}

/// How fast a CA is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// A step when its time has come.
    #[default]
    Wait,
    /// The next step now.
    Advance,
    /// All steps now, whomever that locks out: the key was stolen.
    CutOff,
}

/// One client's certificate.
#[derive(Clone, Debug)]
pub struct DesiredClient {
    /// Folder name and common name.
    pub name: String,
    /// Its certificate.
    pub spec: Arc<CertSpec>,
    /// Whose key it bears.
    pub key: KeySource,
}

/// Where a client's key is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// On this host, stored beside the certificate.
    Host,
    /// Elsewhere; the PKCS#10 request at this path bears the public half.
    Request(PathBuf),
}

/// daemon.json: an RFC 7396 patch whose keys are owned.
#[derive(Clone, Debug)]
pub struct DesiredDaemon {
    /// The whole patch, `hosts` and the four `tls*` keys included.
    pub patch: Map<String, Value>,
    /// Where dockerd shall listen.
    pub endpoints: Vec<Endpoint>,
}

/// docker.service and its drop-in.
#[derive(Clone, Debug)]
pub struct DesiredUnit {
    /// `docker.service`
    pub name: String,
    /// File name of the drop-in.
    pub drop_in: String,
    /// When dockerd may be restarted.
    pub restart: RestartPolicy,
    /// How long dockerd may take to start and to serve what it shall.
    pub timeout: Duration,
    /// Whether an apply that was cut short is healed at boot.
    pub recover: bool,
}

impl Desired {
    /// Works out what a manifest means.
    pub fn new(manifest: &Manifest) -> Self {
        let layout = Layout::new(manifest);
        Self {
            host: manifest.host.as_str().to_owned(),
            leaving: (manifest.state == State::Absent).then_some(Leaving::KeepKeys),
            ca: certificate::ca(manifest),
            server: certificate::server(manifest).into(),
            clients: manifest.clients.iter().map(|client| certificate::client(manifest, client)).collect(),
            daemon: daemon::daemon(manifest, &layout),
            unit: DesiredUnit {
                name: manifest.systemd.unit.as_str().to_owned(),
                drop_in: manifest.systemd.drop_in.as_str().to_owned(),
                restart: manifest.systemd.restart,
                timeout: manifest.systemd.timeout.duration(),
                recover: manifest.systemd.recover,
            },
            layout,
        }
    }
}
