//! What to do about a run that was cut short: a change that was not yet proven is undone, one that was is finished.

use super::dockerd::{Dockerd, Done, TakesIn, Touched};
use super::journal::{self, Found, Heading, Interrupted, Phase};
use super::layers::{Layers, Roots};
use super::put_back::put_back;
use super::{ApplyError, Cause, Ending};
use crate::host::Root;
use crate::observed::{Systemd, read_service};

/// What became of an interrupted run.
#[derive(Debug)]
pub struct Recovered {
    /// Whose it was, where that is known.
    pub heading: Option<Heading>,
    /// Whether its change was finished; else it was undone.
    pub is_finished: bool,
}

/// When it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// dockerd is about to start: it reads what is there then.
    BeforeStart,
    /// dockerd may run.
    Now,
}

/// Whether an earlier run was cut short. Who may not look can't be told.
pub fn is_interrupted(root: &Root) -> bool {
    Found::read(root).is_ok_and(|found| found.is_some())
}

/// Undoes or finishes what an earlier run left; `None` where it left nothing.
pub fn recover(root: &Root, moment: Moment) -> Result<Option<Recovered>, ApplyError> {
    let failed = |unit| move |cause| ApplyError::new(cause, Ending::Interrupted { unit });
    // What can't be read, or is not read because somebody else could have written it, says nothing of a change; and this
    // run has made none.
    let unread = |cause| match cause {
        Cause::File(_) => ApplyError::new(cause, Ending::AsItWas),
        _ => failed(None)(cause),
    };
    let Some(found) = Found::read(root).map_err(unread)? else {
        journal::sweep(root).map_err(|error| unread(error.into()))?;
        return Ok(None);
    };
    let interrupted = found.parse().map_err(Cause::from).map_err(failed(None))?;
    let (heading, made, unit) = (interrupted.heading.clone(), interrupted.made.clone(), interrupted.unit());
    let outcome = if found.is_proven { finish(root, interrupted) } else { undo(root, interrupted, moment) };
    outcome.and_then(|()| Ok(found.remove(root, &made)?)).map_err(failed(unit))?;
    Ok(Some(Recovered { heading, is_finished: found.is_proven }))
}

fn finish(root: &Root, interrupted: Interrupted<'_>) -> Result<(), Cause> {
    match interrupted.phase {
        Phase::Changing { layers, .. } => Ok(Layers::resumed(&Roots::new(root)?, layers).keep()?),
        Phase::Staging { .. } => Ok(()),
    }
}

fn undo(root: &Root, interrupted: Interrupted<'_>, moment: Moment) -> Result<(), Cause> {
    match (interrupted.phase, interrupted.heading) {
        (Phase::Changing { layers, dockerd }, Some(heading)) => {
            let roots = Roots::new(root)?;
            let mut layers = Layers::resumed(&roots, layers);
            let done = match &dockerd {
                Some(dockerd) => what_was_done(root, dockerd, moment)?,
                None => Done::default(),
            };
            put_back(&mut layers, &heading.daemon_json, dockerd.as_ref(), done)
        }
        (Phase::Changing { .. }, None) => Ok(()),
        (Phase::Staging { folders, missing }, _) => {
            for folder in folders {
                root.sweep(&folder)?;
            }
            missing.iter().rev().try_for_each(|folder| Ok(root.remove_empty(folder)?))
        }
    }
}

/// A dockerd that is another process than the one before the change has read the new files.
fn what_was_done(root: &Root, dockerd: &Dockerd, moment: Moment) -> Result<Done, Cause> {
    let read_units = dockerd.reads_units;
    let Systemd::Asked(now) = read_service(root, &dockerd.unit)? else { return Ok(Done::default()) };
    let same = now.is_active() && now.main_pid == dockerd.main_pid;
    let daemon = match (moment, dockerd.takes_in) {
        (Moment::Now, _) if !same && (dockerd.was_active || now.is_active()) => Touched::Restarted,
        (Moment::BeforeStart, _) | (Moment::Now, TakesIn::Later) => Touched::Not,
        (Moment::Now, TakesIn::Reload | TakesIn::Restart { .. }) => Touched::Reloaded,
    };
    Ok(Done { read_units, daemon })
}
