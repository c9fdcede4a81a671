//! `dockseal plan`: what apply would do.

use std::io::{self, Write};

use super::arguments::Plan as Arguments;
use super::facts::{self, Compared};
use super::planned;
use super::recover::say_interrupted;
use super::{Exit, say, say_error};
use crate::plan::Refusal;
use crate::render::{Page, text, words};

/// Prints the plan.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(Compared { mut plan, now, by_root, interrupted, here }) = facts::compare(arguments) else {
        return Ok(Exit::Error);
    };
    // A reviewer without root sees as much as there is to see for them.
    if !by_root {
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
    if let Some(root) = &interrupted {
        say_interrupted(root);
    }
    let exit = match (plan.refusals.is_empty(), plan.is_empty() && plan.waiting.is_empty() && interrupted.is_none()) {
        (false, _) => Exit::Error,
        (true, false) => Exit::Changes,
        (true, true) => Exit::Done,
    };
    if let (Some(file), Some((session, observed))) = (&arguments.out, &here)
        && planned::save(file, &plan, observed, session).is_none()
    {
        return Ok(Exit::Error);
    }
    if !(arguments.quiet && exit == Exit::Done) {
        planned::show(arguments.format, &plan, now, out)?;
    }
    Ok(exit)
}
