//! `dockseal apply`: makes the host match.

use std::io::{self, Write};

use super::arguments::{Apply as Arguments, Format};
use super::failure::say_failure;
use super::log::Log;
use super::progress::Progress;
use super::recover::recover;
use super::reviewed::Reviewed;
use super::session::{Session, may_change};
use super::{Exit, planned, print, say, say_error, validate};
use crate::apply::{Apply, ApplyError, Moment};
use crate::host::Lock;
use crate::manifest::{MOST_BYTES, RestartPolicy};
use crate::observed::Observed;
use crate::plan::{DaemonStep, Plan};
use crate::render::log::PlanTold;
use crate::render::{Page, json, text};
use crate::saved;

/// Does it.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some((mut session, reviewed)) = open(arguments) else { return Ok(Exit::Error) };
    let _lock = match Lock::acquire(&session.root, arguments.lock_timeout) {
        Ok(lock) => lock,
        Err(error) => {
            say_error(&error.to_string(), error.hint());
            return Ok(Exit::Error);
        }
    };
    let is_recovered = match recover(&log(&session, reviewed.as_ref()), Moment::Now) {
        Ok(is_recovered) => is_recovered,
        Err(error) => return Ok(say_failure(&error)),
    };
    let Some((observed, plan)) = compare(&mut session, reviewed.as_ref(), arguments.allow_restart) else {
        return Ok(Exit::Error);
    };
    let is_json = matches!(arguments.format, Format::Json);
    if !plan.refusals.is_empty() {
        say_findings(&plan);
        if is_json {
            print(out, [json::plan(&plan)])?;
        }
        return Ok(Exit::Error);
    }
    if !(plan.is_empty() && arguments.quiet) {
        planned::show(arguments.format, &plan, session.now, out)?;
    }
    if plan.is_empty() {
        return Ok(if is_recovered && arguments.detailed_exitcode { Exit::Changes } else { Exit::Done });
    }
    let waiting = plan.waiting.len();
    // Whether nobody listens any more takes no handshake.
    let is_proven = plan.activation.daemon != DaemonStep::Stay && session.desired.leaving.is_none();
    let log = log(&session, reviewed.as_ref());
    // The apply drops them before its proof.
    let changes = PlanTold::new(&plan);
    match carry_out(&session, &observed, plan) {
        Ok(proof) => {
            log.changed(changes, &proof);
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

fn log<'a>(session: &'a Session, reviewed: Option<&'a Reviewed>) -> Log<'a> {
    Log {
        root: &session.root,
        command: "apply",
        host: Some(&session.desired.host),
        began: session.began,
        saved_plan: reviewed.map(|reviewed| &*reviewed.sha256),
    }
}

/// A manifest, or a saved plan with all that it brings; what is wrong has been told when there is none.
fn open(arguments: &Arguments) -> Option<(Session, Option<Reviewed>)> {
    let mut input = validate::input(&arguments.file, saved::MOST_BYTES)?;
    let (mut session, reviewed) = if saved::is_saved_plan(&input.bytes) {
        let (session, reviewed) = Reviewed::open(&input, arguments)?;
        (session, Some(reviewed))
    } else {
        // That there is too much of it is all that has to be seen.
        input.bytes.truncate(MOST_BYTES + 1);
        (Session::of(input, arguments.root.as_deref(), None, true)?, None)
    };
    let flags = match &reviewed {
        Some(reviewed) => reviewed.flags(),
        None => arguments.rotation.flags(&arguments.keys, arguments.allow_restart),
    };
    let may = session.takes(flags) && may_change(&session.root) && session.can_write();
    may.then_some((session, reviewed))
}

/// The plan to carry out; why there is none has been told. Whoever applies a saved plan may allow what it was reviewed
/// without.
fn compare(session: &mut Session, reviewed: Option<&Reviewed>, allows_restart: bool) -> Option<(Observed, Plan)> {
    let (mut observed, mut plan) = session.compare().map_err(|error| say_error(&error.to_string(), None)).ok()?;
    if let Some(reviewed) = reviewed {
        if !reviewed.is_still(session, &observed, &plan) {
            return None;
        }
        if allows_restart && session.desired.unit.restart == RestartPolicy::Safe {
            session.takes_allow_restart(true);
            plan = Plan::new(&session.desired, &observed, session.now);
        }
    }
    // The plan has what matters of them, and the facts of ten thousand clients are many.
    observed.clients = Vec::new();
    Some((observed, plan))
}

fn carry_out(session: &Session, observed: &Observed, plan: Plan) -> Result<Observed, ApplyError> {
    let progress = Progress::new();
    let apply = Apply {
        root: &session.root,
        desired: &session.desired,
        observed,
        plan,
        now: session.now,
        began: session.began,
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
