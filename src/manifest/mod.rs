//! The manifest, format 1: what a person writes and checks in. YAML text enters, a [`Manifest`] or every problem with
//! its place leaves.
//!
//! The types below are the format: the JSON schema is generated from them, their documentation is what an editor shows.

mod scalar;

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::pki::KeyAlgorithm;

pub use scalar::{AbsolutePath, ClientName, DnsName, DropInName, Endpoint, Lifetime, UnitName};

/// A whole manifest.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version; also says what this file is.
    pub dockseal: u8,
    /// The host's DNS name: the server certificate's common name and its first SAN.
    pub host: DnsName,
    /// Where ca.pem, ca-key.pem, server-cert.pem, server-key.pem and clients/NAME/ stand.
    #[serde(default = "default_directory")]
    pub directory: AbsolutePath,
    /// The CA that signs the server and the clients.
    #[serde(default)]
    pub ca: Ca,
    /// The certificate that dockerd serves.
    #[serde(default)]
    pub server: Server,
    /// The callers that dockerd lets in.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// An RFC 7396 merge patch on /etc/docker/daemon.json.
    #[serde(default)]
    pub daemon: Daemon,
    /// How docker.service is changed and restarted.
    #[serde(default)]
    pub systemd: Systemd,
}

/// The CA.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ca {
    /// Default: `<host> Docker CA`.
    pub common_name: Option<String>,
    /// The rest of the subject.
    pub subject: Subject,
    /// The CA's key.
    pub key: KeyAlgorithm,
    /// With it the CA's key is stored encrypted.
    pub passphrase: Option<PassphraseSource>,
    /// From creation to the CA's end.
    pub valid_for: Lifetime,
}

/// Attributes of the CA's subject beside the common name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subject {
    /// `C`: two letters, ISO 3166.
    pub country: Option<String>,
    /// `ST`
    pub state: Option<String>,
    /// `L`
    pub locality: Option<String>,
    /// `O`
    pub organization: Option<String>,
    /// `OU`
    pub organizational_unit: Option<String>,
    /// `emailAddress`
    pub email: Option<String>,
}

/// Where the CA key's passphrase comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PassphraseSource {
    /// A file; its first line without the newline.
    File(AbsolutePath),
    /// An environment variable.
    Env(String),
    /// A systemd credential (`LoadCredential=`), read from `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// The server certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Further names and addresses that clients use; `host` is always the first.
    pub sans: Sans,
    /// The server's key.
    pub key: KeyAlgorithm,
    /// From issue to the end.
    pub valid_for: Lifetime,
    /// Default: a third of `valid_for`, at most 30 days.
    pub renew_before: Option<Lifetime>,
}

/// Subject alternative names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sans {
    /// DNS names.
    pub dns: Vec<DnsName>,
    /// IPv4 and IPv6 addresses.
    pub ip: Vec<IpAddr>,
}

/// One caller that dockerd lets in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Folder under clients/, common name and DNS SAN.
    pub name: ClientName,
    /// A PKCS#10 request; then the client's key never touches this host.
    pub csr: Option<AbsolutePath>,
    /// The client's key; not with `csr`.
    pub key: Option<KeyAlgorithm>,
    /// From issue to the end.
    #[serde(default = "Lifetime::year")]
    pub valid_for: Lifetime,
    /// Default: a third of `valid_for`, at most 30 days.
    pub renew_before: Option<Lifetime>,
}

/// A merge patch on daemon.json: keys given here are owned, null removes one, every other key is left as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Daemon {
    /// Where dockerd listens.
    pub hosts: Vec<Endpoint>,
    /// Every other key.
    #[serde(flatten)]
    pub keys: Map<String, Value>,
}

/// docker.service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Systemd {
    /// The daemon's unit.
    pub unit: UnitName,
    /// The drop-in's file name; it has to sort last.
    pub drop_in: DropInName,
    /// When dockerd may be restarted.
    pub restart: RestartPolicy,
}

/// When dockerd may be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Only where no running container would stop.
    #[default]
    Safe,
    /// Whenever needed, whatever stops.
    Always,
    /// Files alone; the plan then says that dockerd still serves the old.
    Never,
}

fn default_directory() -> AbsolutePath {
    AbsolutePath(PathBuf::from("/etc/docker/tls"))
}

impl Default for Ca {
    fn default() -> Self {
        Self {
            common_name: None,
            subject: Subject::default(),
            key: KeyAlgorithm::default(),
            passphrase: None,
            valid_for: Lifetime::days(3650),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { sans: Sans::default(), key: KeyAlgorithm::default(), valid_for: Lifetime::year(), renew_before: None }
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            hosts: vec![Endpoint::Fd(String::new()), Endpoint::Tcp { host: "0.0.0.0".to_owned(), port: 2376 }],
            keys: Map::new(),
        }
    }
}

impl Default for Systemd {
    fn default() -> Self {
        Self {
            unit: UnitName("docker.service".to_owned()),
            drop_in: DropInName("zz-dockseal.conf".to_owned()),
            restart: RestartPolicy::default(),
        }
    }
}
