//! All transactions of an apply: its main one and, where containers need live-restore before the restart, two more on
//! daemon.json alone. They are undone in the order that leads back.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::Cause;
use super::transaction::{Taken, Transaction};
use crate::host::{FileError, NewFile, Root};
use crate::plan::daemon_json;

/// One root three times: the files that the transactions put beside the same target bear different names.
pub struct Roots<'r> {
    main: &'r Root,
    first: Root,
    off: Root,
}

/// The transactions.
pub struct Layers<'r> {
    /// The daemon.json that was found with live-restore switched on: in place before everything else.
    pub first: Option<Transaction<'r>>,
    /// Everything that the plan asks for.
    pub main: Transaction<'r>,
    /// daemon.json with live-restore switched off again: in place only on the way back. The old file alone would not do
    /// it: on a reload dockerd leaves live-restore as it is where the file does not hold the key.
    pub off: Option<Transaction<'r>>,
}

/// What a journal holds of them.
#[derive(Serialize, Deserialize)]
pub struct TakenLayers<'a> {
    #[serde(borrow)]
    first: Option<Taken<'a>>,
    #[serde(borrow)]
    main: Taken<'a>,
    #[serde(borrow)]
    off: Option<Taken<'a>>,
}

impl<'r> Roots<'r> {
    /// Opens it twice more.
    pub fn new(main: &'r Root) -> Result<Self, FileError> {
        Ok(Self { main, first: main.aside("first-")?, off: main.aside("off-")? })
    }
}

impl<'r> Layers<'r> {
    /// Nothing yet.
    pub fn new(roots: &'r Roots<'r>) -> Self {
        Self { first: None, main: Transaction::sweeping(roots.main), off: None }
    }

    /// Those that another process has begun.
    pub fn resumed(roots: &'r Roots<'r>, taken: TakenLayers<'_>) -> Self {
        Self {
            first: taken.first.map(|taken| Transaction::resumed(&roots.first, taken)),
            main: Transaction::resumed(roots.main, taken.main),
            off: taken.off.map(|taken| Transaction::resumed(&roots.off, taken)),
        }
    }

    /// What a journal holds of them.
    pub fn taken(&self) -> TakenLayers<'_> {
        TakenLayers {
            first: self.first.as_ref().map(Transaction::taken),
            main: self.main.taken(),
            off: self.off.as_ref().map(Transaction::taken),
        }
    }

    /// Stages the detour by live-restore: `new` is daemon.json as it was found, with live-restore switched on.
    pub fn stage_live_restore(&mut self, roots: &'r Roots<'r>, new: NewFile<'_>) -> Result<(), Cause> {
        let NewFile { path, mode, .. } = new;
        let first = self.first.insert(Transaction::new(&roots.first));
        first.write(path, new.bytes, mode, new.before)?;
        let Some(on) = first.staged(path) else { return Ok(()) };
        // What stands there in between is known by now, so that the journal can name it.
        self.main.rebase(path, &on)?;
        let Some((_, between)) = roots.main.look(&on)? else { return Err(Cause::Gone(on)) };
        let text = String::from_utf8_lossy(new.bytes);
        let live_restore = Map::from_iter([("live-restore".to_owned(), json!(false))]);
        let off = daemon_json::merge(Some(&text), &live_restore).map_err(|error| Cause::Invalid(error.to_string()))?;
        let transaction = self.off.insert(Transaction::new(&roots.off));
        Ok(transaction.write(path, off.text.as_bytes(), mode, Some(between.stamp))?)
    }

    /// Puts the daemon.json with live-restore in place.
    pub fn commit_first(&mut self, path: &Path) -> Result<(), FileError> {
        if let Some(first) = &mut self.first {
            first.commit()?;
            self.main.rebase(path, path)?;
        }
        Ok(())
    }

    /// Everything that is staged reaches the disk, and what else was written in `folder`.
    pub fn sync(&self, folder: &Path) -> Result<(), FileError> {
        let first = self.first.iter().flat_map(Transaction::places);
        self.main.sync(first.chain([folder.to_owned()]))
    }

    /// A folder on each file system that they are on.
    pub fn places(&self) -> Vec<PathBuf> {
        self.main.places().chain(self.first.iter().flat_map(Transaction::places)).collect()
    }

    /// Nothing can be undone any more.
    pub fn keep(&self) -> Result<(), FileError> {
        self.main.keep()?;
        if let Some(first) = &self.first {
            first.keep()?;
        }
        self.off.as_ref().map_or(Ok(()), Transaction::undo)
    }
}
