//! The log of changes, `/var/log/dockseal.jsonl`: each run that changed the host, or tried to, adds a line at its end, while
//! it still holds the lock.
//!
//! A line that can't be written is told on standard error and stops nothing: a certificate that is not renewed because a
//! disk of logs is full would be the greater harm, and by then the change has been made.

use std::path::Path;

use time::OffsetDateTime;

use super::say;
use crate::apply::{ApplyError, Cause, Ending, Recovered, RolledBack};
use crate::desired::LOG;
use crate::host::{self, Entry, Root};
use crate::observed::{FILE_LIMIT, Observed};
use crate::pki::Certificate;
use crate::render::log::{Earlier, Files, Identity, Line, Outcome, PlanTold, SavedPlan, User};
use crate::render::{Page, text, words};

/// Of what a failed proof leaves open, an error tells so many lines.
const REST: usize = 20;

/// What all lines of a run have in common.
pub struct Log<'a> {
    pub root: &'a Root,
    pub command: &'static str,
    pub host: Option<&'a str>,
    pub began: OffsetDateTime,
    /// Of the saved plan that is carried out.
    pub saved_plan: Option<&'a str>,
}

impl Log<'_> {
    /// The change holds. What was issued is what the proof has seen.
    pub fn changed(&self, mut changes: PlanTold, proof: &Observed) {
        changes.look_up_in(proof);
        let mut line = self.line(Outcome::Changed);
        line.saved_plan = self.saved_plan();
        line.changes = Some(changes);
        self.append(line);
    }

    /// It failed. A run that touched nothing leaves no line.
    pub fn failed(&self, error: &ApplyError, changes: Option<PlanTold>) {
        let outcome = match &error.ending {
            Ending::AsItWas => return,
            // A journal that says nothing: nothing was tried.
            Ending::Interrupted { .. } if matches!(*error.cause, Cause::Journal(_)) => return,
            Ending::PutBack => Outcome::PutBack,
            Ending::LeftOver => Outcome::ChangedWithLeftovers,
            Ending::Broken { .. } | Ending::Interrupted { .. } => Outcome::Broken,
        };
        let mut line = self.line(outcome);
        line.saved_plan = self.saved_plan();
        line.changes = changes;
        if let (Outcome::ChangedWithLeftovers, Some(changes)) = (outcome, &mut line.changes) {
            changes.look_up(|path| self.identities(path));
        }
        line.error = Some(words_of(error));
        self.append(line);
    }

    /// The change of an earlier run is undone or finished.
    pub fn recovered(&self, recovered: &Recovered) {
        let finished = recovered.is_finished;
        let mut line = self.line(if finished { Outcome::RecoveredFinished } else { Outcome::RecoveredUndone });
        line.of = recovered
            .heading
            .as_ref()
            .map(|heading| Earlier { command: heading.command.clone(), began: heading.began.clone() });
        self.append(line);
    }

    /// One step back.
    pub fn rolled_back(&self, back: &RolledBack) {
        let mut line = self.line(Outcome::RolledBack);
        line.files = Some(Files::new(&back.files));
        line.of = Some(Earlier { command: back.heading.command.clone(), began: back.heading.began.clone() });
        self.append(line);
    }

    fn line(&self, outcome: Outcome) -> Line {
        let user = User { uid: host::effective_user(), sudo_user: host::sudo_user() };
        let mut line = Line::new(self.command, user, outcome);
        line.time = words::rfc3339(OffsetDateTime::now_utc());
        line.began = words::rfc3339(self.began);
        line.host = self.host.map(str::to_owned);
        line
    }

    fn saved_plan(&self) -> Option<SavedPlan> {
        self.saved_plan.map(|sha256| SavedPlan { sha256: sha256.to_owned() })
    }

    fn append(&self, line: Line) {
        if let Err(error) = self.root.append_line(Path::new(LOG), line.into_text().as_bytes()) {
            let mut page = Page::default();
            text::add_note_text(&mut page, &format!("this run could not be logged: {error}"));
            if let Some(hint) = error.hint() {
                text::add_detail(&mut page, &format!("help: {hint}"));
            }
            say(page);
        }
    }

    /// None where they can't be read any more, which the line then shows.
    fn identities(&self, path: &Path) -> Vec<Identity> {
        let Ok(Entry::File(contents)) = self.root.read(path, FILE_LIMIT) else { return Vec::new() };
        let certificates = Certificate::parse_all(&contents.bytes).unwrap_or_default();
        certificates.iter().map(|certificate| Identity::new(&certificate.facts)).collect()
    }
}

/// What standard error says of it, without the journal of dockerd.
fn words_of(error: &ApplyError) -> String {
    let mut lines = vec![error.cause.to_string()];
    if let Cause::NotProven { rest, .. } = &*error.cause {
        lines.extend(text::rest(rest).into_iter().take(REST));
    }
    if let Ending::Broken { failure, .. } = &error.ending {
        lines.push(failure.to_string());
    }
    lines.join("\n")
}
