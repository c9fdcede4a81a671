//! A plan for people.

use std::path::{Path, PathBuf};

use anstyle::Style;
use time::OffsetDateTime;

use super::page::{ADDED, CHANGED, PLACE, PLAIN, Page, REMOVED, STRONG};
use super::{diff, notes, summary, words};
use crate::pki::CertFacts;
use crate::plan::{Action, After, Change, Intake, Issue, IssueKey, NewRequest, Note, Plan, Reason, Refusal, Waiting};

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
    if !plan.changes.is_empty() || !plan.waiting.is_empty() {
        page.gap();
    }
    for waiting in &plan.waiting {
        add_waiting(&mut page, waiting);
    }
    for note in &plan.notes {
        add_note(&mut page, note);
    }
    for refusal in &plan.refusals {
        add_refusal(&mut page, refusal);
    }
    page.line(0, STRONG, &summary::summary(plan, &plan.activation.unit));
    page.into_text()
}

fn add_change(page: &mut Page, change: &Change, now: OffsetDateTime) {
    let sign = words::sign(change.action);
    let style = style(change.action);
    page.line(2, style, &format!("{sign} {}  {}", change.resource, change.path.display()));
    for reason in &*change.reasons {
        page.line(6, PLAIN, &words::reason(reason));
    }
    match &change.after {
        After::Text { before, after } => add_diff(page, &change.path.display().to_string(), before.as_deref(), after),
        _ => add_fields(page, change, now),
    }
}

/// What is issued or asked for, or has come, a line for each field; nothing for other changes.
pub(super) fn add_fields(page: &mut Page, change: &Change, now: OffsetDateTime) {
    match &change.after {
        After::Certificate(issue) => add_issue(page, issue, now),
        After::Request(request) => add_request(page, request),
        After::HandedIn(intake) => add_intake(page, intake, now),
        After::HandedInCa(bundle) => {
            for ca in bundle {
                page.line(6, PLAIN, &format!("{:<9}{}", "subject", ca.facts.subject));
                page.line(6, PLAIN, &format!("{:<9}{}", "SHA-256", ca.facts.fingerprint));
            }
        }
        After::CaOfChain => page.line(6, PLAIN, "it comes with the first certificate that the issuer gives"),
        After::Bundle(bundle) => {
            if let Some(issue) = &bundle.new {
                add_issue(page, issue, now);
            }
        }
        After::Text { .. }
        | After::CopyOfCa
        | After::CopyOfKey(_)
        | After::Mode(_)
        | After::SameBytes(_)
        | After::Gone
        | After::Service => {}
    }
}

/// The style of what happens to a thing.
pub(super) fn style(action: Action) -> Style {
    match action {
        Action::Create => ADDED,
        Action::Update | Action::Replace | Action::Reload | Action::Restart => CHANGED,
        Action::Delete => REMOVED,
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

/// What is asked for.
fn add_request(page: &mut Page, request: &NewRequest) {
    let spec = &request.spec;
    let mut field = |name: &str, value: &str| page.line(6, PLAIN, &format!("{name:<9}{value}"));
    field("subject", &spec.subject.to_string());
    if !spec.sans.is_empty() {
        field("SANs", &words::sans(&spec.sans));
    }
    field("key", spec.key.name());
    let whence = if request.reused.is_some() { "the key that is in use" } else { "new" };
    field("key file", &format!("{} ({whence})", request.key.display()));
}

/// What has come.
fn add_intake(page: &mut Page, intake: &Intake, now: OffsetDateTime) {
    let (facts, before) = (&intake.certificate.facts, intake.before.as_deref());
    let mut field = |name: &str, old: Option<String>, new: String| {
        let old = old.filter(|old| *old != new).map(|old| format!("{old} → ")).unwrap_or_default();
        page.line(6, PLAIN, &format!("{name:<9}{old}{new}"));
    };
    field("subject", before.map(|facts| facts.subject.to_string()), facts.subject.to_string());
    if !facts.sans.is_empty() {
        field("SANs", before.map(|facts| words::sans(&facts.sans)), words::sans(&facts.sans));
    }
    if let Some(key) = &intake.key {
        field("key file", None, format!("{} (from {})", key.path.display(), key.from.display()));
    }
    if let Some(old) = &intake.keeps_old {
        let until = words::moment(old.accepted_until);
        field("hand out", None, format!("again; dockerd accepts the old certificate until {until}"));
    }
    let until = format!("{} ({} days)", words::moment(facts.not_after), words::days_left(facts.not_after, now));
    field("until", before.map(|facts| words::moment(facts.not_after)), until);
}

/// What somebody else has to do.
fn add_waiting(page: &mut Page, waiting: &Waiting) {
    page.line(0, CHANGED, &format!("{} {}", waiting.resource, words::WAITS));
    page.line(2, PLAIN, &format!("{:<9} {}", words::TO_SIGN, waiting.request.display()));
    page.line(2, PLAIN, &format!("{} {}", words::PUT_AT, waiting.certificate.display()));
}

fn add_diff(page: &mut Page, path: &str, before: Option<&str>, after: &str) {
    add_diff_lines(page, 6, &diff::unified(path, before, after));
}

/// A unified diff, line by line.
pub fn add_diff_lines(page: &mut Page, indent: usize, diff: &str) {
    for line in diff.lines() {
        let style = match line.as_bytes().first() {
            _ if line.starts_with("---") || line.starts_with("+++") => STRONG,
            Some(b'+') => ADDED,
            Some(b'-') => REMOVED,
            Some(b'@') => PLACE,
            _ => PLAIN,
        };
        page.line(indent, style, line);
    }
}

/// `note: …`
pub fn add_note(page: &mut Page, note: &Note) {
    add_note_text(page, &notes::note(note));
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

/// A certificate that was signed for somebody else.
pub fn signed(whose: &str, path: &Path, facts: &CertFacts, now: OffsetDateTime) -> String {
    certificate(whose, path, facts, now).into_text()
}

/// What was written for a client, and the commands that use it.
pub fn exported(name: &str, path: &Path, facts: &CertFacts, now: OffsetDateTime, uses: &str) -> String {
    let mut page = certificate(&format!("client.{name}"), path, facts, now);
    for command in uses.lines() {
        add_detail(&mut page, command);
    }
    page.into_text()
}

fn certificate(whose: &str, path: &Path, facts: &CertFacts, now: OffsetDateTime) -> Page {
    let mut page = Page::default();
    page.line(0, STRONG, &format!("{whose}  {}", path.display()));
    let mut field = |name: &str, value: &str| page.line(2, PLAIN, &format!("{name:<9}{value}"));
    field("subject", &facts.subject.to_string());
    if !facts.sans.is_empty() {
        field("SANs", &words::sans(&facts.sans));
    }
    field("serial", &facts.serial.to_string());
    let until = words::moment(facts.not_after);
    field("until", &format!("{until} ({} days)", words::days_left(facts.not_after, now)));
    page
}

/// `Done: …`, after an apply; by handshakes where dockerd took it in. Or what it goes on waiting for.
pub fn applied(is_proven: bool, waiting: usize) -> String {
    let mut page = Page::default();
    if waiting > 0 {
        let s = if waiting == 1 { "" } else { "s" };
        page.line(0, STRONG, &format!("Done, as far as it goes: the host waits for {waiting} signature{s}."));
        return page.into_text();
    }
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
