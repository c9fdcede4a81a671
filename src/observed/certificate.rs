//! The PEM files under `directory`: certificates, keys, who signed what, which key belongs to which certificate.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use time::OffsetDateTime;

use super::place::{Place, Places, Source, see, see_anywhere};
use super::{ObserveError, Seen};
use crate::desired::{CLIENTS, Desired, DesiredClient, KeySource, Layout};
use crate::host::{Cost, Distrust, Listed, on_all_cores};
use crate::pki::{CertFacts, Certificate, Fingerprint, PublicKey, Request, StoredKey};

/// The CA's files.
#[derive(Debug)]
pub struct ObservedCa {
    /// `ca.pem`: the signing CA first, then whatever else dockerd trusts.
    pub certificate: Seen<Vec<Certificate>>,
    /// `ca-key.pem`
    pub key: Seen<KeyFacts>,
    /// `ca-next-key.pem`, while a CA is being replaced.
    pub next_key: Seen<KeyFacts>,
    /// `ca-old-key.pem`, while a CA is being replaced.
    pub old_key: Seen<KeyFacts>,
}

/// The server's files.
#[derive(Debug)]
pub struct ObservedLeaf {
    /// Its certificate.
    pub certificate: Seen<LeafFacts>,
    /// Its key; `None` where the key does not belong on this host.
    pub key: Option<Seen<KeyFacts>>,
}

/// One client's files.
#[derive(Debug)]
pub struct ObservedClient {
    /// Its name in the manifest.
    pub name: String,
    /// Certificate and key.
    pub leaf: ObservedLeaf,
    /// Its copy of `ca.pem`.
    pub ca: Seen<Vec<Fingerprint>>,
    /// The certificate before its last renewal, where there was one: somebody may still hold it.
    pub old: Option<Box<Seen<LeafFacts>>>,
    /// The key that its request bears. In a box, as most have none.
    pub request: Option<Box<Seen<PublicKey>>>,
}

/// A leaf and whether it is what it says.
#[derive(Clone, Debug)]
pub struct LeafFacts {
    /// What it says.
    pub facts: CertFacts,
    /// Which certificate of `ca.pem` signed it; the first one is the signing CA.
    pub signed_by: Option<usize>,
}

/// What can be said of a key without showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFacts {
    /// Its public half.
    Plain(PublicKey),
    /// Encrypted; nothing more is known without the passphrase, and a plan needs none.
    Encrypted,
}

/// The files of a client that the manifest does not name.
#[derive(Debug)]
pub struct Orphan {
    /// Folder name.
    pub name: String,
    /// Its certificate.
    pub certificate: Seen<LeafFacts>,
    /// Its key: only that it is there.
    pub key: Seen<()>,
    /// Its copy of the CA certificate: only that it is there.
    pub ca: Seen<()>,
    /// The certificate before its last renewal: only that it is there.
    pub old: Seen<()>,
}

/// The certificates and keys of a host.
pub struct Certificates {
    pub ca: ObservedCa,
    pub server: ObservedLeaf,
    #[expect(clippy::vec_box, reason = "as in `Observed`")]
    pub clients: Vec<Box<ObservedClient>>,
    pub orphans: Vec<Orphan>,
}

/// Clients that are read together. Their facts go into boxes of the thread that asked: the memory of the others, which end, is
/// used by nothing else.
const PIECE: usize = 128;

/// Reads them all, on all cores.
pub fn read(source: &Source, desired: &Desired, places: &mut Places) -> Result<Certificates, ObserveError> {
    let layout = &desired.layout;
    let mut near = Near::enter(places, layout.directory())?;
    let mut pem = Vec::new();
    let certificate = see(near.folder_of(&layout.ca_certificate())?, layout.ca_certificate(), |bytes| {
        bytes.clone_into(&mut pem);
        Certificate::parse_all(bytes).map_err(|error| unfit(&error, None))
    })?;
    let ca = ObservedCa {
        certificate,
        key: near.see_key(layout.ca_key())?,
        next_key: near.see_key(layout.ca_next_key())?,
        old_key: near.see_key(layout.ca_old_key())?,
    };
    let trusted = ca.certificate.present().map(Vec::as_slice).unwrap_or_default();
    let original = ca.fingerprints().map(|fingerprints| Original { pem, fingerprints });
    let server = ObservedLeaf {
        certificate: see_leaf(near.folder_of(&layout.server_certificate())?, layout.server_certificate(), trusted)?,
        key: Some(near.see_key(layout.server_key())?),
    };
    let all = near.folder(layout.directory())?.enter(CLIENTS)?;
    places.note(&all);
    let reader = Reader { source, layout, all: &all, trusted, original, barred: Mutex::default() };
    // Before the clients: the names of ten thousand folders are many, and gone again before there is more to hold.
    let strangers = reader.strangers(desired)?;
    let mut clients = Vec::with_capacity(desired.clients.len());
    for piece in desired.clients.chunks(PIECE) {
        let read = on_all_cores(piece, Cost::Small, |client| reader.client(client))?;
        clients.extend(read.into_iter().map(Box::new));
    }
    let mut barred = reader.barred.lock().map(|mut barred| std::mem::take(&mut *barred)).unwrap_or_default();
    barred.sort_by(|a, b| a.path.cmp(&b.path));
    for distrust in &barred {
        places.add(distrust);
    }
    let orphans = reader.orphans(&strangers, places)?;
    Ok(Certificates { ca, server, clients, orphans })
}

/// The folder of the file before: most files stand in one, which is then entered once.
struct Near<'p, 'r> {
    places: &'p mut Places<'r>,
    path: PathBuf,
    place: Place<'r>,
}

impl<'p, 'r> Near<'p, 'r> {
    fn enter(places: &'p mut Places<'r>, folder: &Path) -> Result<Self, ObserveError> {
        let place = places.enter(folder)?;
        Ok(Self { places, path: folder.to_owned(), place })
    }

    fn folder(&mut self, path: &Path) -> Result<&Place<'r>, ObserveError> {
        if self.path != path {
            self.place = self.places.enter(path)?;
            path.clone_into(&mut self.path);
        }
        Ok(&self.place)
    }

    fn folder_of(&mut self, file: &Path) -> Result<&Place<'r>, ObserveError> {
        self.folder(file.parent().unwrap_or(Path::new("/")))
    }

    fn see_key(&mut self, path: PathBuf) -> Result<Seen<KeyFacts>, ObserveError> {
        see_key(self.folder_of(&path)?, path)
    }
}

/// `ca.pem` and what it holds, so that its copies need no parsing.
struct Original {
    pem: Vec<u8>,
    fingerprints: Vec<Fingerprint>,
}

/// What reading a client's files takes.
struct Reader<'a> {
    source: &'a Source<'a>,
    layout: &'a Layout,
    all: &'a Place<'a>,
    trusted: &'a [Certificate],
    original: Option<Original>,
    /// Why folders of clients are not trusted. A place is an open file: of thousands none is kept.
    barred: Mutex<Vec<Distrust>>,
}

impl Reader<'_> {
    fn client(&self, client: &DesiredClient) -> Result<ObservedClient, ObserveError> {
        let (name, layout) = (&client.name, self.layout);
        let place = match layout.own_folder(name) {
            Some(folder) => self.source.enter(folder)?,
            None => self.all.enter(name)?,
        };
        let certificate = see_leaf(&place, layout.client_certificate(name), self.trusted)?;
        let (key, request) = match &client.key {
            KeySource::Host => (Some(see_key(&place, layout.client_key(name))?), None),
            KeySource::Request(path) => (None, Some(see_request(self.source, path)?.into())),
        };
        let ca = see(&place, layout.client_ca(name), |pem| match &self.original {
            Some(original) if original.pem == pem => Ok(original.fingerprints.clone()),
            _ => fingerprints(pem),
        })?;
        let old = see_leaf(&place, layout.client_old_certificate(name), self.trusted)?;
        let old = (!old.is_missing()).then(|| Box::new(old));
        let leaf = ObservedLeaf { certificate, key };
        if let (Some(distrust), Ok(mut barred)) = (place.distrust(), self.barred.lock()) {
            barred.push(distrust.clone());
        }
        Ok(ObservedClient { name: name.clone(), leaf, ca, old, request })
    }

    /// The folders among the clients' that the manifest does not name.
    fn strangers(&self, desired: &Desired) -> Result<Vec<String>, ObserveError> {
        let known: BTreeSet<&str> = desired.clients.iter().map(|client| client.name.as_str()).collect();
        let listed = self.all.list_all()?;
        let names = listed.iter().filter_map(Listed::folder_name);
        let strangers = names.filter(|name| !known.contains(name) && !self.layout.is_taken(name));
        Ok(strangers.map(str::to_owned).collect())
    }

    /// A folder counts as a client's once it holds a certificate or a key: others are none of our business.
    fn orphans(&self, strangers: &[String], places: &mut Places) -> Result<Vec<Orphan>, ObserveError> {
        let layout = self.layout;
        let mut orphans = Vec::new();
        for name in strangers {
            let place = self.all.enter(name)?;
            places.note(&place);
            let certificate = see_leaf(&place, layout.client_certificate(name), self.trusted)?;
            let key = see(&place, layout.client_key(name), |_| Ok(()))?;
            if certificate.is_missing() && key.is_missing() {
                continue;
            }
            let ca = see(&place, layout.client_ca(name), |_| Ok(()))?;
            let old = see(&place, layout.client_old_certificate(name), |_| Ok(()))?;
            orphans.push(Orphan { name: name.clone(), certificate, key, ca, old });
        }
        Ok(orphans)
    }
}

fn see_leaf(place: &Place, path: PathBuf, trusted: &[Certificate]) -> Result<Seen<LeafFacts>, ObserveError> {
    let certificate = see(place, path, |pem| Certificate::parse(pem).map_err(|error| unfit(&error, None)))?;
    Ok(certificate.map(|certificate| {
        let signed_by = trusted.iter().position(|ca| certificate.is_signed_by(ca));
        LeafFacts { facts: certificate.facts, signed_by }
    }))
}

pub(super) fn see_key(place: &Place, path: PathBuf) -> Result<Seen<KeyFacts>, ObserveError> {
    see(place, path, |pem| match StoredKey::parse(pem).map_err(|error| unfit(&error, error.hint()))? {
        StoredKey::Plain(key) => Ok(KeyFacts::Plain(key.public_key().clone())),
        StoredKey::Encrypted(_) => Ok(KeyFacts::Encrypted),
    })
}

fn see_request(source: &Source, path: &Path) -> Result<Seen<PublicKey>, ObserveError> {
    let request = see_anywhere(source, path, |pem| Request::parse(pem).map_err(|error| unfit(&error, error.hint())))?;
    Ok(request.map(|request| request.public_key))
}

fn fingerprints(pem: &[u8]) -> Result<Vec<Fingerprint>, String> {
    let certificates = Certificate::parse_all(pem).map_err(|error| unfit(&error, None))?;
    Ok(certificates.iter().map(|certificate| certificate.facts.fingerprint).collect())
}

/// As the end of a sentence about the file, with what can be done about it.
pub(super) fn unfit(error: &impl Display, hint: Option<&str>) -> String {
    let error = error.to_string();
    let end = error.strip_prefix("it ").map_or_else(|| format!("can't be used: {error}"), str::to_owned);
    hint.map_or(end.clone(), |hint| format!("{end}: {hint}"))
}

impl Certificates {
    /// Those of `ca.pem`.
    pub fn trusted(&self) -> &[Certificate] {
        self.ca.certificate.present().map(Vec::as_slice).unwrap_or_default()
    }
}

impl ObservedCa {
    /// Of every certificate in `ca.pem`.
    pub fn fingerprints(&self) -> Option<Vec<Fingerprint>> {
        Some(self.certificate.present()?.iter().map(|certificate| certificate.facts.fingerprint).collect())
    }
}

impl Orphan {
    /// Until when dockerd would accept its certificate although the file is gone. `None` where it has no readable certificate of this CA.
    pub fn accepted_until(&self) -> Option<OffsetDateTime> {
        let leaf = self.certificate.present()?;
        leaf.signed_by.map(|_| leaf.facts.not_after)
    }
}
