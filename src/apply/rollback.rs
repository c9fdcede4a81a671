//! One step back: what the last change replaced stands there again, and systemd and dockerd take it in. It is a change
//! like an apply: journaled, proven, and put back where it fails.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Instant;

use time::OffsetDateTime;

use super::attempt::Attempt;
use super::dockerd::{Dockerd, PAUSE, TakesIn};
use super::journal::{Heading, Journal};
use super::layers::Roots;
use super::previous::{Exchanged, LIMIT, PREVIOUS, Previous};
use super::transaction::Transaction;
use super::{ApplyError, Cause, Ending};
use crate::desired::OWN_FOLDER;
use crate::host::{Attributes, Entry, Root};
use crate::observed::{Containers, FILE_LIMIT, Systemd, containers, is_answering, read_service};

/// What a rollback works with.
pub struct Rollback<'a> {
    /// The host's files.
    pub root: &'a Root,
    /// Whether dockerd may restart even where containers stop.
    pub allow_restart: bool,
    /// The time.
    pub now: OffsetDateTime,
}

/// What a rollback came to.
#[derive(Debug)]
pub struct RolledBack {
    /// The change that is undone.
    pub heading: Heading,
    /// The files that are as they were, in the order in which they were changed.
    pub files: Vec<PathBuf>,
    /// The service that restarted.
    pub restarted: Option<String>,
}

impl Rollback<'_> {
    /// Goes back.
    pub fn run(&self) -> Result<RolledBack, ApplyError> {
        let unchanged = |cause| ApplyError::new(cause, Ending::AsItWas);
        let (bytes, seen) = self.read_previous().map_err(unchanged)?;
        let previous = Previous::parse(&bytes).map_err(unchanged)?;
        if previous.header.replaced_ca {
            return Err(unchanged(Cause::CaReplaced));
        }
        let steps = self.compare(&previous.files).map_err(unchanged)?;
        let dockerd = self.dockerd(&previous).map_err(unchanged)?;
        let answered = dockerd.is_some() && is_answering();
        let roots = Roots::new(self.root).map_err(|error| unchanged(error.into()))?;
        let heading = Heading::new("rollback", self.now, previous.header.heading.daemon_json.clone());
        let journal = Journal::open(self.root, heading).map_err(|error| unchanged(error.into()))?;
        let restarts = dockerd.as_ref().filter(|dockerd| matches!(dockerd.takes_in, TakesIn::Restart { .. }));
        let restarted = restarts.map(|dockerd| dockerd.unit.clone());
        Attempt::new(journal, &roots, dockerd).run(|attempt| {
            let folders = previous.files.iter().filter_map(|file| file.path.parent()).map(Path::to_owned);
            attempt.journal.stage(folders.chain([OWN_FOLDER.into()]).collect())?;
            for (file, seen) in previous.files.iter().zip(&steps) {
                stage(&mut attempt.layers.main, file, *seen)?;
                // The order of that change is that of the way back too.
                attempt.layers.main.then();
            }
            attempt.layers.main.remove(Path::new(PREVIOUS), seen.stamp)?;
            attempt.commit()?;
            prove(attempt, answered)
        })?;
        let files = previous.files.into_iter().map(|file| file.path.into_owned()).collect();
        Ok(RolledBack { heading: previous.header.heading, files, restarted })
    }

    fn read_previous(&self) -> Result<(zeroize::Zeroizing<Vec<u8>>, Attributes), Cause> {
        match self.root.read(Path::new(PREVIOUS), LIMIT)? {
            Entry::File(contents) => Ok((contents.bytes, contents.attributes)),
            Entry::Missing => Err(Cause::NothingBefore),
            Entry::Denied => Err(Cause::Previous("may not be read".to_owned())),
            Entry::NotAFile(kind) => Err(Cause::Previous(format!("is {kind}"))),
        }
    }

    /// What stands there now, for each file: exactly what the change left, or there is no way back.
    fn compare(&self, files: &[Exchanged<'_>]) -> Result<Vec<Option<Attributes>>, Cause> {
        let (mut found, mut changed) = (Vec::with_capacity(files.len()), Vec::new());
        for file in files {
            let (same, attributes) = match (self.root.read(&file.path, FILE_LIMIT)?, &file.after) {
                (Entry::Missing, None) => (true, None),
                (Entry::File(now), Some(after)) => (after.is(&now.bytes, now.attributes), Some(now.attributes)),
                _ => (false, None),
            };
            if !same {
                changed.push(file.path.to_path_buf());
            }
            found.push(attributes);
        }
        if changed.is_empty() { Ok(found) } else { Err(Cause::ChangedSince(changed)) }
    }

    /// dockerd as it is now, and what the way back takes: the same as the way there.
    fn dockerd(&self, previous: &Previous) -> Result<Option<Dockerd>, Cause> {
        let Some(then) = &previous.header.dockerd else { return Ok(None) };
        let Systemd::Asked(now) = read_service(self.root, &then.unit)? else { return Ok(None) };
        let mut dockerd = Dockerd {
            socket: now.has_socket.then(|| now.socket.clone()),
            was_active: now.is_active(),
            main_pid: now.main_pid,
            ..then.clone()
        };
        dockerd.takes_in = match then.takes_in {
            _ if !now.is_wanted() => TakesIn::Later,
            TakesIn::Restart { .. } => TakesIn::Restart { with_socket: true },
            other => other,
        };
        if let (TakesIn::Restart { .. }, false) =
            (dockerd.takes_in, self.allow_restart || previous.header.restarts_always)
        {
            refuse_to_stop_containers(&previous.files, &previous.header.heading.daemon_json)?;
        }
        Ok(Some(dockerd))
    }
}

/// They survive where live-restore is on now and in the file that dockerd goes back to.
fn refuse_to_stop_containers(files: &[Exchanged<'_>], daemon_json: &Path) -> Result<(), Cause> {
    let running = match containers() {
        Containers::Asked { running, .. } if running.is_empty() => return Ok(()),
        Containers::Asked { running, live_restore, .. } => {
            if live_restore && keeps_live_restore(files, daemon_json) {
                return Ok(());
            }
            running
        }
        Containers::Unknown(why) => return Err(Cause::ContainersUnknown(why)),
    };
    Err(Cause::ContainersWouldStop(running))
}

fn keeps_live_restore(files: &[Exchanged<'_>], daemon_json: &Path) -> bool {
    let Some(file) = files.iter().find(|file| file.path == daemon_json) else { return true };
    let Some(before) = &file.before else { return false };
    let Some(bytes) = &before.bytes else { return true };
    let text: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    text.get("live-restore") == Some(&serde_json::Value::Bool(true))
}

fn stage(files: &mut Transaction<'_>, file: &Exchanged<'_>, now: Option<Attributes>) -> Result<(), Cause> {
    let path = &*file.path;
    match (&file.before, now) {
        (None, Some(now)) => Ok(files.remove(path, now.stamp)?),
        (None, None) => Ok(()),
        (Some(old), now) => match (&old.bytes, now) {
            (Some(bytes), now) => {
                files.write(path, bytes, old.mode, now.map(|now| now.stamp))?;
                Ok(files.give(path, old.uid, old.gid)?)
            }
            (None, Some(now)) => {
                files.change_mode(path, now, old.mode);
                Ok(())
            }
            (None, None) => Err(Cause::Gone(path.to_owned())),
        },
    }
}

/// dockerd runs, and answers locally if it did.
fn prove(attempt: &Attempt<'_>, answered: bool) -> Result<(), Cause> {
    let Some(dockerd) = &attempt.dockerd else { return Ok(()) };
    let deadline = Instant::now() + dockerd.timeout;
    while dockerd.takes_in != TakesIn::Later && answered && !is_answering() {
        if Instant::now() >= deadline {
            return Err(Cause::Silent(dockerd.journal()));
        }
        sleep(PAUSE);
    }
    Ok(())
}
