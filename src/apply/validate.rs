//! dockerd's own opinion of the new files, before they appear: `dockerd --validate` with the flags it will really get.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::transaction::{PUBLIC_MODE, Transaction};
use super::{Apply, Cause};
use crate::host::{self, CommandError};
use crate::plan::{After, daemon_json};

/// It takes a tenth of a second.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The keys whose files may still be staged.
const FILE_KEYS: [&str; 3] = ["tlscacert", "tlscert", "tlskey"];

/// Asks dockerd, where there is one that can tell: Engine 23.0 and later. It finds flags that stand in daemon.json too,
/// unknown keys, keys that do not match their certificate; it does not try addresses and ports.
pub fn with_dockerd(apply: &Apply, files: &Transaction) -> Result<(), Cause> {
    let Some((program, arguments)) = apply.plan.activation.command.split_first() else { return Ok(()) };
    if !apply.root.is_live() || apply.observed.service().is_none() {
        return Ok(());
    }
    let Some(text) = text_with_staged_paths(apply, files) else { return Ok(()) };
    let aside = apply.root.aside("check-")?;
    let mut check = Transaction::new(&aside);
    let path = apply.desired.layout.daemon_json();
    check.write(&path, text.as_bytes(), PUBLIC_MODE, None)?;
    let staged = check.staged(&path).unwrap_or(path);
    let mut flag = std::ffi::OsString::from("--config-file=");
    flag.push(&staged);
    let mut all: Vec<&OsStr> = vec![OsStr::new("--validate")];
    all.extend(arguments.iter().map(OsStr::new));
    all.push(&flag);
    let outcome = host::run(program, &all, TIMEOUT);
    check.undo()?;
    match outcome {
        Ok(_) => Ok(()),
        Err(CommandError::Failed { stderr, .. }) if stderr.contains("unknown flag: --validate") => Ok(()),
        Err(CommandError::Failed { stderr, .. }) => Err(Cause::Invalid(stderr.trim().to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// daemon.json as it will be, with the certificates and keys where they are now.
fn text_with_staged_paths(apply: &Apply, files: &Transaction) -> Option<String> {
    let planned = apply.plan.changes.iter().find_map(|change| match &change.after {
        After::Text { after, .. } if change.path == apply.desired.layout.daemon_json() => Some(after.as_str()),
        _ => None,
    });
    let found = apply.observed.daemon_json.present().and_then(|bytes| daemon_json::decode(bytes).ok());
    let text = planned.or(found)?;
    let mut patch = Map::new();
    for key in FILE_KEYS {
        // Where all of it goes, the patch names none.
        let Some(target) = apply.desired.daemon.patch.get(key).and_then(Value::as_str) else { continue };
        if let Some(staged) = files.staged(Path::new(target)) {
            patch.insert(key.to_owned(), json!(staged));
        }
    }
    daemon_json::merge(Some(text), &patch).ok().map(|merged| merged.text)
}
