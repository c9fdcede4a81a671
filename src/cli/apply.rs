//! `dockseal apply`: makes the host match.

use std::io::{self, Write};

use super::arguments::Apply as Arguments;
use super::progress::Progress;
use super::session::Session;
use super::{Exit, say, say_error};
use crate::apply::{Apply, ApplyError, Cause, Ending};
use crate::host::{self, Lock};
use crate::manifest::RestartPolicy;
use crate::observed::Observed;
use crate::plan::Plan;
use crate::render::{Page, text};

/// Does it.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(mut session) = Session::open(&arguments.target, None, true) else { return Ok(Exit::Error) };
    if session.root.is_live() && host::effective_user() != 0 {
        say_error("only root can change this host", Some("run it with sudo, or on another root: --root DIR"));
        return Ok(Exit::Error);
    }
    if arguments.allow_restart && session.desired.unit.restart == RestartPolicy::Safe {
        session.desired.unit.restart = RestartPolicy::Always;
    }
    let _lock = match Lock::acquire(&session.root, arguments.lock_timeout) {
        Ok(lock) => lock,
        Err(error) => {
            say_error(&error.to_string(), error.hint());
            return Ok(Exit::Error);
        }
    };
    let (observed, plan) = match session.compare() {
        Ok(compared) => compared,
        Err(error) => {
            say_error(&error.to_string(), None);
            return Ok(Exit::Error);
        }
    };
    if !plan.refusals.is_empty() {
        say_findings(&plan);
        return Ok(Exit::Error);
    }
    if !(plan.is_empty() && arguments.quiet) {
        out.write_all(text::plan(&plan, session.now).as_bytes())?;
        out.flush()?;
    }
    if plan.is_empty() {
        return Ok(Exit::Done);
    }
    match carry_out(&session, observed, &plan) {
        Ok(()) => {
            // The host has changed, whether or not somebody still reads.
            let _ = out.write_all(text::applied(&plan).as_bytes()).and_then(|()| out.flush());
            Ok(if arguments.detailed_exitcode { Exit::Changes } else { Exit::Done })
        }
        Err(error) => Ok(say_failure(&error)),
    }
}

fn carry_out(session: &Session, mut observed: Observed, plan: &Plan) -> Result<(), ApplyError> {
    // The plan has what matters of them, and the facts of ten thousand clients are many.
    observed.clients = Vec::new();
    let progress = Progress::new();
    let apply = Apply {
        root: &session.root,
        desired: &session.desired,
        observed: &observed,
        plan,
        now: session.now,
        progress: &|done, total| progress.show(done, total),
    };
    let outcome = apply.run();
    progress.finish();
    outcome
}

/// Why nothing is changed.
fn say_findings(plan: &Plan) {
    let mut page = Page::default();
    for note in &plan.notes {
        text::add_note(&mut page, note);
    }
    for refusal in &plan.refusals {
        text::add_refusal(&mut page, refusal);
    }
    say(page);
}

fn say_failure(error: &ApplyError) -> Exit {
    let mut page = Page::default();
    add_cause(&mut page, &error.cause);
    let exit = match &error.ending {
        Ending::AsItWas => {
            text::add_note_text(&mut page, "the host is as it was");
            Exit::Error
        }
        Ending::Broken(failure) => {
            add_cause(&mut page, failure);
            text::add_note_text(&mut page, "the host could not be put back: look at it now");
            Exit::Broken
        }
        Ending::LeftOver => {
            text::add_note_text(
                &mut page,
                "the host matches the manifest; files ending in .dockseal-old are left over",
            );
            Exit::Error
        }
    };
    say(page);
    exit
}

fn add_cause(page: &mut Page, cause: &Cause) {
    text::add_error(page, &cause.to_string(), cause.hint().as_deref());
    let journal = match cause {
        Cause::NotProven { rest, journal } => {
            for line in text::rest(rest) {
                text::add_detail(page, &line);
            }
            journal
        }
        Cause::Start { journal, .. } => journal,
        _ => return,
    };
    if !journal.is_empty() {
        text::add_detail(page, "the journal's last lines:");
        text::add_detail(page, journal);
    }
}
