//! Each folder of `tests/cases/` is a host and what becomes of it, seen through the real binary under `--root`:
//!
//! - `host.yaml`: the manifest
//! - `setup`: what the host is made of: `from HOST…` lays trees of `tests/hosts/` over each other, `MODE PATH` sets a
//!   mode, `gone PATH` removes, `link PATH TARGET` puts a symlink there, `plan-only` is for what depends on the date,
//!   `waits` for a host that afterwards waits for signatures, so that its plan is not in sync
//! - `before/`: files that come on top of that
//! - `plan.txt` or `plan.json`: what `plan` prints for the first of January 2027
//! - `status`: the exit codes of `plan` and of `apply`
//! - `error.txt`: what `apply` prints on standard error
//! - `after.txt`: every file afterwards with its mode, and whether it is the same file, changed or new
//! - `after/`: the bytes of those that changed or are new; certificates, keys and what a rollback needs are judged
//!   elsewhere, and the unit that heals stands whole in the plan
//!
//! An apply that fails has to leave the host untouched; after one that succeeds a second one has to, and the plan is
//! empty. `UPDATE_EXPECTED=1` writes the expectations anew; read the diff.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Dockseal, Ran, Tree, lay_over, put, set_mode};

const NOW: &str = "2027-01-01T00:00:00Z";

#[test]
fn every_case() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(tests.join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 25);
    let mut failures = Vec::new();
    for folder in &folders {
        let mut case = Case { folder, hosts: tests.join("hosts"), failures: Vec::new(), used: BTreeSet::new() };
        case.check();
        let name = folder.file_name().unwrap().to_string_lossy();
        failures.extend(case.failures.into_iter().map(|what| format!("== {name}: {what}")));
    }
    assert!(failures.is_empty(), "{}\n{} expectations are not met", failures.join("\n"), failures.len());
}

struct Case<'a> {
    folder: &'a Path,
    hosts: PathBuf,
    failures: Vec<String>,
    /// Expectations that the run came by; another file in the folder is a leftover.
    used: BTreeSet<PathBuf>,
}

impl Case<'_> {
    fn check(&mut self) {
        let temporary = TempDir::new().unwrap();
        let root = temporary.path().join("root");
        self.set_up(&root);
        let before = Tree::read(&root);
        let planned = self.check_plan(&root);
        self.expect_tree("a plan writes nothing", &before, &root);
        if self.setup().lines().any(|line| line == "plan-only") {
            self.expect("status", &format!("plan {}\n", planned.code));
            return self.find_leftovers();
        }
        let applied = self.run(&["apply", "host.yaml"], &root);
        self.expect("status", &format!("plan {}\napply {}\n", planned.code, applied.code));
        if !applied.stderr.is_empty() {
            self.expect("error.txt", &shown(&applied.stderr, &root));
        }
        if applied.code == 0 {
            self.check_after(&before, &root);
        } else {
            self.expect_tree("a failed apply writes nothing", &before, &root);
        }
        self.find_leftovers();
    }

    /// A host that nothing is laid on needs none.
    fn setup(&self) -> String {
        fs::read_to_string(self.folder.join("setup")).unwrap_or_default()
    }

    fn set_up(&self, root: &Path) {
        fs::create_dir(root).unwrap();
        let setup = self.setup();
        let lines: Vec<Vec<&str>> = setup.lines().map(|line| line.split(' ').collect()).collect();
        for hosts in lines.iter().filter(|words| words[0] == "from") {
            hosts[1..].iter().for_each(|host| lay_over(&self.hosts.join(host), root));
        }
        if self.folder.join("before").is_dir() {
            lay_over(&self.folder.join("before"), root);
        }
        for words in &lines {
            match words[..] {
                ["from", ..] | ["plan-only" | "waits"] => {}
                ["gone", path] => fs::remove_file(root.join(path)).unwrap(),
                ["link", path, target] => symlink(target, root.join(path)).unwrap(),
                [mode, path] => set_mode(&root.join(path), u32::from_str_radix(mode, 8).unwrap()),
                _ => panic!("{}: {words:?}", self.folder.display()),
            }
        }
    }

    fn check_plan(&mut self, root: &Path) -> Ran {
        let is_json = self.folder.join("plan.json").exists();
        let (name, format) = if is_json { ("plan.json", "json") } else { ("plan.txt", "text") };
        let planned = self.run(&["plan", "host.yaml", "--now", NOW, "--format", format], root);
        self.expect(name, &shown(&planned.stdout, root));
        if !planned.stderr.is_empty() {
            self.failures.push(format!("a plan's findings belong on standard output\n{planned}"));
        }
        self.check_facts(root);
        planned
    }

    /// A plan by facts, made elsewhere, is the plan on the host.
    fn check_facts(&mut self, root: &Path) {
        let facts = self.run(&["observe", "host.yaml"], root);
        if facts.code != 0 || !facts.stderr.is_empty() {
            return self.failures.push(format!("the host can't be observed\n{facts}"));
        }
        let elsewhere = TempDir::new().unwrap();
        let manifest = fs::canonicalize(self.folder.join("host.yaml")).unwrap();
        for format in ["text", "json"] {
            let here = self.run(&["plan", "host.yaml", "--now", NOW, "--format", format], root);
            let arguments = ["plan", "--facts", "-", "--now", NOW, "--format", format, manifest.to_str().unwrap()];
            let there = Dockseal::new().args(arguments).current_dir(&elsewhere).stdin(facts.stdout.as_bytes()).run();
            if (here.code, &here.stdout) != (there.code, &there.stdout) {
                self.failures.push(format!("a plan by facts\n-- on the host\n{here}\n-- elsewhere\n{there}"));
            }
        }
    }

    fn check_after(&mut self, before: &Tree, root: &Path) {
        let after = Tree::read(root);
        let mut list = String::new();
        for (path, node) in after.0.iter().filter(|(_, node)| !node.is_folder()) {
            let was = match before.0.get(path) {
                None => "new",
                Some(old) if old.bytes == node.bytes && old.stamp.0 == node.stamp.0 => "same",
                Some(_) => "changed",
            };
            writeln!(list, "{:04o} {was:<7} {path}", node.mode & 0o7777).unwrap();
            if was != "same" && !is_pem(path) && !is_told_elsewhere(path) {
                self.expect(&format!("after/{path}"), &String::from_utf8_lossy(&node.bytes));
            }
        }
        self.expect("after.txt", &list);
        let again = self.run(&["apply", "host.yaml", "--quiet"], root);
        let planned = self.run(&["plan", "host.yaml", "--quiet"], root);
        let waits = self.setup().lines().any(|line| line == "waits");
        let is_waiting = planned.code == 2 && planned.stdout.contains("\nPlan: waiting for ");
        if waits != is_waiting {
            self.failures.push(format!("what is waited for\n{planned}"));
        }
        for ran in [again, planned].into_iter().take(if waits { 1 } else { 2 }) {
            if ran.code != 0 || !ran.stdout.is_empty() {
                self.failures.push(format!("the second run finds something to do\n{ran}"));
            }
        }
        self.expect_tree("a second apply writes nothing", &after, root);
    }

    fn run(&self, arguments: &[&str], root: &Path) -> Ran {
        Dockseal::new().args(arguments).root(root).current_dir(self.folder).run()
    }

    fn expect(&mut self, name: &str, found: &str) {
        let path = self.folder.join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
            put(&path, found.as_bytes());
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            self.failures.push(format!("{name}\n-- expected\n{expected}\n-- found\n{found}\n--"));
        }
        self.used.insert(path);
    }

    fn expect_tree(&mut self, rule: &str, before: &Tree, root: &Path) {
        let differences = before.differences(&Tree::read(root));
        if !differences.is_empty() {
            self.failures.push(format!("{rule}: {differences:?}"));
        }
    }

    /// An expectation that nothing is compared with would look as if it held.
    fn find_leftovers(&mut self) {
        let inputs = ["host.yaml", "setup", "before/"];
        let tree = Tree::read(self.folder);
        for (path, _) in tree.files(|path| !inputs.iter().any(|input| path.starts_with(input))) {
            if !self.used.contains(&self.folder.join(path)) {
                self.failures.push(format!("{path} is compared with nothing"));
            }
        }
    }
}

fn is_pem(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| ["pem", "csr", "key"].iter().any(|pem| extension == *pem))
}

fn is_told_elsewhere(path: &str) -> bool {
    path.ends_with("/dockseal-recover.service") || path.starts_with("var/lib/dockseal/")
}

fn shown(text: &str, root: &Path) -> String {
    text.replace(root.to_str().unwrap(), "ROOT")
}
