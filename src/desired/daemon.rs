//! Manifest → the daemon.json patch.

use serde_json::{Value, json};

use super::{DesiredDaemon, Layout};
use crate::manifest::Manifest;

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
    DesiredDaemon { patch, endpoints }
}
