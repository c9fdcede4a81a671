//! The real binary, run with a cleared environment.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::ran::Ran;

/// A run of `dockseal` to be: `Dockseal::new().args(["plan", "host.yaml"]).root(&dir).run()`.
#[derive(Default)]
pub struct Dockseal {
    arguments: Vec<OsString>,
    root: Option<PathBuf>,
    folder: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
    clock: Option<String>,
}

impl Dockseal {
    /// The shipped binary as this build made it.
    pub const BINARY: &'static str = env!("CARGO_BIN_EXE_dockseal");

    /// Without arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Adds `--root DIR` behind the arguments.
    pub fn root(mut self, root: impl AsRef<Path>) -> Self {
        self.root = Some(root.as_ref().to_owned());
        self
    }

    /// Runs in this folder.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Sets one variable; all others are unset.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs by another clock: so far from now (`-2h`), or one that stands still at a time (`2027-01-01 00:00:00`, UTC), so
    /// that no test depends on how long a run takes.
    pub fn at(mut self, clock: &str) -> Self {
        self.clock = Some(clock.to_owned());
        self
    }

    /// What stands on standard input; nothing without this.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it, for a minute at most.
    pub fn run(self) -> Ran {
        let mut command = match &self.clock {
            None => Command::new(Self::BINARY),
            Some(clock) => {
                let mut command = Command::new("/usr/bin/faketime");
                command.args(["-f", clock, Self::BINARY]);
                // faketime takes local time; the files' times and how long a wait lasts are to be left alone.
                command.envs([("TZ", "UTC"), ("NO_FAKE_STAT", "1"), ("DONT_FAKE_MONOTONIC", "1")]);
                command.env("PATH", "/usr/bin:/bin");
                command
            }
        };
        command.args(&self.arguments).envs(self.environment);
        if let Some(root) = &self.root {
            command.arg("--root").arg(root);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        Ran::run(&command, &self.input, Duration::from_secs(60))
    }
}
