//! What is done with a plan, wherever its facts come from: it is saved, and printed.

use std::io::{self, Write};
use std::path::Path;

use time::OffsetDateTime;

use super::arguments::Format;
use super::session::Session;
use super::{print, say, say_error};
use crate::host::{self, Handed, Root};
use crate::observed::Observed;
use crate::plan::Plan;
use crate::render::{Page, json, markdown, text};
use crate::saved::{self, SavedPlan, Setting};

/// A saved plan is the owner's alone: diffs show daemon.json, which may hold what others shall not read.
const MODE: u32 = 0o600;

/// Prints it in the form that was asked for.
pub fn show(format: Format, plan: &Plan, now: OffsetDateTime, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Text => print(out, text::plan(plan, now)),
        Format::Json => print(out, [json::plan(plan)]),
        Format::Markdown => print(out, [markdown::plan(plan, now)]),
    }
}

/// Writes it to the file of `--out`, and says so on stderr; why it can't be has been told where there is none.
pub fn save(file: &Path, plan: &Plan, observed: &Observed, session: &Session) -> Option<()> {
    let (machine, root) = place(&session.root)?;
    let (now, flags, manifest) = (session.now, session.flags, session.source.clone());
    let saved = SavedPlan::new(Setting { machine, root, now, flags, manifest }, plan, observed).to_text();
    if saved.len() > saved::MOST_BYTES {
        let most = saved::MOST_BYTES >> 20;
        say_error(&format!("the plan is not saved: it has more than {most} MiB"), Some("apply the manifest itself"));
        return None;
    }
    if let Err(error) = Handed::at(file, saved.as_bytes(), MODE).and_then(|plan| host::hand_out(&[plan], None)) {
        say_error(&format!("the plan is not saved: {error}"), error.hint());
        return None;
    }
    let what = match (plan.refusals.is_empty(), plan.is_empty() && plan.waiting.is_empty()) {
        (false, _) => "; apply refuses it as long as an error stands",
        (true, true) => "; nothing is pending",
        (true, false) => "",
    };
    let mut page = Page::default();
    let file = file.display();
    text::add_note_text(
        &mut page,
        &format!("the plan is saved: {file}, sha256 {}{what}", saved::sha256(saved.as_bytes())),
    );
    say(page);
    Some(())
}

/// The machine, for its own root, and the root; why they are not known has been told.
pub fn place(root: &Root) -> Option<(Option<String>, String)> {
    let machine = root.is_live().then(host::machine).transpose();
    let machine =
        machine.map_err(|error| say_error(&format!("this machine's name can't be read: {error}"), None)).ok()?;
    let path = root.real_path().map_err(|error| say_error(&error.to_string(), error.hint())).ok()?;
    Some((machine, path.display().to_string()))
}
