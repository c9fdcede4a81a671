//! `schema/plan.schema.json` is what the binary prints, and what `plan --format json` prints follows it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Dockseal, Site, put};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nclients: [{name: alice}]\ndaemon: {debug: true}\n";

fn schema() -> Value {
    serde_json::from_str(&Dockseal::new().args(["schema", "plan"]).run().ok().stdout).unwrap()
}

#[test]
fn the_checked_in_schema_is_what_the_binary_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/plan.schema.json");
    let printed = Dockseal::new().args(["schema", "plan"]).run().ok().stdout;
    assert_eq!(printed, fs::read_to_string(file).unwrap(), "the binary was built with another schema");
}

#[test]
fn every_plan_follows_the_schema() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let conforms = |site: &Site, code| {
        let ran = site.dockseal(["plan", "--now", Site::NOW, "--format", "json"]).run().exits(code);
        let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
        let errors: Vec<String> = validator.iter_errors(&plan).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{ran}");
        plan
    };
    let fresh = conforms(&Site::of(&["debian"], MANIFEST), 2);
    assert_eq!(fresh["changes"].as_array().unwrap().len(), 7);
    conforms(&Site::of(&["debian", "sealed", "expiring"], MANIFEST), 2);
    conforms(&Site::of(&["debian", "sealed", "stranger"], MANIFEST), 2);
    let sealed =
        "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\nclients: [{name: ci}]\n";
    conforms(&Site::of(&["debian", "sealed"], sealed), 0);
    let refused = Site::of(&["debian", "sealed"], MANIFEST);
    put(&refused.file("etc/docker/daemon.json"), b"[]");
    assert_eq!(conforms(&refused, 1)["errors"].as_array().unwrap().len(), 1);
    // The schema can say no.
    let mut wrong = fresh;
    wrong["changes"][0]["reasons"] = "none".into();
    assert!(!validator.is_valid(&wrong));
    assert!(!validator.is_valid(&serde_json::json!({"format": "dockseal.plan/1"})));
}

/// A program that applies has the plan of the very run that carried it out, and nothing else on standard output.
#[test]
fn apply_prints_the_plan_that_it_carries_out() {
    let site = Site::of(&["debian"], MANIFEST);
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let resources = |plan: &Value| -> Vec<Value> {
        plan["changes"].as_array().unwrap().iter().map(|change| change["resource"].clone()).collect()
    };
    let planned = parse(&site.dockseal(["plan", "--format", "json"]).run().exits(2).stdout);
    let run =
        |code| parse(&site.dockseal(["apply", "--format", "json", "--detailed-exitcode"]).run().exits(code).stdout);
    assert_eq!(resources(&run(2)), resources(&planned));
    assert_eq!(run(0)["changes"], serde_json::json!([]));

    put(&site.file("etc/docker/daemon.json"), b"[]");
    let refused = site.dockseal(["apply", "--format", "json"]).run().exits(1);
    assert_eq!(parse(&refused.stdout)["errors"].as_array().unwrap().len(), 1);
    assert!(refused.stderr.contains("the file must hold one object"), "{refused}");
}

/// Without its kinds, a reason would be anything at all to a program that reads it.
#[test]
fn the_schema_names_every_kind_of_reason() {
    let text = schema().to_string();
    for kind in ["missing", "sans_differ", "expires_soon", "issuer_changed", "mode_differs", "not_in_manifest"] {
        assert!(text.contains(&format!("\"{kind}\"")), "{kind}");
    }
}
