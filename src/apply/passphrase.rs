//! Where the manifest says that the passphrase is → the passphrase. It is never an argument and never a manifest's field.

use std::env;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::Cause;
use crate::host::{Entry, Root, effective_user};
use crate::manifest::PassphraseSource;
use crate::pki::Passphrase;

/// A passphrase is a line, not a file.
const LIMIT: usize = 4096;
/// Permission bits that would let others read it.
const OTHERS: u32 = 0o077;

/// Reads it.
pub fn read(root: &Root, source: &PassphraseSource) -> Result<Passphrase, Cause> {
    let bytes = match source {
        PassphraseSource::File(path) => read_file(root, path.as_path())?,
        PassphraseSource::Env(name) => {
            let value = env::var_os(name.as_str()).ok_or_else(|| Cause::Passphrase(format!("${name} is not set")))?;
            Zeroizing::new(value.into_vec())
        }
        PassphraseSource::Credential(name) => {
            let folder = env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                Cause::Passphrase(format!(
                    "$CREDENTIALS_DIRECTORY is not set: run it from a unit with LoadCredential={name}:…"
                ))
            })?;
            read_file(&Root::live()?, &Path::new(&folder).join(name.as_str()))?
        }
    };
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Cause::Passphrase("it is empty".to_owned()));
    }
    Ok(Passphrase::new(Zeroizing::new(line.to_vec())))
}

fn read_file(root: &Root, path: &Path) -> Result<Zeroizing<Vec<u8>>, Cause> {
    let place = root.place(path);
    let fail = |why: String| Err(Cause::Passphrase(format!("{} {why}", place.display())));
    match root.read(path, LIMIT)? {
        Entry::File(contents) if contents.attributes.mode & OTHERS != 0 => {
            fail(format!("may be read by others (mode {:04o}): chmod 0600 it", contents.attributes.mode))
        }
        Entry::File(contents) if ![0, effective_user()].contains(&contents.attributes.uid) => {
            fail(format!("belongs to user {}, who knows it: chown it", contents.attributes.uid))
        }
        Entry::File(contents) => Ok(contents.bytes),
        Entry::Missing => fail("is not there".to_owned()),
        Entry::Denied => fail("may not be read: run as root".to_owned()),
        Entry::NotAFile(kind) => fail(format!("is {kind}, not a regular file")),
    }
}
