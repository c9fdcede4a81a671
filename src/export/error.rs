//! Why a client's files are not handed out, and what to do about it.

use std::path::PathBuf;

use time::OffsetDateTime;

use crate::host::{FileError, FileKind};
use crate::pki::{KeyError, ParseError};

/// Why nothing is handed out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The manifest has no such client.
    #[error("the manifest has no client `{name}`")]
    Nobody {
        /// As asked for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// The host does not have it yet, or no more.
    #[error("{} is missing", path.display())]
    Missing {
        /// What.
        path: PathBuf,
    },
    /// For root alone.
    #[error("{} may not be read by this user", path.display())]
    Denied {
        /// What.
        path: PathBuf,
    },
    /// Something else stands there.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A file of the host, or one to write.
    #[error(transparent)]
    File(#[from] FileError),
    /// No certificate.
    #[error("{}: {error}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ParseError,
    },
    /// No key.
    #[error("{}: {error}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        error: KeyError,
    },
    /// Another certificate's key.
    #[error("{} is not the key of cert.pem beside it", path.display())]
    OtherKey {
        /// The key.
        path: PathBuf,
    },
    /// No client of Docker asks for a passphrase.
    #[error("{} is encrypted, and no client of Docker asks for a passphrase", path.display())]
    EncryptedKey {
        /// The key.
        path: PathBuf,
    },
    /// Another CA's certificate.
    #[error("{} is not signed by a CA of ca.pem beside it", path.display())]
    Stranger {
        /// The certificate.
        path: PathBuf,
    },
    /// Ended, or not begun.
    #[error("{} is valid from {from} until {until}, and not now", path.display())]
    NotNow {
        /// The certificate.
        path: PathBuf,
        /// Its beginning.
        from: OffsetDateTime,
        /// Its end.
        until: OffsetDateTime,
    },
    /// The client has the key, and the host never had it.
    #[error("the key of `{name}` is not on this host: the client made it, and a context needs it")]
    KeyElsewhere {
        /// The client.
        name: String,
    },
    /// Nothing listens on TCP.
    #[error("the manifest has no tcp host: there is nothing that a client could connect to")]
    NoEndpoint,
    /// Not a TCP endpoint.
    #[error("a client connects to tcp://NAME:PORT, not to {given}")]
    NotTcp {
        /// As given.
        given: String,
    },
    /// The server's certificate does not hold that name.
    #[error("the server's certificate does not hold {name}: clients would refuse it")]
    OtherName {
        /// As given.
        name: String,
        /// The names that it holds.
        names: Vec<String>,
    },
    /// Other files stand in the way.
    #[error("{} {} there already, and would be lost", list(paths), if paths.len() == 1 { "is" } else { "are" })]
    Taken {
        /// What would be lost.
        paths: Vec<PathBuf>,
    },
    /// The working directory is gone, or no archive could be made.
    #[error(transparent)]
    Other(#[from] std::io::Error),
}

impl ExportError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let apply = Some("run `dockseal apply`: it makes the host match the manifest".to_owned());
        match self {
            Self::Nobody { known, .. } if known.is_empty() => Some("it has no clients at all".to_owned()),
            Self::Nobody { known, .. } => Some(format!("it has {}", known.join(", "))),
            Self::Denied { .. } => Some("run it as root".to_owned()),
            Self::Missing { .. }
            | Self::Unfit { .. }
            | Self::OtherKey { .. }
            | Self::Stranger { .. }
            | Self::NotNow { .. } => apply,
            Self::Key { error, .. } => error.hint().map(str::to_owned),
            Self::File(error) => error.hint().map(str::to_owned),
            Self::KeyElsewhere { .. } => Some(
                "write a folder (--format dir), put the client's key.pem into it, and make the context there: \
                 docker context create"
                    .to_owned(),
            ),
            Self::NoEndpoint => Some("give it one: `hosts: [fd://, tcp://0.0.0.0:2376]` under `daemon`".to_owned()),
            Self::NotTcp { .. } => Some("--host tcp://10.10.10.20:2376".to_owned()),
            Self::OtherName { names, .. } => {
                Some(format!("it holds {}; more names go under `server.sans`", names.join(", ")))
            }
            Self::Taken { .. } => Some("--force replaces it; or give another place by --out".to_owned()),
            Self::NotAFile { .. } | Self::EncryptedKey { .. } | Self::Other(_) => None,
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}
