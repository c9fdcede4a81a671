//! The certificates and keys that dockerd uses, or would use: the CA with its key, the server with its.

use std::path::{Path, PathBuf};

use super::files::{Files, FoundKey};
use super::found::Told;
use crate::pki::Certificate;

/// Where guides, tools and images keep a server's files, for a host where nothing tells dockerd of them.
const USUAL_FOLDERS: [&str; 8] = [
    "/etc/docker/tls",
    "/etc/docker/certs",
    "/etc/docker/ssl",
    "/etc/docker",
    "/var/docker",
    "/certs/server",
    "/root/.docker",
    "/var/lib/docker-tls",
];
/// Names of a server's certificate and key, the most telling first.
const USUAL_NAMES: [(&str, &str); 4] = [
    ("server-cert.pem", "server-key.pem"),
    ("server.pem", "server-key.pem"),
    ("server.crt", "server.key"),
    ("cert.pem", "key.pem"),
];

/// What seals the host today.
pub struct Seal {
    /// The CA's certificate: where it stands, or where it shall.
    pub ca_path: PathBuf,
    /// The signing CA; `None` where none was found.
    pub ca: Option<Certificate>,
    /// Its key, where it was found.
    pub ca_key: Option<CaKey>,
    /// The server's certificate.
    pub server_path: PathBuf,
    /// `None` where it can't be read.
    pub server: Option<Certificate>,
    /// The server's key.
    pub server_key: PathBuf,
    /// Whether nothing tells dockerd of these files: they were found by their names.
    pub is_guessed: bool,
}

/// The CA's key as it was found.
pub struct CaKey {
    /// Where; of one that can't be used, where it shall be once it is converted.
    pub path: PathBuf,
    /// Whether it can be used only with a passphrase; then it is known by its name alone.
    pub is_encrypted: bool,
    /// Why it can't be used as it is.
    pub why_unusable: Option<String>,
}

/// Looks; `None` where there is no TLS.
pub fn find(told: &Told, files: &mut Files) -> Option<Seal> {
    let named = [told.file("tlscert"), told.file("tlskey")];
    let (server_path, server_key, is_guessed) = match named {
        [Some(certificate), Some(key)] if told.speaks_tls() => (certificate, key, false),
        _ => {
            if told.speaks_tls() {
                files.remark("dockerd is told to speak TLS, but not by which certificate and key");
            }
            let (certificate, key) = guess(files)?;
            (certificate, key, true)
        }
    };
    let server_path = files.follow(&server_path);
    let server_key = files.follow(&server_key);
    let server = files.certificates(&server_path).and_then(|all| all.into_iter().next());
    match files.key(&server_key) {
        Some(FoundKey::Plain(_)) => {}
        Some(FoundKey::Encrypted) => {
            files.remark(format!("{} is encrypted: dockerd can't use it", server_key.display()));
        }
        Some(FoundKey::Unusable(why)) => files.remark(format!("{}: {why}", server_key.display())),
        None => files.remark(format!("{} was not found", server_key.display())),
    }
    let (ca_path, ca) = ca(told, &server_path, server.as_ref(), files);
    let ca_key = ca.as_ref().and_then(|ca| ca_key([&ca_path, &server_path, &server_key], ca, files));
    let mut seal = Seal { ca_path, ca, ca_key, server_path, server, server_key, is_guessed };
    seal.part(files);
    Some(seal)
}

impl Seal {
    /// One certificate for everything, which signed itself, goes on as the CA; the server gets its own. So it is with a key.
    fn part(&mut self, files: &mut Files) {
        let folder = self.server_path.parent().unwrap_or(Path::new("/")).to_owned();
        let mut free = |name: &str| {
            let usual = folder.join(name);
            let is_free = files.files_in(&folder).iter().all(|path| *path != usual);
            if is_free { usual } else { folder.join(format!("dockseal-{name}")) }
        };
        let shares_certificate = self.server_path == self.ca_path;
        let shares_key = self.ca_key.as_ref().is_some_and(|key| key.path == self.server_key);
        if shares_certificate {
            self.server_path = free("server-cert.pem");
        }
        if shares_certificate || shares_key {
            self.server_key = free("server-key.pem");
            files.remark(format!(
                "the server and the CA share what stands in {}: it goes on as the CA's, and the server gets its own",
                self.ca_path.display()
            ));
        }
    }
}

fn guess(files: &mut Files) -> Option<(PathBuf, PathBuf)> {
    for folder in USUAL_FOLDERS.map(Path::new) {
        let names = files.files_in(folder);
        for (certificate, key) in USUAL_NAMES {
            let (certificate, key) = (folder.join(certificate), folder.join(key));
            if names.contains(&certificate) && names.contains(&key) && names.contains(&folder.join("ca.pem")) {
                return Some((certificate, key));
            }
        }
    }
    None
}

/// The file that dockerd trusts its callers by; where it is told of none, the one whose CA signed the server.
fn ca(
    told: &Told,
    server_path: &Path,
    server: Option<&Certificate>,
    files: &mut Files,
) -> (PathBuf, Option<Certificate>) {
    let named = told.file("tlscacert").filter(|_| told.speaks_tls());
    if let Some(path) = named {
        let path = files.follow(&path);
        let all = files.certificates(&path).unwrap_or_default();
        if all.len() > 1 {
            files.remark(format!(
                "{} holds {} certificates: the first one is the CA that signs, callers of the others are let in too",
                path.display(),
                all.len()
            ));
        }
        return (path, all.into_iter().next());
    }
    let folder = server_path.parent().unwrap_or(Path::new("/"));
    let usual = folder.join("ca.pem");
    for path in std::iter::once(usual.clone()).chain(files.files_in(folder)) {
        let Some(found) = files.certificate_if_any(&path).filter(|found| found.facts.is_ca) else { continue };
        if server.is_some_and(|server| server.is_signed_by(&found)) {
            return (path, Some(found));
        }
    }
    let is_free = files.certificate_if_any(&usual).is_none();
    let path = if is_free { usual } else { folder.join("docker-ca.pem") };
    files.remark(format!(
        "dockerd is told of no CA for its callers (tlscacert), and none that signed its certificate was found: a new one is \
         made as {}",
        path.display()
    ));
    (path, None)
}

/// The CA's key: by its public half, or, where it is encrypted, by its name.
fn ca_key(near: [&Path; 3], ca: &Certificate, files: &mut Files) -> Option<CaKey> {
    let mut by_name = None;
    for path in candidates(near, files) {
        let is_named_so = has_name_of_ca_key(&path);
        let (path, why_unusable) = match files.key(&path) {
            Some(FoundKey::Plain(spki)) if spki == ca.facts.public_key.spki => {
                return Some(CaKey { path, is_encrypted: false, why_unusable: None });
            }
            Some(FoundKey::Encrypted) if is_named_so => (path, None),
            // Older versions of openssl encrypted keys in a way that is no longer read.
            Some(FoundKey::Unusable(why)) if is_named_so => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let converted = path.with_file_name(format!("{stem}-pkcs8.pem"));
                let (old, new) = (path.display().to_string(), converted.display().to_string());
                let why = why.replace("-in OLD", &format!("-in {old}")).replace("-out NEW", &format!("-out {new}"));
                (converted, Some(format!("{old} can't be used as the CA's key: {why}")))
            }
            _ => continue,
        };
        by_name.get_or_insert(CaKey { path, is_encrypted: true, why_unusable });
    }
    by_name
}

fn candidates(near: [&Path; 3], files: &mut Files) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for start in near.into_iter().filter_map(Path::parent) {
        let above = start.parent().filter(|above| above.parent().is_some());
        folders.extend([start.to_owned(), start.join("ca"), start.join("private")]);
        folders.extend(above.into_iter().flat_map(|above| [above.join("ca"), above.join("private")]));
    }
    folders.extend(["/root/.docker", "/root"].map(PathBuf::from));
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for path in files.files_in(&folder) {
            let is_key = path.extension().is_some_and(|ending| ending == "pem" || ending == "key");
            if is_key && !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths.sort_by_key(|path| !has_name_of_ca_key(path));
    paths
}

/// `ca-key.pem`, `ca.key`, `key.pem` in a folder `ca` …
fn has_name_of_ca_key(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    let is_key = name.contains("key");
    is_key && (folder == "ca" || name.split(['-', '_', '.']).any(|word| word == "ca" || word == "cakey"))
}
