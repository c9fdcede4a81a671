//! A sealed host under a root of its own, with an `outside` beside it that nothing may touch or tell of.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;

use crate::support::{Ran, Site, put, set_mode};

/// A user that owns nothing on a sane host.
pub const OTHER: u32 = 65534;
/// What no output may hold.
pub const SECRET: &str = "CANARY-5d41402abc4b2a76";
/// No run may take longer.
pub const LIMIT: Duration = Duration::from_secs(5);

pub const TLS: &str = "etc/docker/tls";
pub const DAEMON_JSON: &str = "etc/docker/daemon.json";
pub const DROP_INS: &str = "etc/systemd/system/docker.service.d";
pub const DROP_IN: &str = "etc/systemd/system/docker.service.d/zz-dockseal.conf";
pub const RECOVER: &str = "etc/systemd/system/dockseal-recover.service";
pub const OWN: &str = "var/lib/dockseal";

/// A client is new, so that the CA has to sign.
pub const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans:\n    ip: [10.10.10.20]\n\
                            clients:\n  - name: ci\n  - name: new\n";

/// What an apply of [`MANIFEST`] may write.
const OURS: [&str; 6] = [TLS, DAEMON_JSON, DROP_INS, RECOVER, OWN, LOG];
/// Which tells of a change that was put back too.
pub const LOG: &str = "var/log/dockseal.jsonl";

pub struct Scene {
    pub site: Site,
}

/// All that `lstat` tells but the time of the last look, and the first bytes; by path.
#[derive(PartialEq)]
pub struct Picture(pub BTreeMap<String, String>);

impl Scene {
    pub fn new() -> Self {
        Self::of(&["debian", "sealed"])
    }

    pub fn of(hosts: &[&str]) -> Self {
        let scene = Self { site: Site::of(hosts, MANIFEST) };
        for (path, bytes) in [("shadow", format!("root:{SECRET}:0:0\n")), ("folder/file", format!("{SECRET}\n"))] {
            put(&scene.outside(path), bytes.as_bytes());
            set_mode(&scene.outside(path), 0o600);
        }
        fs::create_dir_all(scene.at("srv")).unwrap();
        fs::create_dir_all(scene.at("var/lib")).unwrap();
        scene
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.site.file(path)
    }

    pub fn outside(&self, path: &str) -> PathBuf {
        self.site.root().with_file_name("outside").join(path)
    }

    /// Nothing stands there any more; its parents do.
    pub fn clear(&self, path: &str) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&at).unwrap(),
            Ok(_) => fs::remove_file(&at).unwrap(),
            Err(_) => {}
        }
    }

    pub fn link(&self, path: &str, target: &str) {
        self.clear(path);
        symlink(target, self.at(path)).unwrap();
    }

    /// A link out of the root.
    pub fn link_out(&self, path: &str) {
        let target = self.outside("shadow");
        self.link(path, target.to_str().unwrap());
    }

    pub fn hard_link(&self, path: &str, name: &str) {
        self.clear(name);
        fs::hard_link(self.at(path), self.at(name)).unwrap();
    }

    pub fn fifo(&self, path: &str) {
        self.clear(path);
        mkfifo(&self.at(path), Mode::from_bits_truncate(0o600)).unwrap();
    }

    pub fn socket(&self, path: &str) {
        self.clear(path);
        drop(UnixListener::bind(self.at(path)).unwrap());
    }

    /// `/dev/zero`
    pub fn device(&self, path: &str) {
        self.clear(path);
        mknod(&self.at(path), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 5)).unwrap();
    }

    pub fn folder(&self, path: &str) {
        self.clear(path);
        fs::create_dir(self.at(path)).unwrap();
        set_mode(&self.at(path), 0o755);
    }

    pub fn file(&self, path: &str, text: &str) {
        self.clear(path);
        put(&self.at(path), text.as_bytes());
    }

    /// A terabyte that takes no room.
    pub fn sparse(&self, path: &str) {
        self.clear(path);
        File::create(self.at(path)).unwrap().set_len(1 << 40).unwrap();
    }

    pub fn mode(&self, path: &str, mode: u32) {
        set_mode(&self.at(path), mode);
    }

    pub fn give(&self, path: &str) {
        chown(self.at(path), Some(OTHER), None).unwrap();
    }

    pub fn give_link(&self, path: &str) {
        lchown(self.at(path), Some(OTHER), None).unwrap();
    }

    pub fn give_group(&self, path: &str) {
        chown(self.at(path), None, Some(OTHER)).unwrap();
    }

    /// The manifest with more lines at its end.
    pub fn add(&self, lines: &str) {
        self.site.manifest(&format!("{MANIFEST}{lines}"));
    }

    /// Runs a command. Whatever it says, it is quick, does not panic, and tells no secret and no escape sequence.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let begun = Instant::now();
        let ran = self.site.dockseal(arguments.iter().copied()).run();
        assert!(begun.elapsed() < LIMIT, "it took {:?}\n{ran}", begun.elapsed());
        assert!((0..=3).contains(&ran.code), "{ran}");
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(SECRET), "a secret is told\n{ran}");
            assert!(!text.contains("PRIVATE KEY"), "a key is told\n{ran}");
            let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            assert!(!text.contains(steers) && !text.contains('\u{202e}'), "the terminal is steered\n{ran:?}");
        }
        ran
    }
}

/// Whether an apply may write there: into its own files, beside them, and the folders that hold them.
pub fn is_ours(path: &str) -> bool {
    path.contains(".dockseal-")
        || OURS.iter().any(|ours| path.starts_with(ours) || ours.starts_with(&format!("{path}/")) || path.is_empty())
}

impl Picture {
    pub fn of(folder: &Path) -> Self {
        let mut picture = Self(BTreeMap::new());
        picture.add(folder, String::new());
        picture
    }

    fn add(&mut self, path: &Path, name: String) {
        let found = fs::symlink_metadata(path).unwrap();
        let content = if found.is_symlink() {
            fs::read_link(path).unwrap().display().to_string()
        } else if found.is_file() && found.len() < 1 << 20 {
            format!("{:?}", String::from_utf8_lossy(&fs::read(path).unwrap()))
        } else {
            String::new()
        };
        if found.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let below = entry.file_name().to_string_lossy().into_owned();
                self.add(&entry.path(), if name.is_empty() { below } else { format!("{name}/{below}") });
            }
        }
        let facts = format!(
            "{:o} {}:{} {} bytes, inode {}, written {}.{} {content}",
            found.mode(),
            found.uid(),
            found.gid(),
            if found.is_dir() { 0 } else { found.len() },
            found.ino(),
            found.mtime(),
            found.mtime_nsec()
        );
        self.0.insert(name, facts);
    }

    /// The same without the times of folders, which files that came and went change.
    pub fn without_folder_times(mut self) -> Self {
        for facts in self.0.values_mut().filter(|facts| facts.starts_with('4')) {
            facts.truncate(facts.find(", written").unwrap());
        }
        self
    }

    /// What differs: the paths.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let all: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        all.into_iter().filter(|path| self.0.get(*path) != other.0.get(*path)).cloned().collect()
    }
}
