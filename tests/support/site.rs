//! A scratch root with a manifest beside it, for the tests that need no booted host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Dockseal, Ran, Tree, lay_over, put};

/// A root with a manifest beside it.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// The time that plans are made for.
    pub const NOW: &'static str = "2027-01-01T00:00:00Z";

    /// Made of trees of `tests/hosts/`.
    pub fn of(hosts: &[&str], manifest: &str) -> Self {
        Self::below(&std::env::temp_dir(), hosts, manifest)
    }

    /// The same in memory, where it can be: thousands of runs shall not wait for a disk.
    pub fn in_memory(hosts: &[&str], manifest: &str) -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory, hosts, manifest) } else { Self::of(hosts, manifest) }
    }

    fn below(place: &Path, hosts: &[&str], manifest: &str) -> Self {
        let site = Self { folder: TempDir::new_in(place).unwrap() };
        fs::create_dir(site.root()).unwrap();
        for host in hosts {
            lay_over(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts").join(host), &site.root());
        }
        site.manifest(manifest);
        site
    }

    /// Another manifest.
    pub fn manifest(&self, text: &str) {
        put(&self.folder.path().join("host.yaml"), text.as_bytes());
    }

    /// The folder that holds the manifest and the root.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps a copy of the root for [`Site::reset`].
    pub fn save(&self) {
        self.copy("root", "saved");
    }

    /// The root as it was saved; its files are others of the same bytes, modes, owners and times.
    pub fn reset(&self) {
        self.copy("saved", "root");
    }

    fn copy(&self, from: &str, to: &str) {
        let target = self.folder.path().join(to);
        if target.exists() {
            fs::remove_dir_all(&target).unwrap();
        }
        let mut command = Command::new("/usr/bin/cp");
        command.args(["-a", from, to]).current_dir(self.folder.path());
        Ran::run(&command, b"", Duration::from_secs(60)).ok();
    }

    /// The root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A file of the root.
    pub fn file(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Its text.
    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap()
    }

    /// The whole root.
    pub fn tree(&self) -> Tree {
        Tree::read(&self.root())
    }

    /// `dockseal COMMAND host.yaml --root root …`, not yet run.
    pub fn dockseal<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Dockseal {
        let arguments: Vec<&str> = arguments.into_iter().collect();
        Dockseal::new()
            .args([arguments[0], "host.yaml"])
            .args(&arguments[1..])
            .root("root")
            .current_dir(self.folder.path())
    }

    /// A plan for [`Site::NOW`].
    pub fn plan(&self) -> Ran {
        self.dockseal(["plan", "--now", Self::NOW]).run()
    }

    /// An apply by the machine's clock.
    pub fn apply(&self) -> Ran {
        self.dockseal(["apply"]).run()
    }

    /// An apply by another clock, see [`Dockseal::at`].
    pub fn apply_at(&self, time: &str) -> Ran {
        self.at(time, &["apply"])
    }

    /// Any command by another clock.
    pub fn at(&self, time: &str, arguments: &[&str]) -> Ran {
        self.dockseal(arguments.iter().copied()).at(time).run()
    }

    /// `dockseal COMMAND --root root`, for commands that take no manifest.
    pub fn root_command(&self, command: &str) -> Ran {
        Dockseal::new().args([command]).root("root").current_dir(self.folder.path()).run()
    }

    /// Under strace with these options; the trace and how it ended.
    pub fn traced(&self, options: &[&str], arguments: &[&str]) -> (String, Ran) {
        let log = self.folder.path().join("trace");
        let mut command = Command::new("/usr/bin/strace");
        command.args(["-f", "-y", "-s", "4096", "-o"]).arg(&log).args(options).arg(Dockseal::BINARY);
        command.args(arguments).args(["--root", "root"]).current_dir(self.folder.path());
        let ran = Ran::run(&command, b"", Duration::from_secs(60));
        (fs::read_to_string(log).unwrap(), ran)
    }
}
