//! What an apply replaces, so that `rollback` can bring it back: `/var/lib/dockseal/previous`, which appears and goes with
//! the other files of the change. It may hold keys of leaves, so that it is for root alone; of a CA it holds none, for a
//! CA's key stays whatever happens.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::dockerd::Dockerd;
use super::journal::Heading;
use super::transaction::Transaction;
use super::{Apply, Cause, request, rotate};
use crate::host::{Attributes, Entry, FileError, Growing, NewFile, Root};
use crate::manifest::RestartPolicy;
use crate::observed::FILE_LIMIT;
use crate::pki::Fingerprint;
use crate::plan::{After, Change};

/// Where it is kept.
pub const PREVIOUS: &str = "/var/lib/dockseal/previous";
/// For root alone, octal.
const PREVIOUS_MODE: u32 = 0o600;
/// The files of ten thousand clients.
pub const LIMIT: usize = 256 << 20;
const FORMAT: &str = "dockseal.previous/1";

/// The way one step back.
pub struct Previous {
    /// Whose change it leads back from, and what that took.
    pub header: Header,
    /// In the order of that change.
    pub files: Vec<Exchanged<'static>>,
}

/// The first line; each further one is a file.
#[derive(Serialize, Deserialize)]
pub struct Header {
    format: String,
    /// The change that it leads back from.
    pub heading: Heading,
    /// What ran before that change, and how it was taken in.
    pub dockerd: Option<Dockerd>,
    /// Whether dockerd may be restarted even where containers stop.
    pub restarts_always: bool,
    /// It was a step of the CA's replacement, from which no way leads back: clients may have followed it by now.
    #[serde(default)]
    pub replaced_ca: bool,
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

/// The record of a change that is being staged.
pub struct Recording<'a> {
    file: Growing,
    root: &'a Root,
    /// Made once, a CA stays: clients may hold its certificates by now.
    stays: [PathBuf; 2],
    /// Nothing more is recorded: keys of a CA would be.
    is_over: bool,
}

impl<'a> Recording<'a> {
    /// Begins it, among the files of the change.
    pub fn begin(
        apply: &Apply<'a>,
        heading: Heading,
        dockerd: Option<Dockerd>,
        files: &mut Transaction<'_>,
    ) -> Result<Self, Cause> {
        let path = Path::new(PREVIOUS);
        let before = apply.root.look(path)?.map(|(_, found)| found.stamp);
        let file = files.grow(path, PREVIOUS_MODE, before)?;
        let layout = &apply.desired.layout;
        let is_over = rotate::bundle(&apply.plan.changes).is_some() || request::replaces_ca(apply);
        let mut recording = Self { file, root: apply.root, stays: [layout.ca_certificate(), layout.ca_key()], is_over };
        let restarts_always = apply.desired.unit.restart == RestartPolicy::Always;
        let replaced_ca = recording.is_over;
        recording.line(&Header { format: FORMAT.to_owned(), heading, dockerd, restarts_always, replaced_ca })?;
        Ok(recording)
    }

    /// Files that are about to appear.
    pub fn add(&mut self, new: &[NewFile<'_>]) -> Result<(), Cause> {
        let new = if self.is_over { &[] } else { new };
        for file in new {
            let before = match file.before {
                Some(_) => Some(Old::read(self.root, file.path)?),
                None if self.stays.iter().any(|path| path == file.path) => continue,
                None => None,
            };
            let after = Some(New::of(file.bytes, file.mode));
            self.line(&Exchanged { path: file.path.into(), before, after })?;
        }
        Ok(())
    }

    /// What changes bring no new bytes.
    pub fn add_others(&mut self, changes: &[Change]) -> Result<(), Cause> {
        let changes = if self.is_over { &[] } else { changes };
        for change in changes {
            if let Some(exchanged) = exchanged(self.root, change)? {
                self.line(&exchanged)?;
            }
        }
        Ok(())
    }

    /// It is whole.
    pub fn finish(self) -> Result<(), FileError> {
        self.file.finish()
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), FileError> {
        let written = serde_json::to_writer(&mut self.file, line).map_err(io::Error::from);
        written.and_then(|()| self.file.write_all(b"\n")).map_err(|error| self.file.failed(&error))
    }
}

impl Previous {
    /// Bytes → the way back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Cause> {
        // serde's own words would quote what stands there, which may be a key.
        let unreadable = |_: serde_json::Error| Cause::Previous("cannot be read".to_owned());
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header: Header = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(unreadable)?;
        if header.format != FORMAT {
            return Err(Cause::Previous("was written by another version of dockseal".to_owned()));
        }
        let files = lines.map(serde_json::from_slice).collect::<Result<_, _>>().map_err(unreadable)?;
        Ok(Self { header, files })
    }
}

/// What a change does that brings no new bytes.
fn exchanged<'a>(root: &Root, change: &'a Change) -> Result<Option<Exchanged<'a>>, Cause> {
    let (path, Some(seen)) = (change.path.as_path(), change.seen.as_deref()) else { return Ok(None) };
    let stays = |mode| -> Result<Option<New>, Cause> {
        let old = read(root, path)?;
        Ok(Some(New::of(&old.0, mode)))
    };
    let (before, after) = match &change.after {
        After::Mode(mode) | After::SameBytes(mode) => (Old::kept(*seen), stays(*mode)?),
        After::Gone => (Old::read(root, path)?, None),
        After::Certificate(_)
        | After::Request(_)
        | After::HandedIn(_)
        | After::HandedInCa(_)
        | After::CaOfChain
        | After::Bundle(_)
        | After::CopyOfKey(_)
        | After::Text { .. }
        | After::CopyOfCa
        | After::Service => return Ok(None),
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
