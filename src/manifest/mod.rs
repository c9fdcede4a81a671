//! The manifest, format 1: what a person writes and checks in. YAML text enters, a [`Manifest`] or every problem with
//! its place leaves.
//!
//! The types below are the format: the JSON schema is generated from them, their documentation is what an editor shows.

mod check;
mod common_name;
mod decode;
mod endpoint;
mod faults;
mod files;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod issuer;
mod load;
mod locate;
mod name;
mod nearest;
mod parity;
mod parts;
mod paths;
mod plain;
mod problem;
mod scalar;
mod schema;
mod subject;
#[cfg(test)]
mod tests;
mod text;
mod unit;
mod validate;
mod violation;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::pki::KeyAlgorithm;

pub use endpoint::Endpoint;
pub use files::Files;
pub use issuer::{Issuer, IssuerCommand};
pub use name::{ClientName, DnsName};
pub use problem::{Code, Problem, Problems};
pub use scalar::{AbsolutePath, Lifetime, Timeout};
pub use schema::TEXT as SCHEMA;
#[cfg(test)]
pub use schema::generated as generated_schema;
pub use text::MOST_BYTES;
pub use unit::{DropInName, UnitName};

use decode::{addresses, format_one, given, given_as, hosts, object, objects, word, word_given};
use name::SanAddress;
use subject::{CommonName, Country, CredentialName, Email, EnvironmentName, OrganizationText, PlaceText};

/// How a Docker host's API is sealed with mutual TLS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dockseal manifest, format 1")]
pub struct Manifest {
    /// Format version; also says what this file is.
    #[expect(dead_code, reason = "there is one format; its number is checked as it is read")]
    #[serde(deserialize_with = "format_one")]
    #[schemars(schema_with = "schema::format_one")]
    pub dockseal: u8,
    /// Whether the host is sealed, or all that is Dockseal's goes off it again. Default: present.
    #[serde(default, deserialize_with = "word")]
    pub state: State,
    /// The host's DNS name: the server certificate's common name and its first SAN. At most 64 characters.
    #[schemars(length(max = 64))]
    pub host: DnsName,
    /// Where ca.pem, ca-key.pem, server-cert.pem, server-key.pem and clients/NAME/ stand.
    #[serde(default = "decode::directory")]
    pub directory: AbsolutePath,
    /// Files that stand elsewhere; for a host that was set up by hand.
    #[serde(default, deserialize_with = "object")]
    pub files: Files,
    /// The CA that signs the server and the clients.
    #[serde(default, deserialize_with = "object")]
    pub ca: Ca,
    /// The certificate that dockerd serves.
    #[serde(default, deserialize_with = "object")]
    pub server: Server,
    /// The callers that dockerd lets in. Each becomes clients/NAME/{ca,cert,key}.pem, usable as `DOCKER_CERT_PATH`.
    #[serde(default, deserialize_with = "objects")]
    pub clients: Vec<Client>,
    /// Renewals are spread over this span, each host and certificate at a moment of its own before `renew_before`, so that
    /// a fleet does not renew in one hour. No certificate gives up more than a tenth of its lifetime for it.
    #[serde(default = "decode::jitter")]
    pub renew_jitter: Lifetime,
    /// An RFC 7396 merge patch on /etc/docker/daemon.json.
    #[serde(default, deserialize_with = "object")]
    pub daemon: Daemon,
    /// How docker.service is changed and restarted.
    #[serde(default, deserialize_with = "object")]
    pub systemd: Systemd,
}

impl Manifest {
    /// Reads a manifest; `name` is what the user calls the file. Every fault is found in one go.
    pub fn parse(text: &[u8], name: &str) -> Result<Self, Problems> {
        validate::parse(text).map_err(|refusal| Problems::new(name, text, refusal))
    }
}

/// Whether the host is sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is.
    #[default]
    Present,
    /// It is not: the manifest's keys leave daemon.json, the drop-in goes, and dockerd is back on the unit's own line. The PEM
    /// files stay; `apply --delete-keys` deletes them too.
    Absent,
}

/// The CA.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ca {
    /// Who signs: `local`, this host's own CA (default); `external`, a CA elsewhere, which is waited for; or a command.
    /// With another than `local`, this host has no key of a CA, and the other fields here say nothing.
    pub issuer: Issuer,
    /// Default: `<host> Docker CA`, or whatever the CA is called that is there. At most 64 characters.
    #[serde(deserialize_with = "given_as::<CommonName, _, _>")]
    #[schemars(with = "CommonName")]
    pub common_name: Option<String>,
    /// The rest of the subject.
    #[serde(deserialize_with = "object")]
    pub subject: Subject,
    /// The CA's key.
    #[serde(deserialize_with = "word")]
    pub key: KeyAlgorithm,
    /// With it the CA's key is stored encrypted; without it, unencrypted and readable by root alone.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "PassphraseSource")]
    pub passphrase: Option<PassphraseSource>,
    /// From creation to the CA's end.
    pub valid_for: Lifetime,
    /// Replaces the CA step by step, without locking a client out.
    #[serde(deserialize_with = "object")]
    pub rotate: Rotate,
    /// While a CA is being replaced, how long both are trusted before the next step: clients have to fetch their new files
    /// in that time.
    pub overlap: Lifetime,
}

/// The CA's replacement: first the new one is trusted beside the old one, then it signs, then the old one goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotate {
    /// A number above that of the host's CA (`dockseal status` says it; the first is 1) starts a rotation, which later runs
    /// carry on by themselves. From 2 on the CA's common name ends in it: `… G2`.
    #[serde(deserialize_with = "decode::generation")]
    #[schemars(schema_with = "schema::generation")]
    pub generation: u32,
}

/// Attributes of the CA's subject beside the common name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subject {
    /// `C`: two letters, ISO 3166.
    #[serde(deserialize_with = "given_as::<Country, _, _>")]
    #[schemars(with = "Country")]
    pub country: Option<String>,
    /// `ST`: state or province.
    #[serde(deserialize_with = "given_as::<PlaceText, _, _>")]
    #[schemars(with = "PlaceText")]
    pub state: Option<String>,
    /// `L`: city.
    #[serde(deserialize_with = "given_as::<PlaceText, _, _>")]
    #[schemars(with = "PlaceText")]
    pub locality: Option<String>,
    /// `O`
    #[serde(deserialize_with = "given_as::<OrganizationText, _, _>")]
    #[schemars(with = "OrganizationText")]
    pub organization: Option<String>,
    /// `OU`
    #[serde(deserialize_with = "given_as::<OrganizationText, _, _>")]
    #[schemars(with = "OrganizationText")]
    pub organizational_unit: Option<String>,
    /// `emailAddress`
    #[serde(deserialize_with = "given_as::<Email, _, _>")]
    #[schemars(with = "Email")]
    pub email: Option<String>,
}

/// Where the CA key's passphrase comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum PassphraseSource {
    /// A file; its first line without the newline.
    File(AbsolutePath),
    /// An environment variable.
    Env(#[serde(deserialize_with = "decode::text_as::<EnvironmentName, _, _>")] String),
    /// A systemd credential (`LoadCredential=`), read from `$CREDENTIALS_DIRECTORY`.
    Credential(#[serde(deserialize_with = "decode::text_as::<CredentialName, _, _>")] String),
}

/// The server certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Further names and addresses that clients use; `host` is always the first.
    #[serde(deserialize_with = "object")]
    pub sans: Sans,
    /// The server's key.
    #[serde(deserialize_with = "word")]
    pub key: KeyAlgorithm,
    /// From issue to the end.
    pub valid_for: Lifetime,
    /// A certificate that ends sooner than this is issued anew. Default: a third of its lifetime, at most 30 days.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Lifetime")]
    pub renew_before: Option<Lifetime>,
    /// Whether a renewed certificate bears the key of the old one; otherwise the key is new too.
    pub reuse_key: bool,
}

/// Subject alternative names.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sans {
    /// DNS names.
    #[schemars(extend("uniqueItems" = true))]
    pub dns: Vec<DnsName>,
    /// IPv4 and IPv6 addresses.
    #[serde(deserialize_with = "addresses")]
    #[schemars(with = "Vec<SanAddress>", extend("uniqueItems" = true))]
    pub ip: Vec<IpAddr>,
}

/// One caller that dockerd lets in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Folder under clients/, common name and DNS SAN.
    pub name: ClientName,
    /// The folder of its ca.pem, cert.pem and key.pem. Default: clients/NAME in `directory`. In the folder of the CA's
    /// certificate the two share that ca.pem.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub directory: Option<AbsolutePath>,
    /// A PKCS#10 request; then the client's key never touches this host.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "AbsolutePath")]
    pub csr: Option<AbsolutePath>,
    /// The client's key, `ecdsa-p256` by default; not with `csr`.
    #[serde(default, deserialize_with = "word_given")]
    #[schemars(with = "KeyAlgorithm")]
    pub key: Option<KeyAlgorithm>,
    /// From issue to the end.
    #[serde(default = "Lifetime::year")]
    pub valid_for: Lifetime,
    /// A certificate that ends sooner than this is issued anew. Default: a third of its lifetime, at most 30 days.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Lifetime")]
    pub renew_before: Option<Lifetime>,
    /// Whether a renewed certificate bears the key of the old one; otherwise the key is new too. A `csr` always brings it.
    #[serde(default)]
    pub reuse_key: bool,
}

/// A merge patch on daemon.json: keys given here are owned, null removes one, every other key is left as it is.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("propertyNames" = schema::daemon_keys()))]
pub struct Daemon {
    /// Where dockerd listens: a local endpoint and at least one tcp host.
    #[serde(deserialize_with = "hosts")]
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
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
    #[serde(deserialize_with = "word")]
    pub restart: RestartPolicy,
    /// How long dockerd may take to start and to serve what it shall; after that everything is put back.
    pub timeout: Timeout,
    /// Whether a unit heals at boot, before dockerd starts, what an apply that was cut short left behind.
    pub recover: bool,
}

/// When dockerd may be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
