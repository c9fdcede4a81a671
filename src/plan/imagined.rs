//! What a host would see that is in line with another manifest: no host is asked, and none is needed.
//!
//! The host is imagined: Docker's own docker.service, the certificates of the old manifest issued at `now`, whoever signs
//! them, and beside them what a plan by the old manifest would still write there.

use time::OffsetDateTime;

use super::{After, Note, Plan, Resource};
use crate::desired::Desired;
use crate::observed::{Observed, Written};

impl Plan {
    /// The plan by `new` on a host where `old` was applied at `now`.
    pub fn between(old: &Desired, new: &Desired, now: OffsetDateTime) -> Self {
        let written = written(old, now);
        let mut plan = Self::new(new, &Observed::imagine(Some(old), &written, new, now), now);
        plan.notes.insert(0, Note::Imagined);
        plan
    }
}

/// What an apply of a manifest writes beside certificates.
fn written(desired: &Desired, now: OffsetDateTime) -> Written {
    let mut written = Written::default();
    let bare = Observed::imagine(Some(desired), &written, desired, now);
    for change in Plan::new(desired, &bare, now).changes {
        let After::Text { after, .. } = change.after else { continue };
        match change.resource {
            Resource::DaemonJson => written.daemon_json = Some(after),
            Resource::DropIn => written.drop_in = Some(after),
            Resource::RecoverUnit => written.recover = Some(after),
            _ => {}
        }
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::manifest::Manifest;

    fn manifests() -> Vec<PathBuf> {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
        let list = |folder: &str| fs::read_dir(checkout.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let is_good = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml");
        let cases = list("tests/cases").map(|case| case.join("host.yaml"));
        list("examples").chain(list("tests/manifest")).filter(is_good).chain(cases).collect()
    }

    #[test]
    fn a_host_in_line_with_a_manifest_has_nothing_to_change_by_it() {
        let mut count = 0;
        for path in manifests() {
            let Ok(manifest) = Manifest::parse(&fs::read(&path).unwrap(), "test") else { continue };
            let desired = Desired::new(&manifest);
            let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
            let plan = Plan::between(&desired, &desired, now);
            // What no host with that line could be in line with.
            if plan.refusals.iter().any(|refusal| matches!(refusal, crate::plan::Refusal::FlagConflict { .. })) {
                continue;
            }
            assert!(plan.is_empty() && plan.waiting.is_empty(), "{}: {plan:#?}", path.display());
            count += 1;
        }
        assert!(count > 80, "{count}");
    }
}
