//! The CAs of a `ca.pem` that changes, opened or made before anything is written, and what it holds afterwards.
//!
//! One CA signs. Another one, which is trusted beside it, and one that retires bear witness afterwards: a client of the one
//! has to be let in, a client of the other to be refused.

use std::path::Path;

use time::OffsetDateTime;

use super::issue::new_ca;
use super::key::{read, read_key};
use super::write::Write;
use super::{Apply, Cause};
use crate::host::Entry;
use crate::observed::FILE_LIMIT;
use crate::pki::{Authority, Certificate, Fingerprint, Passphrase};
use crate::plan::{After, Bundle, BundlePart, Change};

/// The CAs of a change.
pub struct Rotating {
    /// Signs; `None` where its key is not on the host.
    pub signing: Option<Authority>,
    /// Trusted beside it.
    pub also: Option<Authority>,
    /// Trusted no more.
    pub retired: Option<Authority>,
    /// What `ca.pem` holds afterwards.
    pub pem: String,
    /// `ca.pem`, and the key of a CA that was made.
    pub files: Vec<Write>,
}

/// The change of `ca.pem`, where a CA is being replaced.
pub fn bundle(changes: &[Change]) -> Option<(&Change, &Bundle)> {
    changes.iter().find_map(|change| match &change.after {
        After::Bundle(bundle) => Some((change, &**bundle)),
        _ => None,
    })
}

/// Opens them.
pub fn open(
    apply: &Apply,
    change: &Change,
    bundle: &Bundle,
    passphrase: Option<&Passphrase>,
) -> Result<Rotating, Cause> {
    let found = read_bundle(apply, &change.path)?;
    let layout = &apply.desired.layout;
    let opened = |ca: Option<&Certificate>, key: &Path| open_found(apply, ca, key, passphrase);
    let mut files = Vec::new();
    let made = bundle.new.as_ref().map(|issue| new_ca(apply, issue, passphrase, &mut files)).transpose()?;
    let place_of = |part: &BundlePart| match part {
        BundlePart::Found(fingerprint) => place(&found, *fingerprint),
        BundlePart::New => None,
    };
    let mut pem = String::new();
    for part in &bundle.parts {
        let ca = match (place_of(part), &made) {
            (Some(place), _) => &found[place],
            (None, Some(made)) => made.certificate(),
            (None, None) => return Err(Cause::Gone(change.path.clone())),
        };
        pem.push_str(&ca.to_pem());
    }
    files.push(Write::public(change, pem.clone()));
    let present = found.first();
    let (signing, also, retired) = match (bundle.parts.first().and_then(place_of), made) {
        // An emergency does not wait for a key that can't be opened.
        (None, made) => (made, None, opened(present, &layout.ca_key()).ok().flatten()),
        (Some(0), Some(made)) => (opened(present, &layout.ca_key())?, Some(made), None),
        (Some(0), None) => {
            let stays = |ca: &&Certificate| bundle.parts.contains(&BundlePart::Found(ca.facts.fingerprint));
            let gone = found.iter().find(|ca| !stays(ca));
            (opened(present, &layout.ca_key())?, None, opened(gone, &layout.ca_old_key())?)
        }
        (Some(next), _) => (opened(found.get(next), &layout.ca_next_key())?, opened(present, &layout.ca_key())?, None),
    };
    Ok(Rotating { signing, also, retired, pem, files })
}

/// `None` where its key is not on the host, or nothing can be signed with it any more.
fn open_found(
    apply: &Apply,
    ca: Option<&Certificate>,
    key: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<Option<Authority>, Cause> {
    let Some(ca) = ca.filter(|ca| is_valid(ca, apply.began)) else { return Ok(None) };
    if let Entry::Missing = apply.root.read(key, FILE_LIMIT)? {
        return Ok(None);
    }
    Ok(Some(Authority::open(ca.clone(), read_key(apply.root, key, passphrase)?)?))
}

fn is_valid(ca: &Certificate, now: OffsetDateTime) -> bool {
    ca.facts.not_before <= now && now < ca.facts.not_after
}

fn read_bundle(apply: &Apply, path: &Path) -> Result<Vec<Certificate>, Cause> {
    let bytes = read(apply.root, path)?;
    Certificate::parse_all(&bytes).map_err(|error| Cause::Parse { path: path.to_owned(), error })
}

fn place(found: &[Certificate], wanted: Fingerprint) -> Option<usize> {
    found.iter().position(|ca| ca.facts.fingerprint == wanted)
}
