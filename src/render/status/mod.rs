//! What a host is and what the next run will do to it, as one plain value: a plan, an observation and the time enter, a
//! [`Status`] leaves. Its three forms are made from that value alone, so that they can't disagree.
//!
//! The types below are the format `dockseal.status/1`: its JSON schema is generated from them and checked in as
//! `schema/status.schema.json`.

mod gather;
mod json;
mod prometheus;
mod text;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::json::{JsonError, JsonReason, JsonRotation, JsonWaiting};
use super::words;
use crate::plan::{Action, Moment};

pub use json::json;
pub use prometheus::prometheus;
pub use text::text;

/// The format's name and version. A new field leaves it as it is; a field that goes or changes its meaning does not.
const FORMAT: &str = "dockseal.status/1";

/// What a host is, and what comes next.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Dockseal status, format 1")]
pub struct Status<'a> {
    /// `dockseal.status/1`
    #[schemars(extend("const" = FORMAT))]
    format: &'static str,
    /// The host's DNS name.
    pub host: String,
    /// The time that everything is measured by, RFC 3339, UTC.
    #[schemars(with = "String")]
    pub now: Moment,
    /// Whether the host matches the manifest: nothing to change and nothing in the way.
    pub in_sync: bool,
    /// Whether a run was cut short: the next one undoes or finishes its change first.
    pub interrupted: bool,
    /// The CA that signs: the first certificate of `ca.pem`.
    pub ca: CertificateStatus,
    /// Whatever else `ca.pem` holds: dockerd trusts these too.
    pub also_trusted: Vec<CertificateFacts>,
    /// What dockerd shall serve, as it stands on the disk.
    pub server: CertificateStatus,
    /// The clients of the manifest, in its order.
    pub clients: Vec<CertificateStatus>,
    /// Clients whose files are on the host, and that the manifest does not name.
    pub orphans: Vec<CertificateStatus>,
    /// docker.service; null where systemd was not asked.
    pub service: Option<ServiceStatus>,
    /// What each endpoint answered; empty where dockerd does not run.
    pub endpoints: Vec<EndpointStatus>,
    /// How far the CA's replacement is; null where there is no CA yet.
    pub rotation: Option<JsonRotation<'a>>,
    /// Certificates that are signed elsewhere and have not come yet.
    pub waiting: Vec<JsonWaiting>,
    /// What the next apply will do.
    pub next_run: NextRun<'a>,
}

/// One certificate's file.
#[derive(Serialize, JsonSchema)]
pub struct CertificateStatus {
    /// The client's name; null for the CA and the server.
    pub name: Option<String>,
    /// The file on the host.
    pub path: String,
    /// What stands there.
    pub standing: Standing,
    /// Why it can't be used, as the end of a sentence about the file; null where it can, or is not there.
    pub why: Option<String>,
    /// Whether the key was made elsewhere and is not on this host: the client brought a request.
    pub key_is_elsewhere: bool,
    /// Whether a CA of `ca.pem` signed it; null for the CA itself, and where there is no certificate.
    pub signed_by_ca: Option<bool>,
    /// From then on, RFC 3339, the next run renews it. Null for the CA, for what the manifest does not name, and where there is
    /// no certificate.
    #[schemars(with = "Option<String>")]
    pub renews_at: Option<Moment>,
    /// It has to be handed out again: until then, RFC 3339, dockerd accepts the one that it replaced. Null where nobody holds
    /// that.
    #[schemars(with = "Option<String>")]
    pub old_accepted_until: Option<Moment>,
    /// What it says; null where there is none.
    pub certificate: Option<CertificateFacts>,
}

/// What stands where a certificate belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A certificate.
    Present,
    /// Nothing.
    Missing,
    /// The observer may not read it.
    Denied,
    /// Somebody else could change its folder; it was not read.
    Distrusted,
    /// No certificate.
    Unusable,
}

/// What a certificate says.
#[derive(Serialize, JsonSchema)]
pub struct CertificateFacts {
    /// The whole subject.
    pub subject: String,
    /// `DNS:…`, `IP:…`
    pub sans: Vec<String>,
    /// Key algorithm; null for one that the manifest has no word for.
    pub key: Option<String>,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 of the DER form, hexadecimal.
    pub sha256: String,
    /// First second of validity, RFC 3339, UTC.
    #[schemars(with = "String")]
    pub not_before: Moment,
    /// Last second of validity, RFC 3339, UTC.
    #[schemars(with = "String")]
    pub not_after: Moment,
    /// Whole days until then; negative once it has passed.
    pub days_left: i64,
}

/// The daemon's unit, as systemd has it.
#[derive(Serialize, JsonSchema)]
pub struct ServiceStatus {
    /// `docker.service`
    pub unit: String,
    /// `LoadState`: loaded, not-found, masked …
    pub load: String,
    /// `ActiveState`: active, inactive, failed …
    pub active: String,
    /// Whether dockerd runs.
    pub is_running: bool,
}

/// What one endpoint answered.
#[derive(Serialize, JsonSchema)]
pub struct EndpointStatus {
    /// `tcp://…`, `fd://…` or `unix://…`
    pub endpoint: String,
    /// Whether anybody answered there; null where there was nothing to ask with.
    pub answers: Option<bool>,
    /// SHA-256 of the certificate that was shown; null for a local endpoint and where no TLS was spoken.
    pub serves: Option<String>,
    /// Whether that is the server's certificate on the disk; null where none was shown.
    pub serves_disk: Option<bool>,
    /// Whether somebody was let in who must be refused; null where no such caller tried.
    pub admits_strangers: Option<bool>,
    /// Each thing tried, in order.
    pub trials: Vec<TrialStatus>,
}

/// One thing tried at an endpoint.
#[derive(Serialize, JsonSchema)]
pub struct TrialStatus {
    /// Who called.
    pub caller: String,
    /// What came of it.
    pub answer: AnswerKind,
    /// In whose words; null where the caller was let in.
    pub why: Option<String>,
}

/// What a caller got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// The API answered.
    Admitted,
    /// The daemon turned the caller away.
    Refused,
    /// The caller turned the server's certificate away.
    ServerNotTrusted,
    /// No one answered, or no TLS was spoken.
    Silent,
}

/// What the next apply will do, in short; `dockseal plan` tells it in full.
#[derive(Serialize, JsonSchema)]
pub struct NextRun<'a> {
    /// In the order in which they are made.
    pub changes: Vec<NextChange<'a>>,
    /// What dockerd does to take them in; null: nothing.
    #[schemars(extend("enum" = ["reload", "restart", null]))]
    pub restart: Option<&'static str>,
    /// What stands in the way. While there is one, the next run changes nothing.
    pub errors: Vec<JsonError>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// One change of the next run.
#[derive(Serialize, JsonSchema)]
pub struct NextChange<'a> {
    /// `ca.certificate`, `client.NAME.certificate`, `daemon.json`, `unit.drop-in`, `service` …
    pub resource: String,
    /// What happens to it.
    #[serde(serialize_with = "word")]
    #[schemars(with = "String", extend("enum" = ["create", "update", "replace", "delete", "reload", "restart"]))]
    pub action: Action,
    /// The file on the host; for the service, its unit.
    pub path: String,
    /// Why: the first reason of perhaps several.
    pub reason: Option<JsonReason<'a>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn word<S: Serializer>(action: &Action, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(words::action(*action))
}
