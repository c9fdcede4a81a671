//! `dockseal apply PLAN`: the saved plan that a run begins with, and what it is refused for.

use super::arguments::Apply as Arguments;
use super::planned::place;
use super::session::Session;
use super::validate::Input;
use super::{say, say_error};
use crate::observed::Observed;
use crate::plan::Plan;
use crate::render::{Page, text, words};
use crate::saved::{self, Difference, Flags, SavedPlan};
use crate::visible::one_line;

/// As many lines of a difference as somebody may want to read on a terminal.
const LINES: usize = 200;
const ANEW: &str = "make a new plan, and have it reviewed: dockseal plan --out PLAN";

/// A saved plan that is to be carried out.
pub struct Reviewed {
    saved: SavedPlan,
    /// What the user called the file.
    name: String,
    /// Of the file.
    pub sha256: String,
}

impl Reviewed {
    /// Reads it, and opens the root with its manifest, its time and its flags; why it can't be carried out has been told.
    pub fn open(input: &Input, arguments: &Arguments) -> Option<(Session, Self)> {
        let name = input.name.clone();
        let saved = match SavedPlan::parse(&input.bytes) {
            Ok(saved) => saved,
            Err(error) => {
                say_error(&format!("{name}: {error}"), Some(error.hint()));
                return None;
            }
        };
        let sha256 = saved::sha256(&input.bytes);
        let reviewed = Self { saved, name, sha256 };
        let session = reviewed.session(arguments)?;
        Some((session, reviewed))
    }

    fn session(&self, arguments: &Arguments) -> Option<Session> {
        // What the document says of itself is anybody's.
        let refuse = |why: &str, hint: &str| say_error(&format!("{}: {}", self.name, one_line(why)), Some(hint));
        let shaping = [
            (arguments.rotation.advance, "--advance"),
            (arguments.rotation.now_cut_off, "--now-cut-off"),
            (arguments.keys.delete_keys, "--delete-keys"),
        ];
        if let Some((_, flag)) = shaping.iter().find(|(is_given, _)| *is_given) {
            refuse(
                &format!("{flag} does not go with a saved plan: what is done was settled when it was made"),
                "leave it out, or make a new plan with it",
            );
            return None;
        }
        let (manifest, now) = (&self.saved.manifest, self.saved.now);
        let input = Input { name: format!("{} of {}", manifest.name, self.name), bytes: manifest.text.clone().into() };
        let session = Session::of(input, arguments.root.as_deref(), Some(now), false)?;
        if let Err(error) = self.saved.is_of_age(session.began) {
            refuse(&error.to_string(), error.hint());
            return None;
        }
        let (machine, root) = place(&session.root)?;
        if root != self.saved.root {
            let why = format!("it was made for the root {}, and this is {root}", self.saved.root);
            refuse(&why, "give the root that it was made for by --root, or make a new plan");
            return None;
        }
        if let (Some(made_on), Some(machine)) = (&self.saved.machine, machine)
            && *made_on != machine
        {
            refuse(
                &format!("it was made on {made_on}, and this is {machine}"),
                "apply it there, or make a new plan here",
            );
            return None;
        }
        Some(session)
    }

    /// The flags that shaped it.
    pub fn flags(&self) -> Flags {
        self.saved.flags
    }

    /// Whether the plan that was made afresh is still the one that was reviewed, and may be carried out by now; what is
    /// different has been told where the answer is no.
    pub fn is_still(&self, session: &Session, observed: &Observed, plan: &Plan) -> bool {
        let compared = self.saved.is_still(plan, observed);
        let compared =
            compared.and_then(|()| saved::by_now(plan, &session.desired, observed, session.now, session.began));
        let Err(difference) = compared else { return true };
        let (why, diff) = match &difference {
            Difference::Text(diff) => ("what would be done today is not what was reviewed".to_owned(), diff.as_str()),
            Difference::Unshown(diff) => (
                "what it would be done to is not what was reviewed, though the plan reads the same".to_owned(),
                &**diff,
            ),
            Difference::Time(diff) => {
                ("the time that has passed since it was made asks for something else".to_owned(), &**diff)
            }
            Difference::Due { resource, at } => {
                (format!("what it makes of {resource} would be due again since {}", words::moment(*at)), "")
            }
        };
        self.say_refusal(&why, diff);
        false
    }

    fn say_refusal(&self, why: &str, diff: &str) {
        let mut page = Page::default();
        text::add_error(&mut page, &format!("{}: {why}; nothing was changed", self.name), Some(ANEW));
        if self.saved.version != env!("CARGO_PKG_VERSION") {
            let why = "another version may say the same in other words";
            let made_by =
                format!("dockseal {} made it, and this is {}: {why}", self.saved.version, env!("CARGO_PKG_VERSION"));
            text::add_note_text(&mut page, &made_by);
        }
        let shown: Vec<&str> = diff.lines().take(LINES).collect();
        text::add_diff_lines(&mut page, 2, &shown.join("\n"));
        let left_out = diff.lines().count() - shown.len();
        if left_out > 0 {
            text::add_note_text(&mut page, &format!("{left_out} more lines are different"));
        }
        say(page);
    }
}
