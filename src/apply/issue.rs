//! Keys and certificates that a plan asks for, made on all cores. The CA is opened or made before anything is written; the
//! leaves come piece by piece.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::key::{Bearer, ca_key_pem, read, read_key};
use super::transaction::PUBLIC_MODE;
use super::write::Write;
use super::{Apply, Cause, passphrase, request, rotate, signer};
use crate::host::{Cost, on_all_cores, on_all_cores_and};
use crate::manifest;
use crate::observed::Authorities;
use crate::pki::{Authority, Certificate, KeyAlgorithm, Passphrase, PrivateKey, Role};
use crate::plan::{After, Change, Issue, IssueKey, OldCopy};

/// Keys that are made at a time: of ten thousand clients, not all are held in memory to the end.
const PIECE: usize = 128;

/// What signs the certificates of a plan, opened or made.
pub struct Issuer {
    /// The CA, where something is signed.
    pub authority: Option<Authority>,
    /// A CA that is trusted beside it, while one is replaced.
    pub also: Option<Authority>,
    /// A CA that this change takes out.
    pub retired: Option<Authority>,
    /// What `ca.pem` holds afterwards; `None` where nobody needs it.
    pub ca_pem: Option<String>,
    /// The files of a CA that was made or replaced.
    pub ca_files: Vec<Write>,
    /// Keys and certificates that somebody else has signed already.
    ready: Vec<Write>,
    /// Keys of the first leaves, which were made beside the CA's.
    first: Vec<Bearer>,
    made: AtomicUsize,
}

/// Where what is issued goes.
pub trait Taker {
    /// Makes room for certificates at these places: they are being made.
    fn make_room<'p>(&mut self, places: impl Iterator<Item = &'p Path>) -> Result<(), Cause>;
    /// Takes files.
    fn take(&mut self, files: Vec<Write>) -> Result<(), Cause>;
}

impl Issuer {
    /// Opens the CA, or makes it: whatever can fail for want of it fails here, before anything is written.
    pub fn open(apply: &Apply) -> Result<Self, Cause> {
        let mut jobs = jobs(apply);
        let copies = apply.plan.changes.iter().any(|change| matches!(change.after, After::CopyOfCa));
        let made = AtomicUsize::new(0);
        let mut issuer = Self {
            authority: None,
            also: None,
            retired: None,
            ca_pem: None,
            ca_files: Vec::new(),
            ready: Vec::new(),
            first: Vec::new(),
            made,
        };
        if let manifest::Issuer::Command(command) = &apply.desired.ca.issuer {
            let chain = signer::sign(apply, command)?;
            issuer.ready = chain.leaves;
            (issuer.ca_files, issuer.ca_pem) = match chain.ca {
                Some((file, pem)) => (vec![file], Some(pem)),
                None => (Vec::new(), copies.then(|| read_ca(apply)).transpose()?),
            };
            return Ok(issuer);
        }
        if let Some(bundle) = request::bundle(apply) {
            issuer.ca_pem = Some(bundle);
            return Ok(issuer);
        }
        let bundle = rotate::bundle(&apply.plan.changes);
        if jobs.is_empty() && bundle.is_none() {
            issuer.ca_pem = copies.then(|| read_ca(apply)).transpose()?;
            return Ok(issuer);
        }
        // Before the keys: a wrong passphrase should not cost a minute of RSA.
        let source = apply.desired.ca.passphrase.as_ref();
        let passphrase = source.map(|source| passphrase::read(apply.root, source)).transpose()?;
        if let Some((change, bundle)) = bundle {
            let rotating = rotate::open(apply, change, bundle, passphrase.as_ref())?;
            (issuer.authority, issuer.also, issuer.retired) = (rotating.signing, rotating.also, rotating.retired);
            (issuer.ca_pem, issuer.ca_files) = (Some(rotating.pem), rotating.files);
            return Ok(issuer);
        }
        let ca = jobs.iter().position(|(_, issue)| issue.spec.role == Role::Ca).map(|ca| jobs.remove(ca));
        let Some((change, issue)) = ca else {
            issuer.authority = Some(open_authority(apply, passphrase.as_ref())?);
            issuer.ca_pem = copies.then(|| read_ca(apply)).transpose()?;
            return Ok(issuer);
        };
        // No core waits for the CA's key.
        jobs.truncate(PIECE);
        jobs.insert(0, (change, issue));
        let mut bearers = issuer.make_keys(apply, &jobs, passphrase.as_ref())?.into_iter();
        let Some(Bearer::Ca(key)) = bearers.next() else { return Err(Cause::Gone(change.path.clone())) };
        issuer.first = bearers.collect();
        issuer.create_authority(apply, (change, issue), key, passphrase.as_ref())?;
        Ok(issuer)
    }

    /// Who can be asked to bear witness to the change.
    pub fn authorities(&self) -> Authorities<'_> {
        Authorities { signing: self.authority.as_ref(), also: self.also.as_ref(), retired: self.retired.as_ref() }
    }

    /// Makes the keys and certificates of all leaves, and gives them away piece by piece, each key before the certificate
    /// that bears it.
    pub fn issue(&mut self, apply: &Apply, taker: &mut impl Taker) -> Result<(), Cause> {
        if !self.ready.is_empty() {
            return taker.take(std::mem::take(&mut self.ready));
        }
        let leaves: Vec<_> = jobs(apply).into_iter().filter(|(_, issue)| issue.spec.role != Role::Ca).collect();
        let (mut rest, mut bearers) = (leaves.as_slice(), std::mem::take(&mut self.first));
        while !rest.is_empty() {
            if bearers.is_empty() {
                bearers = self.make_keys(apply, &rest[..rest.len().min(PIECE)], None)?;
            }
            let (piece, others) = rest.split_at(bearers.len());
            let make_room = || taker.make_room(piece.iter().map(|(change, _)| change.path.as_path()));
            let (signed, made) = self.sign(apply, piece, std::mem::take(&mut bearers), make_room);
            made?;
            taker.take(signed?)?;
            rest = others;
        }
        Ok(())
    }

    fn make_keys(
        &self,
        apply: &Apply,
        jobs: &[Job<'_>],
        passphrase: Option<&Passphrase>,
    ) -> Result<Vec<Bearer>, Cause> {
        let all = apply.plan.changes.iter().filter_map(as_issue).count();
        let cost = if jobs.iter().any(|(_, issue)| issue.spec.key.is_rsa()) { Cost::Large } else { Cost::Small };
        on_all_cores(jobs, cost, |(_, issue)| {
            let bearer = Bearer::of(apply.root, issue, passphrase);
            (apply.progress)(self.made.fetch_add(1, Ordering::Relaxed) + 1, all);
            bearer
        })
    }

    fn sign<A>(
        &self,
        apply: &Apply,
        jobs: &[Job<'_>],
        bearers: Vec<Bearer>,
        also: impl FnOnce() -> A,
    ) -> (Result<Vec<Write>, Cause>, A) {
        let Some(authority) = &self.authority else { return (Ok(Vec::new()), also()) };
        let pairs: Vec<_> = jobs.iter().zip(bearers).collect();
        let signs_with_rsa = authority.certificate().facts.public_key.algorithm.is_none_or(KeyAlgorithm::is_rsa);
        let cost = if signs_with_rsa { Cost::Large } else { Cost::Small };
        let sign = |((_, issue), bearer): &(&Job<'_>, Bearer)| {
            Ok::<_, Cause>(authority.issue(&issue.spec, bearer.public_key(), apply.now)?.to_pem())
        };
        let (certificates, also) = on_all_cores_and(&pairs, cost, sign, also);
        (certificates.and_then(|certificates| files(apply, pairs, certificates)), also)
    }

    fn create_authority(
        &mut self,
        apply: &Apply,
        (change, issue): Job<'_>,
        key: PrivateKey,
        passphrase: Option<&Passphrase>,
    ) -> Result<(), Cause> {
        if let IssueKey::New { path, seen } = &issue.key {
            let pem = ca_key_pem(&key, passphrase)?;
            self.ca_files.push(Write::secret(path, pem, seen.as_ref().map(|seen| seen.stamp)));
        }
        let authority = Authority::create(&issue.spec, key, apply.now)?;
        let pem = authority.certificate().to_pem();
        self.ca_files.push(Write::public(change, pem.clone()));
        self.authority = Some(authority);
        self.ca_pem = Some(pem);
        Ok(())
    }
}

/// The files of signed pairs.
fn files(apply: &Apply, pairs: Vec<(&Job<'_>, Bearer)>, certificates: Vec<String>) -> Result<Vec<Write>, Cause> {
    let mut files = Vec::with_capacity(2 * pairs.len());
    for (((change, issue), bearer), certificate) in pairs.into_iter().zip(certificates) {
        if let (Bearer::Made { pem, .. }, IssueKey::New { path, seen }) = (bearer, &issue.key) {
            files.push(Write::secret(path, pem, seen.as_ref().map(|seen| seen.stamp)));
        }
        files.extend(old_copy(apply, change, issue.keeps_old.as_deref())?);
        files.push(Write::public(change, certificate));
    }
    Ok(files)
}

/// One certificate that a plan asks for.
type Job<'a> = (&'a Change, &'a Issue);

fn jobs<'a>(apply: &'a Apply) -> Vec<Job<'a>> {
    apply.plan.changes.iter().filter_map(as_issue).collect()
}

fn as_issue(change: &Change) -> Option<(&Change, &Issue)> {
    match &change.after {
        After::Certificate(issue) => Some((change, issue)),
        _ => None,
    }
}

/// The CA of `ca.pem`.
fn open_authority(apply: &Apply, passphrase: Option<&Passphrase>) -> Result<Authority, Cause> {
    let path = apply.desired.layout.ca_certificate();
    let pem = read_ca(apply)?;
    let certificate = Certificate::parse(pem.as_bytes()).map_err(|error| Cause::Parse { path, error })?;
    let key = read_key(apply.root, &apply.desired.layout.ca_key(), passphrase)?;
    Ok(Authority::open(certificate, key)?)
}

/// The certificate that a change replaces, where it stays beside the new one.
pub fn old_copy(apply: &Apply, change: &Change, keeps: Option<&OldCopy>) -> Result<Option<Write>, Cause> {
    let Some(old) = keeps else { return Ok(None) };
    let bytes = read(apply.root, &change.path)?;
    let before = old.seen.map(|seen| seen.stamp);
    Ok(Some(Write { path: old.path.clone(), bytes, mode: PUBLIC_MODE, before }))
}

/// Makes a CA of its own beside those that are there.
pub fn new_ca(
    apply: &Apply,
    issue: &Issue,
    passphrase: Option<&Passphrase>,
    files: &mut Vec<Write>,
) -> Result<Authority, Cause> {
    let key = match &issue.key {
        IssueKey::New { path, seen } => {
            let key = PrivateKey::generate(issue.spec.key)?;
            files.push(Write::secret(path, ca_key_pem(&key, passphrase)?, seen.as_ref().map(|seen| seen.stamp)));
            key
        }
        IssueKey::Kept(path) | IssueKey::Request(path) => read_key(apply.root, path, passphrase)?,
    };
    Ok(Authority::create(&issue.spec, key, apply.now)?)
}

/// What `ca.pem` holds.
fn read_ca(apply: &Apply) -> Result<String, Cause> {
    let path = apply.desired.layout.ca_certificate();
    let bytes = read(apply.root, &path)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| Cause::Gone(path))
}
