//! The way back: files first, then systemd and dockerd read them. A failed proof takes it, and so does whoever finds the
//! journal of a run that was cut short.

use std::path::Path;

use super::Cause;
use super::dockerd::{Dockerd, Done, Touched, read_units};
use super::layers::Layers;

/// Puts everything back. Every part is tried whatever becomes of the others; the first failure is the one to tell.
pub fn put_back(
    layers: &mut Layers<'_>,
    daemon_json: &Path,
    dockerd: Option<&Dockerd>,
    done: Done,
) -> Result<(), Cause> {
    let mut outcome = layers.main.undo().map_err(Cause::from);
    if let Some(dockerd) = dockerd {
        outcome = outcome.and(go_back(dockerd, done));
    }
    // live-restore stays on until the old dockerd has its containers back.
    outcome = outcome.and(undo_live_restore(layers, daemon_json, dockerd, done));
    match dockerd {
        Some(dockerd) if done.daemon != Touched::Not && dockerd.was_active => outcome.and(dockerd.reload()),
        _ => outcome,
    }
}

fn go_back(dockerd: &Dockerd, done: Done) -> Result<(), Cause> {
    let read = if done.read_units { read_units() } else { Ok(()) };
    if done.daemon != Touched::Restarted {
        return read;
    }
    if dockerd.was_active {
        // With the socket: the failed dockerd may have removed its path.
        return read.and(dockerd.restart(true));
    }
    // The dockerd that may run by now has lost its files. With the old ones the unit fails as it did before, which is no
    // failure of ours.
    let _ = dockerd.restart(false);
    read
}

fn undo_live_restore(
    layers: &mut Layers<'_>,
    daemon_json: &Path,
    dockerd: Option<&Dockerd>,
    done: Done,
) -> Result<(), Cause> {
    let mut outcome = Ok(());
    if let Some(off) = &mut layers.off {
        if let (Some(dockerd), true) = (dockerd, done.daemon != Touched::Not) {
            outcome = off.rebase(daemon_json, daemon_json).and_then(|()| off.commit()).map_err(Cause::from);
            outcome = outcome.and_then(|()| dockerd.reload()).and_then(|()| dockerd.await_live_restore(false));
        }
        outcome = outcome.and(off.undo().map_err(Cause::from));
    }
    match &layers.first {
        Some(first) => outcome.and(first.undo().map_err(Cause::from)),
        None => outcome,
    }
}
