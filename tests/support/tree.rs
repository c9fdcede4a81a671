//! A folder as a value. Two looks are equal only where nothing was written between them: bytes, modes, inodes, link
//! targets and the times of the last write and of the last change all count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

/// Everything below a folder, by its path there.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, Node>);

/// One file, folder or symlink.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    /// `st_mode`, type included.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Of a file its bytes, of a symlink its target.
    pub bytes: Vec<u8>,
    /// Inode, last write and last change.
    pub stamp: (u64, (i64, i64), (i64, i64)),
}

impl Tree {
    /// Looks, following no symlink. The log of changes, which tells of those that were put back too, is left out with its
    /// folder: `tests/log.rs` reads it.
    pub fn read(folder: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        tree.add(folder, String::new());
        tree.0.remove("var/log/dockseal.jsonl");
        for path in ["var/log", "var"] {
            if !tree.0.keys().any(|other| other.starts_with(&format!("{path}/"))) {
                tree.0.remove(path);
            }
        }
        tree
    }

    fn add(&mut self, path: &Path, name: String) {
        let found = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let bytes = match found.file_type() {
            kind if kind.is_file() => fs::read(path).unwrap(),
            kind if kind.is_symlink() => fs::read_link(path).unwrap().into_os_string().into_encoded_bytes(),
            _ => Vec::new(),
        };
        let times = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        if found.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let below = entry.file_name().into_string().unwrap();
                self.add(&entry.path(), if name.is_empty() { below } else { format!("{name}/{below}") });
            }
        }
        let owner = (found.uid(), found.gid());
        self.0.insert(name, Node { mode: found.mode(), owner, bytes, stamp: (found.ino(), times.0, times.1) });
    }

    /// Without the folders that were not there before and hold no file.
    pub fn without_empty_folders_since(&self, before: &Self) -> Self {
        let holds_a_file = |folder: &str| {
            let inside = format!("{folder}/");
            self.0.iter().any(|(path, node)| path.starts_with(&inside) && !node.is_folder())
        };
        let stays = |path: &str, node: &Node| !node.is_folder() || before.0.contains_key(path) || holds_a_file(path);
        let kept = self.0.iter().filter(|(path, node)| stays(path, node));
        Self(kept.map(|(path, node)| (path.clone(), node.clone())).collect())
    }

    /// What differs, a line for each path.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        self.differences_but(other, |_, a, b| a.bytes == b.bytes, |a, b| a.stamp == b.stamp)
    }

    /// What is not as it was, a line for each path: a file that was moved away and back is, and so is a folder in which
    /// something came and went.
    pub fn not_put_back(&self, other: &Self) -> Vec<String> {
        let same_file = |a: &Node, b: &Node| a.stamp.0 == b.stamp.0 && (a.is_folder() || a.stamp.1 == b.stamp.1);
        self.differences_but(other, |_, a, b| a.bytes == b.bytes, same_file)
    }

    /// What has another mode or owner, or other bytes where these matter, a line for each path.
    pub fn unlike(&self, other: &Self, bytes_matter: impl Fn(&str) -> bool) -> Vec<String> {
        self.differences_but(other, |path, a, b| !bytes_matter(path) || a.bytes == b.bytes, |_, _| true)
    }

    fn differences_but(
        &self,
        other: &Self,
        same_bytes: impl Fn(&str, &Node, &Node) -> bool,
        same_stamp: impl Fn(&Node, &Node) -> bool,
    ) -> Vec<String> {
        let paths: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let line = |path: &String| match (self.0.get(path), other.0.get(path)) {
            (Some(_), None) => Some(format!("{path} is gone")),
            (None, Some(_)) => Some(format!("{path} is new")),
            (Some(a), Some(b)) if !same_bytes(path, a, b) => Some(format!("{path} has other bytes")),
            (Some(a), Some(b)) if a.mode != b.mode => Some(format!("{path} has mode {:o}, not {:o}", b.mode, a.mode)),
            (Some(a), Some(b)) if a.owner != b.owner => Some(format!("{path} belongs to {:?}", b.owner)),
            (Some(a), Some(b)) if !same_stamp(a, b) => Some(format!("{path} was touched")),
            _ => None,
        };
        paths.into_iter().filter_map(line).collect()
    }

    /// Fails with what differs, where anything does.
    #[track_caller]
    pub fn assert_untouched(&self, folder: &Path) {
        let differences = self.differences(&Self::read(folder));
        assert!(differences.is_empty(), "{differences:#?}");
    }

    /// The regular files whose names satisfy `is_meant`.
    pub fn files(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = (&String, &Node)> {
        self.0.iter().filter(move |(path, node)| node.is_file() && is_meant(path))
    }
}

impl Node {
    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(path, node)| (path, format!("{:o}", node.mode)))).finish()
    }
}

/// Copies what is below `from` over `to`. Folders get 0755, keys 0600, other files 0644, whatever the checkout's umask
/// made of them.
pub fn lay_over(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            lay_over(&source, &target);
            continue;
        }
        if fs::symlink_metadata(&target).is_ok() {
            fs::remove_file(&target).unwrap();
        }
        if entry.file_type().unwrap().is_symlink() {
            symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else {
            put(&target, &fs::read(&source).unwrap());
        }
    }
}

/// Writes a file, with its missing parents.
pub fn put(path: &Path, bytes: &[u8]) {
    let folder = path.parent().unwrap();
    if !folder.is_dir() {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let is_key = path.to_string_lossy().ends_with("key.pem");
    set_mode(path, if is_key { 0o600 } else { 0o644 });
}

/// `chmod`
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
