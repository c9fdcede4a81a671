//! A plan by facts that were observed on a host is the plan on that host: by the manifest that it was observed by and by any
//! other, wherever it is made. Where facts can't tell, a plan says so. (That it is so of each folder of `tests/cases/` is
//! tested there.)

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::{Dockseal, Host, Ran, Site, on_each_suite, put, set_mode};

on_each_suite!(a_plan_outside_is_the_plan_inside);

const OLD: &str = "\
dockseal: 1
host: build-01.example.com
server: {sans: {ip: [10.10.10.20]}}
clients:
  - {name: ci}
  - {name: alice, valid_for: 300d, renew_before: 5d}
  - {name: bob, key: ed25519, directory: /srv/bob}
  - {name: portainer, csr: /srv/csr/portainer.pem}
daemon:
  hosts: [fd://, tcp://0.0.0.0:2376]
  log-driver: local
";

/// After whatever was made.
fn now() -> String {
    (OffsetDateTime::now_utc() + time::Duration::MINUTE).format(&Rfc3339).unwrap()
}

/// What a reviewer gets.
fn elsewhere(facts: &str, manifest: &str, arguments: &[&str]) -> Ran {
    let folder = TempDir::new().unwrap();
    put(&folder.path().join("new.yaml"), manifest.as_bytes());
    let plan = Dockseal::new().args(["plan", "--facts", "-", "new.yaml"]).args(arguments);
    plan.current_dir(folder.path()).stdin(facts).run()
}

fn observe(site: &Site) -> String {
    site.dockseal(["observe"]).run().ok().stdout
}

fn sealed() -> Site {
    let site = Site::of(&["debian", "request"], OLD);
    site.apply().ok();
    site
}

/// The same plan, in every form; its exit code.
#[track_caller]
fn assert_same(site: &Site, facts: &str, manifest: &str, arguments: &[&str]) -> i32 {
    site.manifest(manifest);
    let (mut code, now) = (0, now());
    for format in ["text", "json"] {
        let words = [&["plan", "--now", &now, "--format", format], arguments].concat();
        let here = site.dockseal(words).run();
        let there = elsewhere(facts, manifest, &[&["--now", &now, "--format", format], arguments].concat());
        assert_eq!((here.code, &here.stdout), (there.code, &there.stdout), "{manifest}\n{here}\n{there}");
        assert!(!here.stdout.is_empty(), "{manifest}\n{here}");
        code = here.code;
    }
    code
}

/// Each is a change of the manifest by which the host was made and observed.
#[test]
fn another_manifest_is_compared_as_on_the_host() {
    let site = sealed();
    let facts = observe(&site);
    assert_eq!(assert_same(&site, &facts, OLD, &[]), 0);
    let changes: [(&str, &str); 28] = [
        ("  - {name: ci}\n", ""),
        ("  - {name: ci}\n", "  - {name: ci}\n  - {name: new}\n"),
        ("  - {name: ci}\n", "  - {name: new-one, key: rsa-2048}\n"),
        (
            "  - {name: ci}\n  - {name: alice, valid_for: 300d, renew_before: 5d}\n",
            "  - {name: alice}\n  - {name: ci}\n",
        ),
        ("  - {name: bob, key: ed25519, directory: /srv/bob}\n", ""),
        ("{name: bob, key: ed25519, directory: /srv/bob}", "{name: bob, key: ed25519}"),
        ("{name: bob, key: ed25519, directory: /srv/bob}", "{name: bob, directory: /srv/bob}"),
        ("  - {name: portainer, csr: /srv/csr/portainer.pem}\n", "  - {name: portainer}\n"),
        ("  - {name: portainer, csr: /srv/csr/portainer.pem}\n", ""),
        ("name: portainer", "name: other"),
        ("{name: ci}", "{name: ci, csr: /srv/csr/portainer.pem}"),
        ("10.10.10.20", "10.10.10.21"),
        ("{sans: {ip: [10.10.10.20]}}", "{sans: {dns: [a.example.com], ip: [10.10.10.20]}, key: ed25519}"),
        ("{sans: {ip: [10.10.10.20]}}", "{sans: {ip: [10.10.10.20]}, valid_for: 300d, renew_before: 290d}"),
        ("host: build-01.example.com", "host: build-02.example.com"),
        ("valid_for: 300d, renew_before: 5d", "valid_for: 300d, renew_before: 299d, reuse_key: true"),
        ("tcp://0.0.0.0:2376]", "tcp://0.0.0.0:2377, unix:///run/other.sock]"),
        ("[fd://, tcp://0.0.0.0:2376]", "[unix:///var/run/docker.sock, tcp://10.10.10.20:2376]"),
        ("log-driver: local", "log-driver: journald\n  live-restore: true"),
        ("  log-driver: local\n", ""),
        ("clients:", "ca: {rotate: {generation: 2}}\nclients:"),
        ("clients:", "ca: {common_name: Other CA}\nclients:"),
        ("clients:", "ca: {key: rsa-2048}\nclients:"),
        ("clients:", "ca: {issuer: external}\nclients:"),
        ("clients:", "ca: {issuer: {command: [/usr/bin/false]}}\nclients:"),
        ("clients:", "systemd: {restart: never, recover: false}\nclients:"),
        ("dockseal: 1\n", "dockseal: 1\nstate: absent\n"),
        ("dockseal: 1\n", "dockseal: 1\nrenew_jitter: 20d\n"),
    ];
    let mut codes = [0; 3];
    for (from, to) in changes {
        assert!(OLD.contains(from), "{from}");
        codes[usize::try_from(assert_same(&site, &facts, &OLD.replace(from, to), &[])).unwrap()] += 1;
    }
    assert!(codes[2] >= 19, "most of these manifests change something: {codes:?}");
    let absent = OLD.replace("dockseal: 1\n", "dockseal: 1\nstate: absent\n");
    assert_eq!(assert_same(&site, &facts, &absent, &["--delete-keys"]), 2);
    let rotated = OLD.replace("clients:", "ca: {rotate: {generation: 2}}\nclients:");
    assert_eq!(assert_same(&site, &facts, &rotated, &["--now-cut-off"]), 2);
}

/// Hosts that are not in line with anything.
#[test]
fn odd_hosts_are_compared_as_they_are() {
    let others = [
        OLD.replace("  - {name: ci}\n", "  - {name: old}\n  - {name: ci}\n"),
        OLD.replace("{name: ci}", "{name: old}"),
    ];
    let all = |site: &Site| {
        site.manifest(OLD);
        let facts = observe(site);
        for manifest in others.iter().map(String::as_str).chain([OLD]) {
            assert_same(site, &facts, manifest, &[]);
        }
    };
    let site = sealed();
    site.manifest(&others[0]);
    site.apply().ok();
    all(&site);
    put(&site.file("etc/docker/tls/clients/old/cert.pem"), b"-----BEGIN CERTIFICATE-----\nx\n");
    put(&site.file("etc/docker/tls/clients/old/ca.pem"), b"nothing");
    put(&site.file("etc/docker/tls/clients/ci/key.pem"), b"nothing");
    set_mode(&site.file("etc/docker/tls/clients/old/key.pem"), 0o644);
    put(&site.file("etc/docker/daemon.json"), b"{\"hosts\": [\"fd://\"], \"x\": \"\xff\"}");
    all(&site);
    set_mode(&site.file("etc/docker/tls/clients/old"), 0o777);
    symlink("ci", site.file("etc/docker/tls/clients/link")).unwrap();
    fs::create_dir(site.file("etc/docker/tls/clients/odd")).unwrap();
    symlink("/nowhere", site.file("etc/docker/tls/clients/odd/cert.pem")).unwrap();
    all(&site);
    // While certificates are signed elsewhere.
    let site = Site::of(&["debian", "request"], &OLD.replace("clients:", "ca: {issuer: external}\nclients:"));
    site.apply().ok();
    let waiting = observe(&site);
    for manifest in [
        &OLD.replace("clients:", "ca: {issuer: external}\nclients:"),
        &others[1],
        &others[1].replace("clients:", "ca: {issuer: external}\nclients:"),
    ] {
        assert_same(&site, &waiting, manifest, &[]);
    }
}

#[test]
fn what_the_facts_do_not_tell_is_not_guessed() {
    let site = sealed();
    let facts = observe(&site);
    for (from, to, what) in [
        ("clients:", "directory: /etc/docker/pki\nclients:", "what stands in /etc/docker/pki"),
        ("clients:", "systemd: {unit: other.service}\nclients:", "what stands in /etc/systemd/system/other.service.d"),
        (
            "clients:",
            "systemd: {drop_in: zzz.conf}\nclients:",
            "what stands in /etc/systemd/system/docker.service.d/zzz.conf",
        ),
        ("clients:", "files: {server_key: /etc/ssl/key.pem}\nclients:", "what stands in /etc/ssl"),
        ("{name: ci}", "{name: ci, csr: /srv/csr/ci.pem}", "what stands in /srv/csr/ci.pem"),
        ("{name: ci}", "{name: ci, directory: /srv/ci}", "what stands in /srv/ci"),
    ] {
        let manifest = OLD.replace(from, to);
        let ran = elsewhere(&facts, &manifest, &[]).exits(1);
        let expected = format!(
            "error: the facts don't tell {what}\n  help: on the host, run `dockseal observe new.yaml > facts.json` with this manifest, and plan with that\n"
        );
        assert_eq!((ran.stdout.as_str(), ran.stderr), ("", expected));
        // As the hint says.
        site.manifest(&manifest);
        let facts = observe(&site);
        assert_same(&site, &facts, &manifest, &[]);
    }
}

/// Who observes without root says what stays hidden, and so does a plan by those facts, whoever makes it.
#[test]
fn an_observer_without_root_says_what_is_hidden() {
    let site = sealed();
    set_mode(site.folder(), 0o755);
    set_mode(&site.root(), 0o755);
    let nobody = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "./dockseal"]).args(arguments);
        command.current_dir(site.folder());
        Ran::run(&command, b"", Duration::from_secs(60))
    };
    fs::copy(Dockseal::BINARY, site.folder().join("dockseal")).unwrap();
    let observed = nobody(&["observe", "host.yaml", "--root", "root"]).ok();
    assert!(observed.stderr.contains("note: not observed: /etc/docker/tls/ca-key.pem may not be read; run as root\n"));
    let now = now();
    let here = nobody(&["plan", "host.yaml", "--root", "root", "--now", &now]);
    assert!(here.stderr.contains("note: not compared: /etc/docker/tls/ca-key.pem may not be read\n"), "{here}");
    let there = elsewhere(&observed.stdout, OLD, &["--now", &now]);
    assert_eq!((here.code, here.stdout, here.stderr), (there.code, there.stdout, there.stderr));
}

#[test]
fn the_checked_in_schema_is_what_the_binary_prints_and_facts_follow_it() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/facts.schema.json");
    let printed = Dockseal::new().args(["schema", "facts"]).run().ok().stdout;
    assert_eq!(printed, fs::read_to_string(file).unwrap(), "the binary was built with another schema");
    let schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let facts: Value = serde_json::from_str(&observe(&sealed())).unwrap();
    let errors: Vec<String> = validator.iter_errors(&facts).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for path in ["", "/folders/0", "/files/0", "/files/0/attributes", "/unit", "/unit/files/0"] {
        let mut wrong = facts.clone();
        wrong.pointer_mut(path).unwrap().as_object_mut().unwrap().insert("unknown".to_owned(), json!(1));
        assert!(!validator.is_valid(&wrong), "{path}");
        let ran = elsewhere(&wrong.to_string(), OLD, &[]).exits(1);
        assert!(
            ran.stderr.contains("error: -: unknown field `unknown`, expected")
                && ran.stderr.contains(" at line 1 column "),
            "{ran}"
        );
    }
}

#[test]
fn a_file_that_is_no_facts_is_refused_in_so_many_words() {
    let facts = observe(&sealed());
    let with = |pointer: &str, value: Value| {
        let mut facts: Value = serde_json::from_str(&facts).unwrap();
        *facts.pointer_mut(pointer).unwrap() = value;
        facts.to_string()
    };
    let twice = |list: &str| {
        let mut facts: Value = serde_json::from_str(&facts).unwrap();
        let list = facts.pointer_mut(list).unwrap().as_array_mut().unwrap();
        list.push(list[0].clone());
        facts.to_string()
    };
    let deep = format!("{{\"format\": \"dockseal.facts/9\", \"x\": {}", "[".repeat(100_000));
    for (text, expected) in [
        (String::new(), "error: -: EOF while parsing a value at line 1 column 0\n"),
        (
            "{\n  \"format\": 1}".to_owned(),
            "error: -: invalid type: integer `1`, expected a string at line 2 column 13\n",
        ),
        (facts[..facts.len() / 2].to_owned(), "error: -: EOF while parsing"),
        (deep, "error: -: unknown field `x`, expected one of `format`"),
        (
            with("/format", json!("dockseal.facts/2")).replace("\"0.1.0\"", "\"3.0.0\""),
            "error: -: its format is \"dockseal.facts/2\", written by dockseal 3.0.0; this is dockseal 0.1.0, which reads dockseal.facts/1\n  help: use dockseal 3.0.0 here, or observe anew with this version\n",
        ),
        (
            with("/host", json!("a\u{1b}[2J")),
            "note: the facts are those of a\\u{1b}[2J, the manifest is that of build-01.example.com\n",
        ),
        (twice("/files"), "error: -: /etc/docker/daemon.json: this file stands there twice\n"),
        (twice("/folders"), "error: -: /etc/docker: this folder stands there twice\n"),
        (
            with("/files/0/attributes/modified", json!(i64::MAX)),
            "its last write is at no time that can be reckoned with",
        ),
        (with("/files/0/role", json!("\u{1b}]0;x\u{7}")), "unknown variant `\\u{1b}]0;x\\u{7}`"),
        (with("/files/0/attributes/mode", json!(-1)), "invalid value: integer `-1`, expected u32 at line 1 column"),
    ] {
        let ran = elsewhere(&text, OLD, &[]);
        assert!(ran.stderr.contains(expected), "{expected}\n{}", ran.stderr);
        assert_eq!(ran.code == 1, expected.starts_with("error") || !expected.starts_with("note"), "{ran}");
        assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{ran}");
    }
    let folder = TempDir::new().unwrap();
    put(&folder.path().join("large"), "1".repeat(64 * 1024 * 1024 + 1).as_bytes());
    put(&folder.path().join("new.yaml"), OLD.as_bytes());
    let run = |words: &[&str]| Dockseal::new().args(words).current_dir(folder.path()).run().exits(1).stderr;
    assert_eq!(run(&["plan", "--facts", "large", "new.yaml"]), "error: large: larger than 64 MiB\n");
    assert!(run(&["plan", "--facts", "none", "new.yaml"]).starts_with("error: none: No such file"));
    assert!(run(&["plan", "--facts", "large", "--root", ".", "new.yaml"]).contains("cannot be used with"));
}

/// What of other people's secrets stands where facts are taken from and no plan shows.
#[test]
fn no_secret_is_in_the_facts() {
    let site = sealed();
    put(
        &site.file("etc/systemd/system/docker.service.d/proxy.conf"),
        b"# token needle-1\n[Unit]\nDescription=needle-2\n[Service]\nEnvironment=\"HTTPS_PROXY=http://u:needle-3@proxy\" \\\n  OTHER=needle-4\n\
          EnvironmentFile=/etc/proxy\nExecStartPost=/usr/bin/curl -u needle-5\n",
    );
    put(
        &site.file("etc/proxy"),
        b"TOKEN=needle-6\nDOCKER_OPTS='--label a=b'\n# needle-7\nPASSWORD='needle-8\nneedle-9'\n",
    );
    put(&site.file("etc/docker/tls/clients/ci/old-cert.pem"), b"needle-10");
    put(&site.file("etc/docker/tls/clients/ci/notes.txt"), b"needle-11");
    let facts = observe(&site);
    assert_same(&site, &facts, OLD, &[]);
    assert!(!facts.contains("needle"), "{facts}");
    assert!(!facts.contains("PRIVATE KEY") && facts.contains("PUBLIC KEY"));
    let mut keys = 0;
    for (path, node) in site.tree().0.iter().filter(|(path, _)| path.ends_with("key.pem")) {
        let text = String::from_utf8_lossy(&node.bytes);
        let (first, rest) = text.trim().split_once('\n').unwrap();
        assert!(first.contains("PRIVATE KEY"), "{path}");
        // Of P-256 and of Ed25519 these bytes are the private number's (RFC 5958).
        assert!(!facts.contains(&rest[48..64]), "{path}: {rest}");
        keys += 1;
    }
    assert!(keys >= 5, "{keys}");
    // What a plan shows has to be there.
    assert!(facts.contains("log-driver"));
}

/// The host is imagined as an apply would have made it: what a later manifest changes is the same there.
#[test]
fn a_plan_from_a_manifest_is_the_plan_of_a_host_that_it_made() {
    let external = OLD.replace("clients:", "ca: {issuer: external}\nclients:");
    let secret = OLD.replace("clients:", "ca: {passphrase: {file: /root/ca.passphrase}}\nclients:");
    let changes: [(&str, &str); 16] = [
        ("", ""),
        ("  - {name: ci}\n", ""),
        ("  - {name: ci}\n", "  - {name: ci}\n  - {name: new}\n"),
        ("  - {name: ci}\n", "  - {name: ci, key: rsa-2048}\n"),
        ("  - {name: bob, key: ed25519, directory: /srv/bob}\n", ""),
        ("{name: bob, key: ed25519, directory: /srv/bob}", "{name: bob}"),
        ("  - {name: portainer, csr: /srv/csr/portainer.pem}\n", "  - {name: portainer}\n"),
        ("10.10.10.20", "10.10.10.21"),
        ("host: build-01.example.com", "host: build-02.example.com"),
        ("tcp://0.0.0.0:2376]", "tcp://0.0.0.0:2377, unix:///run/other.sock]"),
        ("log-driver: local", "log-driver: journald\n  live-restore: true"),
        ("clients:", "ca: {rotate: {generation: 2}}\nclients:"),
        ("clients:", "ca: {common_name: Other CA}\nclients:"),
        ("clients:", "directory: /etc/docker/pki\nclients:"),
        ("clients:", "systemd: {drop_in: zzz.conf, recover: false}\nclients:"),
        ("dockseal: 1\n", "dockseal: 1\nstate: absent\n"),
    ];
    let site = Site::of(&["docker-ce", "request"], OLD);
    site.apply().ok();
    let mut found = 0;
    for (from, to) in changes {
        let new = OLD.replacen(from, to, 1);
        site.manifest(&new);
        let real = facts_of(&site.dockseal(["plan", "--now", &now(), "--format", "json"]).run());
        let imagined = facts_of(&from_manifest(OLD, &new));
        assert_eq!(imagined, real, "{new}");
        found += real.1.len();
    }
    assert!(found > 20, "{found}");
    // Nothing is read for it: no passphrase, no request; and certificates that somebody else signs count as signed.
    for old in [&external, &secret, &external.replace("external", "{command: [/usr/bin/false]}")] {
        let none = from_manifest(old, old).ok();
        assert!(none.stdout.contains("No changes") || none.stdout.contains("\"changes\": []"), "{none}");
        let (code, changes) = facts_of(&from_manifest(old, &old.replace("10.10.10.20", "10.10.10.21")));
        assert_eq!((code, changes.len()), (2, 1), "{changes:?}");
    }
}

/// In an empty folder.
fn from_manifest(old: &str, new: &str) -> Ran {
    let folder = TempDir::new().unwrap();
    put(&folder.path().join("old.yaml"), old.as_bytes());
    put(&folder.path().join("new.yaml"), new.as_bytes());
    let before = crate::support::Tree::read(folder.path());
    let arguments = ["plan", "--from", "old.yaml", "new.yaml", "--format", "json", "--now", &now()];
    let ran = Dockseal::new().args(arguments).current_dir(folder.path()).run();
    assert!(before.differences(&crate::support::Tree::read(folder.path())).is_empty());
    ran
}

/// The exit code, and each change with its reasons, but for times and the service, which another root does not have.
fn facts_of(ran: &Ran) -> (i32, Vec<Value>) {
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let changes = plan["changes"].as_array().unwrap().iter().filter(|change| change["resource"] != "service");
    let told = |change: &Value| {
        let mut reasons = change["reasons"].clone();
        for reason in reasons.as_array_mut().unwrap() {
            // It says the same in words, times and all.
            reason.as_object_mut().unwrap().remove("text");
            for moment in ["at", "ca_until", "accepted_until"] {
                if let Some(value) = reason.get_mut(moment).filter(|value| value.is_string()) {
                    *value = "a moment".into();
                }
            }
        }
        json!([change["resource"], change["action"], change["path"], reasons])
    };
    (ran.code, changes.map(told).chain(plan["errors"].as_array().unwrap().iter().cloned()).collect())
}

#[test]
fn a_plan_from_a_manifest_says_what_it_assumes_and_tells_the_problems_of_both() {
    let folder = TempDir::new().unwrap();
    put(&folder.path().join("old.yaml"), OLD.as_bytes());
    put(&folder.path().join("new.yaml"), OLD.replace("10.10.10.20", "10.10.10.21").as_bytes());
    put(&folder.path().join("bad.yaml"), b"dockseal: 1\nhost: a.example.com\nunknown: 1\n");
    let plan = |words: &[&str]| Dockseal::new().args(["plan", "--from"]).args(words).current_dir(folder.path()).run();
    let ran = plan(&["old.yaml", "new.yaml"]).exits(2);
    assert!(ran.stdout.contains("note: no host was asked: this is for one with docker.service"), "{ran}");
    assert!(ran.stdout.contains("docker.service restarts"), "{ran}");
    assert!(ran.stderr.is_empty());
    let ran = plan(&["bad.yaml", "bad.yaml"]).exits(1);
    assert_eq!(ran.stderr.matches("bad.yaml: 1 problem").count(), 2, "{ran}");
    assert!(plan(&["old.yaml", "new.yaml", "--root", "."]).exits(1).stderr.contains("cannot be used with"));
}

/// A sealed live host, observed, and looked at in an empty folder by nobody.
fn a_plan_outside_is_the_plan_inside(host: &Host) {
    let manifest = crate::support::MANIFEST.replace("  - name: ci\n", "  - name: ci\n  - name: alice\n");
    host.seal(&manifest);
    host.container("busy");
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), 0o755);
    fs::copy(Dockseal::BINARY, folder.path().join("dockseal")).unwrap();
    let facts = host.dockseal(["observe"]).ok().stdout;
    put(&folder.path().join("facts.json"), facts.as_bytes());
    fs::create_dir(folder.path().join("empty")).unwrap();
    let outside = |manifest: &str, format: &str, now: &str| {
        let script = "exec setpriv --reuid 65534 --regid 65534 --clear-groups ../dockseal plan --facts ../facts.json --format \"$0\" --now \"$1\" -";
        let mut command = Command::new("/bin/sh");
        command
            .args(["-euc", script, format, now])
            .current_dir(folder.path().join("empty"))
            .env("PATH", "/usr/bin:/bin");
        Ran::run(&command, manifest.as_bytes(), Duration::from_secs(60))
    };
    let now = host.sh("date -u +%FT%TZ").ok().text().to_owned();
    let mut codes = Vec::new();
    for manifest in [
        manifest.clone(),
        manifest.replace("127.0.0.1", "127.0.0.2"),
        manifest
            .replace("hosts: [fd://, tcp://0.0.0.0:2376]", "hosts: [fd://, tcp://0.0.0.0:2377]\n  live-restore: true"),
        manifest.replace("  - name: ci\n  - name: alice\n", "  - name: alice\n  - name: ci\n"),
        manifest.replace("  - name: ci\n", ""),
        format!("{manifest}  debug: true\n"),
        format!("{manifest}state: absent\n"),
    ] {
        host.manifest(&manifest);
        for format in ["text", "json"] {
            let inside = host.dockseal(["plan", "--format", format, "--now", &now]);
            let outside = outside(&manifest, format, &now);
            assert_eq!((inside.code, &inside.stdout), (outside.code, &outside.stdout), "{inside}\n{outside}");
            codes.push(inside.code);
        }
    }
    // In sync; containers would stop, also for `absent`; live-restore saves them; no restart for clients; a reload.
    assert_eq!(codes, [0, 0, 1, 1, 2, 2, 0, 0, 2, 2, 2, 2, 1, 1]);
    assert_eq!(host.dockerd(), host.dockerd());
}
