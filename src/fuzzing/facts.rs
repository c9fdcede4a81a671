//! Facts that come from anywhere: whatever is accepted says the same written anew, and a plan can be made by it.

use time::OffsetDateTime;

use crate::desired::Desired;
use crate::manifest::Manifest;
use crate::observed::Observed;
use crate::observed::facts::Facts;
use crate::plan::Plan;
use crate::render::{json, text};

/// One for each way to look at a host.
const MANIFESTS: [&str; 3] = [
    "dockseal: 1\nhost: build-01.example.com\nca: {rotate: {generation: 2}}\nclients: [{name: ci}]\n",
    "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\nclients: [{name: b}]\n",
    "dockseal: 1\nhost: build-01.example.com\nstate: absent\n",
];

/// Reads them, and plans.
pub fn facts(input: &[u8]) {
    let Ok(facts) = Facts::parse(input) else { return };
    let Ok(written) = Facts::text(&facts.host) else { panic!("what was read can't be written") };
    let again = Facts::parse(written.as_bytes()).map(|again| Facts::text(&again.host).ok());
    assert!(matches!(again, Ok(Some(again)) if again == written), "written anew it says something else");
    let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_820);
    for manifest in MANIFESTS {
        let Ok(manifest) = Manifest::parse(manifest.as_bytes(), "host.yaml") else { panic!("the manifest is good") };
        let desired = Desired::new(&manifest);
        let Ok((mut observed, served)) = Observed::recall(&facts, &desired) else { continue };
        observed.served = served.unwrap_or_default();
        observed.containers.clone_from(&facts.host.containers);
        let plan = Plan::new(&desired, &observed, now);
        assert!(json::plan(&plan).ends_with('\n'));
        text::plan(&plan, now).for_each(drop);
    }
}
