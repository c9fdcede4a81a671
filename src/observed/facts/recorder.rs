//! Observing a host for facts: everything that is looked at on the way is taken down, by the same reading that a plan on
//! the host does.
//!
//! What a later manifest may ask is looked at too: each folder of a client as if the manifest named it, what waits for a
//! signature as if certificates were signed elsewhere, and what runs, whether or not a restart is due.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::{
    Entries, EntryFacts, FORMAT, FileFacts, FileFound, FileRole, FolderFacts, FolderFound, Held, HostFacts, UnitFacts,
    UnitFileFacts, UnitFileFound, moment, trials,
};
use crate::desired::{CLIENTS, Desired, DesiredClient, KeySource};
use crate::host::{Listed, Place, Root, effective_user};
use crate::manifest::{ClientName, Issuer};
use crate::observed::place::{Places, Source};
use crate::observed::unit::{UnitError, UnitFile, redacted};
use crate::observed::{Files, Found, ObserveError, Seen, program, request, service};

/// What is looked at, taken down.
#[derive(Default)]
pub struct Recorder(Mutex<Record>);

#[derive(Default)]
struct Record {
    folders: BTreeMap<PathBuf, FolderFacts>,
    files: BTreeMap<(PathBuf, FileRole), FileFacts>,
    unit: Vec<(PathBuf, Result<UnitFile, UnitError>)>,
    environment: Vec<(PathBuf, Result<UnitFile, UnitError>)>,
}

/// When it is observed, and what a file can't tell.
pub struct Occasion {
    /// The time.
    pub now: OffsetDateTime,
    /// Whether an interrupted run left its journal.
    pub interrupted: bool,
}

impl Recorder {
    /// Observes.
    pub fn observe(root: &Root, desired: &Desired, occasion: &Occasion) -> Result<HostFacts, ObserveError> {
        let recorder = Self::default();
        let source = Source::Recorded(root, &recorder);
        let (narrow, _) = Files::read(&source, desired)?;
        let wide = widened(desired, &mut Places::new(source))?;
        let (_, certificates) = Files::read(&source, &wide)?;
        // Keys of the callers may be behind what is not trusted.
        let is_trusted = narrow.distrusted.is_empty();
        let systemd = service::read(root, &desired.unit.name)?;
        let runs = matches!(&systemd, service::Systemd::Asked(service) if service.is_active());
        let served =
            if runs && is_trusted { trials::ask(root, &wide, &certificates, occasion.now)? } else { Vec::new() };
        let record = recorder.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (files, unit) = (record.files(), record.unit(&desired.unit.name));
        Ok(HostFacts {
            format: FORMAT.to_owned(),
            dockseal: env!("CARGO_PKG_VERSION").to_owned(),
            host: desired.host.clone(),
            observed_at: moment(occasion.now),
            by_root: effective_user() == 0,
            root: root.place(Path::new("/")),
            owner: root.owner(),
            program: program::read(root),
            interrupted: occasion.interrupted,
            folders: record.folders.into_values().collect(),
            files,
            unit,
            systemd,
            served,
            containers: runs.then(service::containers),
        })
    }

    /// A folder, and why it can't be entered.
    pub fn enter(&self, path: &Path, place: &Place) {
        let found = match place {
            Place::Open(_) => FolderFound::Open,
            Place::Missing => FolderFound::Missing,
            Place::Denied => FolderFound::Denied,
            Place::Distrusted(distrust) => FolderFound::Distrusted(distrust.clone()),
        };
        let facts = FolderFacts { path: path.to_owned(), found, entries: Entries::Unasked };
        self.lock().folders.entry(path.to_owned()).or_insert(facts);
    }

    /// What a folder holds. A name that is no text is no client's.
    pub fn list(&self, path: &Path, listed: Option<&[Listed]>) {
        let entry = |listed: &Listed| Some(EntryFacts { name: listed.name.to_str()?.to_owned(), kind: listed.kind });
        if let Some(folder) = self.lock().folders.get_mut(path) {
            folder.entries =
                listed.map_or(Entries::Denied, |listed| Entries::Listed(listed.iter().filter_map(entry).collect()));
        }
    }

    /// A file.
    pub fn see<T: Held>(&self, seen: &Seen<T>) {
        let found = match &seen.found {
            Found::Missing => FileFound::Missing,
            Found::Denied => FileFound::Denied,
            // Its folder tells.
            Found::Distrusted => return,
            Found::Unusable(why) => FileFound::Unusable(why.clone()),
            Found::Present(value) => value.hold(),
        };
        let attributes = seen.attributes.map(Into::into);
        let facts = FileFacts { path: seen.path.clone(), role: T::ROLE, attributes, found };
        self.lock().files.insert((seen.path.clone(), T::ROLE), facts);
    }

    /// A file that systemd reads as a part of the unit, or as one that the unit names.
    pub fn unit_file(&self, path: &Path, read: &Result<Option<UnitFile>, UnitError>, is_environment: bool) {
        let Some(read) = read.clone().transpose() else { return };
        let mut record = self.lock();
        let list = if is_environment { &mut record.environment } else { &mut record.unit };
        if !list.iter().any(|(other, _)| other == path) {
            list.push((path.to_owned(), read));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// That a file is there need not be said beside what it is.
    fn files(&self) -> Vec<FileFacts> {
        let known: BTreeSet<&Path> =
            self.files.keys().filter(|(_, role)| *role != FileRole::Any).map(|(path, _)| path.as_path()).collect();
        let files = self.files.values();
        files.filter(|file| file.role != FileRole::Any || !known.contains(file.path.as_path())).cloned().collect()
    }

    fn unit(&self, name: &str) -> UnitFacts {
        let texts = || self.unit.iter().filter_map(|(_, read)| read.as_ref().ok());
        let used = redacted::variables(texts());
        let write = |(path, read): &(PathBuf, _), redact: fn(&UnitFile, &BTreeSet<String>) -> String| UnitFileFacts {
            path: path.clone(),
            found: match read {
                Ok(file) => UnitFileFound::Text(redact(file, &used)),
                Err(UnitError::NotUtf8(origin)) => UnitFileFound::NotUtf8(origin.line),
                Err(UnitError::Denied(_)) => UnitFileFound::Denied,
                Err(_) => UnitFileFound::TooLarge,
            },
        };
        UnitFacts {
            name: name.to_owned(),
            files: self.unit.iter().map(|file| write(file, redacted::unit)).collect(),
            environment: self.environment.iter().map(|file| write(file, redacted::environment)).collect(),
        }
    }
}

/// The same host as a manifest would see it that names every client whose files are there, with keys on the host, and has
/// its certificates signed elsewhere.
fn widened(desired: &Desired, places: &mut Places) -> Result<Desired, ObserveError> {
    let layout = &desired.layout;
    let mut wide = desired.clone();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let all = places.enter(layout.directory())?.enter(CLIENTS)?;
    let listed = all.list()?.into_iter().flatten();
    names.extend(listed.filter_map(|entry| entry.name.into_string().ok()));
    let listed = places.enter(&layout.requests())?.list()?.unwrap_or_default();
    names.extend(listed.iter().filter_map(|entry| request::client_of(&entry.name)).map(str::to_owned));
    let wanted: BTreeSet<&str> = desired.clients.iter().map(|client| client.name.as_str()).collect();
    let others = names.iter().filter(|name| !wanted.contains(name.as_str()) && ClientName::parse(name).is_ok());
    // Of its certificate nothing is asked here.
    let client =
        |name: &String| DesiredClient { name: name.clone(), spec: desired.server.clone(), key: KeySource::Host };
    let others: Vec<DesiredClient> = others.map(client).collect();
    wide.clients.iter_mut().for_each(|client| client.key = KeySource::Host);
    wide.clients.extend(others);
    wide.ca.issuer = Issuer::External;
    Ok(wide)
}
