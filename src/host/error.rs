//! What goes wrong with a file: which path, what happened, what to do.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::file::FileKind;
use super::trust::Why;
use crate::visible::one_line;

/// A file that could not be read, written or left as it is.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", one_line(&path.to_string_lossy()))]
pub struct FileError {
    /// The real path; with another root it includes that root.
    pub path: PathBuf,
    /// What happened.
    pub cause: FileCause,
}

/// What happened to a file.
#[derive(Debug, thiserror::Error)]
pub enum FileCause {
    /// The system refused.
    #[error("cannot {action}: {}", errno.desc())]
    System {
        /// The verb: `read`, `write` …
        action: &'static str,
        /// Why.
        errno: Errno,
    },
    /// The path is relative, or holds `..` or a NUL.
    #[error("is not an absolute path without `..`")]
    NotPlain,
    /// More bytes than anything that belongs there.
    #[error("is larger than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// A folder with more entries than anyone would put there.
    #[error("holds more than {limit} entries")]
    TooMany {
        /// In entries.
        limit: usize,
    },
    /// Something else stands where a folder belongs.
    #[error("is {0}, not a folder")]
    NotAFolder(FileKind),
    /// Something else stands where a file is to be written.
    #[error("is {0}, not a regular file")]
    NotAFile(FileKind),
    /// The name needed for a new or a saved file is taken by something that an earlier run did not leave.
    #[error("is in the way: {0} that no earlier run left there")]
    InTheWay(FileKind),
    /// A log that others may write, or that has another name too.
    #[error("is not trusted: it must be a file of this user alone, under one name")]
    NotALog,
    /// Somebody else could change what is behind it.
    #[error("is not trusted: it {0}")]
    Distrusted(Why),
    /// What stands there is not what was looked at.
    #[error("has changed since it was looked at")]
    ChangedMeanwhile,
}

impl FileError {
    pub(super) fn new(path: &Path, cause: FileCause) -> Self {
        Self { path: path.to_owned(), cause }
    }

    pub(super) fn system(path: &Path, action: &'static str, errno: Errno) -> Self {
        Self::new(path, FileCause::System { action, errno })
    }

    /// Whether nothing stands there.
    pub fn is_missing(&self) -> bool {
        matches!(self.cause, FileCause::System { errno: Errno::ENOENT, .. })
    }

    /// Whether it is for want of permission.
    pub fn is_denied(&self) -> bool {
        matches!(self.cause, FileCause::System { errno: Errno::EACCES, .. })
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.cause {
            FileCause::System { errno: Errno::EACCES | Errno::EPERM, .. } => Some("run it as root"),
            FileCause::System { errno: Errno::ENOSPC | Errno::EDQUOT, .. } => Some("make room on that file system"),
            FileCause::System { errno: Errno::EROFS, .. } => Some("that file system is mounted read-only"),
            FileCause::System { errno: Errno::ENAMETOOLONG, .. } => {
                Some("the new file is first written under a name that is 14 bytes longer")
            }
            FileCause::System { .. } | FileCause::TooMany { .. } => None,
            FileCause::NotPlain => Some("write the path from / on"),
            FileCause::TooLarge { .. } => Some("look at what it holds; nothing that belongs there is that large"),
            FileCause::Distrusted(_) => Some("let nobody but its user and root write there, or give another path"),
            FileCause::NotAFolder(_) | FileCause::NotAFile(_) | FileCause::InTheWay(_) | FileCause::NotALog => {
                Some("move it away, or give another path")
            }
            FileCause::ChangedMeanwhile => Some("plan again: someone else writes this file too"),
        }
    }
}
