//! `dockseal recover`: undoes or finishes what an interrupted run left.

use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;

use super::arguments::Recover as Arguments;
use super::failure::say_failure;
use super::log::Log;
use super::session::{may_change, open_root};
use super::{Exit, say, say_error};
use crate::apply::{self, ApplyError, Moment, Recovered};
use crate::desired::OWN_FOLDER;
use crate::host::{Lock, LockError};
use crate::render::{Page, text};

/// Does it.
pub fn run(arguments: &Arguments) -> Exit {
    let Some(root) = open_root(arguments.root.as_deref()).filter(may_change) else { return Exit::Error };
    let (wait, moment) =
        if arguments.boot { (Duration::ZERO, Moment::BeforeStart) } else { (arguments.lock_timeout, Moment::Now) };
    let _lock = match Lock::acquire(&root, wait) {
        Ok(lock) => lock,
        // dockerd is started by a run that is at work, and that run sees to its own change.
        Err(LockError::Held { .. }) if arguments.boot => return Exit::Done,
        Err(error) => {
            say_error(&error.to_string(), error.hint());
            return Exit::Error;
        }
    };
    let log = Log { root: &root, command: "recover", host: None, began: OffsetDateTime::now_utc(), saved_plan: None };
    match recover(&log, moment) {
        Ok(_) => Exit::Done,
        Err(error) => say_failure(&error),
    }
}

/// Undoes or finishes what an earlier run left, says so and logs it; gives whether there was something.
pub fn recover(log: &Log, moment: Moment) -> Result<bool, ApplyError> {
    let recovered = apply::recover(log.root, moment).inspect_err(|error| log.failed(error, None))?;
    if let Some(recovered) = &recovered {
        log.recovered(recovered);
        let mut page = Page::default();
        text::add_note_text(&mut page, &words(recovered));
        say(page);
    }
    Ok(recovered.is_some())
}

fn words(recovered: &Recovered) -> String {
    let whose = match &recovered.heading {
        Some(heading) => format!("`dockseal {}`, begun at {},", heading.command, heading.began),
        None => "an earlier run".to_owned(),
    };
    let what = if recovered.is_finished { "had made its change, which is finished now" } else { "is undone" };
    format!("{whose} was interrupted; it {what}")
}

/// What a plan or a status has to say where a run was interrupted.
pub fn say_interrupted(root: &Path) {
    let mut page = Page::default();
    let journal = root.join(OWN_FOLDER.trim_start_matches('/'));
    let what = format!(
        "an interrupted run left its journal in {}: the next apply undoes or finishes it first, as `dockseal recover` does",
        journal.display()
    );
    text::add_note_text(&mut page, &what);
    say(page);
}
