//! What stands in the way of a plan: while there is one refusal, an apply writes nothing at all.

use std::path::PathBuf;

use time::OffsetDateTime;

use super::daemon_json::JsonError;
use super::reason::Reason;
use crate::observed::Distrust;
use crate::observed::unit::Origin;
use crate::pki::{DistinguishedName, KeyAlgorithm};

/// Why nothing can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Without the drop-in, the unit's own line would listen on TCP for everybody.
    WouldOpen {
        /// As it is spelled.
        flag: String,
        /// Where.
        origin: Origin,
    },
    /// On the way to a folder that is written in stands what somebody else could change.
    Distrusted(Distrust),
    /// Somebody else could have written a file that everything else is measured by.
    Exposed {
        /// Where it is; with another root it includes that root.
        path: PathBuf,
        /// How.
        how: Exposure,
        /// Whom it should belong to.
        owner: u32,
        /// The mode that it should have, octal.
        mode: u32,
    },
    /// Something else stands where a regular file should be: a link, a folder, a device.
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// The observer may not read it.
    Denied {
        /// Which file.
        path: PathBuf,
    },
    /// A file that is never replaced can't be read as what it should be.
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// daemon.json is not what dockerd reads.
    DaemonJson {
        /// Where it is.
        path: PathBuf,
        /// Why, and where in it.
        error: JsonError,
    },
    /// The CA is gone and certificates that it signed are still here.
    CaLost {
        /// Where it should be.
        path: PathBuf,
        /// A certificate that is still here.
        orphaned: PathBuf,
    },
    /// Something has to be signed and the CA's key is not on the host.
    CaKeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// `ca-key.pem` is not the key of `ca.pem`.
    CaKeyMismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// Something has to be signed, the CA's key is encrypted, and the manifest names no passphrase.
    NoPassphrase {
        /// The key.
        key: PathBuf,
    },
    /// The CA's subject is not the manifest's.
    CaSubjectDiffers {
        /// The certificate.
        path: PathBuf,
        /// As found.
        found: DistinguishedName,
        /// As wanted.
        wanted: DistinguishedName,
    },
    /// The CA's key is of another kind.
    CaKeyAlgorithmDiffers {
        /// The certificate.
        path: PathBuf,
        /// As found.
        found: Option<KeyAlgorithm>,
        /// As wanted.
        wanted: KeyAlgorithm,
    },
    /// `ca.pem` may not sign certificates.
    NotACa {
        /// The certificate.
        path: PathBuf,
    },
    /// The CA has ended, or has not begun.
    CaNotValid {
        /// The certificate.
        path: PathBuf,
        /// Its first second.
        from: OffsetDateTime,
        /// Its last second.
        until: OffsetDateTime,
    },
    /// A CA whose key is elsewhere shall be replaced from here.
    CaElsewhere,
    /// What came back signed is not what is waited for.
    HandedIn {
        /// Which file.
        path: PathBuf,
        /// As the end of a sentence about it.
        why: String,
        /// What is wrong with the certificate.
        reasons: Vec<Reason>,
    },
    /// A certificate has come from a CA that is not known here.
    NoCaYet {
        /// The certificate.
        path: PathBuf,
        /// Where the CA's certificate is expected.
        ca: PathBuf,
    },
    /// A CA would be made at a time that no right clock shows.
    ClockTooEarly {
        /// What this host's clock shows.
        now: OffsetDateTime,
    },
    /// A client's request is not there.
    RequestMissing {
        /// The client.
        client: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// The unit's files can't be understood, or no drop-in can be derived from them.
    Unit {
        /// Why, with file and line.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// dockerd reads another file than /etc/docker/daemon.json.
    OtherConfigFile {
        /// The flag as it is written.
        flag: String,
        /// Where it stands.
        origin: Origin,
    },
    /// The command line sets what daemon.json sets too: dockerd would not start.
    FlagConflict {
        /// The key of daemon.json.
        key: String,
        /// The flag as it is written.
        flag: String,
        /// Where it stands.
        origin: Origin,
    },
    /// Another drop-in has the last word on `ExecStart=`.
    Overridden {
        /// Where it sets `ExecStart=`.
        origin: Origin,
    },
    /// systemd has loaded the unit from other files than were read.
    UnitDisagrees {
        /// What the files give.
        files: String,
        /// What systemd says.
        systemd: String,
    },
    /// `fd://` on a host without docker.socket.
    NoSocketUnit {
        /// Its name.
        socket: String,
    },
    /// Containers would stop with dockerd.
    ContainersWouldStop {
        /// Their names.
        names: Vec<String>,
    },
    /// Whether containers would stop could not be found out.
    ContainersUnknown {
        /// Why.
        why: String,
    },
    /// `live-restore: true` on a node of a swarm: dockerd would not start.
    LiveRestoreInSwarm,
}

/// How somebody else could have written a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// It is this user's.
    Owner(u32),
    /// Its mode lets others write, `07777`.
    Mode(u32),
    /// It has further names: as many in all.
    Links(u64),
}

impl Refusal {
    /// Whether a more privileged observer might not see it: `plan` then says so and goes on.
    pub fn is_lack_of_permission(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::ContainersUnknown { .. })
    }
}
