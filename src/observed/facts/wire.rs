//! The form of the facts: what stands in the file, from which its schema is generated.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::host::{Attributes, Distrust, FileKind, Stamp};
use crate::observed::service::{Containers, Systemd};
use crate::observed::{Answer, Stranger};

/// What `dockseal observe` found on a host: all that a plan needs, and no secret of Dockseal's. Values of daemon.json
/// stand here as they are.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dockseal facts, format 1")]
pub struct HostFacts {
    /// Which format this is.
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    /// The version of Dockseal that observed.
    pub dockseal: String,
    /// The host's DNS name, as the manifest says it that was observed by.
    pub host: String,
    /// When, RFC 3339, UTC. A plan is made for its own time.
    pub observed_at: String,
    /// Whether root observed: nothing on the host is hidden from it.
    pub by_root: bool,
    /// The root that was observed: `/` on a live host.
    pub root: PathBuf,
    /// Whom the files of this root belong to: 0 on a live host, the observer elsewhere.
    pub owner: u32,
    /// How a unit of this host names dockseal.
    pub program: String,
    /// Whether an interrupted run left its journal.
    pub interrupted: bool,
    /// Each folder that was entered.
    pub folders: Vec<FolderFacts>,
    /// Each file that was looked at, and what it was taken for.
    pub files: Vec<FileFacts>,
    /// docker.service and what it reads.
    pub unit: UnitFacts,
    /// What systemd says of docker.service.
    pub systemd: Systemd,
    /// What the endpoints of the manifest answered; empty where dockerd does not run.
    pub served: Vec<EndpointFacts>,
    /// What runs; null where dockerd does not.
    pub containers: Option<Containers>,
}

/// One folder.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderFacts {
    /// On the host.
    pub path: PathBuf,
    /// Whether it can be entered.
    pub found: FolderFound,
    /// What it holds.
    pub entries: Entries,
}

/// What a folder holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    /// Nobody asked: only files of known names are looked for in it.
    Unasked,
    /// The observer may not list it.
    Denied,
    /// All of these.
    Listed(Vec<EntryFacts>),
}

/// Whether a folder can be entered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FolderFound {
    /// It can, and nobody else could change what it holds.
    Open,
    /// Nothing is there.
    Missing,
    /// The observer may not.
    Denied,
    /// Somebody else could change what it holds.
    Distrusted(Distrust),
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryFacts {
    /// Without its folder.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
}

/// One file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileFacts {
    /// On the host.
    pub path: PathBuf,
    /// What it was taken for.
    pub role: FileRole,
    /// Null where nothing is there, or what is there was not opened.
    pub attributes: Option<FileAttributes>,
    /// What it holds.
    pub found: FileFound,
}

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// One certificate.
    Certificate,
    /// Certificates of CAs.
    Bundle,
    /// A client's copy of the CA certificate.
    Copy,
    /// A private key.
    Key,
    /// A certificate request.
    Request,
    /// A text of ours.
    Text,
    /// daemon.json
    DaemonJson,
    /// Anything: only that it is there counts.
    Any,
}

/// What a file holds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFound {
    /// Nothing is there.
    Missing,
    /// The observer may not read it.
    Denied,
    /// Something that its role does not allow; why, as the end of a sentence about it.
    Unusable(String),
    /// Something, whatever it is.
    Anything,
    /// A certificate, PEM.
    Certificate(String),
    /// Certificates, PEM.
    Bundle(Vec<String>),
    /// SHA-256 fingerprints of certificates, in hexadecimal with colons.
    Copy(Vec<String>),
    /// A private key: its public half, PEM. The key itself is nowhere in this file.
    Key(String),
    /// A private key that is encrypted.
    EncryptedKey,
    /// A certificate request, PEM.
    Request(String),
    /// A text.
    Text(String),
    /// What is no text, base64.
    Bytes(String),
}

/// What is known of a file beside what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileAttributes {
    /// Permission bits; `07777` as a decimal number.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Hard links.
    pub links: u64,
    /// Its last write, seconds since 1970.
    pub modified: i64,
}

/// docker.service and what it reads: sections, `ExecStart=`, `EnvironmentFile=`, and the variables that `ExecStart=`
/// names. Other lines are empty here.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitFacts {
    /// `docker.service`
    pub name: String,
    /// The unit's files in the order in which they were found.
    pub files: Vec<UnitFileFacts>,
    /// The environment files that are there: variables that `ExecStart=` names.
    pub environment: Vec<UnitFileFacts>,
}

/// One file that systemd reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitFileFacts {
    /// On the host.
    pub path: PathBuf,
    /// What it holds.
    pub found: UnitFileFound,
}

/// What a file that systemd reads holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnitFileFound {
    /// A text; what no plan needs is left out of it, and line numbers hold. Empty: the unit is masked.
    Text(String),
    /// The observer may not read it.
    Denied,
    /// More than systemd reads.
    TooLarge,
    /// It is no text; the first line that is none, from 1.
    NotUtf8(usize),
}

/// What one endpoint answered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointFacts {
    /// `tcp://…`, `unix://…` or `fd://`
    pub endpoint: String,
    /// SHA-256 fingerprint of the certificate that was shown; null where no TLS was spoken.
    pub certificate: Option<String>,
    /// Each thing tried.
    pub trials: Vec<TrialFacts>,
}

/// One thing tried at an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialFacts {
    /// Who called.
    pub caller: CallerFacts,
    /// What came of it.
    pub answer: Answer,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerFacts {
    /// A client whose key is on the host.
    Client(String),
    /// A client made for this handshake alone, signed by the CA.
    Ephemeral,
    /// The same, signed by a CA that is trusted while it is replaced: its subject.
    EphemeralOf(String),
    /// Somebody who must be refused.
    Stranger(Stranger),
    /// The local user.
    Local,
}

impl HostFacts {
    /// What the observer might not read.
    pub fn denied(&self) -> impl Iterator<Item = &Path> {
        let is_denied = |folder: &&FolderFacts| {
            matches!(folder.found, FolderFound::Denied) || matches!(folder.entries, Entries::Denied)
        };
        let folders = self.folders.iter().filter(is_denied).map(|folder| &folder.path);
        let files = self.files.iter().filter(|file| matches!(file.found, FileFound::Denied)).map(|file| &file.path);
        let unit = self.unit.files.iter().chain(&self.unit.environment);
        let unit = unit.filter(|file| file.found == UnitFileFound::Denied).map(|file| &file.path);
        folders.chain(files).chain(unit).map(PathBuf::as_path)
    }
}

impl From<Attributes> for FileAttributes {
    fn from(found: Attributes) -> Self {
        let Attributes { mode, uid, gid, links, stamp } = found;
        Self { mode, uid, gid, links, modified: stamp.modified.0 }
    }
}

/// Which file it was plays no part: nothing is written by these facts.
impl From<FileAttributes> for Attributes {
    fn from(found: FileAttributes) -> Self {
        let FileAttributes { mode, uid, gid, links, modified } = found;
        Self { mode, uid, gid, links, stamp: Stamp { modified: (modified, 0), ..Stamp::default() } }
    }
}
