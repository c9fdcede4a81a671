//! A finished command: what it printed and how it ended. Every command of the tests is run here, with a time limit.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A command that has ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; 124 where the time limit ended it, 128 + N where signal N did.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Runs `command` with `input` on its standard input. It is ended after `limit`, with all that it started.
    pub fn run(command: &Command, input: &[u8], limit: Duration) -> Self {
        let shown = shown(command);
        let mut child = limited(command, limit)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        let output = thread::scope(|scope| {
            // A command that reads nothing closes the pipe early; that is its right.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap_or_else(|error| panic!("{shown}: {error}"))
        });
        Self {
            command: shown,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Itself, if the exit code is 0; else the test fails with all that the command said.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Itself, if the exit code is `code`; else the test fails with all that the command said.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code of\n{self}");
        self
    }

    /// Standard output without white space at its ends.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, stdout, stderr } = self;
        write!(f, "$ {command}\n--- code {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}

/// The same command under `timeout`, which ends a whole process group: killing `nsenter` alone would leave its child.
fn limited(command: &Command, limit: Duration) -> Command {
    let mut limited = Command::new("/usr/bin/timeout");
    limited.arg("--kill-after=5").arg(limit.as_secs().to_string()).arg(command.get_program()).args(command.get_args());
    // `get_envs` doesn't tell whether the environment was cleared. Here it always is.
    limited.env_clear();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(key, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

fn shown(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}
