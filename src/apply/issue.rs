//! Keys and certificates that a plan asks for: made on all cores, in memory, before anything is written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroizing;

use super::transaction::{NewFile, PUBLIC_MODE};
use super::{Apply, Cause, passphrase};
use crate::host::{Entry, Root, Stamp, on_all_cores};
use crate::observed::FILE_LIMIT;
use crate::pki::{Authority, Certificate, Passphrase, PrivateKey, PublicKey, Request, Role, StoredKey};
use crate::plan::{After, Change, Issue, IssueKey};

/// The mode of a private key, octal.
const SECRET_MODE: u32 = 0o600;

/// Files to write, keys before the certificates that bear them.
pub struct Issued {
    pub files: Vec<Write>,
    /// The CA, where something was signed.
    pub authority: Option<Authority>,
    /// What `ca.pem` holds afterwards; `None` where nobody needs it.
    pub ca_pem: Option<String>,
}

/// One file to write.
pub struct Write {
    pub path: PathBuf,
    pub bytes: Zeroizing<Vec<u8>>,
    pub mode: u32,
    pub before: Option<Stamp>,
}

impl Write {
    /// What a transaction takes.
    pub fn as_new_file(&self) -> NewFile<'_> {
        NewFile { path: &self.path, bytes: &self.bytes, mode: self.mode, before: self.before }
    }
}

/// The key of a certificate. Of a leaf's, only what is written: the library's own form is many times larger.
enum Bearer {
    Ca(PrivateKey),
    Made { public: PublicKey, pem: Zeroizing<String> },
    Requested(PublicKey),
}

/// Makes them.
pub fn issue(apply: &Apply) -> Result<Issued, Cause> {
    let jobs: Vec<(&Change, &Issue)> = apply.plan.changes.iter().filter_map(as_issue).collect();
    let copies = apply.plan.changes.iter().any(|change| matches!(change.after, After::CopyOfCa));
    let ca_path = apply.desired.layout.ca_certificate();
    let mut issued = Issued { files: Vec::new(), authority: None, ca_pem: None };
    if jobs.is_empty() {
        if copies {
            issued.ca_pem = Some(read_text(apply.root, &ca_path)?);
        }
        return Ok(issued);
    }
    // Before the keys: a wrong passphrase should not cost a minute of RSA.
    let source = apply.desired.ca.passphrase.as_ref();
    let passphrase = source.map(|source| passphrase::read(apply.root, source)).transpose()?;
    let found = open_found_authority(apply, &jobs, passphrase.as_ref())?;
    let made = AtomicUsize::new(0);
    let bearers = on_all_cores(&jobs, |(_, issue)| {
        let bearer = bearer(apply.root, issue, passphrase.as_ref());
        (apply.progress)(made.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
        bearer
    })?;
    let mut pairs: Vec<_> = jobs.into_iter().zip(bearers).collect();
    let (authority, ca_pem) = match found {
        Some(authority) => (authority, if copies { Some(read_text(apply.root, &ca_path)?) } else { None }),
        None => create_authority(apply, &mut pairs, passphrase.as_ref(), &mut issued.files)?,
    };
    let certificates = on_all_cores(&pairs, |((_, issue), bearer)| {
        let key = match bearer {
            Bearer::Ca(key) => key.public_key(),
            Bearer::Made { public: key, .. } | Bearer::Requested(key) => key,
        };
        Ok::<_, Cause>(authority.issue(&issue.spec, key, apply.now)?.to_pem())
    })?;
    for (((change, issue), bearer), certificate) in pairs.into_iter().zip(certificates) {
        if let (Bearer::Made { pem, .. }, IssueKey::New { path, seen }) = (bearer, &issue.key) {
            issued.files.push(secret(path, pem, seen.map(|seen| seen.stamp)));
        }
        issued.files.push(public(change, certificate));
    }
    issued.authority = Some(authority);
    issued.ca_pem = ca_pem;
    Ok(issued)
}

fn as_issue(change: &Change) -> Option<(&Change, &Issue)> {
    match &change.after {
        After::Certificate(issue) => Some((change, issue)),
        _ => None,
    }
}

/// The CA of `ca.pem`; `None` where this plan makes one.
fn open_found_authority(
    apply: &Apply,
    jobs: &[(&Change, &Issue)],
    passphrase: Option<&Passphrase>,
) -> Result<Option<Authority>, Cause> {
    if jobs.iter().any(|(_, issue)| issue.spec.role == Role::Ca) {
        return Ok(None);
    }
    let path = apply.desired.layout.ca_certificate();
    let pem = read_text(apply.root, &path)?;
    let certificate = Certificate::parse(pem.as_bytes()).map_err(|error| Cause::Parse { path, error })?;
    let key = read_key(apply.root, &apply.desired.layout.ca_key(), passphrase)?;
    Ok(Some(Authority::open(certificate, key)?))
}

fn bearer(root: &Root, issue: &Issue, passphrase: Option<&Passphrase>) -> Result<Bearer, Cause> {
    match &issue.key {
        IssueKey::New { .. } => {
            let key = PrivateKey::generate(issue.spec.key)?;
            if issue.spec.role == Role::Ca {
                return Ok(Bearer::Ca(key));
            }
            Ok(Bearer::Made { public: key.public_key().clone(), pem: key.to_pem()? })
        }
        IssueKey::Kept(path) => Ok(Bearer::Ca(read_key(root, path, passphrase)?)),
        IssueKey::Request(path) => {
            let bytes = bytes(root.read_anywhere(path, FILE_LIMIT)?, path)?;
            let request = Request::parse(&bytes).map_err(|error| Cause::Parse { path: path.clone(), error })?;
            Ok(Bearer::Requested(request.public_key))
        }
    }
}

/// Takes the CA out of the pairs, makes its certificate, and adds its files.
fn create_authority(
    apply: &Apply,
    pairs: &mut Vec<((&Change, &Issue), Bearer)>,
    passphrase: Option<&Passphrase>,
    files: &mut Vec<Write>,
) -> Result<(Authority, Option<String>), Cause> {
    let path = apply.desired.layout.ca_certificate();
    let position = pairs.iter().position(|((_, issue), _)| issue.spec.role == Role::Ca);
    let ((change, issue), bearer) = pairs.remove(position.ok_or_else(|| Cause::Gone(path.clone()))?);
    let Bearer::Ca(key) = bearer else { return Err(Cause::Gone(path)) };
    if let IssueKey::New { path, seen } = &issue.key {
        let pem = match passphrase {
            Some(passphrase) => key.to_encrypted_pem(passphrase)?,
            None => key.to_pem()?,
        };
        files.push(secret(path, pem, seen.map(|seen| seen.stamp)));
    }
    let authority = Authority::create(&issue.spec, key, apply.now)?;
    let pem = authority.certificate().to_pem();
    files.push(public(change, pem.clone()));
    Ok((authority, Some(pem)))
}

fn secret(path: &Path, mut pem: Zeroizing<String>, before: Option<Stamp>) -> Write {
    let bytes = Zeroizing::new(std::mem::take(&mut *pem).into_bytes());
    Write { path: path.to_owned(), bytes, mode: SECRET_MODE, before }
}

fn public(change: &Change, pem: String) -> Write {
    Write {
        path: change.path.clone(),
        bytes: Zeroizing::new(pem.into_bytes()),
        mode: PUBLIC_MODE,
        before: change.seen.map(|seen| seen.stamp),
    }
}

fn read_key(root: &Root, path: &Path, passphrase: Option<&Passphrase>) -> Result<PrivateKey, Cause> {
    let bytes = read(root, path)?;
    let key = StoredKey::parse(&bytes).and_then(|key| key.open(passphrase));
    key.map_err(|error| Cause::Key { path: path.to_owned(), error })
}

fn read_text(root: &Root, path: &Path) -> Result<String, Cause> {
    let bytes = read(root, path)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Cause::Gone(path.to_owned()))
}

fn read(root: &Root, path: &Path) -> Result<Zeroizing<Vec<u8>>, Cause> {
    bytes(root.read(path, FILE_LIMIT)?, path)
}

fn bytes(entry: Entry, path: &Path) -> Result<Zeroizing<Vec<u8>>, Cause> {
    match entry {
        Entry::File(contents) => Ok(contents.bytes),
        Entry::Missing | Entry::Denied | Entry::NotAFile(_) => Err(Cause::Gone(path.to_owned())),
    }
}
