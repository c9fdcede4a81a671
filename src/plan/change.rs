//! One difference between what the host shall be and what it is: which thing, what happens to it, and why.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::observed::{Attributes, Stranger};
use crate::pki::{CertFacts, CertSpec, DistinguishedName, Fingerprint, KeyAlgorithm, San};

/// One difference.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which thing.
    pub resource: Resource,
    /// What happens to it.
    pub action: Action,
    /// The file; for a service its unit's fragment or name.
    pub path: PathBuf,
    /// Why; never empty.
    pub reasons: Vec<Reason>,
    /// What stands there afterwards.
    pub after: After,
    /// The file as it was seen; `None` where there was none. A file that is another by the time of writing stops the apply.
    pub seen: Option<Attributes>,
}

/// The things that a plan speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `ca.pem` (and, with it, a new `ca-key.pem` where there is none).
    CaCertificate,
    /// `ca-key.pem`: its mode and owner; never its contents.
    CaKey,
    /// `server-cert.pem` and its key.
    ServerCertificate,
    /// `server-key.pem`: its mode and owner.
    ServerKey,
    /// A client's `cert.pem` and its key.
    ClientCertificate(String),
    /// A client's `key.pem`: its mode and owner, or its removal.
    ClientKey(String),
    /// A client's copy of `ca.pem`.
    ClientCa(String),
    /// `/etc/docker/daemon.json`
    DaemonJson,
    /// The unit's drop-in.
    DropIn,
    /// The unit as systemd has loaded it, and the running daemon.
    Service,
}

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `+` It comes to be.
    Create,
    /// `~` It changes.
    Update,
    /// `±` Another takes its place: a certificate with its key.
    Replace,
    /// `-` It goes.
    Delete,
    /// `!` systemd or dockerd reads its files again.
    Reload,
    /// `!` dockerd stops and starts.
    Restart,
}

/// What stands there afterwards.
#[derive(Clone, Debug)]
pub enum After {
    /// A certificate that fulfils the specification.
    Certificate(Box<Issue>),
    /// A text.
    Text {
        /// The text that was found; empty where there was none.
        before: String,
        /// The text that is written.
        after: String,
    },
    /// The bytes of `ca.pem`.
    CopyOfCa,
    /// The same file with this mode, octal.
    Mode(u32),
    /// A file of the expected owner with the same bytes and this mode, octal.
    SameBytes(u32),
    /// Nothing.
    Gone,
    /// A service has read its files again.
    Service,
}

/// A certificate that shall be issued.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What it shall be.
    pub spec: CertSpec,
    /// Whose key it bears.
    pub key: IssueKey,
    /// What it replaces.
    pub before: Option<CertFacts>,
    /// Its end, computed from the plan's `now`.
    pub not_after: OffsetDateTime,
}

/// The key of a certificate that shall be issued.
#[derive(Clone, Debug)]
pub enum IssueKey {
    /// A new one, written to this path.
    New {
        /// Where it is stored.
        path: PathBuf,
        /// The key file that it replaces, as it was seen.
        seen: Option<Attributes>,
    },
    /// The one at this path stays (the CA's alone).
    Kept(PathBuf),
    /// The one in this PKCS#10 request.
    Request(PathBuf),
}

/// Why something changes. Data, not text: `render` finds the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The file is not there.
    Missing,
    /// The certificate's key file is not there.
    KeyMissing,
    /// The file is there and can't be read as what it should be.
    Unreadable {
        /// As the end of a sentence about the file.
        why: String,
    },
    /// The subject is another.
    SubjectDiffers {
        /// As found.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        found: DistinguishedName,
        /// As wanted.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        wanted: DistinguishedName,
    },
    /// Subject alternative names differ.
    SansDiffer {
        /// Wanted and not there.
        #[serde(serialize_with = "texts")]
        #[schemars(with = "Vec<String>")]
        added: Vec<San>,
        /// There and not wanted.
        #[serde(serialize_with = "texts")]
        #[schemars(with = "Vec<String>")]
        removed: Vec<San>,
    },
    /// The key is of another kind.
    KeyAlgorithmDiffers {
        /// As found; `None` for a kind that the manifest has no word for.
        found: Option<KeyAlgorithm>,
        /// As wanted.
        wanted: KeyAlgorithm,
    },
    /// extendedKeyUsage or keyUsage does not fit the role.
    UsageDiffers,
    /// A leaf that says it is a CA.
    LeafIsCa,
    /// `renew_before` is reached.
    ExpiresSoon {
        /// Its end.
        #[schemars(with = "String")]
        at: Moment,
    },
    /// Its end has passed.
    Expired {
        /// Its end.
        #[schemars(with = "String")]
        at: Moment,
    },
    /// Its time has not come.
    NotYetValid {
        /// Its start.
        #[schemars(with = "String")]
        from: Moment,
    },
    /// It ends later than the CA does.
    OutlivesCa {
        /// The CA's end.
        #[schemars(with = "String")]
        ca_until: Moment,
    },
    /// Another CA signed it.
    IssuerChanged,
    /// The key file holds another key.
    KeyMismatch,
    /// The request bears another key.
    RequestDiffers,
    /// The copy is not the CA's certificate.
    CopyDiffers,
    /// Others may read a key, or write.
    ModeDiffers {
        /// As found, permission bits.
        found: u32,
        /// As wanted.
        wanted: u32,
    },
    /// Another user's file.
    OwnerDiffers {
        /// As found.
        uid: u32,
    },
    /// A client that the manifest no longer names.
    NotInManifest {
        /// Until then dockerd would still accept its certificate: deletion is not revocation. Null where the CA did not
        /// sign it.
        #[schemars(with = "Option<String>")]
        accepted_until: Option<Moment>,
    },
    /// Top-level keys of daemon.json.
    KeysDiffer {
        /// The keys.
        keys: Vec<String>,
    },
    /// The text is another.
    TextDiffers,
    /// systemd has loaded another `ExecStart=` than the files give.
    UnitNotLoaded,
    /// dockerd started with something that this plan changes.
    ReadAtStart {
        /// What.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        resource: Resource,
    },
    /// dockerd takes this in on SIGHUP.
    ReadOnReload {
        /// Keys of daemon.json.
        keys: Vec<String>,
    },
    /// The unit is wanted and does not run.
    ServiceFailed {
        /// `ActiveState`
        active: String,
    },
    /// The endpoint serves another certificate than the one on disk.
    ServedDiffers {
        /// `tcp://…`
        endpoint: String,
        /// What is served.
        #[serde(serialize_with = "text")]
        #[schemars(with = "String")]
        served: Fingerprint,
    },
    /// Nobody answers there, or no TLS is spoken.
    EndpointSilent {
        /// `tcp://…` or `unix://…`
        endpoint: String,
        /// What was seen.
        error: String,
    },
    /// A name of the certificate does not verify.
    NameRefused {
        /// `tcp://…`
        endpoint: String,
        /// The name.
        name: String,
        /// The verifier's words.
        error: String,
    },
    /// A caller of the manifest is not let in.
    CallerRefused {
        /// `tcp://…`
        endpoint: String,
        /// Who.
        caller: String,
        /// What was seen.
        error: String,
    },
    /// A caller that must be refused is let in.
    StrangerAdmitted {
        /// `tcp://…`
        endpoint: String,
        /// Who.
        stranger: Stranger,
    },
}

/// The name that plans use: `client.ci.certificate`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaCertificate => f.write_str("ca.certificate"),
            Self::CaKey => f.write_str("ca.key"),
            Self::ServerCertificate => f.write_str("server.certificate"),
            Self::ServerKey => f.write_str("server.key"),
            Self::ClientCertificate(name) => write!(f, "client.{name}.certificate"),
            Self::ClientKey(name) => write!(f, "client.{name}.key"),
            Self::ClientCa(name) => write!(f, "client.{name}.ca"),
            Self::DaemonJson => f.write_str("daemon.json"),
            Self::DropIn => f.write_str("unit.drop-in"),
            Self::Service => f.write_str("service"),
        }
    }
}

/// A point in time, as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_offset(UtcOffset::UTC).format(&Rfc3339).map_err(S::Error::custom)?.serialize(serializer)
    }
}

fn text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn texts<T: fmt::Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}
