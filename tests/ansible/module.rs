//! `dockseal.docker.host` in a folder, on this machine: what it returns, what it shows, and what it never does.

use std::fs;

use serde_json::{Value, json};

use super::control::{Control, pieces, timeless};
use crate::support::{Dockseal, Ran, put, set_mode};

const PASSPHRASE: &str = "correct horse battery staple 4711";

/// A control node and a folder `root` that one task works on.
struct Module {
    control: Control,
}

impl Module {
    fn new() -> Self {
        Self { control: Control::with_collection() }
    }

    /// Runs the task with these options, and gives what it returned.
    fn run(&self, options: &Value, flags: &str) -> (Value, Ran) {
        let (results, ran) = self.run_each(std::slice::from_ref(options), flags);
        (results[0].clone(), ran)
    }

    /// Runs a task for each of these options, in one play, and gives what each returned.
    fn run_each(&self, all: &[Value], flags: &str) -> (Value, Ran) {
        let defaults = json!({"root": self.control.path("root"), "executable": Dockseal::BINARY});
        let mut tasks = Vec::new();
        for (number, options) in all.iter().enumerate() {
            let mut with_defaults = defaults.clone();
            with_defaults.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
            let register = format!("result_{number}");
            tasks.push(json!({"dockseal.docker.host": with_defaults, "register": register, "ignore_errors": true}));
        }
        let names: Vec<String> = (0..all.len()).map(|number| format!("result_{number}")).collect();
        let results = format!("{{{{ [{}] | to_json }}}}", names.join(", "));
        tasks.push(json!({
            "ansible.builtin.copy": {"content": results, "dest": "{{ playbook_dir }}/results.json"},
            "check_mode": false, "diff": false, "no_log": true,
        }));
        let play = json!([{"hosts": "localhost", "gather_facts": false, "tasks": tasks}]);
        self.control.write("play.yaml", &play.to_string());
        let ran = self.control.run(&format!("ansible-playbook {flags} play.yaml")).ok();
        (self.control.json("results.json"), ran)
    }
}

fn manifest() -> Value {
    json!({
        "dockseal": 1,
        "host": "build-01.example.com",
        "ca": {"passphrase": {"env": "DOCKSEAL_PASSPHRASE"}},
        "server": {"sans": {"ip": ["10.10.10.20", "fd00::1:2"]}},
        "clients": [{"name": "ci"}],
        "daemon": {"hosts": ["fd://", "tcp://0.0.0.0:2376"], "debug": true, "log-opts": {"tag": "ü \"quoted\""}},
    })
}

#[test]
#[ignore = "needs the Python environment"]
fn it_plans_applies_and_rests() {
    let module = Module::new();
    let mut options = json!({"manifest": manifest(), "passphrase": PASSPHRASE});
    let (planned, shown) = module.run(&options, "--check --diff -vvv");
    assert_eq!((&planned["changed"], &planned["failed"]), (&json!(true), &json!(false)), "{shown}");
    assert!(!module.control.path("root").exists(), "--check changed something");
    for line in ["+SANs     DNS:build-01.example.com, IP:10.10.10.20, IP:fd00::1:2", "+  \"debug\": true,"] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{line}: {shown}");
    }

    let (applied, told) = module.run(&options, "--diff -vvv");
    assert_eq!(applied["changed"], json!(true), "{told}");
    assert_eq!(timeless(&applied["plan"]), timeless(&planned["plan"]));
    assert_eq!((&applied["restarted"], &applied["waiting"]), (&json!(false), &json!([])));
    assert_eq!(applied["diff"].as_array().unwrap().len(), applied["plan"]["changes"].as_array().unwrap().len());

    for flags in ["--diff", "--check --diff"] {
        let (rests, ran) = module.run(&options, flags);
        assert_eq!((&rests["changed"], &rests["plan"]["changes"]), (&json!(false), &json!([])), "{ran}");
        assert_eq!(rests["diff"], json!([]), "{ran}");
    }

    // A text and a certificate that change, old → new.
    options["manifest"]["daemon"]["debug"] = json!(false);
    options["manifest"]["server"]["sans"]["ip"] = json!(["10.10.10.21"]);
    let (replaced, after) = module.run(&options, "--diff -vvv");
    assert_eq!(replaced["changed"], json!(true), "{after}");
    for line in [
        "-SANs     DNS:build-01.example.com, IP:10.10.10.20, IP:fd00::1:2",
        "+SANs     DNS:build-01.example.com, IP:10.10.10.21",
        "-  \"debug\": true,",
        "+  \"debug\": false,",
    ] {
        assert!(after.stdout.lines().any(|shown| shown == line), "{line}: {after}");
    }

    let tls = module.control.path("root/etc/docker/tls");
    let keys =
        ["ca-key.pem", "server-key.pem", "clients/ci/key.pem"].map(|key| fs::read_to_string(tls.join(key)).unwrap());
    assert!(keys[0].starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "the passphrase did not arrive");
    let secrets = keys.iter().flat_map(|key| pieces(key)).chain([PASSPHRASE.to_owned()]);
    for (secret, ran) in secrets.flat_map(|secret| [&shown, &told, &after].map(|ran| (secret.clone(), ran))) {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "{secret} is shown: {ran}");
    }
    assert!(!told.stdout.contains("BEGIN CERTIFICATE"), "{told}");
    assert!(told.stdout.contains("VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"), "-vvv shows the options: {told}");
}

/// The program's own words, its hint, and whether the host is as it was.
#[test]
#[ignore = "needs the Python environment"]
fn a_failure_says_what_the_program_says() {
    let module = Module::new();
    put(&module.control.path("root/etc/docker/daemon.json"), b"[]");
    let stub = module.control.path("dockseal");
    put(&stub, b"#!/bin/sh\necho 'error: all is lost' >&2\nexit 3\n");
    set_mode(&stub, 0o755);
    let options = [
        json!({"content": "dockseal: 1\nhost: build_01\n"}),
        json!({"content": "dockseal: 1\nhost: build-01\ndaemon: {debug: true}\n"}),
        json!({"content": "dockseal: 1\n", "executable": stub}),
        json!({}),
        json!({"path": "/x", "content": "y"}),
    ];
    for flags in ["", "--check"] {
        let (results, ran) = module.run_each(&options, flags);
        let [invalid, refused, lost, neither, both] = &results.as_array().unwrap()[..] else { panic!("{ran}") };
        let says = |result: &Value, text: &str| {
            assert_eq!((&result["failed"], &result["changed"]), (&json!(true), &json!(false)), "{ran}");
            assert!(result["msg"].as_str().unwrap().contains(text), "{text}: {ran}");
        };
        says(invalid, "manifest:2:7");
        says(invalid, "underscore");
        assert_eq!((&invalid["rc"], &invalid["needs_person"]), (&json!(1), &json!(false)));
        says(refused, "the file must hold one object");
        says(refused, "daemon.json begins with");
        assert!(refused["errors"][0]["hint"].as_str().unwrap().contains("daemon.json begins with"), "{ran}");
        says(lost, "all is lost");
        assert_eq!((&lost["rc"], &lost["needs_person"]), (&json!(3), &json!(true)));
        says(neither, "one of the following is required: path, content, manifest");
        says(both, "mutually exclusive");
    }
}

/// A host that waits for its certificates changes nothing in a further run, in check mode or not.
#[test]
#[ignore = "needs the Python environment"]
fn a_host_that_waits_is_no_change() {
    let module = Module::new();
    let options = json!({"content": "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\n"});
    let (first, ran) = module.run(&options, "");
    assert_eq!(first["changed"], json!(true), "{ran}");
    for flags in ["--check", ""] {
        let (waits, ran) = module.run(&options, flags);
        assert_eq!((&waits["changed"], &waits["failed"]), (&json!(false), &json!(false)), "{ran}");
        assert_eq!(waits["waiting"][0]["request"], json!("/etc/docker/tls/requests/server.csr"), "{ran}");
    }
}
