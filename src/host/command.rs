//! Running another program: arguments and a time limit enter, its output or an error that repeats what it said leaves.
//!
//! Secrets never belong in arguments: every user of the host can read them.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::visible::{one_line, visible};

/// A command that did not do its work. `line` is the command as a person would type it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No such program on the PATH.
    #[error("`{line}`: the program is not installed")]
    Missing {
        /// The command.
        line: String,
    },
    /// It could not be started or waited for.
    #[error("`{line}` could not be run: {source}")]
    Start {
        /// The command.
        line: String,
        /// Why.
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("`{line}` took longer than {} s and was stopped{}", timeout.as_secs_f32(), said(stderr))]
    TimedOut {
        /// The command.
        line: String,
        /// The limit.
        timeout: Duration,
        /// The end of what it said.
        stderr: String,
    },
    /// It said more than anything that is asked of it, and was killed.
    #[error("`{line}` gave more than {} KiB and was stopped{}", most / 1024, said(stderr))]
    TooMuch {
        /// The command.
        line: String,
        /// The limit, in bytes.
        most: usize,
        /// The end of what it said beside.
        stderr: String,
    },
    /// It ended with another code than 0, or by a signal.
    #[error("`{line}` failed with {status}{}", said(stderr))]
    Failed {
        /// The command.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it said.
        stderr: String,
    },
}

impl CommandError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { line } => {
                Some(format!("install the package that holds `{}`", line.split(' ').next().unwrap_or(line)))
            }
            Self::TimedOut { line, .. } | Self::TooMuch { line, .. } | Self::Failed { line, .. } => {
                Some(format!("run it by hand: {line}"))
            }
            Self::Start { .. } => None,
        }
    }
}

/// Bytes of each output that are kept.
const KEPT: usize = 1 << 20;
/// Bytes of stderr that an error repeats.
const REPEATED: usize = 4096;

/// Runs `program` found on the PATH, with no input, no terminal, and no environment but `PATH` and `LC_ALL=C`. Gives the
/// end of its standard output, at most 1 MiB; anything but exit code 0 is an error.
pub fn run(program: &str, args: &[impl AsRef<OsStr>], timeout: Duration) -> Result<Vec<u8>, CommandError> {
    let line = command_line(program, args);
    let mut command = Command::new(program);
    command.args(args).env_clear().env("LC_ALL", "C").process_group(0);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CommandError::Missing { line }),
        Err(source) => return Err(CommandError::Start { line, source }),
    };
    let mut running = Running::new(child, usize::MAX, false);
    match running.finish(Instant::now() + timeout) {
        Ok(Some(status)) if status.success() => Ok(running.stdout.into_bytes()),
        Ok(Some(status)) => Err(CommandError::Failed { line, status, stderr: running.stderr.into_text() }),
        Ok(None) => {
            let stderr = running.stderr.into_text();
            Err(CommandError::TimedOut { line, timeout, stderr })
        }
        Err(source) => Err(CommandError::Start { line, source }),
    }
}

pub(super) struct Running {
    child: Child,
    stdout: Tail,
    stderr: Tail,
    /// Bytes of output beyond which it is killed.
    most: usize,
    /// Whether what it leaves in its group is killed too.
    takes_all: bool,
}

impl Running {
    pub(super) fn new(child: Child, most: usize, takes_all: bool) -> Self {
        Self { child, stdout: Tail::default(), stderr: Tail::default(), most, takes_all }
    }

    /// What it wrote: its output, and the end of its errors as text.
    pub(super) fn said(self) -> (Vec<u8>, String) {
        (self.stdout.into_bytes(), self.stderr.into_text())
    }

    /// Collects the output until the program ends; `None` where it was killed.
    pub(super) fn finish(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        let finished = self.collect(deadline);
        if self.takes_all || !matches!(finished, Ok(true)) {
            // Not yet waited for, so its id can be no other group's.
            if let Ok(group) = i32::try_from(self.child.id()) {
                match killpg(Pid::from_raw(group), Signal::SIGKILL) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        let status = self.child.wait()?;
        finished.map(|has_ended| has_ended.then_some(status))
    }

    /// Whether it has ended. Its number stays its own until it is waited for.
    fn has_ended(&self) -> io::Result<bool> {
        let Ok(id) = i32::try_from(self.child.id()) else { return Ok(false) };
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(Pid::from_raw(id)), flags) {
            Ok(status) => Ok(status != WaitStatus::StillAlive),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether it ended by itself.
    fn collect(&mut self, deadline: Instant) -> io::Result<bool> {
        let (mut stdout, mut stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let mut pause = Duration::from_millis(1);
        loop {
            let has_ended = self.has_ended()?;
            // Once it has ended only what is there already is taken: a daemon that it left may hold the pipes for ever.
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if has_ended { Duration::ZERO } else { left.min(pause) };
            let (out, err) = readable(stdout.as_ref(), stderr.as_ref(), wait)?;
            if out && !self.stdout.take_from(stdout.as_mut())? {
                stdout = None;
            }
            if err && !self.stderr.take_from(stderr.as_mut())? {
                stderr = None;
            }
            if !out && !err {
                if has_ended {
                    return Ok(true);
                }
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            // A program that has ended, and whose output somebody else goes on writing, is held to the same time.
            if self.stdout.bytes.len() > self.most || left.is_zero() && (!has_ended || self.takes_all) {
                return Ok(false);
            }
        }
    }
}

fn readable(
    stdout: Option<&std::process::ChildStdout>,
    stderr: Option<&std::process::ChildStderr>,
    wait: Duration,
) -> io::Result<(bool, bool)> {
    let mut fds = Vec::with_capacity(2);
    fds.extend(stdout.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
    fds.extend(stderr.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
    let out = stdout.is_some() && ready.next().unwrap_or(false);
    Ok((out, stderr.is_some() && ready.next().unwrap_or(false)))
}

/// The end of an output, however long that is.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// One read of a pipe that has something; false at its end.
    fn take_from(&mut self, pipe: Option<&mut impl Read>) -> io::Result<bool> {
        let mut buffer = [0; 16_384];
        let count = match pipe.map(|pipe| pipe.read(&mut buffer)) {
            None | Some(Ok(0)) => return Ok(false),
            Some(Ok(count)) => count,
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => 0,
            Some(Err(error)) => return Err(error),
        };
        self.bytes.extend_from_slice(&buffer[..count]);
        if self.bytes.len() > 2 * KEPT {
            self.cut();
        }
        Ok(true)
    }

    fn cut(&mut self) {
        if self.bytes.len() > KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
        }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.cut();
        self.bytes
    }

    fn into_text(self) -> String {
        let start = self.bytes.len().saturating_sub(REPEATED);
        visible(String::from_utf8_lossy(&self.bytes[start..]).trim())
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

pub(super) fn command_line(program: &str, args: &[impl AsRef<OsStr>]) -> String {
    let words = std::iter::once(OsStr::new(program)).chain(args.iter().map(AsRef::as_ref));
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word of a shell line (POSIX.1-2024, section 2.2.2); control characters are shown, not kept.
fn quoted(word: &OsStr) -> String {
    let text = one_line(&word.to_string_lossy());
    let plain = |c: char| c.is_alphanumeric() || "%+,-./:=@_".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
