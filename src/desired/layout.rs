//! Where each file stands on the host.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::manifest::{AbsolutePath, Files, Manifest};

/// Where a run keeps what it needs to undo itself, and what a rollback needs: for root alone.
pub const OWN_FOLDER: &str = "/var/lib/dockseal";
/// One line for each change of the host, in JSON.
pub const LOG: &str = "/var/log/dockseal.jsonl";
/// The journal of a change that is under way.
pub const JOURNAL: &str = "/var/lib/dockseal/journal";
/// The unit that undoes an interrupted change before dockerd starts.
pub const RECOVER_UNIT: &str = "dockseal-recover.service";

/// The name of the folder of all clients.
pub const CLIENTS: &str = "clients";

/// The paths that a manifest implies.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: PathBuf,
    files: Files,
    /// Of the clients that have one of their own.
    folders: BTreeMap<String, PathBuf>,
    drop_in: PathBuf,
    daemon_json: PathBuf,
    recover_unit: PathBuf,
}

/// The files under `requests`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The key.
    Key,
    /// The request.
    Request,
    /// What came back.
    Certificate,
}

impl Waiting {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Key, Self::Request, Self::Certificate];

    /// The end of the file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Request => "csr",
            Self::Certificate => "pem",
        }
    }
}

impl Layout {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let folder = format!("/etc/systemd/system/{}.d", manifest.systemd.unit.as_str());
        let folders = manifest.clients.iter().filter_map(|client| {
            Some((client.name.as_str().to_owned(), client.directory.as_ref()?.as_path().to_owned()))
        });
        Self {
            directory: manifest.directory.as_path().to_owned(),
            files: manifest.files.clone(),
            folders: folders.collect(),
            drop_in: Path::new(&folder).join(manifest.systemd.drop_in.as_str()),
            daemon_json: PathBuf::from("/etc/docker/daemon.json"),
            recover_unit: Path::new("/etc/systemd/system").join(RECOVER_UNIT),
        }
    }

    /// The folder of the PEM files that have no place of their own.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// `ca.pem`: the CA certificate, and whatever else dockerd shall trust.
    pub fn ca_certificate(&self) -> PathBuf {
        self.file(self.files.ca.as_ref(), "ca.pem")
    }

    /// `ca-key.pem`
    pub fn ca_key(&self) -> PathBuf {
        self.file(self.files.ca_key.as_ref(), "ca-key.pem")
    }

    /// `ca-next-key.pem`: the key of a CA that is trusted and does not sign yet.
    pub fn ca_next_key(&self) -> PathBuf {
        self.directory.join("ca-next-key.pem")
    }

    /// `ca-old-key.pem`: the key of a CA that signs no more and is still trusted.
    pub fn ca_old_key(&self) -> PathBuf {
        self.directory.join("ca-old-key.pem")
    }

    /// `server-cert.pem`
    pub fn server_certificate(&self) -> PathBuf {
        self.file(self.files.server_certificate.as_ref(), "server-cert.pem")
    }

    /// `server-key.pem`
    pub fn server_key(&self) -> PathBuf {
        self.file(self.files.server_key.as_ref(), "server-key.pem")
    }

    /// `clients`, which holds a folder for each client that has none of its own.
    pub fn clients(&self) -> PathBuf {
        self.directory.join(CLIENTS)
    }

    /// A client's folder: `DOCKER_CERT_PATH` as it is.
    pub fn client(&self, name: &str) -> PathBuf {
        self.own_folder(name).map_or_else(|| self.clients().join(name), Path::to_owned)
    }

    /// A client's folder, where the manifest names one.
    pub fn own_folder(&self, name: &str) -> Option<&Path> {
        self.folders.get(name).map(PathBuf::as_path)
    }

    /// Whether something that the manifest places itself stands in a folder of that name in `clients`: then it is nobody's
    /// leftover, whatever else it holds.
    pub fn is_taken(&self, name: &str) -> bool {
        let folder = self.clients().join(name);
        self.folders().contains(&folder)
    }

    /// Every folder that a manifest's certificates and keys stand in, `clients/NAME` apart.
    pub fn folders(&self) -> Vec<PathBuf> {
        let files = [&self.files.ca, &self.files.ca_key, &self.files.server_certificate, &self.files.server_key];
        let of_files = files.into_iter().flatten().filter_map(|file| file.as_path().parent().map(Path::to_owned));
        let all = std::iter::once(self.directory.clone()).chain(of_files).chain(self.folders.values().cloned());
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in all {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    /// A client's copy of the CA certificate.
    pub fn client_ca(&self, name: &str) -> PathBuf {
        self.client(name).join("ca.pem")
    }

    /// A client's certificate.
    pub fn client_certificate(&self, name: &str) -> PathBuf {
        self.client(name).join("cert.pem")
    }

    /// The certificate that a client held before its last renewal, which dockerd accepts until it ends.
    pub fn client_old_certificate(&self, name: &str) -> PathBuf {
        self.client(name).join("old-cert.pem")
    }

    /// A client's key.
    pub fn client_key(&self, name: &str) -> PathBuf {
        self.client(name).join("key.pem")
    }

    /// `requests`: what waits for a signature elsewhere.
    pub fn requests(&self) -> PathBuf {
        self.directory.join("requests")
    }

    /// Where the CA's certificate is put along with what it signed.
    pub fn handed_in_ca(&self) -> PathBuf {
        self.requests().join("ca.pem")
    }

    /// What waits for a certificate of the server (`None`) or of a client, or that certificate. The endings tell them
    /// apart, for a client's name may end in anything else: `client.ci-key.pem` would be a certificate of `ci-key`.
    pub fn waiting(&self, client: Option<&str>, what: Waiting) -> PathBuf {
        let ending = what.ending();
        let name = client.map_or_else(|| format!("server.{ending}"), |client| format!("client.{client}.{ending}"));
        self.requests().join(name)
    }

    fn file(&self, given: Option<&AbsolutePath>, name: &str) -> PathBuf {
        given.map_or_else(|| self.directory.join(name), |path| path.as_path().to_owned())
    }

    /// dockerd's own configuration file.
    pub fn daemon_json(&self) -> PathBuf {
        self.daemon_json.clone()
    }

    /// The unit that undoes an interrupted change.
    pub fn recover_unit(&self) -> PathBuf {
        self.recover_unit.clone()
    }

    /// The drop-in that clears `-H` from `ExecStart=`.
    pub fn drop_in(&self) -> PathBuf {
        self.drop_in.clone()
    }
}
