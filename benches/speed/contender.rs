//! Who runs: each contender as a command that seals a folder with so many clients.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// A contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// The binary.
    Dockseal,
    /// The unavoidable work alone: [`crate::floor`].
    Floor,
    /// `rivals/script.py`
    Script,
    /// `rivals/openssl.sh`
    Shell,
}

/// What is to be done.
#[derive(Clone, Copy)]
pub enum Work {
    /// Everything is made.
    First,
    /// Everything is there and is checked.
    Again,
}

impl Contender {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dockseal => "dockseal",
            Self::Floor => "floor",
            Self::Script => "script.py",
            Self::Shell => "openssl.sh",
        }
    }

    /// The command that seals `folder`; a manifest is written to `scratch`.
    pub fn command(self, work: Work, folder: &Path, count: usize, key: &str, scratch: &Path) -> Outcome<Vec<String>> {
        let rivals = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals");
        let (mut command, has_manifest) = match self {
            Self::Dockseal => (vec![env!("CARGO_BIN_EXE_dockseal").to_owned(), "apply".into(), "--root".into()], true),
            Self::Floor => {
                let work = if matches!(work, Work::First) { "issue" } else { "check" };
                (vec![text(&std::env::current_exe()?), "floor".into(), work.into()], false)
            }
            Self::Script => (vec![text(&python()), text(&rivals.join("script.py"))], false),
            Self::Shell => (vec![text(&rivals.join("openssl.sh"))], false),
        };
        command.push(text(folder));
        if has_manifest {
            let path = scratch.join(format!("{key}-{count}.yaml"));
            std::fs::write(&path, manifest(count, key)?)?;
            command.push(text(&path));
        } else {
            command.extend([count.to_string(), key.to_owned()]);
        }
        Ok(command)
    }
}

/// Why the script can't run here; `None` if it can.
pub fn why_no_script() -> Option<String> {
    let python = python();
    let ran = Command::new(&python).args(["-c", "import cryptography"]).output();
    match ran {
        Ok(output) if output.status.success() => None,
        _ => Some(format!("{} lacks cryptography (tests/run installs it)", python.display())),
    }
}

fn python() -> PathBuf {
    let cache = std::env::var_os("DOCKSEAL_TEST_CACHE");
    cache.map_or_else(|| PathBuf::from("/var/cache/dockseal-tests"), PathBuf::from).join("python/bin/python3")
}

fn manifest(count: usize, key: &str) -> Outcome<String> {
    let mut text = format!(
        "dockseal: 1\nhost: build-01.example.com\nca: {{key: {key}}}\nserver:\n  key: {key}\n  sans:\n    \
         ip: [10.10.10.20, 127.0.0.1]\ndaemon:\n  hosts: [fd://, tcp://0.0.0.0:2376]\nclients:\n"
    );
    for number in 1..=count {
        write!(text, "  - name: client-{number:05}\n    key: {key}\n")?;
    }
    Ok(text)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
