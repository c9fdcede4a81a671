//! Everything that a plan asks for, written beside its target and checked: nothing that dockerd reads has changed yet.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::attempt::Attempt;
use super::issue::{Issuer, Taker};
use super::key::read;
use super::layers::{Layers, Roots};
use super::previous::{PREVIOUS, Recording};
use super::transaction::{PUBLIC_MODE, Transaction, folder_of};
use super::write::{SECRET_MODE, Write};
use super::{Apply, Cause, request, validate};
use crate::desired::{Leaving, OWN_FOLDER};
use crate::host::{NewFile, Root};
use crate::plan::{After, Change, DaemonStep, IssueKey, Resource};

/// Stages it.
pub fn stage<'r>(
    apply: &Apply<'_>,
    issuer: &mut Issuer,
    roots: &'r Roots<'r>,
    attempt: &mut Attempt<'r>,
) -> Result<(), Cause> {
    let Attempt { journal, layers, dockerd, .. } = attempt;
    journal.stage(folders(apply))?;
    let mut stager = Stager {
        record: match apply.desired.leaving {
            // A copy of the keys would be the opposite of what was asked for.
            Some(Leaving::DeleteKeys) => None,
            _ => Some(Recording::begin(apply, journal.heading().clone(), dockerd.clone(), &mut layers.main)?),
        },
        files: &mut layers.main,
        root: apply.root,
    };
    // The unit that heals comes first, daemon.json, which names all other files, last: dockerd can start after each step.
    let is_early = |change: &&Change| matches!(change.resource, Resource::RecoverUnit | Resource::DropIn);
    let (early, late): (Vec<&Change>, Vec<&Change>) = apply.plan.changes.iter().partition(is_early);
    stager.write_texts(&early, None)?;
    stager.files.then();
    stager.write_issued(&std::mem::take(&mut issuer.ca_files))?;
    stager.files.then();
    let ca_pem = issuer.ca_pem.take();
    let mut copies = Copies::of(&late, ca_pem.as_deref());
    issuer.issue(apply, &mut Issued { stager: &mut stager, copies: &mut copies })?;
    stager.write_elsewhere(apply)?;
    let late = late.into_iter().filter(|change| !copies.is_written(change));
    let (last, late): (Vec<&Change>, Vec<&Change>) = late.partition(|change| change.resource == Resource::DaemonJson);
    stager.write_texts(&late, ca_pem.as_deref())?;
    stager.files.then();
    stager.write_texts(&last, None)?;
    stager.files.then();
    for change in &apply.plan.changes {
        stager.files.stage(change)?;
        if let After::Bundle(_) = change.after {
            // By this the next step finds its time.
            stager.files.date(&change.path, apply.now)?;
        }
    }
    match stager.record {
        Some(mut record) => {
            record.add_others(&apply.plan.changes)?;
            record.finish()?;
        }
        None => forget_previous(apply, stager.files)?,
    }
    validate::with_dockerd(apply, &layers.main)?;
    stage_live_restore(apply, roots, layers)
}

/// Texts staged at a time.
const PIECE: usize = 64;

/// Writes files beside their targets, and records what they replace.
struct Stager<'s, 'r> {
    root: &'s Root,
    files: &'s mut Transaction<'r>,
    record: Option<Recording<'s>>,
}

impl Stager<'_, '_> {
    fn write(&mut self, new: &[NewFile<'_>]) -> Result<(), Cause> {
        let Self { files, record, .. } = self;
        let (written, recorded) = files.write_all(new, || record.as_mut().map_or(Ok(()), |record| record.add(new)));
        recorded?;
        Ok(written?)
    }

    fn write_issued(&mut self, files: &[Write]) -> Result<(), Cause> {
        self.write(&files.iter().map(Write::as_new_file).collect::<Vec<_>>())
    }

    /// What is signed elsewhere: requests, and what has come back.
    fn write_elsewhere(&mut self, apply: &Apply<'_>) -> Result<(), Cause> {
        if apply.plan.changes.iter().any(|change| matches!(change.after, After::Request(_))) {
            self.files.enter_private(&apply.desired.layout.requests())?;
        }
        request::write(apply, |files| self.write_issued(&files))
    }

    fn write_texts(&mut self, changes: &[&Change], ca_pem: Option<&str>) -> Result<(), Cause> {
        for piece in changes.chunks(PIECE) {
            let mut new = Vec::with_capacity(piece.len());
            let keys = copied_keys(self.root, piece)?;
            for change in piece {
                let before = change.before();
                if let Some(key) = keys.get(&change.path) {
                    new.push(NewFile { path: &change.path, bytes: key, mode: SECRET_MODE, before });
                    continue;
                }
                let (text, mode) = match &change.after {
                    After::Text { after, .. } => {
                        (after.as_str(), change.seen.as_ref().map_or(PUBLIC_MODE, |seen| seen.mode))
                    }
                    After::CopyOfCa => (ca_pem.ok_or_else(|| Cause::Gone(change.path.clone()))?, PUBLIC_MODE),
                    _ => continue,
                };
                new.push(NewFile { path: &change.path, bytes: text.as_bytes(), mode, before });
            }
            self.write(&new)?;
        }
        Ok(())
    }
}

/// Takes what is issued, with the CA's certificate beside it.
struct Issued<'i, 's, 'r, 'a> {
    stager: &'i mut Stager<'s, 'r>,
    copies: &'i mut Copies<'a>,
}

impl Taker for Issued<'_, '_, '_, '_> {
    fn make_room<'p>(&mut self, places: impl Iterator<Item = &'p Path>) -> Result<(), Cause> {
        Ok(self.stager.files.enter_all(places)?)
    }

    fn take(&mut self, files: Vec<Write>) -> Result<(), Cause> {
        self.stager.write(&self.copies.beside(&files))
    }
}

/// Copies of the CA's certificate that go beside certificates: what is written in one folder is written together, so that a
/// thousand folders are not opened once more.
struct Copies<'a> {
    pem: Option<&'a str>,
    /// Those to come, by folder: as bytes, for paths compare name by name.
    ahead: BTreeMap<&'a OsStr, &'a Change>,
}

impl<'a> Copies<'a> {
    fn of(changes: &[&'a Change], pem: Option<&'a str>) -> Self {
        let copies = changes.iter().filter(|change| matches!(change.after, After::CopyOfCa));
        let ahead = copies.map(|change| (folder_of(&change.path).as_os_str(), *change)).collect();
        Self { pem, ahead }
    }

    /// The files, each folder's last one with the copy behind it.
    fn beside<'f>(&mut self, files: &'f [Write]) -> Vec<NewFile<'f>>
    where
        'a: 'f,
    {
        let mut new = Vec::with_capacity(files.len() * 3 / 2);
        for (at, file) in files.iter().enumerate() {
            new.push(file.as_new_file());
            let folder = folder_of(&file.path).as_os_str();
            let goes_on = files.get(at + 1).is_some_and(|next| folder_of(&next.path).as_os_str() == folder);
            if goes_on {
                continue;
            }
            if let (Some(pem), Some(change)) = (self.pem, self.ahead.remove(folder)) {
                let before = change.before();
                new.push(NewFile { path: &change.path, bytes: pem.as_bytes(), mode: PUBLIC_MODE, before });
            }
        }
        new
    }

    fn is_written(&self, change: &Change) -> bool {
        matches!(change.after, After::CopyOfCa) && !self.ahead.contains_key(folder_of(&change.path).as_os_str())
    }
}

/// Keys that change their places, by where they go.
fn copied_keys(root: &Root, changes: &[&Change]) -> Result<BTreeMap<PathBuf, Zeroizing<Vec<u8>>>, Cause> {
    let copied = changes.iter().filter_map(|change| match &change.after {
        After::CopyOfKey(from) => Some((change.path.clone(), from)),
        _ => None,
    });
    copied.map(|(to, from)| Ok((to, read(root, from)?))).collect()
}

/// What an earlier change has kept for a rollback goes with the keys that are in it.
fn forget_previous(apply: &Apply<'_>, files: &mut Transaction<'_>) -> Result<(), Cause> {
    let path = Path::new(PREVIOUS);
    match apply.root.look(path)? {
        Some((_, found)) => Ok(files.remove(path, found.stamp)?),
        None => Ok(()),
    }
}

/// Where files appear beside targets.
fn folders(apply: &Apply<'_>) -> BTreeSet<PathBuf> {
    let daemon_json = apply.desired.layout.daemon_json();
    let mut files = vec![daemon_json.as_path()];
    for change in &apply.plan.changes {
        match &change.after {
            After::Service => continue,
            After::Certificate(issue) => {
                if let IssueKey::New { path, .. } = &issue.key {
                    files.push(path);
                }
            }
            After::HandedIn(intake) => files.extend(intake.key.iter().map(|key| key.path.as_path())),
            _ => {}
        }
        files.push(&change.path);
    }
    // Files of one folder stand together, and to compare bytes costs less than to compare paths.
    files.dedup_by(|next, file| folder_of(next).as_os_str() == folder_of(file).as_os_str());
    files.into_iter().map(folder_of).chain([Path::new(OWN_FOLDER)]).map(Path::to_owned).collect()
}

/// Containers survive the restart only by a live-restore that is on before it. It has to be switched on with a daemon.json
/// that does not hold `hosts` yet: while dockerd runs with `-H`, it refuses to read one that does.
fn stage_live_restore<'r>(apply: &Apply<'_>, roots: &'r Roots<'r>, layers: &mut Layers<'r>) -> Result<(), Cause> {
    let DaemonStep::Restart { live_restore_first: Some(text), .. } = &apply.plan.activation.daemon else {
        return Ok(());
    };
    let (path, seen) = (apply.desired.layout.daemon_json(), apply.observed.daemon_json.attributes);
    let (mode, before) = (seen.map_or(PUBLIC_MODE, |seen| seen.mode), seen.map(|seen| seen.stamp));
    layers.stage_live_restore(roots, NewFile { path: &path, bytes: text.as_bytes(), mode, before })
}
