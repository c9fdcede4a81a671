//! Signing on the machine that has the CA: requests of one host enter, certificates leave that its checked-in manifest
//! allows, whatever the requests ask for. Nothing is known here of the host but its manifest.
//!
//! Of a request, only its key is taken, and its file's name says whose it is: a subject is written by whoever made the
//! request, and would let them choose whom they are taken for.

mod ca;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;

use crate::desired::{Desired, KeySource};
use crate::host::{FileError, read_input};
use crate::pki::{CertFacts, CertSpec, IssueError, KeyAlgorithm, KeyError, ParseError, Request};

pub use ca::Ca;
pub use write::write;

/// No request is larger.
const LIMIT: usize = 64 * 1024;

/// Whose request it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The host's.
    Server,
    /// A client's.
    Client(String),
}

/// A certificate that was signed.
pub struct Signed {
    /// Whose.
    pub party: Party,
    /// Where it goes.
    pub path: PathBuf,
    /// What it says.
    pub facts: CertFacts,
    pem: String,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The CA is not there.
    #[error("{} is missing: this is not the folder of a CA", path.display())]
    NoCa {
        /// What is missing.
        path: PathBuf,
        /// Where the CA was looked for.
        folder: PathBuf,
        /// The host, for a name.
        host: String,
    },
    /// The CA's key may be read by others.
    #[error("{} may be read by others (mode {mode:04o}): whoever has it can sign anything", path.display())]
    KeyOpen {
        /// The key.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something else stands where a file should be.
    #[error("{} {what}", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A file of the CA or one to write.
    #[error(transparent)]
    File(#[from] FileError),
    /// The CA's key.
    #[error("{}: {error}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: KeyError,
    },
    /// The CA is not valid now.
    #[error("{} begins only at {from}: this machine's clock may be wrong", path.display())]
    NotYet {
        /// The certificate.
        path: PathBuf,
        /// Its beginning.
        from: OffsetDateTime,
    },
    /// A certificate or a request.
    #[error("{}: {error}", path.display())]
    Parse {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: ParseError,
    },
    /// A request that can't be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It does not say whose it is.
    #[error("{}: its name does not say whose request it is", path.display())]
    Nameless {
        /// Its file.
        path: PathBuf,
    },
    /// The name of the file and the argument say different things.
    #[error("{}: its name says {named}, and --as says {given}", path.display())]
    Contradiction {
        /// Its file.
        path: PathBuf,
        /// By its name.
        named: Party,
        /// By the argument.
        given: Party,
    },
    /// A client that the manifest does not have.
    #[error("{}: the manifest has no client `{client}`", path.display())]
    Nobody {
        /// Its file.
        path: PathBuf,
        /// The name.
        client: String,
    },
    /// Two requests of one.
    #[error("{} and {} are both of {party}", first.display(), second.display())]
    Twice {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Whose.
        party: Party,
    },
    /// A key of another kind than the manifest's.
    #[error("{}: its key is {}, and the manifest says {wanted}", path.display(), found.map_or("of another kind", KeyAlgorithm::name))]
    KeyAlgorithm {
        /// Its file.
        path: PathBuf,
        /// As found.
        found: Option<KeyAlgorithm>,
        /// As wanted.
        wanted: KeyAlgorithm,
    },
    /// The CA can't sign.
    #[error("{}: {error}", path.display())]
    Issue {
        /// The request, or the CA.
        path: PathBuf,
        /// Why.
        error: IssueError,
    },
}

impl SignError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCa { .. } => Some("give the folder of ca.pem and ca-key.pem; or make a CA in it:".to_owned()),
            Self::KeyOpen { path, .. } => Some(format!("chmod 0600 {}", path.display())),
            Self::File(error) => error.hint().map(str::to_owned),
            Self::Key { error: KeyError::PassphraseMissing, .. } => {
                Some("give it by --passphrase-file FILE or --passphrase-env NAME".to_owned())
            }
            Self::Key { error, .. } => error.hint().map(str::to_owned),
            Self::Parse { error, .. } => error.hint().map(str::to_owned),
            Self::Nameless { .. } => Some(
                "name it server.csr or client.NAME.csr, or sign it alone and say --as server or --as client.NAME"
                    .to_owned(),
            ),
            Self::Nobody { .. } => Some("only what the checked-in manifest names is signed".to_owned()),
            Self::KeyAlgorithm { .. } => Some("make the request anew, or change `key` in the manifest".to_owned()),
            _ => None,
        }
    }

    /// Commands that help, as they are typed.
    pub fn commands(&self) -> Vec<String> {
        let Self::NoCa { folder, host, .. } = self else { return Vec::new() };
        let folder = folder.display();
        vec![
            format!(
                "(umask 077; mkdir -p {folder}; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {folder}/ca-key.pem)"
            ),
            format!(
                "openssl req -x509 -new -key {folder}/ca-key.pem -days 3650 -subj '/CN={host} Docker CA' -addext \
                 basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -out {folder}/ca.pem"
            ),
        ]
    }
}

impl Party {
    /// `server` or `client.NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("client.") {
            Some(name) if !name.is_empty() => Some(Self::Client(name.to_owned())),
            Some(_) => None,
            None => (text == "server").then_some(Self::Server),
        }
    }

    /// By the name of the request's file: `server.csr`, `client.NAME.csr`.
    fn of(path: &Path) -> Option<Self> {
        Self::parse(path.file_name()?.to_str()?.strip_suffix(".csr")?)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Client(name) => write!(f, "client.{name}"),
        }
    }
}

/// Signs them all, or none. `given` says whose the only one is; `out` is where certificates go, else beside each request.
pub fn sign(
    desired: &Desired,
    ca: &Ca,
    requests: &[PathBuf],
    given: Option<&Party>,
    out: Option<&Path>,
    now: OffsetDateTime,
) -> Result<Vec<Signed>, SignError> {
    let mut seen: BTreeMap<Party, &Path> = BTreeMap::new();
    let mut signed = Vec::with_capacity(requests.len());
    for path in requests {
        let party = party(path, given)?;
        if let Some(first) = seen.insert(party.clone(), path) {
            return Err(SignError::Twice { first: first.to_owned(), second: path.clone(), party });
        }
        let request = read(path)?;
        let (spec, is_bound) = allowed(desired, &party, path)?;
        let found = request.public_key.algorithm;
        if is_bound && found != Some(spec.key) {
            return Err(SignError::KeyAlgorithm { path: path.clone(), found, wanted: spec.key });
        }
        let issued = ca.authority.issue(&spec, &request.public_key, now);
        let certificate = issued.map_err(|error| SignError::Issue { path: path.clone(), error })?;
        let folder = out.or_else(|| path.parent().filter(|folder| !folder.as_os_str().is_empty()));
        let path = folder.unwrap_or(Path::new(".")).join(format!("{party}.pem"));
        signed.push(Signed { party, path, pem: certificate.to_pem(), facts: certificate.facts });
    }
    Ok(signed)
}

fn party(path: &Path, given: Option<&Party>) -> Result<Party, SignError> {
    match (Party::of(path), given) {
        (Some(named), Some(given)) if named != *given => {
            Err(SignError::Contradiction { path: path.to_owned(), named, given: given.clone() })
        }
        (Some(party), _) => Ok(party),
        (None, Some(given)) => Ok(given.clone()),
        (None, None) => Err(SignError::Nameless { path: path.to_owned() }),
    }
}

fn read(path: &Path) -> Result<Request, SignError> {
    let fail = |error| SignError::Read { path: path.to_owned(), error };
    let bytes = read_input(path, LIMIT).map_err(fail)?;
    if bytes.len() > LIMIT {
        return Err(fail(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 64 KiB")));
    }
    Request::parse(&bytes).map_err(|error| SignError::Parse { path: path.to_owned(), error })
}

/// What the manifest allows, and whether it says of which kind the key is.
fn allowed(desired: &Desired, party: &Party, path: &Path) -> Result<(Arc<CertSpec>, bool), SignError> {
    match party {
        Party::Server => Ok((Arc::clone(&desired.server), true)),
        Party::Client(name) => match desired.clients.iter().find(|client| client.name == *name) {
            Some(client) => Ok((Arc::clone(&client.spec), client.key == KeySource::Host)),
            None => Err(SignError::Nobody { path: path.to_owned(), client: name.clone() }),
        },
    }
}
