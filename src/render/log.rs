//! One change of the host as a line of `/var/log/dockseal.jsonl`: who, what, why, and what came of it. The values of a plan
//! enter, and no key or passphrase is among them.
//!
//! A line stays short enough to be read and shipped: of ten thousand changes it has the number and the first hundred.

mod told;

use std::path::PathBuf;

use serde::Serialize;

use super::json::harmless;

pub use told::{Identity, PlanTold};

/// The format's name and version. A new field leaves it as it is; a field that goes or changes its meaning does not.
const FORMAT: &str = "dockseal.log/1";
/// Changes that one line tells, and files.
const TOLD: usize = 100;
/// A line of more bytes tells fewer changes.
const LONGEST: usize = 64 << 10;
/// Characters of an error.
const ERROR: usize = 4096;

/// One line.
#[derive(Serialize)]
pub struct Line {
    format: &'static str,
    /// When it was written, RFC 3339, UTC.
    pub time: String,
    /// When the run began.
    pub began: String,
    version: &'static str,
    /// `apply`, `rollback`, `recover`
    pub command: &'static str,
    /// Whose run it was.
    pub user: User,
    /// The manifest's host; `None` for a command that reads no manifest.
    pub host: Option<String>,
    /// What came of it.
    pub result: Outcome,
    /// What the plan asked for.
    #[serde(flatten)]
    pub changes: Option<PlanTold>,
    /// What a rollback brought back.
    #[serde(flatten)]
    pub files: Option<Files>,
    /// The run whose change was undone or finished, or was gone back from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Earlier>,
    /// The saved plan that was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_plan: Option<SavedPlan>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which saved plan.
#[derive(Serialize)]
pub struct SavedPlan {
    /// Of the file, in hexadecimal.
    pub sha256: String,
}

/// Whose run it was.
#[derive(Serialize)]
pub struct User {
    /// The effective user.
    pub uid: u32,
    /// Who called sudo, by sudo's word.
    pub sudo_user: Option<String>,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The change holds.
    Changed,
    /// It holds, and files of it are left over.
    ChangedWithLeftovers,
    /// It failed, and the host is as it was.
    PutBack,
    /// It failed, and the host could not be put back.
    Broken,
    /// The change of a run that was cut short was undone.
    RecoveredUndone,
    /// The change of a run that was cut short, and had been proven, was finished.
    RecoveredFinished,
    /// One step back.
    RolledBack,
}

/// An earlier run.
#[derive(Serialize)]
pub struct Earlier {
    /// Its command.
    pub command: String,
    /// When it began.
    pub began: String,
}

/// What a rollback brought back.
#[derive(Serialize)]
pub struct Files {
    #[serde(skip_serializing_if = "is_zero")]
    files_left_out: usize,
    files: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Line {
    /// With what each line has.
    pub fn new(command: &'static str, user: User, result: Outcome) -> Self {
        Self {
            format: FORMAT,
            time: String::new(),
            began: String::new(),
            version: env!("CARGO_PKG_VERSION"),
            command,
            user,
            host: None,
            result,
            changes: None,
            files: None,
            of: None,
            saved_plan: None,
            error: None,
        }
    }

    /// The text, with a line feed at its end.
    pub fn into_text(mut self) -> String {
        if let Some(error) = &mut self.error
            && let Some((end, _)) = error.char_indices().nth(ERROR)
        {
            error.truncate(end);
        }
        loop {
            // These types have string keys and finite numbers alone, so that this can't fail.
            let text = harmless(&serde_json::to_string(&self).unwrap_or_default());
            let is_shorter = match (&mut self.changes, &mut self.files) {
                _ if text.len() <= LONGEST => false,
                (Some(changes), _) => changes.shorten(),
                (None, Some(files)) => files.shorten(),
                (None, None) => false,
            };
            if !is_shorter {
                return text + "\n";
            }
        }
    }
}

impl Files {
    /// Of a rollback.
    pub fn new(paths: &[PathBuf]) -> Self {
        let files: Vec<String> = paths.iter().take(TOLD).map(|path| path.display().to_string()).collect();
        Self { files_left_out: paths.len() - files.len(), files }
    }

    fn shorten(&mut self) -> bool {
        let left = self.files.len() / 2;
        let is_shorter = left < self.files.len();
        self.files_left_out += self.files.len() - left;
        self.files.truncate(left);
        is_shorter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line::new("apply", User { uid: 0, sudo_user: None }, Outcome::PutBack)
    }

    #[test]
    fn a_line_is_one_line_whatever_it_tells() {
        let mut line = line();
        line.error = Some("a\nb\u{1b}[2J\u{2028}\u{202e}".to_owned());
        let text = line.into_text();
        assert_eq!(text.lines().count(), 1);
        assert!(text.ends_with("\"error\":\"a\\nb\\u001b[2J\\u2028\\u202e\"}\n"), "{text}");
        assert!(text.contains("\"result\":\"put-back\""), "{text}");
    }

    #[test]
    fn a_line_stays_short() {
        let mut line = line();
        line.error = Some("é".repeat(100_000));
        let long = PathBuf::from("/x".repeat(2000));
        line.files = Some(Files::new(&vec![long; 10_000]));
        let text = line.into_text();
        assert!(text.len() <= LONGEST + 1, "{}", text.len());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let told = value["files"].as_array().map_or(0, Vec::len);
        assert!(told > 0 && value["files_left_out"] == 10_000 - told, "{told}");
    }
}
