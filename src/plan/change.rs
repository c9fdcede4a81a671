//! One difference between what the host shall be and what it is: which thing, what happens to it, and why.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;

use super::reason::Reason;
use super::resource::Resource;
use crate::observed::{Attributes, Seen, Stamp};
use crate::pki::{CertFacts, CertSpec, Certificate, Fingerprint};

/// One difference.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which thing.
    pub resource: Resource,
    /// What happens to it.
    pub action: Action,
    /// The file; for a service its unit's fragment or name.
    pub path: PathBuf,
    /// Why; never empty.
    pub reasons: Cow<'static, [Reason]>,
    /// What stands there afterwards.
    pub after: After,
    /// The file as it was seen; `None` where there was none. A file that is another by the time of writing stops the apply.
    /// In a box, as first runs have none.
    pub seen: Option<Box<Attributes>>,
}

/// Why most of a first run changes.
const MISSING: &[Reason] = &[Reason::Missing];

impl Change {
    /// Of a file.
    pub fn of<T>(file: &Seen<T>, resource: Resource, action: Action, reasons: Vec<Reason>, after: After) -> Self {
        let reasons = if reasons == MISSING { Cow::Borrowed(MISSING) } else { Cow::Owned(reasons) };
        let seen = file.attributes.map(Box::new);
        Self { resource, action, path: file.path.clone(), reasons, after, seen }
    }

    /// What stood there, for noticing another file.
    pub fn before(&self) -> Option<Stamp> {
        self.seen.as_ref().map(|seen| seen.stamp)
    }
}

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `+` It comes to be.
    Create,
    /// `~` It changes.
    Update,
    /// `±` Another takes its place: a certificate with its key.
    Replace,
    /// `-` It goes.
    Delete,
    /// `!` systemd or dockerd reads its files again.
    Reload,
    /// `!` dockerd stops and starts.
    Restart,
}

/// What stands there afterwards.
#[derive(Clone, Debug)]
pub enum After {
    /// A certificate that fulfils the specification.
    Certificate(Box<Issue>),
    /// A text.
    Text {
        /// The text that was found.
        before: Option<String>,
        /// The text that is written.
        after: String,
    },
    /// A request for a certificate that is signed elsewhere, with a new key.
    Request(Box<NewRequest>),
    /// A certificate that was signed elsewhere, with the key that waited for it.
    HandedIn(Box<Intake>),
    /// Certificates of CAs, the signing one first.
    HandedInCa(Vec<Certificate>),
    /// The CA's certificates that come with the first certificate that a command gives.
    CaOfChain,
    /// `ca.pem` of a CA that is being replaced.
    Bundle(Box<Bundle>),
    /// The bytes of `ca.pem`.
    CopyOfCa,
    /// The key that stands there, byte for byte.
    CopyOfKey(PathBuf),
    /// The same file with this mode, octal.
    Mode(u32),
    /// A file of the expected owner with the same bytes and this mode, octal.
    SameBytes(u32),
    /// Nothing.
    Gone,
    /// A service has read its files again.
    Service,
}

/// A request that shall be made.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What it asks for.
    pub spec: Arc<CertSpec>,
    /// Where its key waits.
    pub key: PathBuf,
    /// The key file that it replaces, as it was seen.
    pub key_seen: Option<Attributes>,
    /// The key that goes on, where the manifest says so; else a new one is made.
    pub reused: Option<PathBuf>,
}

/// A certificate that came back signed.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The leaf.
    pub certificate: Certificate,
    /// What it replaces.
    pub before: Option<Box<CertFacts>>,
    /// `None` where the key does not belong on this host.
    pub key: Option<MovedKey>,
    /// Where what it replaces stays, because somebody holds it and dockerd accepts it still. In a box, as first runs have
    /// none.
    pub keeps_old: Option<Box<OldCopy>>,
}

/// A key that waited and goes to its place.
#[derive(Clone, Debug)]
pub struct MovedKey {
    /// Where it waits.
    pub from: PathBuf,
    /// As it was seen there.
    pub from_seen: Attributes,
    /// Where it goes.
    pub path: PathBuf,
    /// What it replaces there.
    pub seen: Option<Attributes>,
}

/// What `ca.pem` holds afterwards.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// A CA that is made.
    pub new: Option<Issue>,
    /// In order; the first one signs.
    pub parts: Vec<BundlePart>,
}

/// A certificate of `ca.pem`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundlePart {
    /// One that stands there now.
    Found(Fingerprint),
    /// The one that is made.
    New,
}

/// A certificate that shall be issued.
#[derive(Clone, Debug)]
pub struct Issue {
    /// What it shall be.
    pub spec: Arc<CertSpec>,
    /// Whose key it bears.
    pub key: IssueKey,
    /// What it replaces.
    pub before: Option<Box<CertFacts>>,
    /// Where what it replaces stays, because somebody holds it and dockerd accepts it still. In a box, as first runs have
    /// none.
    pub keeps_old: Option<Box<OldCopy>>,
    /// Its end, computed from the plan's `now`.
    pub not_after: OffsetDateTime,
}

/// A copy of a certificate that is replaced.
#[derive(Clone, Debug)]
pub struct OldCopy {
    /// Where it is written.
    pub path: PathBuf,
    /// What stood there.
    pub seen: Option<Attributes>,
    /// Until then dockerd accepts it.
    pub accepted_until: OffsetDateTime,
}

/// The key of a certificate that shall be issued.
#[derive(Clone, Debug)]
pub enum IssueKey {
    /// A new one, written to this path.
    New {
        /// Where it is stored.
        path: PathBuf,
        /// The key file that it replaces, as it was seen. In a box, as first runs have none.
        seen: Option<Box<Attributes>>,
    },
    /// The one at this path stays.
    Kept(PathBuf),
    /// The one in this PKCS#10 request.
    Request(PathBuf),
}

impl IssueKey {
    /// A new one in place of what was seen.
    pub fn new_in<T>(file: &Seen<T>) -> Self {
        Self::New { path: file.path.clone(), seen: file.attributes.map(Box::new) }
    }
}
