//! The things that a plan speaks of, and the names that they go by.

use std::fmt;

/// The things that a plan speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `ca.pem` (and, with it, a new `ca-key.pem` where there is none).
    CaCertificate,
    /// `ca-key.pem`: its mode and owner; its contents only where the CA is being replaced.
    CaKey,
    /// `ca-next-key.pem`: the key of a CA that does not sign yet.
    CaNextKey,
    /// `ca-old-key.pem`: the key of a CA that signs no more.
    CaOldKey,
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
    /// The certificate that a client held before its last renewal.
    ClientOldCertificate(String),
    /// A request that waits for a signature elsewhere.
    Request(Party),
    /// The key that waits with it.
    RequestKey(Party),
    /// What came back signed.
    HandedIn(Party),
    /// `/etc/docker/daemon.json`
    DaemonJson,
    /// The unit's drop-in.
    DropIn,
    /// The unit that undoes an interrupted change before dockerd starts.
    RecoverUnit,
    /// The unit as systemd has loaded it, and the running daemon.
    Service,
}

/// Whose certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// The CA's.
    Ca,
    /// The server's.
    Server,
    /// A client's.
    Client(String),
}

impl Party {
    /// The certificate itself.
    pub fn certificate(&self) -> Resource {
        match self {
            Self::Ca => Resource::CaCertificate,
            Self::Server => Resource::ServerCertificate,
            Self::Client(name) => Resource::ClientCertificate(name.clone()),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca => f.write_str("ca"),
            Self::Server => f.write_str("server"),
            Self::Client(name) => write!(f, "client.{name}"),
        }
    }
}

/// The name that plans use: `client.ci.certificate`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaCertificate => f.write_str("ca.certificate"),
            Self::CaKey => f.write_str("ca.key"),
            Self::CaNextKey => f.write_str("ca.next-key"),
            Self::CaOldKey => f.write_str("ca.old-key"),
            Self::ServerCertificate => f.write_str("server.certificate"),
            Self::ServerKey => f.write_str("server.key"),
            Self::ClientCertificate(name) => write!(f, "client.{name}.certificate"),
            Self::ClientKey(name) => write!(f, "client.{name}.key"),
            Self::ClientCa(name) => write!(f, "client.{name}.ca"),
            Self::ClientOldCertificate(name) => write!(f, "client.{name}.old-certificate"),
            Self::Request(party) => write!(f, "{party}.request"),
            Self::RequestKey(party) => write!(f, "{party}.request-key"),
            Self::HandedIn(party) => write!(f, "{party}.handed-in"),
            Self::DaemonJson => f.write_str("daemon.json"),
            Self::DropIn => f.write_str("unit.drop-in"),
            Self::RecoverUnit => f.write_str("unit.recover"),
            Self::Service => f.write_str("service"),
        }
    }
}
