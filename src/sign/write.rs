//! Signed certificates → files, with the CA's certificate beside them: all of them, or none.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Ca, SignError, Signed};
use crate::host::{Handed, hand_out};

/// Permission bits of a certificate.
const MODE: u32 = 0o644;

/// Writes them. What stands there already is replaced.
pub fn write(ca: &Ca, signed: &[Signed]) -> Result<(), SignError> {
    let folders: BTreeSet<&Path> = signed.iter().filter_map(|one| one.path.parent()).collect();
    let bundles = folders.into_iter().map(|folder| (folder, "ca.pem".to_owned(), &ca.bundle));
    let certificates =
        signed.iter().filter_map(|one| Some((one.path.parent()?, format!("{}.pem", one.party), &one.pem)));
    let named: Vec<_> = bundles.chain(certificates).collect();
    let files: Vec<Handed> = named
        .iter()
        .map(|(folder, name, pem)| Handed { folder, name: name.as_ref(), bytes: pem.as_bytes(), mode: MODE })
        .collect();
    Ok(hand_out(&files, None)?)
}
