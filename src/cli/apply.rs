//! `dockseal apply`: makes the host match.

use std::io::{self, Write};

use super::arguments::{Apply as Arguments, Format};
use super::failure::say_failure;
use super::log::Log;
use super::progress::Progress;
use super::recover::recover;
use super::session::{Session, may_change};
use super::{Exit, print, say, say_error};
use crate::apply::{Apply, ApplyError, Moment};
use crate::host::Lock;
use crate::observed::Observed;
use crate::plan::{DaemonStep, Plan};
use crate::render::log::PlanTold;
use crate::render::{Page, json, text};

/// Does it.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(mut session) = Session::open(&arguments.target, None, true) else { return Ok(Exit::Error) };
    if !session.takes_delete_keys(arguments.keys.delete_keys) || !may_change(&session.root) || !session.can_write() {
        return Ok(Exit::Error);
    }
    session.takes_allow_restart(arguments.allow_restart);
    session.desired.ca.rotation.pace = arguments.rotation.pace();
    let _lock = match Lock::acquire(&session.root, arguments.lock_timeout) {
        Ok(lock) => lock,
        Err(error) => {
            say_error(&error.to_string(), error.hint());
            return Ok(Exit::Error);
        }
    };
    let host = session.desired.host.clone();
    let log = Log { root: &session.root, command: "apply", host: Some(&host), began: session.now };
    let is_recovered = match recover(&log, Moment::Now) {
        Ok(is_recovered) => is_recovered,
        Err(error) => return Ok(say_failure(&error)),
    };
    let (mut observed, plan) = match session.compare() {
        Ok(compared) => compared,
        Err(error) => {
            say_error(&error.to_string(), None);
            return Ok(Exit::Error);
        }
    };
    let is_json = matches!(arguments.format, Format::Json);
    if !plan.refusals.is_empty() {
        say_findings(&plan);
        if is_json {
            print(out, [json::plan(&plan)])?;
        }
        return Ok(Exit::Error);
    }
    // The plan has what matters of them, and the facts of ten thousand clients are many.
    observed.clients = Vec::new();
    if !(plan.is_empty() && arguments.quiet) {
        match arguments.format {
            Format::Text => print(out, text::plan(&plan, session.now))?,
            Format::Json => print(out, [json::plan(&plan)])?,
        }
    }
    if plan.is_empty() {
        return Ok(if is_recovered && arguments.detailed_exitcode { Exit::Changes } else { Exit::Done });
    }
    let waiting = plan.waiting.len();
    // Whether nobody listens any more takes no handshake.
    let is_proven = plan.activation.daemon != DaemonStep::Stay && session.desired.leaving.is_none();
    // The apply drops them before its proof.
    let changes = PlanTold::new(&plan);
    match carry_out(&session, &observed, plan) {
        Ok(()) => {
            log.changed(changes);
            if !is_json {
                // The host has changed, whether or not somebody still reads.
                let _ = out.write_all(text::applied(is_proven, waiting).as_bytes()).and_then(|()| out.flush());
            }
            Ok(if arguments.detailed_exitcode { Exit::Changes } else { Exit::Done })
        }
        Err(error) => {
            log.failed(&error, Some(changes));
            Ok(say_failure(&error))
        }
    }
}

fn carry_out(session: &Session, observed: &Observed, plan: Plan) -> Result<(), ApplyError> {
    let progress = Progress::new();
    let apply = Apply {
        root: &session.root,
        desired: &session.desired,
        observed,
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
