//! Manifest → the daemon.json patch.

use serde_json::{Map, Value, json};

use super::{DesiredDaemon, Layout};
use crate::manifest::{Manifest, State};

/// All four `tls*` keys are always written: with `tlsverify` alone, dockerd would trust the system's root CAs for its
/// clients, and `tls` without `tlsverify` admitted everybody before 20.10.
pub fn daemon(manifest: &Manifest, layout: &Layout) -> DesiredDaemon {
    let endpoints = manifest.daemon.hosts.clone();
    let hosts: Vec<Value> = endpoints.iter().map(|endpoint| Value::String(endpoint.to_string())).collect();
    let mut patch = serde_json::Map::new();
    patch.insert("hosts".to_owned(), Value::Array(hosts));
    patch.insert("tlsverify".to_owned(), Value::Bool(true));
    patch.insert("tlscacert".to_owned(), json!(layout.ca_certificate()));
    patch.insert("tlscert".to_owned(), json!(layout.server_certificate()));
    patch.insert("tlskey".to_owned(), json!(layout.server_key()));
    patch.extend(manifest.daemon.keys.clone());
    if manifest.state == State::Absent {
        patch = without(&patch);
    }
    DesiredDaemon { patch, endpoints }
}

/// The patch that takes back what a patch sets. What that removes was nobody's of ours, and stays as it is.
fn without(patch: &Map<String, Value>) -> Map<String, Value> {
    let taken_back = |value: &Value| match value {
        Value::Object(inner) if !inner.is_empty() => Value::Object(without(inner)),
        _ => Value::Null,
    };
    let set = patch.iter().filter(|(_, value)| !value.is_null());
    set.map(|(key, value)| (key.clone(), taken_back(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_taken_back() {
        let Value::Object(patch) = json!({"a": 1, "b": null, "c": {"d": [2], "e": null}, "f": {}}) else { return };
        assert_eq!(Value::Object(without(&patch)), json!({"a": null, "c": {"d": null}, "f": null}));
    }
}
