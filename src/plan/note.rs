//! What a person should know beside a plan's changes; none of it is a difference, and nothing is stopped by it.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::observed::unit::Origin;

/// What a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// `state: absent` leaves the CA's key where it is.
    KeysKept {
        /// Where.
        path: PathBuf,
    },
    /// The unit's own line, which dockerd goes back to, listens on TCP.
    LineListens {
        /// As it is spelled.
        flag: String,
        /// Where.
        origin: Origin,
    },
    /// No host was asked: one in line with an older manifest was imagined.
    Imagined,
    /// Another root is worked on: no service is touched.
    ServicesLeftAlone,
    /// systemd does not run here.
    NoSystemd,
    /// There is no such unit: the drop-in holds the upstream line.
    UnitMissing {
        /// `docker.service`
        unit: String,
    },
    /// The unit can't be started at all.
    UnitNotLoadable {
        /// `docker.service`
        unit: String,
        /// `masked`, `bad-setting` …
        load: String,
    },
    /// The unit is stopped and stays so.
    ServiceInactive {
        /// `docker.service`
        unit: String,
    },
    /// `restart: never`: dockerd goes on serving what it read at its start.
    RestartForbidden {
        /// `docker.service`
        unit: String,
    },
    /// An older drop-in whose `ExecStart=` ours takes over.
    Shadowed {
        /// Where it sets `ExecStart=`.
        origin: Origin,
    },
    /// The CA ends sooner than a new leaf would.
    CaEndsSoon {
        /// Its end.
        at: OffsetDateTime,
    },
    /// The server has no certificate yet: dockerd and its files are left as they are.
    NotSealedYet,
    /// Certificates are signed elsewhere, and yet a CA's key is here.
    CaKeyHere {
        /// The key.
        key: PathBuf,
    },
    /// Two CAs are trusted, and the one that signs is the old one.
    CaIntroduced {
        /// Of the new one.
        generation: u32,
        /// When the new one takes over.
        switches: OffsetDateTime,
    },
    /// Two CAs are trusted, and the one that signs is the new one.
    CaSwitched {
        /// Of the new one.
        generation: u32,
        /// When the old one is trusted no more.
        retires: OffsetDateTime,
        /// Clients that may hold a certificate of the old one, with its end.
        holders: Vec<(String, OffsetDateTime)>,
    },
    /// The old CA is trusted no more, from now on.
    CaCutOff {
        /// Clients that are locked out until they have fetched their new files.
        locked_out: Vec<String>,
    },
    /// Verifiers that follow RFC 5280 to the letter (Python ≥ 3.13, `openssl verify -x509_strict`) refuse this CA.
    CaNotStrict {
        /// The certificate.
        path: PathBuf,
    },
    /// The manifest names a passphrase and the key is stored without one. It is never rewritten.
    CaKeyNotEncrypted {
        /// The key.
        key: PathBuf,
    },
    /// Containers that go on running while dockerd restarts.
    ContainersSurvive {
        /// How many.
        count: usize,
    },
    /// Containers that stop, as `restart: always` allows.
    ContainersStop {
        /// Their names.
        names: Vec<String>,
    },
    /// This node is part of a swarm.
    Swarm,
}
