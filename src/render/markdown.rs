//! A plan for a pull-request comment: GitHub Flavored Markdown, as GitLab and others read it too.
//!
//! Whatever comes from a host or a manifest stands in code, on a line or fenced, by a mark longer than any in it: there a
//! reader of Markdown sees no HTML, no link, no picture, no person to mention and no issue to refer to.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::page::Page;
use super::{diff, notes, summary, text, words};
use crate::plan::{After, Change, Plan, Refusal, Waiting};
use crate::visible::{one_line, visible};

/// GitHub takes 65,536 characters; some count them in bytes.
const MOST: usize = 65_000;
/// Changes leave some of it to their details.
const MOST_CHANGES: usize = 40_000;
/// As much as one sentence may take of it, in characters.
const SENTENCE: usize = 2000;
/// As much as one change's details may take of it, in bytes.
const DETAILS: usize = 20_000;
/// More lines of details than that are folded.
const OPEN_LINES: usize = 40;
/// What is said of what was cut, and the ends of folds, at most.
const RESERVE: usize = 1000;

/// The whole plan, or as much of it as fits a comment, with a word on what does not.
pub fn plan(plan: &Plan, now: OffsetDateTime) -> String {
    let mut comment = Comment::default();
    comment.add(&format!(
        "### dockseal: {}\n\n{}\n",
        code(&plan.host),
        summary::summary(plan, &code(&plan.activation.unit))
    ));
    comment.add_list("errors", MOST, plan.refusals.iter().map(refusal));
    comment.add_list("notes", MOST, plan.notes.iter().map(|note| format!("- note: {}\n", code(&notes::note(note)))));
    comment.add_list("requests", MOST, plan.waiting.iter().map(waiting));
    comment.add_list("changes", MOST_CHANGES, plan.changes.iter().map(change));
    let mut details: Vec<Details> = plan.changes.iter().filter_map(|change| Details::of(change, now)).collect();
    // Where not all fit: of two diffs and a thousand certificates the diffs say more.
    details.sort_by_key(|details| details.language);
    let is_open = details.iter().map(|details| details.lines).sum::<usize>() <= OPEN_LINES;
    let show = if is_open { Details::open } else { Details::folded };
    comment.add_list("details", MOST, details.iter().map(show));
    comment.into_text()
}

/// A comment that grows as far as it may.
#[derive(Default)]
struct Comment {
    text: String,
    /// What did not fit: how many of how many, of what.
    cut: Vec<String>,
}

impl Comment {
    fn add(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// The pieces that fit into so many bytes altogether, one after the other, behind an empty line.
    fn add_list(&mut self, what: &str, most: usize, pieces: impl Iterator<Item = String>) {
        let (mut count, mut left_out) = (0, 0);
        for piece in pieces {
            count += 1;
            let gap = usize::from(count == 1);
            if left_out > 0 || self.text.len() + gap + piece.len() > most - RESERVE {
                left_out += 1;
                continue;
            }
            if gap > 0 {
                self.text.push('\n');
            }
            self.text.push_str(&piece);
        }
        if left_out > 0 {
            self.cut.push(format!("{left_out} of {count} {what}"));
        }
    }

    fn into_text(mut self) -> String {
        if !self.cut.is_empty() {
            let cut = self.cut.join(", ");
            // Writing to a String can't fail.
            let _ = writeln!(self.text, "\n**Cut, as a comment has an end:** {cut}. `dockseal plan` shows all of it.");
        }
        self.text
    }
}

fn change(change: &Change) -> String {
    let (sign, action) = (words::sign(change.action), words::action(change.action));
    // A sign at the beginning of an entry would begin another list.
    let mut entry = format!(
        "- **{action}** `{sign}` {} {}\n",
        code(&change.resource.to_string()),
        code(&change.path.display().to_string())
    );
    for reason in &*change.reasons {
        let _ = writeln!(entry, "  - {}", code(&words::reason(reason)));
    }
    entry
}

fn refusal(refusal: &Refusal) -> String {
    let (why, hint) = words::refusal(refusal);
    format!("- **error:** {}\n  - help: {}\n", code(&why), code(&hint))
}

fn waiting(waiting: &Waiting) -> String {
    let [resource, request, certificate] = [
        waiting.resource.to_string(),
        waiting.request.display().to_string(),
        waiting.certificate.display().to_string(),
    ];
    let (resource, request, certificate) = (code(&resource), code(&request), code(&certificate));
    let (waits, to_sign, put_at) = (words::WAITS, words::TO_SIGN, words::PUT_AT);
    format!("- {resource} {waits}\n  - {to_sign} {request}\n  - {put_at} {certificate}\n")
}

/// What a change shows beside its reasons.
struct Details {
    resource: String,
    language: &'static str,
    text: String,
    lines: usize,
    left_out: usize,
}

impl Details {
    fn of(change: &Change, now: OffsetDateTime) -> Option<Self> {
        let (language, text) = if let After::Text { before, after } = &change.after {
            let diff = diff::unified(&change.path.display().to_string(), before.as_deref(), after);
            ("diff", visible(&diff))
        } else {
            let mut page = Page::default();
            text::add_fields(&mut page, change, now);
            let fields = anstream::adapter::strip_str(&page.into_text()).to_string();
            ("text", fields.lines().map(|line| line.trim_start().to_owned() + "\n").collect())
        };
        let all = text.lines().count();
        let mut shown = String::new();
        for line in text.lines() {
            if shown.len() + line.len() >= DETAILS {
                break;
            }
            shown.push_str(line);
            shown.push('\n');
        }
        let lines = shown.lines().count();
        let resource = change.resource.to_string();
        (all > 0).then(|| Self { resource, language, text: shown, lines, left_out: all - lines })
    }

    fn open(&self) -> String {
        format!("{}\n\n{}\n", code(&self.resource), self.fenced())
    }

    fn folded(&self) -> String {
        let (name, fenced) = (html(&one_line(&self.resource)), self.fenced());
        let s = if self.lines == 1 { "" } else { "s" };
        // Markdown is read again behind an empty line (`CommonMark` 4.6).
        format!("<details><summary><code>{name}</code>: {} line{s}</summary>\n\n{fenced}\n</details>\n\n", self.lines)
    }

    fn fenced(&self) -> String {
        let fence = "`".repeat(longest_run(&self.text).max(2) + 1);
        let mut fenced = format!("{fence}{}\n{}{fence}\n", self.language, self.text);
        if self.left_out > 0 {
            let _ = writeln!(fenced, "\n{} more lines are not shown.", self.left_out);
        }
        fenced
    }
}

/// A code span: a line between marks of more backticks than any run in it (`CommonMark` 6.1).
fn code(text: &str) -> String {
    let mut line = one_line(text);
    if let Some((end, _)) = line.char_indices().nth(SENTENCE) {
        line.truncate(end);
        line.push('…');
    }
    let mark = "`".repeat(longest_run(&line) + 1);
    // One space is taken off at both ends; of nothing but spaces none is.
    let is_at_edge = |c: char| c == '`' || c == ' ';
    let pad = if line.starts_with(is_at_edge) || line.ends_with(is_at_edge) || line.is_empty() { " " } else { "" };
    format!("{mark}{pad}{line}{pad}{mark}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// As the text of an HTML element.
fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '`' => escaped.push_str("&#96;"),
            c => escaped.push(c),
        }
    }
    escaped
}
