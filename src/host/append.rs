//! A new file that grows beside its target, for what is too large to be held in memory at once. What waits to be written
//! is wiped: it may be a key.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use zeroize::{Zeroize as _, Zeroizing};

use super::error::FileError;

/// Bytes that wait for each other.
const ROOM: usize = 16 << 10;

/// A file that is being written.
pub struct Growing {
    file: File,
    waiting: Zeroizing<Vec<u8>>,
    path: PathBuf,
}

impl Growing {
    pub(super) fn new(file: File, path: &Path) -> Self {
        Self { file, waiting: Zeroizing::new(Vec::with_capacity(ROOM)), path: path.to_owned() }
    }

    /// Everything is written; not synced.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.flush().map_err(|error| self.failed(&error))
    }

    /// An error of [`Write`] with its path.
    pub fn failed(&self, error: &io::Error) -> FileError {
        let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        FileError::system(&self.path, "write", errno)
    }
}

impl Write for Growing {
    /// The buffer never grows: what a larger one leaves behind is not wiped.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() + bytes.len() > ROOM {
            self.flush()?;
        }
        if bytes.len() > ROOM {
            self.file.write_all(bytes)?;
        } else {
            self.waiting.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.waiting.zeroize();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Root;

    #[test]
    fn nothing_is_lost_between_small_and_large_pieces() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        let mut growing = root.draft(Path::new("/a"))?;
        let mut all = Vec::new();
        for (length, byte) in
            [(10, b'a'), (ROOM - 10, b'b'), (1, b'c'), (3 * ROOM, b'd'), (0, b'e'), (ROOM, b'f'), (1, b'g')]
        {
            let piece = vec![byte; length];
            growing.write_all(&piece)?;
            all.extend(piece);
        }
        growing.finish()?;
        root.publish(Path::new("/a"))?;
        assert!(std::fs::read(folder.path().join("a"))? == all);
        Ok(())
    }
}
