//! `dockseal plan`: what apply would do.

use std::io::{self, Write};

use super::arguments::{Format, Plan as Arguments};
use super::recover::say_interrupted;
use super::session::Session;
use super::{Exit, print, say, say_error};
use crate::apply;
use crate::host;
use crate::plan::Refusal;
use crate::render::{Page, json, text, words};

/// Prints the plan.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(mut session) = Session::open(&arguments.target, arguments.now, false) else { return Ok(Exit::Error) };
    session.desired.ca.rotation.pace = arguments.rotation.pace();
    session.takes_allow_restart(arguments.allow_restart);
    if !session.takes_delete_keys(arguments.keys.delete_keys) {
        return Ok(Exit::Error);
    }
    let (_, mut plan) = match session.compare() {
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
    if !(arguments.quiet && exit == Exit::Done) {
        match arguments.format {
            Format::Text => print(out, text::plan(&plan, session.now))?,
            Format::Json => print(out, [json::plan(&plan)])?,
        }
    }
    Ok(exit)
}
