//! docker.service: the drop-in that the host's own unit calls for, and what would stand against it.

use std::path::Path;

use super::Draft;
use super::change::{Action, After, Change};
use super::daemon::DaemonDifference;
use super::drop_in::DropIn;
use super::flag_conflict::conflicts;
use super::note::Note;
use super::reason::Reason;
use super::recover;
use super::refusal::Refusal;
use super::resource::Resource;
use crate::desired::{Desired, RECOVER_UNIT};
use crate::manifest::Endpoint;
use crate::observed::unit::files::UnitFiles;
use crate::observed::unit::{CommandLine, Flag, Unit, UnitError, UnitFile};
use crate::observed::{Found, Observed, ServiceFacts};

/// What comes of comparing the unit.
#[derive(Default)]
pub struct UnitDifference {
    /// A file that systemd reads is written or goes.
    pub is_written: bool,
    /// systemd has loaded another `ExecStart=` than the files give afterwards.
    pub is_not_loaded: bool,
    /// What flags of the host's own line do.
    pub flags: FlagFacts,
    /// dockerd's program and arguments afterwards, as systemd passes them; empty where there is no unit.
    pub command: Vec<String>,
}

/// What flags do that a restart has to mind.
#[derive(Default)]
pub struct FlagFacts {
    /// The line that was found has dockerd bind a local socket itself, instead of taking docker.socket's.
    pub bound_socket: bool,
    /// Containers survive a restart by `--live-restore`.
    pub live_restore: bool,
    /// The line that dockerd gets says itself that it listens on TCP.
    pub listens_on_tcp: bool,
}

/// Compares.
pub fn compare(desired: &Desired, observed: &Observed, daemon: &DaemonDifference, draft: &mut Draft) -> UnitDifference {
    draft.refuse_in_the_way(&observed.unit.drop_in);
    let outcome = match &observed.unit.files {
        Ok(files) => derive(desired, observed, files, daemon, draft),
        Err(error) => Err(error.clone()),
    };
    match outcome {
        Ok(difference) => difference,
        Err(error) => {
            draft.refusals.push(Refusal::Unit { why: error.to_string(), hint: error.hint() });
            UnitDifference::default()
        }
    }
}

fn derive(
    desired: &Desired,
    observed: &Observed,
    files: &UnitFiles,
    daemon: &DaemonDifference,
    draft: &mut Draft,
) -> Result<UnitDifference, UnitError> {
    let ours = desired.unit.drop_in.as_str();
    // A mask is taken off some day, and the line must be right then.
    let unmasked = files.unit.unmasked();
    let line = line_without_ours(&unmasked, files, ours)?;
    let drop_in = match DropIn::derive(line.as_ref(), desired.unit.recover.then_some(RECOVER_UNIT)) {
        Ok(drop_in) => drop_in,
        Err(error) => {
            draft.refusals.push(Refusal::Unit { why: error.to_string(), hint: error.hint() });
            return Ok(UnitDifference::default());
        }
    };
    let unit = desired.unit.name.clone();
    if files.unit.is_masked() {
        draft.notes.push(Note::UnitNotLoadable { unit, load: "masked".to_owned() });
    } else if line.is_none() {
        draft.notes.push(Note::UnitMissing { unit });
    }
    judge_others(&unmasked, ours, draft)?;
    judge_flags(desired, &drop_in, daemon, draft);
    // Where Docker is yet to be installed there is nobody to run it, and its packages bring the socket too.
    let command = if line.is_some() {
        judge_socket(desired, observed, draft);
        command_with(desired, &unmasked, &files.environment, &drop_in)?
    } else {
        None
    };
    let is_written = recover::compare(desired, observed, draft) | write(observed, &drop_in, draft);
    if let (Some(service), Some(loaded_by_files)) = (observed.service(), files.unit.service(None)?.exec_start) {
        judge_loaded(service, &loaded_by_files.argv_text(), draft);
    }
    let after = command.as_ref().map(|command| command.exec_start.argv_text());
    let loaded = observed.service().and_then(|service| service.exec_start.as_ref());
    Ok(UnitDifference {
        is_written,
        flags: FlagFacts::read(&drop_in),
        is_not_loaded: loaded.is_some() && after.is_some() && loaded != after.as_ref(),
        command: command.map(|command| command.argv()).unwrap_or_default(),
    })
}

/// The line that systemd loads without our drop-in; none where the host has no Docker, or had it once and kept its init
/// script.
pub fn line_without_ours(unit: &Unit, files: &UnitFiles, ours: &str) -> Result<Option<CommandLine>, UnitError> {
    if unit.is_of_init_script() { Ok(None) } else { unit.service(Some(ours))?.command_line(&files.environment) }
}

impl FlagFacts {
    fn read(drop_in: &DropIn) -> Self {
        Self::of(&drop_in.stripped, &Flag::read_all(&drop_in.arguments))
    }

    /// Of the flags that were taken out and those that stay.
    pub fn of(stripped: &[Flag], kept: &[Flag]) -> Self {
        let binds = |flag: &Flag| flag.value.as_ref().is_some_and(|value| value.starts_with("unix://"));
        Self {
            bound_socket: stripped.iter().any(binds),
            live_restore: kept.iter().rfind(|flag| flag.name == "live-restore").is_some_and(is_on),
            listens_on_tcp: false,
        }
    }
}

/// As Go's `strconv.ParseBool` has it.
pub fn is_on(flag: &Flag) -> bool {
    flag.value.as_deref().is_none_or(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
}

/// The command line with our drop-in in its place among the others: what systemd will make of it.
fn command_with(
    desired: &Desired,
    unit: &Unit,
    environment: &[UnitFile],
    drop_in: &DropIn,
) -> Result<Option<CommandLine>, UnitError> {
    let ours = UnitFile { path: desired.layout.drop_in(), text: drop_in.text.clone() };
    unit.with_drop_in(&ours).service(None)?.command_line(environment)
}

fn write(observed: &Observed, drop_in: &DropIn, draft: &mut Draft) -> bool {
    let seen = &observed.unit.drop_in;
    let (action, before, reason) = match &seen.found {
        Found::Present(text) if *text == drop_in.text => return false,
        Found::Present(text) => (Action::Update, Some(text.clone()), Reason::TextDiffers),
        Found::Missing => (Action::Create, None, Reason::Missing),
        Found::Unusable(why) => (Action::Update, None, Reason::Unreadable { why: why.clone() }),
        Found::Denied | Found::Distrusted => return false,
    };
    draft.changes.push(Change::of(
        seen,
        Resource::DropIn,
        action,
        vec![reason],
        After::Text { before, after: drop_in.text.clone() },
    ));
    true
}

fn judge_others(unit: &Unit, ours: &str, draft: &mut Draft) -> Result<(), UnitError> {
    let settings = unit.rivals(ours)?;
    draft.refusals.extend(settings.overriding.into_iter().map(|origin| Refusal::Overridden { origin }));
    draft.notes.extend(settings.shadowed.into_iter().map(|origin| Note::Shadowed { origin }));
    Ok(())
}

/// dockerd refuses a setting that stands both on its command line and in daemon.json, even where both agree.
fn judge_flags(desired: &Desired, drop_in: &DropIn, daemon: &DaemonDifference, draft: &mut Draft) {
    let ours = desired.layout.daemon_json();
    for flag in Flag::read_all(&drop_in.arguments) {
        if flag.name == "config-file" && flag.value.as_deref().map(Path::new) != Some(&ours) {
            draft.refusals.push(Refusal::OtherConfigFile { flag: flag.text, origin: flag.origin });
        }
    }
    for conflict in conflicts(daemon.keys.keys().map(String::as_str), &drop_in.arguments) {
        let (key, flag, origin) = (conflict.key, conflict.flag, conflict.origin);
        draft.refusals.push(Refusal::FlagConflict { key, flag, origin });
    }
}

/// `fd://` without socket activation: `no sockets found via socket activation`.
fn judge_socket(desired: &Desired, observed: &Observed, draft: &mut Draft) {
    let Some(service) = observed.service() else { return };
    let wants_fd = desired.daemon.endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Fd(_)));
    if wants_fd && service.load == "loaded" && !service.has_socket {
        draft.refusals.push(Refusal::NoSocketUnit { socket: service.socket.clone() });
    }
}

/// Our reading of the files has to be systemd's, as long as systemd has read these very files.
pub fn judge_loaded(service: &ServiceFacts, files: &str, draft: &mut Draft) {
    match &service.exec_start {
        Some(systemd) if !service.needs_reload && systemd != files => {
            let (files, systemd) = (files.to_owned(), systemd.clone());
            draft.refusals.push(Refusal::UnitDisagrees { files, systemd });
        }
        _ => {}
    }
}
