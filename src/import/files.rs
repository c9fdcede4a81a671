//! Files of the host, read by the trusted way as a plan would read them. What bars a file is a remark, not the end.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use crate::host::{Entry, FileError, FileKind, Place, Root};
use crate::observed::FILE_LIMIT;
use crate::pki::{Certificate, StoredKey};
use crate::visible::one_line;

/// Links followed before one is taken for a circle.
const MOST_LINKS: usize = 8;
/// Entries of one folder that are looked at.
const MOST_ENTRIES: usize = 1000;

/// A root and what was noticed while reading it.
pub struct Files<'r> {
    /// The root.
    pub root: &'r Root,
    /// Sentences for a person, each once.
    pub remarks: Vec<String>,
    seen: BTreeSet<String>,
}

/// A key file, as far as it can be known without a passphrase.
pub enum FoundKey {
    /// Plain: DER of its public half.
    Plain(Vec<u8>),
    /// Encrypted in a way that can be unlocked.
    Encrypted,
    /// There, but no key that can be used; why.
    Unusable(String),
}

impl<'r> Files<'r> {
    /// Nothing read yet.
    pub fn new(root: &'r Root) -> Self {
        Self { root, remarks: Vec::new(), seen: BTreeSet::new() }
    }

    /// Takes a remark down.
    pub fn remark(&mut self, text: impl Into<String>) {
        let text = one_line(&text.into());
        if self.seen.insert(text.clone()) {
            self.remarks.push(text);
        }
    }

    /// The path that a chain of symlinks at its end leads to: an apply replaces files, and no links.
    pub fn follow(&mut self, path: &Path) -> PathBuf {
        let mut at = path.to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(Some(target)) = self.root.read_link(&at) else { break };
            at = plain(&at.parent().unwrap_or(Path::new("/")).join(target));
        }
        if at != path {
            self.remark(format!("{} is a link to {}, which is named instead", path.display(), at.display()));
        }
        at
    }

    /// The bytes of a regular file, if it may be read.
    pub fn read(&mut self, path: &Path) -> Option<Zeroizing<Vec<u8>>> {
        match self.root.read(path, FILE_LIMIT) {
            Ok(Entry::File(contents)) => return Some(contents.bytes),
            Ok(Entry::Missing) => {}
            Ok(Entry::Denied) => self.remark(format!("{} may not be read: run as root", path.display())),
            Ok(Entry::NotAFile(kind)) => self.remark(format!("{} is {kind}, not a regular file", path.display())),
            Err(error) => self.bar(&error),
        }
        None
    }

    /// A text that only describes the host, by the system's own way.
    pub fn text(&mut self, path: &Path) -> Option<String> {
        match self.root.read_anywhere(path, FILE_LIMIT) {
            Ok(Entry::File(contents)) => String::from_utf8(contents.bytes.to_vec()).ok(),
            Ok(Entry::Denied) => {
                self.remark(format!("{} may not be read: run as root", path.display()));
                None
            }
            Ok(Entry::Missing | Entry::NotAFile(_)) | Err(_) => None,
        }
    }

    /// All certificates of a file; `None` where it is missing or holds none.
    pub fn certificates(&mut self, path: &Path) -> Option<Vec<Certificate>> {
        let bytes = self.read(path)?;
        match Certificate::parse_all(&bytes) {
            Ok(all) => Some(all),
            Err(error) => {
                self.remark(format!("{}: {error}", path.display()));
                None
            }
        }
    }

    /// The first certificate of a file that may hold anything.
    pub fn certificate_if_any(&mut self, path: &Path) -> Option<Certificate> {
        Certificate::parse(&self.read(path)?).ok()
    }

    /// The key of a file; `None` where it is missing.
    pub fn key(&mut self, path: &Path) -> Option<FoundKey> {
        let bytes = self.read(path)?;
        Some(match StoredKey::parse(&bytes) {
            Ok(StoredKey::Plain(key)) => FoundKey::Plain(key.public_key().spki.clone()),
            Ok(StoredKey::Encrypted(_)) => FoundKey::Encrypted,
            Err(error) => {
                let hint = error.hint().map_or(String::new(), |hint| format!("; {hint}"));
                FoundKey::Unusable(format!("{error}{hint}"))
            }
        })
    }

    /// The regular files of a folder.
    pub fn files_in(&mut self, folder: &Path) -> Vec<PathBuf> {
        self.list(folder, FileKind::File)
    }

    /// The folders of a folder.
    pub fn folders_in(&mut self, folder: &Path) -> Vec<PathBuf> {
        self.list(folder, FileKind::Folder)
    }

    fn list(&mut self, folder: &Path, kind: FileKind) -> Vec<PathBuf> {
        let listed = match self.root.enter(folder) {
            Ok(Place::Open(open)) => open.list(),
            Ok(Place::Distrusted(distrust)) => {
                self.remark(format!(
                    "{} could be changed by others, so nothing behind it was read",
                    distrust.path.display()
                ));
                return Vec::new();
            }
            Ok(Place::Denied) => {
                self.remark(format!("{} may not be entered: run as root", folder.display()));
                return Vec::new();
            }
            Ok(Place::Missing) => return Vec::new(),
            Err(error) => Err(error),
        };
        match listed {
            Ok(listed) => {
                let meant = listed.into_iter().filter(|entry| entry.kind == kind);
                meant.take(MOST_ENTRIES).map(|entry| folder.join(entry.name)).collect()
            }
            Err(error) => {
                self.bar(&error);
                Vec::new()
            }
        }
    }

    fn bar(&mut self, error: &FileError) {
        let hint = error.hint().map_or(String::new(), |hint| format!("; {hint}"));
        self.remark(format!("{error}{hint}"));
    }
}

/// An absolute path without `.`, `..` and doubled slashes; systemd starts dockerd in `/`.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => {
                plain.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    plain
}
