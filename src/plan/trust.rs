//! Whether somebody else could have put there, or could put there meanwhile, what an apply takes for the host's own.
//!
//! A key that only others can *read* is mended: it is ours, and whether it should be replaced is for a person to say. A key
//! that others can *write* may be theirs: whoever has put a key of theirs beside a matching certificate could pass for this
//! host, so nothing is built on it. The same goes for `ca.pem`, to which anybody could have added a CA. Other certificates
//! are checked against these, and are issued anew where they don't fit.

use std::path::Path;

use super::Draft;
use super::attributes::{PUBLIC, SECRET, Wanted};
use super::refusal::{Exposure, Refusal};
use super::request;
use crate::observed::{Attributes, Observed, Seen};

/// Judges.
pub fn judge(observed: &Observed, draft: &mut Draft) {
    draft.refusals.extend(observed.distrusted.iter().cloned().map(Refusal::Distrusted));
    let mut refuse = |path: &Path, attributes: Option<Attributes>, wanted: Wanted| {
        let Some(how) = attributes.and_then(|found| exposure(&found, observed.owner, wanted)) else { return };
        let path = observed.root.join(path.strip_prefix("/").unwrap_or(path));
        draft.refusals.push(Refusal::Exposed { path, how, owner: observed.owner, mode: wanted.mode });
    };
    let ca = &observed.ca;
    refuse(&ca.certificate.path, ca.certificate.attributes, PUBLIC);
    for (file, wanted) in observed.requests.iter().flat_map(|requests| request::files(requests)) {
        refuse(file.path, file.attributes, wanted);
    }
    let leaves = std::iter::once(&observed.server).chain(observed.clients.iter().map(|client| &client.leaf));
    for key in [&ca.key, &ca.next_key, &ca.old_key].into_iter().chain(leaves.filter_map(|leaf| leaf.key.as_ref())) {
        let Seen { path, attributes, .. } = key;
        refuse(path, *attributes, SECRET);
    }
}

/// The permission bits that let others write; root's group is no other.
fn others_write(found: &Attributes) -> u32 {
    if found.gid == 0 { 0o002 } else { 0o022 }
}

fn exposure(found: &Attributes, owner: u32, wanted: Wanted) -> Option<Exposure> {
    // What is root's could be changed by root alone, who could change anything.
    if found.uid != 0 && found.uid != owner {
        Some(Exposure::Owner(found.uid))
    } else if found.mode & others_write(found) != 0 {
        Some(Exposure::Mode(found.mode))
    } else if found.links > 1 && wanted.mode == SECRET.mode {
        Some(Exposure::Links(found.links))
    } else {
        None
    }
}
