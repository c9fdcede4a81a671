//! daemon.json: what the patch changes, and what dockerd needs to take it in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::change::{Action, After, Change, Reason, Resource};
use super::daemon_json;
use super::finding::Refusal;
use super::restart::is_reloadable;
use super::Draft;
use crate::desired::Desired;
use crate::observed::{Found, Observed};

/// What comes of comparing daemon.json.
#[derive(Default)]
pub struct DaemonDifference {
    /// Every top-level key that the file has afterwards, with its value.
    pub keys: BTreeMap<String, Value>,
    /// A key changes that dockerd reads at its start alone.
    pub needs_restart: bool,
    /// Changed keys that dockerd takes in on SIGHUP.
    pub reloadable: Vec<String>,
    /// The file as it was found with live-restore alone switched on, which dockerd takes in before the restart.
    pub with_live_restore: String,
}

impl DaemonDifference {
    /// Whether the file says afterwards that containers survive a restart.
    pub fn live_restore(&self) -> bool {
        self.keys.get("live-restore") == Some(&Value::Bool(true))
    }
}

/// Compares.
pub fn compare(desired: &Desired, observed: &Observed, draft: &mut Draft) -> DaemonDifference {
    let seen = &observed.daemon_json;
    draft.refuse_unreadable(seen);
    let before = match &seen.found {
        Found::Present(text) => Some(text.as_str()),
        Found::Missing => None,
        Found::Denied | Found::Unusable(_) => return DaemonDifference::default(),
    };
    let unusable = |why: daemon_json::JsonError| Refusal::Unusable { path: seen.path.clone(), why: why.to_string() };
    let merged = match daemon_json::merge(before, &desired.daemon.patch) {
        Ok(merged) => merged,
        Err(error) => {
            draft.refusals.push(unusable(error));
            return DaemonDifference::default();
        }
    };
    let live_restore = Map::from_iter([("live-restore".to_owned(), json!(true))]);
    let with_live_restore = daemon_json::merge(before, &live_restore).map(|merged| merged.text).unwrap_or_default();
    let keys = serde_json::from_str(&merged.text).unwrap_or_default();
    let changed: Vec<String> = merged.changed_keys.iter().map(|change| change.key.clone()).collect();
    let (reloadable, rest): (Vec<String>, Vec<String>) = changed.iter().cloned().partition(|key| is_reloadable(key));
    if !changed.is_empty() {
        draft.changes.push(Change {
            resource: Resource::DaemonJson,
            action: if seen.is_missing() { Action::Create } else { Action::Update },
            path: seen.path.clone(),
            reasons: vec![if seen.is_missing() { Reason::Missing } else { Reason::KeysDiffer { keys: changed } }],
            after: After::Text { before: before.unwrap_or_default().to_owned(), after: merged.text },
            seen: seen.attributes,
        });
    }
    DaemonDifference { keys, needs_restart: !rest.is_empty(), reloadable, with_live_restore }
}
