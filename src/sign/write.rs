//! Signed certificates → files, with the CA's certificate beside them: all of them, or none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Ca, SignError, Signed};
use crate::host::{Entry, FileKind, Root, Stamp, Step};

/// Permission bits of a certificate.
const MODE: u32 = 0o644;
const LIMIT: usize = 1024 * 1024;

/// Writes them. What stands there already is replaced.
pub fn write(ca: &Ca, signed: &[Signed]) -> Result<(), SignError> {
    let folders: BTreeSet<PathBuf> = signed.iter().filter_map(|one| Some(one.path.parent()?.to_owned())).collect();
    let mut roots = BTreeMap::new();
    for folder in folders {
        roots.insert(folder.clone(), Root::at(folder)?);
    }
    let mut writing = Writing { taken: Vec::new() };
    let written = writing.all(ca, signed, &roots);
    if written.is_err() {
        for (root, step) in writing.taken.iter().rev() {
            root.undo(step)?;
        }
    }
    written
}

struct Writing<'r> {
    taken: Vec<(&'r Root, Step)>,
}

impl<'r> Writing<'r> {
    fn all(&mut self, ca: &Ca, signed: &[Signed], roots: &'r BTreeMap<PathBuf, Root>) -> Result<(), SignError> {
        let mut targets = Vec::new();
        for (folder, root) in roots {
            targets.extend(Target::look(root, folder, "ca.pem", &ca.bundle)?);
            for one in signed.iter().filter(|one| one.path.parent() == Some(folder)) {
                targets.extend(Target::look(root, folder, &format!("{}.pem", one.party), &one.pem)?);
            }
        }
        for Target { root, path, pem, before } in targets {
            self.taken.push((root, root.stage(&path, pem.as_bytes(), MODE, before)?));
        }
        let here = [PathBuf::from("/")];
        for root in roots.values() {
            root.sync(&here)?;
        }
        for (root, step) in &self.taken {
            root.take(step)?;
        }
        for root in roots.values() {
            root.sync(&here)?;
        }
        for (root, step) in &self.taken {
            root.keep(step)?;
        }
        Ok(())
    }
}

/// A file to write, and what stands there.
struct Target<'r, 'p> {
    root: &'r Root,
    path: PathBuf,
    pem: &'p str,
    before: Option<Stamp>,
}

impl<'r, 'p> Target<'r, 'p> {
    /// `None` where it is right already: the CA's own folder may be where certificates go.
    fn look(root: &'r Root, folder: &Path, name: &str, pem: &'p str) -> Result<Option<Self>, SignError> {
        let path = Path::new("/").join(name);
        if let Entry::File(contents) = root.read(&path, LIMIT)?
            && contents.bytes.as_slice() == pem.as_bytes()
        {
            return Ok(None);
        }
        let before = match root.look(&path)? {
            None => None,
            Some((FileKind::File, found)) => Some(found.stamp),
            Some((kind, _)) => {
                return Err(SignError::NotAFile { path: folder.join(name), what: format!("is in the way: {kind}") });
            }
        };
        Ok(Some(Self { root, path, pem, before }))
    }
}
