//! What an apply replaces, so that `rollback` can bring it back: `/var/lib/dockseal/previous`, which appears and goes with
//! the other files of the change. It may hold keys of leaves, so that it is for root alone; of a CA it holds none, for a
//! CA's key stays whatever happens.

use std::borrow::Cow;
use std::io;
use std::ops::Deref;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::dockerd::Dockerd;
use super::journal::Heading;
use super::transaction::NewFile;
use super::{Apply, Cause};
use crate::host::{Attributes, Entry, Root};
use crate::manifest::RestartPolicy;
use crate::observed::FILE_LIMIT;
use crate::pki::Fingerprint;
use crate::plan::{After, Change};

/// Where it is kept.
pub const PREVIOUS: &str = "/var/lib/dockseal/previous";
/// For root alone, octal.
pub const PREVIOUS_MODE: u32 = 0o600;
/// The files of ten thousand clients.
pub const LIMIT: usize = 256 << 20;
const FORMAT: &str = "dockseal.previous/1";

/// The way one step back.
#[derive(Serialize, Deserialize)]
pub struct Previous<'a> {
    format: String,
    /// The change that it leads back from.
    pub heading: Heading,
    /// What ran before that change, and how it was taken in.
    pub dockerd: Option<Dockerd>,
    /// Whether dockerd may be restarted even where containers stop.
    pub restarts_always: bool,
    /// In the order of that change.
    pub files: Vec<Exchanged<'a>>,
}

/// One file before and after a change.
#[derive(Serialize, Deserialize)]
pub struct Exchanged<'a> {
    /// Which.
    pub path: Cow<'a, Path>,
    /// What stood there; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Old>,
    /// What stands there since; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<New>,
}

/// A file that was replaced.
#[derive(Serialize, Deserialize)]
pub struct Old {
    /// `None` where they stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Bytes>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A file's bytes, wiped when dropped; Base64 in the text.
pub struct Bytes(Zeroizing<Vec<u8>>);

/// A file that took its place.
#[derive(Serialize, Deserialize)]
pub struct New {
    sha256: String,
    /// Permission bits.
    pub mode: u32,
}

impl<'a> Previous<'a> {
    /// Reads what a plan is about to replace.
    pub fn read(
        apply: &'a Apply<'_>,
        heading: Heading,
        dockerd: Option<Dockerd>,
        new: &[NewFile<'a>],
    ) -> Result<Self, Cause> {
        let layout = &apply.desired.layout;
        // Made once, a CA stays: clients may hold its certificates by now.
        let stays = [layout.ca_certificate(), layout.ca_key()];
        let mut files = Vec::with_capacity(new.len());
        for file in new.iter().filter(|file| file.before.is_some() || !stays.iter().any(|path| path == file.path)) {
            let before = if file.before.is_some() { Some(Old::read(apply.root, file.path)?) } else { None };
            files.push(Exchanged { path: file.path.into(), before, after: Some(New::of(file.bytes, file.mode)) });
        }
        for change in &apply.plan.changes {
            files.extend(exchanged(apply.root, change)?);
        }
        let restarts_always = apply.desired.unit.restart == RestartPolicy::Always;
        Ok(Self { format: FORMAT.to_owned(), heading, dockerd, restarts_always, files })
    }

    /// The file's bytes, in a buffer that never moves: what a growing one leaves behind is not wiped. `None` where no
    /// file changes.
    pub fn to_bytes(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Cause> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let broken = |error: serde_json::Error| Cause::Previous(error.to_string());
        let mut size = Counter(0);
        serde_json::to_writer(&mut size, self).map_err(broken)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size.0));
        serde_json::to_writer(&mut *bytes, self).map_err(broken)?;
        Ok(Some(bytes))
    }

    /// Bytes → the way back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Cause> {
        let previous: Self =
            serde_json::from_slice(bytes).map_err(|error| Cause::Previous(format!("cannot be read: {error}")))?;
        match previous.format.as_str() {
            FORMAT => Ok(previous),
            _ => Err(Cause::Previous("was written by another version of dockseal".to_owned())),
        }
    }
}

/// What a change does that brings no new bytes.
fn exchanged<'a>(root: &Root, change: &'a Change) -> Result<Option<Exchanged<'a>>, Cause> {
    let (path, Some(seen)) = (change.path.as_path(), change.seen) else { return Ok(None) };
    let stays = |mode| -> Result<Option<New>, Cause> {
        let old = read(root, path)?;
        Ok(Some(New::of(&old.0, mode)))
    };
    let (before, after) = match &change.after {
        After::Mode(mode) | After::SameBytes(mode) => (Old::kept(seen), stays(*mode)?),
        After::Gone => (Old::read(root, path)?, None),
        After::Certificate(_) | After::Text { .. } | After::CopyOfCa | After::Service => return Ok(None),
    };
    Ok(Some(Exchanged { path: path.into(), before: Some(before), after }))
}

impl Old {
    fn read(root: &Root, path: &Path) -> Result<Self, Cause> {
        let (bytes, attributes) = read(root, path)?;
        Ok(Self { bytes: Some(Bytes(bytes)), ..Self::kept(attributes) })
    }

    fn kept(attributes: Attributes) -> Self {
        Self { bytes: None, mode: attributes.mode, uid: attributes.uid, gid: attributes.gid }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64_STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64_STANDARD.decode(text.as_bytes()).map(|bytes| Self(Zeroizing::new(bytes))).map_err(D::Error::custom)
    }
}

impl New {
    fn of(bytes: &[u8], mode: u32) -> Self {
        Self { sha256: Fingerprint::of(bytes).to_string(), mode }
    }

    /// Whether that is still what stands there.
    pub fn is(&self, bytes: &[u8], attributes: Attributes) -> bool {
        self.mode == attributes.mode && self.sha256 == Fingerprint::of(bytes).to_string()
    }
}

fn read(root: &Root, path: &Path) -> Result<(Zeroizing<Vec<u8>>, Attributes), Cause> {
    match root.read(path, FILE_LIMIT)? {
        Entry::File(contents) => Ok((contents.bytes, contents.attributes)),
        Entry::Missing | Entry::Denied | Entry::NotAFile(_) => Err(Cause::Gone(path.to_owned())),
    }
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
