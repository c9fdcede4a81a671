//! `dockseal observe`: what a plan needs to know of a host, to be read elsewhere.

use std::io::{self, Write};

use time::OffsetDateTime;

use super::arguments::Observe as Arguments;
use super::session::Session;
use super::{Exit, print, say, say_error};
use crate::apply;
use crate::observed::facts::{Facts, HostFacts, Occasion, Recorder};
use crate::render::{Page, text};

/// Prints the facts; what could not be read goes to stderr.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(session) = Session::open(&arguments.target, None, false) else { return Ok(Exit::Error) };
    let occasion = Occasion { now: OffsetDateTime::now_utc(), interrupted: apply::is_interrupted(&session.root) };
    let facts = match Recorder::observe(&session.root, &session.desired, &occasion) {
        Ok(facts) => facts,
        Err(error) => {
            say_error(&error.to_string(), None);
            return Ok(Exit::Error);
        }
    };
    say_denied(&facts);
    match Facts::text(&facts) {
        Ok(text) => print(out, [text]).map(|()| Exit::Done),
        Err(error) => {
            say_error(&format!("the facts can't be written: {error}"), None);
            Ok(Exit::Error)
        }
    }
}

fn say_denied(facts: &HostFacts) {
    let mut page = Page::default();
    for path in facts.denied() {
        text::add_note_text(&mut page, &format!("not observed: {} may not be read; run as root", path.display()));
    }
    say(page);
}
