//! Everything that a plan asks for, written beside its target and checked: nothing that dockerd reads has changed yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::issue::{Issued, Write};
use super::layers::{Layers, Roots};
use super::previous::{PREVIOUS, PREVIOUS_MODE, Previous};
use super::transaction::{NewFile, PUBLIC_MODE};
use super::{Apply, Attempt, Cause, journal, validate};
use crate::pki::Authority;
use crate::plan::{After, DaemonStep, IssueKey, Resource};

/// Stages it. Gives the CA back, where something was signed.
pub fn stage<'r>(
    apply: &Apply<'_>,
    issued: Issued,
    roots: &'r Roots<'r>,
    attempt: &mut Attempt<'r>,
) -> Result<Option<Authority>, Cause> {
    let Attempt { journal, layers, dockerd, .. } = attempt;
    journal.stage(folders(apply))?;
    let Issued { files, authority, ca_pem } = issued;
    let new = new_files(apply, &files, ca_pem.as_deref())?;
    layers.main.write_all(&new)?;
    for change in &apply.plan.changes {
        layers.main.stage(change)?;
    }
    let previous = Previous::read(apply, journal.heading().clone(), dockerd.clone(), &new)?.to_bytes()?;
    // Ten thousand keys need not be held in memory during the proof.
    drop(new);
    drop(files);
    validate::with_dockerd(apply, &layers.main)?;
    stage_live_restore(apply, roots, layers)?;
    if let Some(bytes) = previous {
        let before = apply.root.look(Path::new(PREVIOUS))?.map(|(_, found)| found.stamp);
        layers.main.write(Path::new(PREVIOUS), &bytes, PREVIOUS_MODE, before)?;
    }
    Ok(authority)
}

/// Where files appear beside targets.
fn folders(apply: &Apply<'_>) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::from([PathBuf::from(journal::FOLDER)]);
    let mut add = |path: &Path| {
        if let Some(folder) = path.parent().filter(|folder| !folders.contains(*folder)) {
            folders.insert(folder.to_owned());
        }
    };
    add(&apply.desired.layout.daemon_json());
    for change in &apply.plan.changes {
        match &change.after {
            After::Service => {}
            After::Certificate(issue) => {
                add(&change.path);
                if let IssueKey::New { path, .. } = &issue.key {
                    add(path);
                }
            }
            _ => add(&change.path),
        }
    }
    folders
}

/// What appears, in an order in which dockerd can start after each step: the unit that heals comes first, daemon.json,
/// which names all other files, last.
fn new_files<'a>(
    apply: &'a Apply<'_>,
    issued: &'a [Write],
    ca_pem: Option<&'a str>,
) -> Result<Vec<NewFile<'a>>, Cause> {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for change in &apply.plan.changes {
        let (text, mode) = match &change.after {
            After::Text { after, .. } => (after.as_str(), change.seen.map_or(PUBLIC_MODE, |seen| seen.mode)),
            After::CopyOfCa => (ca_pem.ok_or_else(|| Cause::Gone(change.path.clone()))?, PUBLIC_MODE),
            _ => continue,
        };
        let before = change.seen.map(|seen| seen.stamp);
        let file = NewFile { path: &change.path, bytes: text.as_bytes(), mode, before };
        match change.resource {
            Resource::RecoverUnit | Resource::DropIn => first.push(file),
            _ => last.push(file),
        }
    }
    first.extend(issued.iter().map(Write::as_new_file));
    first.append(&mut last);
    Ok(first)
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
