//! `plan --out PLAN` and `apply PLAN`: exactly what was reviewed is done, with the dates that were reviewed, or nothing is
//! and the difference is shown.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Dockseal, Host, Ran, Site, on_each_suite, put, set_mode};

const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
server: {sans: {ip: [10.10.10.20]}}
clients: [{name: ci}, {name: alice}]
daemon: {hosts: [fd://, tcp://0.0.0.0:2376]}
";

/// What a plan of the second manifest has to do on a host that was sealed by the first.
const CHANGED: &str = "\
dockseal: 1
host: build-01.example.com
server: {sans: {ip: [10.10.10.21]}}
clients: [{name: ci, csr: /srv/ci.csr}]
daemon: {hosts: [fd://, tcp://0.0.0.0:2376], live-restore: true}
";

/// Keys of daemon.json that are nobody's here; the last one is far from where a change is made.
const FOREIGN: &str =
    "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3,\n  \"d\": 4,\n  \"e\": 5,\n  \"f\": 6,\n  \"debug\": false\n}\n";

fn sealed() -> Site {
    let site = Site::of(&["debian"], MANIFEST);
    put(&site.file("etc/docker/daemon.json"), FOREIGN.as_bytes());
    site.apply().ok();
    site.manifest(CHANGED);
    request(&site, "ci");
    site
}

fn request(site: &Site, name: &str) {
    fs::create_dir_all(site.file("srv")).unwrap();
    let script = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj \"/CN=$1\" -out \"$2\"";
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", script, "sh", name]).arg(site.file("srv/ci.csr")).env("PATH", "/usr/bin:/bin");
    Ran::run(&command, b"", Duration::from_secs(10)).ok();
}

/// `plan --out plan.json`, by the machine's clock.
fn plan(site: &Site) -> Ran {
    site.dockseal(["plan", "--out", "plan.json"]).run()
}

fn apply(site: &Site, options: &[&str]) -> Ran {
    Dockseal::new().args(["apply", "plan.json"]).args(options).root("root").current_dir(site.folder()).run()
}

/// The same by another clock.
fn at(site: &Site, time: &str, words: &[&str]) -> Ran {
    Dockseal::new().args(words).root("root").current_dir(site.folder()).at(time).run()
}

fn saved(site: &Site) -> String {
    fs::read_to_string(site.folder().join("plan.json")).unwrap()
}

/// Exit code 1, and not one file of the root is another.
#[track_caller]
fn refused(site: &Site, ran: impl FnOnce() -> Ran) -> Ran {
    let before = site.tree();
    let ran = ran().exits(1);
    let changed = before.unlike(&site.tree(), |_| true);
    assert!(changed.is_empty(), "{changed:?}: {ran}");
    assert_eq!(ran.stdout, "", "{ran}");
    ran
}

#[test]
fn what_was_reviewed_is_done_and_nothing_is_left() {
    let site = sealed();
    let shown = plan(&site).exits(2);
    let path = site.folder().join("plan.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(shown.stderr.starts_with("note: the plan is saved: plan.json, sha256 "), "{shown}");
    let document: Value = serde_json::from_str(&saved(&site)).unwrap();
    assert_eq!(document["format"], "dockseal.saved-plan/1");
    assert_eq!(document["text"], shown.stdout);
    assert_eq!(document["manifest"]["text"], CHANGED);
    let now = document["now"].as_str().unwrap().to_owned();
    let json = site.dockseal(["plan", "--now", &now, "--format", "json", "--out", "other.json"]).run().exits(2);
    assert_eq!(document["plan"], serde_json::from_str::<Value>(&json.stdout).unwrap());

    // The file that the manifest came from is not asked any more.
    site.manifest("not: a manifest\n");
    let applied = apply(&site, &["--detailed-exitcode"]).exits(2);
    assert!(applied.stdout.starts_with(&shown.stdout), "{applied}");
    site.manifest(CHANGED);
    site.plan().ok();
    let mut sha256 = Command::new("/usr/bin/sha256sum");
    let sha256 = Ran::run(sha256.arg(&path), b"", Duration::from_secs(10)).ok();
    let line: Value = serde_json::from_str(site.text("var/log/dockseal.jsonl").lines().last().unwrap()).unwrap();
    assert_eq!(line["saved_plan"]["sha256"], sha256.text().split(' ').next().unwrap());
    assert!(shown.stderr.contains(line["saved_plan"]["sha256"].as_str().unwrap()));

    // It is done; and one step back is the host of before.
    let again = refused(&site, || apply(&site, &[]));
    assert!(again.stderr.contains("+In sync: nothing to do.\n"), "{again}");
    site.root_command("rollback").ok();
    site.manifest(MANIFEST);
    site.plan().ok();
}

#[test]
fn a_plan_without_changes_is_saved_too() {
    let site = Site::of(&["debian", "sealed"], MANIFEST);
    site.apply().ok();
    let shown = plan(&site).ok();
    assert!(shown.stderr.ends_with("; nothing is pending\n"), "{shown}");
    let before = site.tree();
    assert!(apply(&site, &["--detailed-exitcode"]).ok().stdout.ends_with("In sync: nothing to do.\n"));
    assert_eq!(apply(&site, &["--quiet"]).ok().stdout, "");
    assert!(before.unlike(&site.tree(), |_| true).is_empty());
    let silent = site.dockseal(["plan", "--quiet", "--out", "plan.json"]).run().ok();
    assert_eq!(silent.stdout, "");
}

fn edit(site: &Site, path: &str, from: &str, to: &str) {
    let text = site.text(path);
    assert!(text.contains(from), "{text}");
    fs::write(site.file(path), text.replace(from, to)).unwrap();
}

#[test]
fn whatever_has_changed_since_stops_it_and_is_shown() {
    type Drift = fn(&Site);
    let drifts: [(&str, Drift, &str); 9] = [
        (
            "a file is edited",
            |site| edit(site, "etc/docker/daemon.json", "\"tlsverify\": true", "\"tlsverify\": false"),
            "+      its keys tlsverify, live-restore differ\n",
        ),
        (
            "a file is edited where no diff shows it",
            |site| edit(site, "etc/docker/daemon.json", "\"c\": 3", "\"c\": 4"),
            "-    \"/etc/docker/daemon.json\": \"mode 0644",
        ),
        (
            "a mode is changed",
            |site| set_mode(&site.file("etc/docker/tls/ca-key.pem"), 0o644),
            "+      its mode is 0644, not 0600\n",
        ),
        (
            "a client's folder is removed",
            |site| fs::remove_dir_all(site.file("etc/docker/tls/clients/alice")).unwrap(),
            "-  - client.alice.certificate  /etc/docker/tls/clients/alice/cert.pem\n",
        ),
        (
            "a certificate is replaced",
            |site| {
                let tls = site.file("etc/docker/tls");
                fs::copy(tls.join("clients/alice/cert.pem"), tls.join("server-cert.pem")).unwrap();
            },
            "+      its subject is CN = alice, not CN = build-01.example.com\n",
        ),
        ("a request is replaced", |site| request(site, "ci"), "-    \"/srv/ci.csr\": \"key "),
        (
            "a drop-in of somebody else",
            |site| {
                let path = "etc/systemd/system/docker.service.d/zzz.conf";
                put(&site.file(path), b"[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --debug\n");
            },
            "+error: /etc/systemd/system/docker.service.d/zzz.conf",
        ),
        (
            "a key is gone",
            |site| fs::remove_file(site.file("etc/docker/tls/ca-key.pem")).unwrap(),
            "+error: /etc/docker/tls/ca-key.pem is missing",
        ),
        (
            "the CA is another",
            |site| {
                fs::remove_dir_all(site.file("etc/docker/tls")).unwrap();
                site.manifest(MANIFEST);
                site.apply().ok();
            },
            "@@ ",
        ),
    ];
    let site = sealed();
    plan(&site).exits(2);
    site.save();
    for (what, drift, shown) in drifts {
        drift(&site);
        let ran = refused(&site, || apply(&site, &[]));
        assert!(ran.stderr.starts_with("error: plan.json: what "), "{what}: {ran}");
        assert!(ran.stderr.contains("; nothing was changed\n  help: make a new plan"), "{what}: {ran}");
        assert!(ran.stderr.contains(&format!("  {shown}")), "{what}: {ran}");
        site.reset();
    }
    apply(&site, &[]).ok();
}

fn until(site: &Site, path: &str) -> String {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"]).arg(site.file(path));
    Ran::run(&command, b"", Duration::from_secs(10)).ok().text().to_owned()
}

#[test]
fn the_dates_are_those_that_were_reviewed() {
    let site = Site::of(&["debian"], MANIFEST);
    at(&site, "2027-03-01 00:00:00", &["plan", "host.yaml", "--out", "plan.json"]).exits(2);
    for (time, why) in [
        ("2027-02-28 23:00:00", "plan.json: it was made for 2027-03-01 00:00:00 UTC, and this host's clock shows"),
        ("2027-03-31 00:00:09", "plan.json: it was made for 2027-03-01 00:00:00 UTC: more than 30 days ago\n"),
    ] {
        let ran = refused(&site, || at(&site, time, &["apply", "plan.json"]));
        assert!(ran.stderr.starts_with(&format!("error: {why}")), "{ran}");
    }
    at(&site, "2027-03-20 00:00:00", &["apply", "plan.json"]).ok();
    assert_eq!(until(&site, "etc/docker/tls/server-cert.pem"), "notAfter=2028-02-29 00:00:00Z");
    let log: Value = serde_json::from_str(site.text("var/log/dockseal.jsonl").lines().last().unwrap()).unwrap();
    assert!(log["began"].as_str().unwrap().starts_with("2027-03-20T"), "{log}");
    at(&site, "2027-03-20 00:01:00", &["plan", "host.yaml"]).ok();
}

/// Clocks differ by a little.
#[test]
fn a_clock_that_is_a_little_late_is_no_hindrance() {
    let site = Site::of(&["debian"], MANIFEST);
    at(&site, "2027-03-01 00:00:00", &["plan", "host.yaml", "--out", "plan.json"]).exits(2);
    at(&site, "2027-02-28 23:58:00", &["apply", "plan.json"]).ok();
}

#[test]
fn what_time_asks_for_since_stops_it() {
    // Of two clients one is due on the 20th day.
    let due = MANIFEST
        .replace("{name: ci}", "{name: ci, valid_for: 30d}")
        .replace("dockseal: 1", "dockseal: 1\nrenew_jitter: 1h");
    let site = Site::of(&["debian"], &due);
    at(&site, "2027-03-01 00:00:00", &["apply", "host.yaml"]).ok();
    site.manifest(&due.replace("10.10.10.20", "10.10.10.21"));
    at(&site, "2027-03-15 00:00:00", &["plan", "host.yaml", "--out", "plan.json"]).exits(2);
    let ran = refused(&site, || at(&site, "2027-03-22 00:00:00", &["apply", "plan.json"]));
    let why =
        "error: plan.json: the time that has passed since it was made asks for something else; nothing was changed\n";
    assert!(ran.stderr.starts_with(why), "{ran}");
    assert!(ran.stderr.contains("  +replace client.ci.certificate  /etc/docker/tls/clients/ci/cert.pem"), "{ran}");
    at(&site, "2027-03-16 00:00:00", &["apply", "plan.json"]).ok();

    // What it makes is good for six days, of which four are its own.
    site.manifest(&due.replace("{name: alice}", "{name: bob, valid_for: 6d}").replace("10.10.10.20", "10.10.10.21"));
    at(&site, "2027-03-16 00:00:00", &["plan", "host.yaml", "--out", "plan.json"]).exits(2);
    let ran = refused(&site, || at(&site, "2027-03-20 12:00:00", &["apply", "plan.json"]));
    let why = "error: plan.json: what it makes of client.bob.certificate would be due again since 2027-03-";
    assert!(ran.stderr.starts_with(why), "{ran}");
    at(&site, "2027-03-19 12:00:00", &["apply", "plan.json"]).ok();
}

/// The next step of a CA's replacement is counted from the time that was reviewed.
#[test]
fn a_step_of_the_cas_replacement_leaves_the_overlap_or_is_not_taken() {
    let rotating = MANIFEST.replace("clients:", "ca: {rotate: {generation: 2}, overlap: 10d}\nclients:");
    let site = Site::of(&["debian"], MANIFEST);
    at(&site, "2027-03-01 00:00:00", &["apply", "host.yaml"]).ok();
    site.manifest(&rotating);
    at(&site, "2027-03-02 00:00:00", &["plan", "host.yaml", "--out", "plan.json"]).exits(2);
    let ran = refused(&site, || at(&site, "2027-03-12 12:00:00", &["apply", "plan.json"]));
    assert!(
        ran.stderr.contains("what it makes of ca.certificate would be due again since 2027-03-12 00:00:00"),
        "{ran}"
    );
    at(&site, "2027-03-04 00:00:00", &["apply", "plan.json"]).ok();
    let advanced = ["plan", "host.yaml", "--advance", "--out", "plan.json"];
    at(&site, "2027-03-05 00:00:00", &advanced).exits(2);
    at(&site, "2027-03-06 00:00:00", &["apply", "plan.json"]).ok();
    let status = at(&site, "2027-03-06 00:00:00", &["plan", "host.yaml", "--format", "json"]).ok();
    let plan: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        (&plan["rotation"]["phase"], &plan["rotation"]["due"]),
        (&"switched".into(), &"2027-03-15T00:00:00Z".into())
    );
}

#[test]
fn a_document_that_is_not_whole_or_not_of_one_piece_is_refused() {
    let site = sealed();
    plan(&site).exits(2);
    let whole = saved(&site);
    let offer = |text: &str| {
        put(&site.folder().join("plan.json"), text.as_bytes());
        refused(&site, || apply(&site, &[])).stderr
    };
    // Another change by the same manifest, and another manifest by the same plan.
    let document: Value = serde_json::from_str(&whole).unwrap();
    let text = |key: &str| serde_json::to_string(&document[key]).unwrap();
    let without_alice = text("text").replace("alice", "nobody");
    let edits: [(&str, String, &str); 14] = [
        ("version", whole.replace("saved-plan/1", "saved-plan/2"), "its format is \"dockseal.saved-plan/2\", and this"),
        ("a plan for programs", text("plan"), "its format is \"dockseal.plan/1\", and this"),
        (
            "twice",
            whole.replacen("{\n", "{\n  \"format\": \"dockseal.saved-plan/1\",\n", 1),
            "duplicate field `format`",
        ),
        (
            "flag twice",
            whole.replacen("\"advance\": false,", "\"advance\": false, \"advance\": false,", 1),
            "duplicate field",
        ),
        (
            "deep twice",
            whole.replacen("\"errors\": []", "\"errors\": [], \"errors\": []", 1),
            "\"errors\" is there twice",
        ),
        ("path twice", whole.replacen("\"seen\": {", "\"seen\": {\"/srv/ci.csr\": \"\",", 1), "is there twice"),
        ("unknown", whole.replacen("{\n", "{\n  \"force\": true,\n", 1), "its format"),
        ("missing", whole.replacen("\"machine\": null,\n", "", 1), "what"),
        (
            "both",
            whole.replace("\"advance\": false", "\"advance\": true").replace("cut_off\": false", "cut_off\": true"),
            "exclude",
        ),
        ("time", whole.replacen("\"now\": \"2", "\"now\": \"x2", 1), "it is not a whole saved plan"),
        ("text", whole.replace(&text("text"), &without_alice), "what would be done today is not what was reviewed"),
        (
            "plan",
            whole.replacen("\"action\": \"replace\"", "\"action\": \"update\"", 1),
            "though the plan reads the same",
        ),
        ("manifest", whole.replacen("10.10.10.21]", "10.10.10.66]", 1), "what would be done today is not"),
        ("flags", whole.replace("\"now_cut_off\": false", "\"now_cut_off\": true"), "what would be done today is not"),
    ];
    for (what, edited, why) in edits {
        assert_ne!(edited, whole, "{what}");
        let said = offer(&edited);
        let expected = if what == "unknown" { "unknown field `force`" } else { why };
        let is_missing = what == "missing";
        assert!(is_missing || said.contains(expected), "{what}: {said}");
        assert!(!is_missing || said.contains("missing field `machine`"), "{said}");
    }
    for part in 1..20 {
        let said = offer(&whole[..whole.len() * part / 20]);
        assert!(said.contains("it is not a whole saved plan: EOF"), "{said}");
    }
    let huge = fs::File::create(site.folder().join("plan.json")).unwrap();
    std::io::Write::write_all(&mut &huge, b"{\"format\": \"dockseal.saved-plan/1\", \"text\": \"").unwrap();
    huge.set_len(1 << 32).unwrap();
    let said = refused(&site, || apply(&site, &[])).stderr;
    assert!(said.contains("MiB: it is not a saved plan"), "{said}");

    put(&site.folder().join("plan.json"), whole.as_bytes());
    apply(&site, &[]).ok();
}

#[test]
fn the_flags_the_root_and_the_name_of_the_file() {
    let site = sealed();
    plan(&site).exits(2);
    assert!(saved(&site).contains("\"allow_restart\": false"));
    for flag in ["--advance", "--now-cut-off", "--delete-keys"] {
        let said = refused(&site, || apply(&site, &[flag])).stderr;
        assert!(said.starts_with(&format!("error: plan.json: {flag} does not go with a saved plan")), "{said}");
    }
    // The same host under another name is not the one that was looked at.
    let copy = site.folder().join("copy");
    fs::rename(site.root(), &copy).unwrap();
    fs::create_dir(site.root()).unwrap();
    let elsewhere = Dockseal::new().args(["apply", "plan.json"]).root(&copy).current_dir(site.folder()).run().exits(1);
    assert!(elsewhere.stderr.contains("it was made for the root "), "{elsewhere}");
    fs::remove_dir(site.root()).unwrap();
    fs::rename(&copy, site.root()).unwrap();
    // By whatever name: it is known by what it holds.
    fs::rename(site.folder().join("plan.json"), site.folder().join("reviewed.yaml")).unwrap();
    symlink("root", site.folder().join("way")).unwrap();
    let text = fs::read(site.folder().join("reviewed.yaml")).unwrap();
    let dockseal = Dockseal::new().args(["apply", "-"]).root("way").current_dir(site.folder()).stdin(text);
    dockseal.run().ok();
    // A manifest that is written as JSON is a manifest.
    let json = r#"{"dockseal": 1, "host": "build-01.example.com", "clients": [{"name": "ci"}]}"#;
    put(&site.folder().join("json"), json.as_bytes());
    Dockseal::new().args(["apply", "json"]).root("root").current_dir(site.folder()).run().ok();
}

#[test]
fn a_plan_that_cant_be_saved_is_an_error() {
    let site = sealed();
    symlink("target", site.folder().join("link")).unwrap();
    for (file, why) in [("link", "is a symlink"), ("root", "is a folder"), ("none/plan.json", "No such file")] {
        let said = site.dockseal(["plan", "--out", file]).run().exits(1);
        assert!(said.stderr.contains("the plan is not saved: ") && said.stderr.contains(why), "{said}");
        assert_eq!(said.stdout, "");
    }
    assert!(!site.folder().join("target").exists());
}

#[test]
fn no_secret_is_saved() {
    let passphrase = "correct horse battery staple";
    let manifest = MANIFEST.replace("clients:", "ca: {passphrase: {env: DOCKSEAL_CA}}\nclients:");
    let site = Site::of(&["debian"], &manifest);
    site.dockseal(["apply"]).env("DOCKSEAL_CA", passphrase).run().ok();
    site.manifest(&manifest.replace("10.10.10.20", "10.10.10.21"));
    site.dockseal(["plan", "--out", "plan.json"]).env("DOCKSEAL_CA", passphrase).run().exits(2);
    let text = saved(&site);
    assert!(!text.contains(passphrase) && !text.contains("PRIVATE"));
    let mut lines = 0;
    for key in ["ca-key.pem", "server-key.pem", "clients/ci/key.pem"] {
        for line in site.text(&format!("etc/docker/tls/{key}")).lines().filter(|line| !line.starts_with('-')) {
            assert!(!text.contains(line), "{key}");
            lines += 1;
        }
    }
    assert!(lines > 6);
    let applied = Dockseal::new().args(["apply", "plan.json"]).root("root").current_dir(site.folder());
    applied.env("DOCKSEAL_CA", passphrase).run().ok();
}

on_each_suite!(a_host_takes_what_was_reviewed_and_nothing_else);

fn a_host_takes_what_was_reviewed_and_nothing_else(host: &Host) {
    host.manifest(crate::support::MANIFEST);
    host.container("busy");
    // Whether containers may stop is not the plan's to say, but the person's who applies it.
    let shown = host.dockseal(["plan", "--out", "/root/plan.json"]).exits(1);
    assert!(shown.stderr.contains("apply refuses it as long as an error stands"), "{shown}");
    let (files, dockerd, starts) = (host.files(), host.dockerd(), host.starts());
    host.dockseal(["apply", "/root/plan.json"]).exits(1);
    let elsewhere =
        "sed 's/\"machine\": \".*\"/\"machine\": \"other\"/' /root/plan.json | dockseal apply - --allow-restart";
    assert!(host.sh(elsewhere).exits(1).stderr.contains("it was made on other, and this is "));
    assert_eq!((host.files(), host.dockerd()), (files, dockerd));
    let applied = host.dockseal(["apply", "/root/plan.json", "--allow-restart"]).ok();
    assert!(
        applied.stdout.ends_with("Done: the host matches the manifest, and the handshakes prove it.\n"),
        "{applied}"
    );
    host.dockseal(["plan"]).ok();
    assert_eq!(host.starts(), starts + 1);
    host.ping_as("/etc/docker/tls", "ci").ok();

    host.manifest(&crate::support::MANIFEST.replace("127.0.0.1]", "127.0.0.1, 10.0.0.9]"));
    host.container("busy-too");
    host.dockseal(["plan", "--allow-restart", "--out", "/root/plan.json"]).exits(2);
    host.sh("chmod 0644 /etc/docker/tls/ca-key.pem").ok();
    let (files, dockerd) = (host.files(), host.dockerd());
    let refused = host.dockseal(["apply", "/root/plan.json"]).exits(1);
    assert!(refused.stderr.contains("+      its mode is 0644, not 0600"), "{refused}");
    assert_eq!((host.files(), host.dockerd(), host.starts()), (files, dockerd, starts + 1));
    // Once the host is as it was, the same plan holds, with what it was reviewed to allow.
    host.sh("chmod 0600 /etc/docker/tls/ca-key.pem").ok();
    host.dockseal(["apply", "/root/plan.json"]).ok();
    assert_eq!((host.starts(), host.is_running("busy-too")), (starts + 2, false));
    host.dockseal(["plan"]).ok();
}
