//! A plan that is kept for review and carried out later: `dockseal.saved-plan/1`. Enters: a plan with all that it was made
//! from; leaves: a document, and after the review the answer whether today's plan is still that one.
//!
//! Of such a document only the manifest, the time and the flags are ever followed. What it shows, the plan as text and as
//! JSON, is never carried out: it is compared with a plan that is made afresh.

mod age;
mod compare;
mod decode;
mod seen;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::observed::Observed;
use crate::plan::Plan;
use crate::render::{json, text, words};

pub use compare::{Difference, by_now};
pub use decode::is_saved_plan;
pub use seen::sha256;

/// The format's name and version. A reader takes no other: what it does not know it could not compare.
const FORMAT: &str = "dockseal.saved-plan/1";
/// A document is at most so large, in bytes: twice the plan of 20,000 clients, as many as a manifest can hold.
pub const MOST_BYTES: usize = 64 << 20;

/// What `plan --out` writes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    format: String,
    /// Of the program: another one may use other words.
    pub version: String,
    /// The machine that it was made on; none for another root than `/`.
    #[serde(deserialize_with = "decode::given")]
    pub machine: Option<String>,
    /// The root that it was made for.
    pub root: String,
    /// The time that it was made for, RFC 3339, UTC.
    #[serde(with = "decode::moment")]
    pub now: OffsetDateTime,
    /// The flags that shaped it.
    pub flags: Flags,
    /// Where all of it comes from.
    pub manifest: Source,
    /// For people: the plan as `dockseal plan` prints it.
    text: String,
    /// For programs: the plan as `dockseal plan --format json` prints it.
    #[serde(deserialize_with = "decode::each_key_once")]
    plan: Value,
    /// By path: what stood there, where the plan itself does not show it whole.
    #[serde(deserialize_with = "decode::each_path_once")]
    seen: BTreeMap<String, String>,
}

/// Flags of `plan` and `apply` that shape a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "so many flags the command line has")]
pub struct Flags {
    /// `--advance`
    pub advance: bool,
    /// `--now-cut-off`
    pub now_cut_off: bool,
    /// `--delete-keys`
    pub delete_keys: bool,
    /// `--allow-restart`
    pub allow_restart: bool,
}

/// A manifest as it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What the user called the file.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// What a plan was made for, beside the host.
pub struct Setting {
    /// The machine; none for another root than `/`.
    pub machine: Option<String>,
    /// The root.
    pub root: String,
    /// The time.
    pub now: OffsetDateTime,
    /// The flags.
    pub flags: Flags,
    /// The manifest.
    pub manifest: Source,
}

impl SavedPlan {
    /// Of this plan.
    pub fn new(setting: Setting, plan: &Plan, observed: &Observed) -> Self {
        let Setting { machine, root, now, flags, manifest } = setting;
        let text: String = text::plan(plan, now).collect();
        Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine,
            root,
            now,
            flags,
            manifest,
            text: anstream::adapter::strip_str(&text).to_string(),
            // What was just written as JSON is JSON.
            plan: serde_json::from_str(&json::plan(plan)).unwrap_or_default(),
            seen: seen::seen(plan, observed),
        }
    }

    /// The document.
    pub fn to_text(&self) -> String {
        json::pretty(self)
    }

    /// What was reviewed is a plan made afresh for the same time, or what is different today.
    pub fn is_still(&self, plan: &Plan, observed: &Observed) -> Result<(), Difference> {
        let setting = Setting {
            machine: self.machine.clone(),
            root: self.root.clone(),
            now: self.now,
            flags: self.flags,
            manifest: Source { name: String::new(), text: String::new() },
        };
        compare::compare(self, &Self::new(setting, plan, observed), &words::moment(self.now))
    }
}
