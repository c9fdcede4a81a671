//! Running a program that is given bytes and gives bytes back, and that nothing is believed of: it inherits nothing, and
//! neither it nor what it has started outlives its time.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::close;

use super::command::{CommandError, Running, command_line};

/// A program, what it gets, and its limits.
pub struct Filter<'a> {
    /// By its path.
    pub program: &'a Path,
    /// Its arguments; every user of the host can read them.
    pub arguments: &'a [String],
    /// Its whole environment.
    pub environment: &'a [(&'a str, String)],
    /// Its standard input.
    pub input: &'a [u8],
    /// After it, its process group is killed.
    pub timeout: Duration,
    /// Bytes of output; one more, and its process group is killed.
    pub most: usize,
}

impl Filter<'_> {
    /// Runs it in `/` and gives its standard output; anything but exit code 0 is an error. What it leaves in its process
    /// group is killed.
    pub fn run(&self) -> Result<Vec<u8>, CommandError> {
        let line = command_line(&self.program.to_string_lossy(), self.arguments);
        let start = |source| CommandError::Start { line: line.clone(), source };
        let input = in_memory(self.input).map_err(start)?;
        close_inherited().map_err(start)?;
        let mut command = Command::new(self.program);
        command.args(self.arguments).env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.process_group(0).current_dir("/");
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CommandError::Missing { line }),
            Err(source) => return Err(start(source)),
        };
        let mut running = Running::new(child, self.most, true);
        let finished = running.finish(Instant::now() + self.timeout);
        let (stdout, stderr) = running.said();
        if stdout.len() > self.most {
            return Err(CommandError::TooMuch { line, most: self.most, stderr });
        }
        match finished {
            Ok(Some(status)) if status.success() => Ok(stdout),
            Ok(Some(status)) => Err(CommandError::Failed { line, status, stderr }),
            Ok(None) => Err(CommandError::TimedOut { line, timeout: self.timeout, stderr }),
            Err(source) => Err(start(source)),
        }
    }
}

/// A file of no folder: a pipe would have to be written to while nobody reads it.
fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("input", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Set by all that this process itself opens (fcntl(2)).
const CLOSES_ON_EXEC: u32 = 0o2_000_000;

/// Closes what this process was given by whoever started it, which it would pass on. By now that has been read.
fn close_inherited() -> io::Result<()> {
    let listed: Vec<i32> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in listed {
        // The one that listed them is gone by now.
        let Ok(info) = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")) else { continue };
        let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
        if flags.is_some_and(|flags| flags & CLOSES_ON_EXEC == 0) {
            close(fd)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &[u8]) -> Result<Vec<u8>, CommandError> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        let environment = [("GREETING", "hello".to_owned())];
        let (program, timeout) = (Path::new("/bin/sh"), Duration::from_secs(2));
        Filter { program, arguments: &arguments, environment: &environment, input, timeout, most: 1000 }.run()
    }

    #[test]
    fn bytes_go_through() -> Result<(), CommandError> {
        let input = vec![b'x'; 1000];
        assert_eq!(shell("cat", &input)?, input);
        assert_eq!(shell("echo $GREETING; pwd; env | grep -c -v -E '^(PWD|_|SHLVL|OLDPWD)='", b"")?, b"hello\n/\n1\n");
        assert_eq!(shell("ls /proc/self/fd | wc -l", b"")?, b"4\n", "0, 1, 2 and what lists them");
        Ok(())
    }

    #[test]
    fn nothing_outlasts_its_limits() {
        let begin = Instant::now();
        assert!(matches!(shell("yes", b""), Err(CommandError::TooMuch { .. })));
        assert!(matches!(shell("yes >&2", b""), Err(CommandError::TimedOut { .. })));
        assert!(matches!(shell("sleep 30 & sleep 30", b""), Err(CommandError::TimedOut { .. })));
        assert!(
            matches!(shell("echo why >&2; exit 3", b""), Err(CommandError::Failed { stderr, .. }) if stderr == "why")
        );
        assert!(matches!(shell("kill -9 $$", b""), Err(CommandError::Failed { .. })));
        // Left behind with the pipes in its hands; in another group too.
        assert!(shell("sleep 30 & echo done", b"").is_ok_and(|said| said == b"done\n"));
        assert!(shell("setsid sleep 30 & echo done", b"").is_ok_and(|said| said == b"done\n"));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    #[test]
    fn what_it_leaves_in_its_group_is_killed() -> Result<(), CommandError> {
        let said = shell("sleep 30 >/dev/null 2>&1 & echo $!", b"")?;
        let stat = format!("/proc/{}/stat", String::from_utf8_lossy(&said).trim());
        let deadline = Instant::now() + Duration::from_secs(5);
        // Gone, or waiting for the first process to bury it.
        let is_gone = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        while !is_gone() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(is_gone());
        Ok(())
    }
}
