//! What holds for the stage as a whole: every code has an example, the types accept nothing that the schema refuses, and
//! no input makes the parser panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Code, Manifest, schema, violation};

const FULL: &str = include_str!("../../tests/manifest/ok-full.yaml");

fn codes(text: &[u8]) -> BTreeSet<Code> {
    match Manifest::parse(text, "test.yaml") {
        Ok(_) => BTreeSet::new(),
        Err(problems) => {
            assert_ne!(problems.len(), 0);
            problems.iter().map(|problem| problem.code).collect()
        }
    }
}

#[test]
fn every_code_is_produced_by_a_fixture() {
    let mut seen = BTreeSet::new();
    for entry in Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            seen.extend(codes(&std::fs::read(&path).unwrap()));
        }
    }
    seen.extend(codes(&vec![b' '; super::MOST_BYTES + 1]));
    seen.extend(codes(format!("x: [{}]", "1,".repeat(100_001)).as_bytes()));
    // Found by the command itself; and a net under the schema, which no known input reaches.
    seen.extend([Code::FileUnreadable, Code::InvalidValue]);
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "no fixture in tests/manifest produces {missing:?}");
}

/// The schema as an editor reads it, formats included.
fn published() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(schema::TEXT).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

fn parse(value: &Value) -> bool {
    // JSON is YAML, but for DEL and C1 controls and the like, which serde_json leaves unescaped.
    Manifest::parse(value.to_string().as_bytes(), "test.yaml").is_ok()
}

pub(super) fn full() -> Value {
    serde_yaml::from_str(FULL).unwrap()
}

#[test]
fn the_schema_is_a_schema_and_takes_what_the_types_take() {
    let published = published();
    assert!(parse(&full()));
    assert!(published.is_valid(&full()));
    assert!(jsonschema::draft202012::options().build(&schema::strict()).is_ok());
}

/// Values that serde's derived readers take in place of others, and some that are nearly right.
pub(super) fn odd_values() -> Vec<Value> {
    let words = [
        "",
        "a",
        "A_b",
        "a.",
        "*",
        "1d",
        "365",
        "0d",
        "2w",
        "fd://",
        "tcp://10.0.0.1:2376",
        "tcp://0.0.0.0",
        "/a",
        "/",
        "/a/../b",
        "unix:///a",
        "::1",
        "10.0.0.1",
        "010.0.0.1",
        "::ffff:1.2.3.4",
        "ES",
        "es",
        "a@b",
        "x.service",
        "x.conf",
        "safe",
        "never",
        "ecdsa-p256",
        "rsa-2048",
        "RSA-2048",
        " a",
        "a\nb",
        "é",
        "300.1.1.1",
        "1.2.3",
        "localhost",
        "CI",
        "ci",
        "..",
    ];
    let mut values: Vec<Value> = words.into_iter().map(Value::from).collect();
    values.extend([
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(1.0),
        json!(-1),
        json!(2),
        json!([]),
        json!({}),
        json!([[]]),
        json!([null]),
        json!(["a"]),
        json!(["a", "a"]),
        json!({"a": 1}),
        json!({"safe": null}),
        json!({"ecdsa-p256": null}),
        json!({"file": "/a"}),
        json!({"file": null}),
        json!({"file": "/a", "env": "A"}),
        json!({"env": "A B"}),
        json!("x".repeat(65)),
        json!([{"name": "a"}]),
        json!(["a", null, null, "1d", null]),
        json!({"name": "a"}),
        json!([null, {}, "ecdsa-p256", null, "1d"]),
        json!("x".repeat(254)),
        json!(["fd://"]),
        json!(["10.0.0.1", "10.0.0.1"]),
        json!({"hosts": null}),
        json!({"TLS": 1}),
    ]);
    values
}

/// Pointers of all values, deepest last.
pub(super) fn pointers(value: &Value, pointer: &str, all: &mut Vec<String>) {
    all.push(pointer.to_owned());
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                pointers(value, &format!("{pointer}/{key}"), all);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| pointers(value, &format!("{pointer}/{i}"), all));
        }
        _ => {}
    }
}

/// Every place of a full manifest with every odd value. Without this, reading without the schema would not be safe.
#[test]
fn the_types_accept_nothing_that_the_schema_refuses() {
    let published = published();
    let mut all = Vec::new();
    pointers(&full(), "", &mut all);
    let (mut accepted, mut refused) = (0, 0);
    for pointer in &all {
        for odd in odd_values() {
            let mut value = full();
            *value.pointer_mut(pointer).unwrap() = odd.clone();
            if parse(&value) {
                accepted += 1;
                assert!(published.is_valid(&value), "{pointer}: {odd} is accepted, but not by the schema");
            } else {
                refused += 1;
            }
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
}

#[test]
fn long_lists_are_checked_to_their_end() {
    let faulty = [0, 999, 1000, 1001, 2500];
    let mut text = "dockseal: 1\nhost: a.example\nclients:\n".to_owned();
    for i in 0..2501 {
        let name = if faulty.contains(&i) { format!("a_{i}") } else { format!("a-{i}") };
        text = text + "  - name: " + &name + "\n";
    }
    let problems = Manifest::parse(text.as_bytes(), "test.yaml").err().unwrap();
    let lines: Vec<_> = problems.iter().map(|problem| problems.position(problem.place.start).line - 4).collect();
    assert_eq!(lines, faulty);
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(vec![
            "\n", "  ", "- ", ": ", "{", "}", "[", "]", "\"", "'", "#", "&a ", "*a", "!t ", "|", ">", "? ", "%", "---",
            "...", "<<", "\t", "\r\n", "é", "日", ",", "null", "0x1", "\u{feff}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let edit = (0..FULL.len(), 0..40_usize, piece);
    proptest::collection::vec(edit, 1..5).prop_map(|edits| {
        let mut text = FULL.as_bytes().to_vec();
        for (at, dropped, piece) in edits {
            let at = at.min(text.len());
            let end = (at + dropped).min(text.len());
            text.splice(at..end, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_manifests_never_panic_and_places_are_inside(text in mutated()) {
        if let Err(problems) = Manifest::parse(&text, "test.yaml") {
            prop_assert!(problems.len() > 0);
            for problem in &problems {
                prop_assert!(problem.place.start <= problem.place.end);
                prop_assert!(problem.place.start <= problems.text().len());
                prop_assert!(problems.text().is_char_boundary(problem.place.start));
            }
        }
    }

    #[test]
    fn what_yaml_reads_as_a_manifest_the_schema_takes(text in mutated()) {
        if Manifest::parse(&text, "test.yaml").is_ok() {
            let value: Value = serde_yaml::from_slice(&text).unwrap();
            prop_assert!(published().is_valid(&value));
        }
    }
}

/// Figures for the arrangement in `validate.rs`. Run by hand: `cargo test --release figures -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures"]
fn figures() {
    let many: String = (0..1000).fold(FULL.replace("clients:", "clients:\n  - name: z"), |text, i| {
        text.replace("  - name: z", &format!("  - {{name: c{i}, valid_for: 90d}}\n  - name: z"))
    });
    let median = |run: &dyn Fn()| {
        let mut times: Vec<_> = (0..31)
            .map(|_| {
                let start = std::time::Instant::now();
                run();
                start.elapsed()
            })
            .collect();
        times.sort();
        times[15]
    };
    println!("load, 1003 clients: {:?}", median(&|| assert!(super::load::load(many.as_bytes(), true).is_ok())));
    let yaml = || assert!(serde_yaml::from_str::<Value>(&many).is_ok());
    println!("of that serde_yaml: {:?}", median(&yaml));
    let events = || assert!(saphyr_parser::Parser::new_from_str(&many).all(|event| event.is_ok()));
    println!("of that saphyr: {:?}", median(&events));
    let strict = schema::strict();
    println!("parse, 3 clients: {:?}", median(&|| assert!(Manifest::parse(FULL.as_bytes(), "").is_ok())));
    println!("parse, 1003 clients: {:?}", median(&|| assert!(Manifest::parse(many.as_bytes(), "").is_ok())));
    println!("read the schema: {:?}", median(&|| assert!(schema::strict().is_object())));
    let value: Value = serde_yaml::from_str(&many).unwrap();
    let walk = || violation::each(&strict, &value, &mut |pointer, _| panic!("{pointer}"));
    println!("hold against it, 1003 clients: {:?}", median(&walk));
}
