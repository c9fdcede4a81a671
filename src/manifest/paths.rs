//! Every path that a manifest implies is one thing's alone. Looked at only where the manifest names files itself: those
//! that follow from `directory` can't meet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::Value;

use super::faults::Faults;
use super::problem::{Code, quoted};
use super::{AbsolutePath, ClientName, DropInName, Systemd, UnitName, decode};

/// What stands at a path, and where the manifest says so.
struct Claim {
    path: PathBuf,
    what: String,
    /// Empty where nothing in the manifest says so.
    pointer: String,
}

/// Reports paths that two things claim.
pub(super) fn check(faults: &mut Faults) {
    let clients = faults.value.get("clients").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let has_folders = clients.iter().any(|client| client.get("directory").is_some());
    if !has_folders && faults.value.get("files").is_none() {
        return;
    }
    let (given, implied): (Vec<Claim>, Vec<Claim>) =
        claims(&faults.value).into_iter().partition(|claim| !claim.pointer.is_empty());
    let mut taken: BTreeMap<PathBuf, Claim> = implied.into_iter().map(|claim| (claim.path.clone(), claim)).collect();
    let mut reported = BTreeSet::new();
    for claim in given {
        // The three files of a client's folder share its fault.
        if reported.contains(&claim.pointer) {
            continue;
        }
        let Some(earlier) = rival(&taken, &claim.path) else {
            taken.insert(claim.path.clone(), claim);
            continue;
        };
        let at = quoted(&earlier.path.display().to_string());
        let message = if earlier.path == claim.path {
            format!("{} would stand at {at}, and {} too", claim.what, earlier.what)
        } else {
            let (inner, outer) =
                if claim.path.starts_with(&earlier.path) { (&claim, earlier) } else { (earlier, &claim) };
            let outer_at = quoted(&outer.path.display().to_string());
            format!("{} would stand below {outer_at}, which is a file: {}", inner.what, outer.what)
        };
        let text = (message, "give each its own path");
        if earlier.pointer.is_empty() {
            faults.report(&claim.pointer, Code::SharedPath, text.0, text.1);
        } else {
            let label = earlier.what.clone();
            let related = earlier.pointer.clone();
            faults.report_with(&claim.pointer, Code::SharedPath, text, (&related, &label));
        }
        reported.insert(claim.pointer);
    }
}

/// Who has taken this path, a folder above it or something below it.
fn rival<'t>(taken: &'t BTreeMap<PathBuf, Claim>, path: &Path) -> Option<&'t Claim> {
    let above = path.ancestors().find_map(|folder| taken.get(folder));
    // In the order of paths, what is below comes next.
    above.or_else(|| taken.range(path.to_owned()..).next().map(|(_, claim)| claim).filter(|c| c.path.starts_with(path)))
}

fn claims(manifest: &Value) -> Vec<Claim> {
    let path = |value: Option<&Value>| AbsolutePath::deserialize(value?).ok().map(|path| path.0);
    let directory = path(manifest.get("directory")).unwrap_or_else(|| decode::directory().0);
    let mut claims = others(manifest);
    let mut ca = PathBuf::new();
    for (field, name, what) in [
        ("ca", "ca.pem", "the CA's certificate"),
        ("ca_key", "ca-key.pem", "the CA's key"),
        ("server_certificate", "server-cert.pem", "the server's certificate"),
        ("server_key", "server-key.pem", "the server's key"),
        ("", "ca-next-key.pem", "the next CA's key"),
        ("", "ca-old-key.pem", "the former CA's key"),
    ] {
        let pointer = format!("/files/{field}");
        let given = Some(&pointer).filter(|_| !field.is_empty()).and_then(|pointer| path(manifest.pointer(pointer)));
        let pointer = if given.is_some() { pointer } else { String::new() };
        let path = given.unwrap_or_else(|| directory.join(name));
        if field == "ca" {
            ca.clone_from(&path);
        }
        claims.push(Claim { path, what: what.to_owned(), pointer });
    }
    let clients = manifest.get("clients").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, client) in clients.iter().enumerate() {
        let Some(name) = client.get("name") else { continue };
        let Ok(name) = ClientName::deserialize(name) else { continue };
        let given = path(client.get("directory"));
        let pointer = if given.is_some() { format!("/clients/{index}/directory") } else { String::new() };
        let folder = given.unwrap_or_else(|| directory.join("clients").join(name.as_str()));
        for (file, what) in [
            ("ca.pem", "copy of the CA's certificate"),
            ("cert.pem", "certificate"),
            ("old-cert.pem", "former certificate"),
            ("key.pem", "key"),
        ] {
            let path = folder.join(file);
            // In the CA's own folder its certificate is no copy.
            if path != ca {
                let what = format!("the {what} of the client {}", quoted(name.as_str()));
                claims.push(Claim { path, what, pointer: pointer.clone() });
            }
        }
    }
    claims
}

/// Files of other kinds that an apply writes or reads.
fn others(manifest: &Value) -> Vec<Claim> {
    let implied = |path: PathBuf, what: &str| Claim { path, what: what.to_owned(), pointer: String::new() };
    let systemd = Systemd::default();
    let unit = manifest.pointer("/systemd/unit").and_then(|unit| UnitName::deserialize(unit).ok());
    let drop_in = manifest.pointer("/systemd/drop_in").and_then(|name| DropInName::deserialize(name).ok());
    let units = Path::new("/etc/systemd/system");
    let folder = units.join(format!("{}.d", unit.unwrap_or(systemd.unit)));
    let mut claims = vec![
        implied("/etc/docker/daemon.json".into(), "dockerd's configuration"),
        implied(folder.join(drop_in.unwrap_or(systemd.drop_in).as_str()), "the drop-in"),
        implied(units.join("dockseal-recover.service"), "the unit that heals at boot"),
        implied("/var/lib/dockseal/journal".into(), "the journal"),
    ];
    let passphrase = manifest.pointer("/ca/passphrase/file").map(|path| (path, "the passphrase".to_owned()));
    let clients = manifest.get("clients").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let requests = clients.iter().filter_map(|client| Some((client.get("csr")?, "a client's request".to_owned())));
    for (path, what) in passphrase.into_iter().chain(requests) {
        if let Ok(path) = AbsolutePath::deserialize(path) {
            claims.push(Claim { path: path.0, what, pointer: String::new() });
        }
    }
    claims
}
