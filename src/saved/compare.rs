//! Whether today's plan is the one that was reviewed; and, where it is, whether the time that has passed since asks for
//! something else.

use std::fmt::Write as _;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::SavedPlan;
use crate::desired::Desired;
use crate::observed::Observed;
use crate::plan::{After, DaemonStep, Plan};
use crate::render::{diff, notes, words};

/// Why a reviewed plan is not carried out.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    /// The host, or the document, is another than the one that was reviewed: a unified diff of the plans' texts.
    Text(String),
    /// The same, in what the text does not show: a unified diff of the JSON documents.
    Unshown(String),
    /// With the time that has passed something else is due: a unified diff of what would be done.
    Time(String),
    /// What would be made would have to be replaced at once.
    Due {
        /// What.
        resource: String,
        /// Since when.
        at: OffsetDateTime,
    },
}

/// The same plan, or the difference.
pub(super) fn compare(reviewed: &SavedPlan, today: &SavedPlan, made: &str) -> Result<(), Difference> {
    let names = (format!("reviewed, made for {made}"), format!("today, for {made}"));
    let diff = |old: &str, new: &str| diff::between((&names.0, old), (&names.1, new));
    let (old, new) = (standing_text(&reviewed.text), standing_text(&today.text));
    if old != new {
        return Err(Difference::Text(diff(&old, &new)));
    }
    let (old, new) = (unshown(reviewed), unshown(today));
    if old == new { Ok(()) } else { Err(Difference::Unshown(diff(&pretty(&old), &pretty(&new)))) }
}

/// Without the number of containers that go on running: it changes from hour to hour, and nothing else with it.
fn standing_text(text: &str) -> String {
    let is_count =
        |line: &&str| line.strip_prefix("note: ").is_some_and(|note| notes::is_count_of_survivors(note.trim_end()));
    text.split_inclusive('\n').filter(|line| !is_count(line)).collect()
}

fn unshown(saved: &SavedPlan) -> Value {
    let mut plan = saved.plan.clone();
    if let Some(Value::Array(notes)) = plan.get_mut("notes") {
        notes.retain(|note| !note.as_str().is_some_and(notes::is_count_of_survivors));
    }
    json!({"plan": plan, "seen": saved.seen})
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Whether `plan`, made for `made`, may be carried out at `now`: a plan of that time does the same, and nothing that is made
/// is due again by then.
pub fn by_now(
    plan: &Plan,
    desired: &Desired,
    observed: &Observed,
    made: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), Difference> {
    let (old, new) = (outline(plan), outline(&Plan::new(desired, observed, now)));
    if old != new {
        let name = |at| format!("for {}", words::moment(at));
        return Err(Difference::Time(diff::between((&name(made), &old), (&name(now), &new))));
    }
    match plan.due_again(desired, made, now) {
        Some((resource, at)) => Err(Difference::Due { resource: resource.to_string(), at }),
        None => Ok(()),
    }
}

/// What is done, without the dates of it and without the reasons, which may name them.
fn outline(plan: &Plan) -> String {
    let mut outline = String::new();
    for change in &plan.changes {
        let keeps_old = match &change.after {
            After::Certificate(issue) => issue.keeps_old.is_some(),
            After::HandedIn(intake) => intake.keeps_old.is_some(),
            _ => false,
        };
        let copy = if keeps_old { "  (keeps a copy of the old one)" } else { "" };
        let (action, path) = (words::action(change.action), change.path.display());
        // Writing to a String can't fail.
        let _ = writeln!(outline, "{action} {}  {path}{copy}", change.resource);
    }
    if let DaemonStep::Restart { live_restore_first: Some(_), .. } = plan.activation.daemon {
        outline.push_str("live-restore is switched on first\n");
    }
    for waiting in &plan.waiting {
        let _ = writeln!(outline, "wait for {}", waiting.resource);
    }
    for refusal in &plan.refusals {
        let _ = writeln!(outline, "error: {}", words::refusal(refusal).0);
    }
    outline
}
