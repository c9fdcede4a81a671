//! What a change that failed tells: why, what it left behind, and what a person does next.

use super::{Exit, say};
use crate::apply::{ApplyError, Cause, Ending};
use crate::render::{Page, text, words};

/// Tells it.
pub fn say_failure(error: &ApplyError) -> Exit {
    let mut page = Page::default();
    add_cause(&mut page, &error.cause);
    let exit = match &error.ending {
        Ending::AsItWas | Ending::PutBack => {
            text::add_note_text(&mut page, "the host is as it was");
            Exit::Error
        }
        Ending::Broken { failure, unit } => {
            add_cause(&mut page, failure);
            add_next(&mut page, "the host could not be put back: a person has to look at it", unit.as_deref());
            Exit::Broken
        }
        Ending::Interrupted { unit } => {
            let what = "the change of an interrupted run could not be undone: a person has to look at it";
            add_next(&mut page, what, unit.as_deref());
            Exit::Broken
        }
        Ending::LeftOver => {
            text::add_note_text(&mut page, "the change holds; what it left over is removed by `dockseal recover`");
            Exit::Error
        }
    };
    say(page);
    exit
}

/// The commands to run next, as they are typed.
fn add_next(page: &mut Page, what: &str, unit: Option<&str>) {
    text::add_note_text(page, what);
    let mut commands = Vec::new();
    if let Some(unit) = unit {
        commands.push((format!("journalctl --unit {unit} --lines 50"), "why dockerd does not run"));
    }
    commands.push(("dockseal recover".to_owned(), "try again to put everything back, once the cause is mended"));
    if let Some(unit) = unit {
        commands.push((format!("systemctl status {unit}"), "whether it runs then"));
    }
    for (command, why) in commands {
        text::add_detail(page, &format!("{command:<48} # {why}"));
    }
}

fn add_cause(page: &mut Page, cause: &Cause) {
    text::add_error(page, &cause.to_string(), cause.hint().as_deref());
    if let Cause::Signer { reasons, .. } = cause {
        for reason in reasons {
            text::add_detail(page, &words::reason(reason));
        }
    }
    if let Cause::NotProven { rest, .. } = cause {
        for line in text::rest(rest) {
            text::add_detail(page, &line);
        }
    }
    if let Some(journal) = cause.journal().filter(|journal| !journal.is_empty()) {
        text::add_detail(page, "the journal's last lines:");
        text::add_detail(page, journal);
    }
}
