//! Checked scalars: a value that exists is valid. Each says in its schema what it accepts.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use time::Duration;

/// A DNS name in lower case: labels of letters, digits and inner hyphens, no trailing dot, no underscore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub struct DnsName(pub(super) String);

/// A client's name: one path component that is a DNS name too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub struct ClientName(pub(super) String);

/// An absolute path without `.` and `..`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct AbsolutePath(pub(super) PathBuf);

/// A service unit's name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct UnitName(pub(super) String);

/// A drop-in's file name, ending in `.conf`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct DropInName(pub(super) String);

/// A time span: a whole number and `h`, `d` or `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub struct Lifetime(pub(super) u32);

/// Where dockerd listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Endpoint {
    /// `fd://`: the sockets that systemd passes; the text after `//` is kept.
    Fd(String),
    /// `unix:///path`
    Unix(PathBuf),
    /// `tcp://host:port`; an IPv6 address stands without its brackets.
    Tcp {
        /// Address or name to bind.
        host: String,
        /// Never 0.
        port: u16,
    },
}

impl Lifetime {
    /// `365d`
    pub fn year() -> Self {
        Self::days(365)
    }

    /// So many days.
    pub fn days(days: u32) -> Self {
        Self(days * 24)
    }

    /// The span.
    pub fn duration(self) -> Duration {
        Duration::hours(i64::from(self.0))
    }
}

/// As daemon.json writes it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fd(name) => write!(f, "fd://{name}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}
