//! Texts of docker.service's files → what systemd makes of them: which files count and in which order, the effective
//! `ExecStart=`, the environment, and the command line that dockerd really gets, each word with the place where it
//! stands. Pure: no file is opened here, so that a host, an image and a test are read alike.
//!
//! The rules are those of systemd.unit(5), systemd.service(5), systemd.exec(5) and systemd.syntax(7), and where these
//! are silent of systemd 252 to 257 as they behave.

mod command_line;
mod environment;
mod exec_start;
pub mod files;
mod flag;
mod parse;
mod precedence;
pub mod redacted;
mod service;
pub mod show;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

pub use command_line::{Argument, CommandLine};
pub use flag::{Flag, key_of};
pub use precedence::{SEARCH_FOLDERS, Unit, drop_in_folders};
pub use service::Service;

/// The largest file that is read, in bytes; systemd has this limit for a line.
const MAX_FILE: usize = 1 << 20;

/// A found unit file, drop-in or environment file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    /// Where it stands on the host.
    pub path: PathBuf,
    /// What it holds. Empty means masked, which is also how a link to /dev/null reads.
    pub text: String,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// The variable whose value it is a part of.
    pub variable: Option<String>,
}

/// Why files of a unit can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// More than [`MAX_FILE`].
    #[error("{}: larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// The observer may not read it.
    #[error("{}: may not be read", .0.display())]
    Denied(PathBuf),
    /// Not text.
    #[error("{0}: not valid UTF-8")]
    NotUtf8(Origin),
    /// Not text either.
    #[error("{0}: holds a NUL byte")]
    Nul(Origin),
    /// systemd refuses the file.
    #[error("{0}: a section header without its `]`")]
    SectionHeader(Origin),
    /// systemd refuses the line.
    #[error("{0}: a quote is not closed")]
    Quote(Origin),
    /// `ExecStart=@` and the like.
    #[error("{0}: ExecStart= names no program")]
    NoProgram(Origin),
    /// Only `Type=oneshot` may have several, and dockerd is none.
    #[error("{second}: a second ExecStart= beside {first}")]
    SecondExecStart {
        /// The one before.
        first: Origin,
        /// The one too many.
        second: Origin,
    },
    /// systemd would not start the unit.
    #[error("{origin}: {} does not exist", .path.display())]
    EnvironmentFileMissing {
        /// The file.
        path: PathBuf,
        /// Who names it.
        origin: Origin,
    },
    /// Its files can't be told from its text.
    #[error("{origin}: EnvironmentFile={path} is a pattern or holds a specifier")]
    EnvironmentFilePattern {
        /// As it is written.
        path: String,
        /// Where.
        origin: Origin,
    },
    /// The variables hold more than a process may get.
    #[error("{0}: the command line grows beyond 4 MiB")]
    CommandLineTooLong(Origin),
}

impl UnitError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge(_) | Self::NotUtf8(_) | Self::Nul(_) => "is this really a text file of systemd's?",
            Self::SectionHeader(_) | Self::Quote(_) | Self::NoProgram(_) => {
                "systemd refuses it too; see `systemd-analyze verify docker.service`"
            }
            Self::SecondExecStart { .. } => "a drop-in has to clear the earlier one with an empty `ExecStart=` line",
            Self::EnvironmentFileMissing { .. } => "create it, or put `-` before its path",
            Self::EnvironmentFilePattern { .. } => "name each file by a line of its own",
            Self::Denied(_) => "run as root",
            Self::CommandLineTooLong(_) => "shorten the variables that ExecStart= uses",
        }
    }
}

impl UnitFile {
    /// Takes a file as it was read. Only comments may hold what is not UTF-8: systemd does not look at them.
    pub fn decode(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, UnitError> {
        let path = path.into();
        if bytes.len() > MAX_FILE {
            return Err(UnitError::TooLarge(path));
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Self { path, text: text.to_owned() });
        }
        let mut text = String::with_capacity(bytes.len());
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            match std::str::from_utf8(line) {
                Ok(line) => text.push_str(line),
                Err(_) if matches!(line.trim_ascii_start().first(), Some(b'#' | b';')) => {
                    text.push_str(&String::from_utf8_lossy(line));
                }
                Err(_) => return Err(UnitError::NotUtf8(Origin { path, line: index + 1, variable: None })),
            }
        }
        Ok(Self { path, text })
    }

    fn origin(&self, line: usize) -> Origin {
        Origin { path: self.path.clone(), line, variable: None }
    }

    fn check(&self) -> Result<(), UnitError> {
        if self.text.len() > MAX_FILE {
            return Err(UnitError::TooLarge(self.path.clone()));
        }
        match self.text.split('\0').next() {
            Some(before) if before.len() < self.text.len() => {
                Err(UnitError::Nul(self.origin(before.matches('\n').count() + 1)))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// `path:line`, and the variable.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)?;
        match &self.variable {
            Some(name) => write!(f, " in ${name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_named_with_its_line() {
        let error = UnitFile::decode("/x", b"[Service]\n# caf\xe9\nExecStart=/caf\xe9\n").map_err(|e| e.to_string());
        assert_eq!(error, Err("/x:3: not valid UTF-8".to_owned()));
        assert!(UnitFile::decode("/x", b"# caf\xe9\n[Service]\n").is_ok_and(|file| file.text.ends_with("[Service]\n")));
        assert!(UnitFile::decode("/x", &vec![b'a'; MAX_FILE + 1]).is_err());
    }
}
