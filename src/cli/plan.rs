//! `dockseal plan`: what apply would do.

use std::io::{self, Write};

use super::arguments::Plan as Arguments;
use super::planned;
use super::recover::say_interrupted;
use super::session::Session;
use super::{Exit, say, say_error};
use crate::apply;
use crate::host;
use crate::plan::Refusal;
use crate::render::{Page, text, words};

/// Prints the plan.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(mut session) = Session::open(&arguments.target, arguments.now, false) else { return Ok(Exit::Error) };
    if !session.takes(arguments.rotation.flags(&arguments.keys, arguments.allow_restart)) {
        return Ok(Exit::Error);
    }
    let (observed, mut plan) = match session.compare() {
        Ok(compared) => compared,
        Err(error) => {
            say_error(&error.to_string(), None);
            return Ok(Exit::Error);
        }
    };
    // A reviewer without root sees as much as there is to see for them.
    if host::effective_user() != 0 {
        let (unseen, rest): (Vec<Refusal>, Vec<Refusal>) =
            plan.refusals.into_iter().partition(Refusal::is_lack_of_permission);
        plan.refusals = rest;
        let mut page = Page::default();
        for refusal in &unseen {
            let (why, _) = words::refusal(refusal);
            text::add_note_text(&mut page, &format!("not compared: {why}"));
        }
        say(page);
        if arguments.out.is_some() && !unseen.is_empty() {
            say_error("the plan is not saved: it is not the whole one", Some("run it as root"));
            return Ok(Exit::Error);
        }
    }
    let is_interrupted = apply::is_interrupted(&session.root);
    if is_interrupted {
        say_interrupted(&session.root);
    }
    let exit = match (plan.refusals.is_empty(), plan.is_empty() && plan.waiting.is_empty() && !is_interrupted) {
        (false, _) => Exit::Error,
        (true, false) => Exit::Changes,
        (true, true) => Exit::Done,
    };
    if arguments.out.as_ref().is_some_and(|file| planned::save(file, &plan, &observed, &session).is_none()) {
        return Ok(Exit::Error);
    }
    if !(arguments.quiet && exit == Exit::Done) {
        planned::show(arguments.format, &plan, session.now, out)?;
    }
    Ok(exit)
}
