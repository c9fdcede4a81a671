//! The clients whose certificate and key are on the host, each in a folder of the form that the docker CLI reads.

use std::path::{Path, PathBuf};

use super::certificates::Seal;
use super::files::{Files, FoundKey};
use crate::manifest::ClientName;
use crate::pki::{CertFacts, Certificate, ExtendedKeyUsage, Fingerprint};

/// One client.
pub struct FoundClient {
    /// Its name in the manifest.
    pub name: String,
    /// The folder of its cert.pem and key.pem.
    pub folder: PathBuf,
    /// What its certificate says.
    pub facts: CertFacts,
}

/// Folders whose own folders are not gone through: they hold the whole system.
const TOO_WIDE: [&str; 12] =
    ["/", "/etc", "/root", "/var", "/var/lib", "/usr", "/home", "/opt", "/srv", "/tmp", "/run", "/mnt"];

/// Looks where guides, tools and images put them.
pub fn find(seal: &Seal, files: &mut Files) -> Vec<FoundClient> {
    let mut found = Vec::new();
    let mut prints: Vec<(Fingerprint, PathBuf)> = Vec::new();
    let Some(ca) = &seal.ca else { return found };
    for folder in folders(seal, files) {
        let path = folder.join("cert.pem");
        if path == seal.server_path {
            continue;
        }
        let Some(certificate) = files.certificate_if_any(&path) else { continue };
        if !is_client(&path, &certificate, ca, files) || !has_key(&folder, &certificate, files) {
            continue;
        }
        let facts = certificate.facts;
        if let Some((_, first)) = prints.iter().find(|(print, _)| *print == facts.fingerprint) {
            files.remark(format!("{} is a copy of {}: it is left alone", path.display(), first.display()));
            continue;
        }
        prints.push((facts.fingerprint, path.clone()));
        if let Some(name) = name(&facts, &found, &path, files) {
            found.push(FoundClient { name, folder, facts });
        }
    }
    note_others(seal, ca, files);
    found
}

fn folders(seal: &Seal, files: &mut Files) -> Vec<PathBuf> {
    let starts =
        [Some(seal.ca_path.as_path()), Some(&seal.server_path), seal.ca_key.as_ref().map(|key| key.path.as_path())];
    let mut folders: Vec<PathBuf> = Vec::new();
    for start in starts.into_iter().flatten().filter_map(Path::parent) {
        let above = start.parent().map(|above| [above.join("client"), above.join("clients")]);
        let mut near = vec![start.to_owned()];
        near.extend(above.into_iter().flatten());
        for folder in near {
            let below = if TOO_WIDE.contains(&folder.to_string_lossy().as_ref()) {
                Vec::new()
            } else {
                files.folders_in(&folder)
            };
            folders.push(folder);
            for folder in below {
                let of_clients = folder.file_name().is_some_and(|name| name == "clients" || name == "client");
                let inner = if of_clients { files.folders_in(&folder) } else { Vec::new() };
                folders.push(folder);
                folders.extend(inner);
            }
        }
    }
    folders.push(PathBuf::from("/root/.docker"));
    let mut once: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !once.contains(&folder) {
            once.push(folder);
        }
    }
    once
}

fn is_client(path: &Path, certificate: &Certificate, ca: &Certificate, files: &mut Files) -> bool {
    let facts = &certificate.facts;
    let purposes = facts.extended_key_usage.as_deref();
    let is_client = purposes.is_none_or(|purposes| purposes.contains(&ExtendedKeyUsage::Client));
    if facts.is_ca || !is_client {
        return false;
    }
    if !certificate.is_signed_by(ca) {
        files.remark(format!(
            "{} was signed by another CA, so dockerd does not let it in: it is left alone",
            path.display()
        ));
        return false;
    }
    true
}

fn has_key(folder: &Path, certificate: &Certificate, files: &mut Files) -> bool {
    let path = folder.join("key.pem");
    let why = match files.key(&path) {
        Some(FoundKey::Plain(spki)) if spki == certificate.facts.public_key.spki => return true,
        Some(FoundKey::Plain(_)) => "is not the key of the cert.pem beside it".to_owned(),
        Some(FoundKey::Encrypted) => "is encrypted".to_owned(),
        Some(FoundKey::Unusable(why)) => format!("can't be used ({why})"),
        None => "is not there".to_owned(),
    };
    files.remark(format!(
        "{} {why}: this client is left alone; a client that keeps its key itself can be named with `csr`",
        path.display()
    ));
    false
}

fn name(facts: &CertFacts, found: &[FoundClient], path: &Path, files: &mut Files) -> Option<String> {
    let is_taken = |name: &str| found.iter().any(|other| other.name.eq_ignore_ascii_case(name));
    if let Some(name) = facts.subject.common_name().and_then(ClientName::of_common_name) {
        let name = name.as_str().to_owned();
        if is_taken(&name) {
            files.remark(format!(
                "{} bears the common name of another client ({name}): it is left alone; to have it kept up, name it in the \
                 manifest by another name, and it is issued anew",
                path.display()
            ));
            return None;
        }
        return Some(name);
    }
    (1..=found.len() + 1).map(|number| format!("client-{number}")).find(|name| !is_taken(name))
}

/// Clients under other names than a folder of the docker CLI has.
fn note_others(seal: &Seal, ca: &Certificate, files: &mut Files) {
    let folders = [seal.ca_path.parent(), seal.server_path.parent()];
    for folder in folders.into_iter().flatten() {
        for path in files.files_in(folder) {
            let is_certificate = path.extension().is_some_and(|ending| ending == "pem" || ending == "crt");
            if !is_certificate || path == seal.server_path || path == seal.ca_path || path.ends_with("cert.pem") {
                continue;
            }
            let Some(found) = files.certificate_if_any(&path) else { continue };
            let purposes = found.facts.extended_key_usage.as_deref().unwrap_or_default();
            if purposes.contains(&ExtendedKeyUsage::Client) && found.is_signed_by(ca) && !found.facts.is_ca {
                files.remark(format!(
                    "{} is a client's certificate, and is left alone; to have it kept up, put it as cert.pem with its key.pem \
                     into a folder of its own and name that folder in the manifest",
                    path.display()
                ));
            }
        }
    }
}
