//! What is signed elsewhere, as files: a new key with its request; a certificate that came back, with the key that waited.

use super::issue::old_copy;
use super::key::read_key;
use super::write::{SECRET_MODE, Write};
use super::{Apply, Cause};
use crate::host::{Cost, Entry, on_all_cores};
use crate::observed::FILE_LIMIT;
use crate::pki::{PrivateKey, Request};
use crate::plan::{After, Change, Intake, MovedKey, NewRequest};

/// Requests that are made at a time.
const PIECE: usize = 64;

/// What `ca.pem` holds afterwards, where a bundle has come.
pub fn bundle(apply: &Apply) -> Option<String> {
    apply.plan.changes.iter().find_map(|change| match &change.after {
        After::HandedInCa(bundle) => Some(bundle.iter().map(crate::pki::Certificate::to_pem).collect()),
        _ => None,
    })
}

/// Whether another bundle takes the place of the one that clients know.
pub fn replaces_ca(apply: &Apply) -> bool {
    let replaces = |change: &Change| matches!(change.after, After::HandedInCa(_)) && change.seen.is_some();
    apply.plan.changes.iter().any(replaces)
}

/// Makes them, and gives them away piece by piece, each key before what bears it.
pub fn write(apply: &Apply, mut take: impl FnMut(Vec<Write>) -> Result<(), Cause>) -> Result<(), Cause> {
    for change in &apply.plan.changes {
        match &change.after {
            After::HandedInCa(_) => take(vec![Write::public(change, bundle(apply).unwrap_or_default())])?,
            After::HandedIn(intake) => take(handed_in(apply, change, intake)?)?,
            _ => {}
        }
    }
    let requests: Vec<(&Change, &NewRequest)> = apply.plan.changes.iter().filter_map(as_request).collect();
    for piece in requests.chunks(PIECE) {
        let cost = if piece.iter().any(|(_, new)| new.spec.key.is_rsa()) { Cost::Large } else { Cost::Small };
        take(on_all_cores(piece, cost, |(change, new)| request(apply, change, new))?.into_iter().flatten().collect())?;
    }
    Ok(())
}

fn as_request(change: &Change) -> Option<(&Change, &NewRequest)> {
    match &change.after {
        After::Request(new) => Some((change, new)),
        _ => None,
    }
}

fn request(apply: &Apply, change: &Change, new: &NewRequest) -> Result<[Write; 2], Cause> {
    let key = match &new.reused {
        Some(path) => read_key(apply.root, path, None)?,
        None => PrivateKey::generate(new.spec.key)?,
    };
    let secret = Write::secret(&new.key, key.to_pem()?, new.key_seen.map(|seen| seen.stamp));
    Ok([secret, Write::public(change, Request::write(&new.spec, key)?)])
}

fn handed_in(apply: &Apply, change: &Change, intake: &Intake) -> Result<Vec<Write>, Cause> {
    let mut files = Vec::with_capacity(3);
    if let Some(MovedKey { from, from_seen, path, seen }) = &intake.key {
        let bytes = match apply.root.read(from, FILE_LIMIT)? {
            // The key that was judged, and no other.
            Entry::File(contents) if contents.attributes.stamp == from_seen.stamp => contents.bytes,
            _ => return Err(Cause::Gone(from.clone())),
        };
        files.push(Write { path: path.clone(), bytes, mode: SECRET_MODE, before: seen.map(|seen| seen.stamp) });
    }
    files.extend(old_copy(apply, change, intake.keeps_old.as_deref())?);
    files.push(Write::public(change, intake.certificate.to_pem()));
    Ok(files)
}
