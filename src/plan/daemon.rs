//! daemon.json: what the patch changes, and what dockerd needs to take it in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Draft;
use super::change::{Action, After, Change};
use super::daemon_json::{self, KeyChange};
use super::reason::Reason;
use super::refusal::Refusal;
use super::resource::Resource;
use super::restart::is_reloadable;
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
    /// The file as it was found has dockerd bind a local socket itself, instead of taking docker.socket's.
    pub bound_socket: bool,
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
        Found::Present(bytes) => daemon_json::decode(bytes).map(Some),
        Found::Missing => Ok(None),
        Found::Denied | Found::Distrusted | Found::Unusable(_) => return DaemonDifference::default(),
    };
    let merged = before.and_then(|before| Ok((before, daemon_json::merge(before, &desired.daemon.patch)?)));
    let (before, merged) = match merged {
        Ok(merged) => merged,
        Err(error) => {
            draft.refusals.push(Refusal::DaemonJson { path: seen.path.clone(), error });
            return DaemonDifference::default();
        }
    };
    let live_restore = Map::from_iter([("live-restore".to_owned(), json!(true))]);
    let with_live_restore = daemon_json::merge(before, &live_restore).map(|merged| merged.text).unwrap_or_default();
    let bound_socket = before.is_some_and(binds_socket);
    let keys = serde_json::from_str(&merged.text).unwrap_or_default();
    let changed: Vec<String> = merged.changed_keys.iter().map(|change| change.key.clone()).collect();
    // On a reload dockerd leaves most settings as they are where the file has no such key any more (moby,
    // `daemon/reload.go`): a removal is taken in by a restart alone.
    let (reloadable, rest): (Vec<&KeyChange>, Vec<&KeyChange>) =
        merged.changed_keys.iter().partition(|change| change.after.is_some() && is_reloadable(&change.key));
    let (reloadable, needs_restart) =
        (reloadable.into_iter().map(|change| change.key.clone()).collect(), !rest.is_empty());
    if !changed.is_empty() {
        draft.changes.push(Change::of(
            seen,
            Resource::DaemonJson,
            if seen.is_missing() { Action::Create } else { Action::Update },
            vec![if seen.is_missing() { Reason::Missing } else { Reason::KeysDiffer { keys: changed } }],
            After::Text { before: before.map(str::to_owned), after: merged.text },
        ));
    }
    DaemonDifference { keys, needs_restart, reloadable, bound_socket, with_live_restore }
}

fn binds_socket(text: &str) -> bool {
    let keys: BTreeMap<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let hosts = keys.get("hosts").and_then(Value::as_array);
    hosts.is_some_and(|hosts| hosts.iter().filter_map(Value::as_str).any(|host| host.starts_with("unix://")))
}
