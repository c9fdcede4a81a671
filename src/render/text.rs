//! A plan for people.

use std::path::PathBuf;

use anstyle::Style;
use time::OffsetDateTime;

use super::page::{ADDED, CHANGED, PLACE, PLAIN, Page, REMOVED, STRONG};
use super::{diff, words};
use crate::plan::{Action, After, Change, DaemonStep, Issue, IssueKey, Note, Plan, Reason, Refusal};

/// The whole plan, piece by piece: changes with their reasons, then what stands in the way, then notes, then a count. The
/// pieces of a thousand clients are not all in memory at once.
pub fn plan(plan: &Plan, now: OffsetDateTime) -> impl Iterator<Item = String> {
    let mut head = Page::default();
    head.line(0, STRONG, &plan.host);
    let changes = plan.changes.iter().map(move |change| {
        let mut page = Page::default();
        page.gap();
        add_change(&mut page, change, now);
        page.into_text()
    });
    std::iter::once(head.into_text()).chain(changes).chain(std::iter::once_with(|| end(plan)))
}

fn end(plan: &Plan) -> String {
    let mut page = Page::default();
    if !plan.changes.is_empty() {
        page.gap();
    }
    for note in &plan.notes {
        add_note(&mut page, note);
    }
    for refusal in &plan.refusals {
        add_refusal(&mut page, refusal);
    }
    page.line(0, STRONG, &summary(plan));
    page.into_text()
}

/// `Plan: 3 to create, 1 to replace; docker.service restarts.`
fn summary(plan: &Plan) -> String {
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    let counts = [
        (count(Action::Create), "to create"),
        (count(Action::Update), "to change"),
        (count(Action::Replace), "to replace"),
        (count(Action::Delete), "to delete"),
    ];
    let mut parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, verb)| format!("{count} {verb}")).collect();
    let unit = &plan.activation.unit;
    match &plan.activation.daemon {
        DaemonStep::Restart { live_restore_first: Some(_), .. } => {
            parts.push(format!("{unit} reloads (live-restore), then restarts"));
        }
        DaemonStep::Restart { .. } => parts.push(format!("{unit} restarts")),
        DaemonStep::Reload => parts.push(format!("{unit} reloads")),
        DaemonStep::Stay if plan.activation.daemon_reload && !plan.changes.is_empty() => {
            parts.push("systemd reads its units again".to_owned());
        }
        DaemonStep::Stay => {}
    }
    match (plan.refusals.is_empty(), parts.is_empty()) {
        (true, true) => "In sync: nothing to do.".to_owned(),
        (true, false) => format!("Plan: {}.", parts.join(", ")),
        (false, _) => "Nothing is changed while an error stands.".to_owned(),
    }
}

fn add_change(page: &mut Page, change: &Change, now: OffsetDateTime) {
    let (sign, style) = sign(change.action);
    page.line(2, style, &format!("{sign} {}  {}", change.resource, change.path.display()));
    for reason in &change.reasons {
        page.line(6, PLAIN, &words::reason(reason));
    }
    match &change.after {
        After::Certificate(issue) => add_issue(page, issue, now),
        After::Text { before, after } => add_diff(page, &change.path.display().to_string(), before.as_deref(), after),
        After::Bundle(bundle) => {
            if let Some(issue) = &bundle.new {
                add_issue(page, issue, now);
            }
        }
        After::CopyOfCa | After::CopyOfKey(_) | After::Mode(_) | After::SameBytes(_) | After::Gone | After::Service => {
        }
    }
}

/// The sign and style of what happens to a thing.
pub(super) fn sign(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create => ("+", ADDED),
        Action::Update => ("~", CHANGED),
        Action::Replace => ("±", CHANGED),
        Action::Delete => ("-", REMOVED),
        Action::Reload | Action::Restart => ("!", CHANGED),
    }
}

/// The fields of a certificate, old → new; never its body.
fn add_issue(page: &mut Page, issue: &Issue, now: OffsetDateTime) {
    let spec = &issue.spec;
    let before = issue.before.as_deref();
    let mut field = |name: &str, old: Option<String>, new: String| {
        let value = match old {
            Some(old) if old != new => format!("{old} → {new}"),
            _ => new,
        };
        page.line(6, PLAIN, &format!("{name:<9}{value}"));
    };
    field("subject", before.map(|facts| facts.subject.to_string()), spec.subject.to_string());
    if !spec.sans.is_empty() {
        field("SANs", before.map(|facts| words::sans(&facts.sans)), words::sans(&spec.sans));
    }
    let old_key = before.map(|facts| facts.public_key.algorithm.map_or("another kind".to_owned(), |a| a.to_string()));
    match &issue.key {
        IssueKey::New { path, .. } => {
            field("key", old_key, spec.key.to_string());
            field("key file", None, format!("{} (new)", path.display()));
        }
        IssueKey::Kept(path) => field("key file", None, format!("{} (kept)", path.display())),
        IssueKey::Request(path) => field("request", None, path.display().to_string()),
    }
    let until = format!("{} ({} days)", words::moment(issue.not_after), words::days_left(issue.not_after, now));
    field("until", before.map(|facts| words::moment(facts.not_after)), until);
    if let Some(old) = &issue.keeps_old {
        let until = words::moment(old.accepted_until);
        field("hand out", None, format!("again; dockerd accepts the old certificate until {until}"));
    }
}

fn add_diff(page: &mut Page, path: &str, before: Option<&str>, after: &str) {
    for line in diff::unified(path, before, after).lines() {
        let style = match line.as_bytes().first() {
            _ if line.starts_with("---") || line.starts_with("+++") => STRONG,
            Some(b'+') => ADDED,
            Some(b'-') => REMOVED,
            Some(b'@') => PLACE,
            _ => PLAIN,
        };
        page.line(6, style, line);
    }
}

/// `note: …`
pub fn add_note(page: &mut Page, note: &Note) {
    add_note_text(page, &words::note(note));
}

/// `note: …`, in words of the caller's.
pub fn add_note_text(page: &mut Page, note: &str) {
    page.line(0, CHANGED, &format!("note: {note}"));
}

/// A line that explains the one before.
pub fn add_detail(page: &mut Page, detail: &str) {
    page.line(2, PLAIN, detail);
}

/// `error: …` and what to do.
pub fn add_refusal(page: &mut Page, refusal: &Refusal) {
    let (why, hint) = words::refusal(refusal);
    add_error(page, &why, Some(&hint));
}

/// `error: …` and what to do.
pub fn add_error(page: &mut Page, why: &str, hint: Option<&str>) {
    page.line(0, REMOVED, &format!("error: {why}"));
    if let Some(hint) = hint {
        page.line(2, PLAIN, &format!("help: {hint}"));
    }
}

/// `Done: …`, after an apply; by handshakes where dockerd took it in.
pub fn applied(is_proven: bool) -> String {
    let mut page = Page::default();
    let proven = if is_proven { ", and the handshakes prove it" } else { "" };
    page.line(0, STRONG, &format!("Done: the host matches the manifest{proven}."));
    page.into_text()
}

/// `Done: …`, after a rollback to what was before the change begun at `began`.
pub fn rolled_back(began: &str, files: &[PathBuf], restarted: Option<&str>) -> String {
    let mut page = Page::default();
    for path in files {
        page.line(2, CHANGED, &format!("~ {}", path.display()));
    }
    let restarted = restarted.map(|unit| format!("; {unit} has restarted")).unwrap_or_default();
    page.line(0, STRONG, &format!("Done: the host is as it was before the apply of {began}{restarted}."));
    page.into_text()
}

/// What a second plan, which should have been empty, still wants: one line for each reason.
pub fn rest(plan: &Plan) -> Vec<String> {
    let reasons = plan.changes.iter().flat_map(|change| {
        change.reasons.iter().map(|reason: &Reason| format!("{}: {}", change.resource, words::reason(reason)))
    });
    reasons.chain(plan.refusals.iter().map(|refusal| words::refusal(refusal).0)).collect()
}
