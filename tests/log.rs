//! `/var/log/dockseal.jsonl`: a line for each run that changed the host or tried to, none for any other, and no run that
//! stops for want of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Dockseal, Host, Ran, Site, Suite};

const LOG: &str = "var/log/dockseal.jsonl";
const MANIFEST: &str =
    "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\nclients: [{name: ci}]\n";

fn lines(site: &Site) -> Vec<Value> {
    fs::read_to_string(site.file(LOG)).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn openssl(site: &Site, path: &str, option: &str) -> String {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["x509", "-noout", "-in"]).arg(site.file(path)).args(option.split(' '));
    Ran::run(&command, b"", Duration::from_secs(10)).ok().text().split_once('=').unwrap().1.to_owned()
}

#[test]
fn who_what_why_and_which_certificates() {
    let site = Site::of(&["debian"], MANIFEST);
    let first = site.dockseal(["apply"]).env("SUDO_USER", "alice").run().ok();
    let server = "etc/docker/tls/server-cert.pem";
    let (old, old_serial) = (openssl(&site, server, "-fingerprint -sha256"), openssl(&site, server, "-serial"));
    assert_eq!(fs::metadata(site.file(LOG)).unwrap().permissions().mode() & 0o777, 0o600);
    site.manifest(&MANIFEST.replace("10.10.10.20", "10.10.10.21"));
    site.dockseal(["apply"]).env("SUDO_USER", "bob\n{\"result\":\"none\"}").run().ok();

    let lines = lines(&site);
    assert_eq!(lines.len(), 2, "{first}");
    let user = fs::metadata(site.file(LOG)).unwrap().uid();
    assert_eq!(lines[0]["user"], json!({"uid": user, "sudo_user": "alice"}));
    assert_eq!(lines[1]["user"], json!({"uid": user, "sudo_user": null}));
    for line in &lines {
        assert_eq!((&line["format"], &line["command"]), (&json!("dockseal.log/1"), &json!("apply")));
        assert_eq!((&line["result"], &line["host"]), (&json!("changed"), &json!("build-01.example.com")));
        assert_eq!(line["version"], env!("CARGO_PKG_VERSION"));
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z') && time >= line["began"].as_str().unwrap(), "{time}");
    }
    assert_eq!(lines[0]["counts"], json!({"create": 7}));
    assert_eq!(lines[0]["changes"][0]["certificate"]["before"], Value::Null);
    assert_eq!(lines[1]["counts"], json!({"replace": 1}));
    let change = &lines[1]["changes"][0];
    assert_eq!((&change["resource"], &change["action"]), (&json!("server.certificate"), &json!("replace")));
    assert_eq!(change["path"], "/etc/docker/tls/server-cert.pem");
    assert_eq!(change["reasons"][0]["kind"], "sans_differ");
    assert_eq!(change["reasons"][0]["added"], json!(["IP:10.10.10.21"]));
    let (before, after) = (&change["certificate"]["before"], &change["certificate"]["after"]);
    assert_eq!(before["sha256"], old);
    assert_eq!(before["serial"].as_str().unwrap().replace(':', ""), old_serial);
    assert_eq!(after["sha256"], openssl(&site, server, "-fingerprint -sha256"));
    assert_eq!(after["serial"].as_str().unwrap().replace(':', ""), openssl(&site, server, "-serial"));
}

#[test]
fn a_ca_that_is_introduced_is_told() {
    let site = Site::of(&["debian", "sealed"], &format!("{MANIFEST}ca: {{rotate: {{generation: 2}}}}\n"));
    site.apply().ok();
    let line = lines(&site).pop().unwrap();
    let change =
        line["changes"].as_array().unwrap().iter().find(|change| change["resource"] == "ca.certificate").unwrap();
    let exchange = &change["certificate"];
    assert_eq!(exchange["after"]["sha256"], openssl(&site, "etc/docker/tls/ca.pem", "-fingerprint -sha256"));
    assert_eq!(exchange["also_trusted"].as_array().unwrap().len(), 1);
    assert_ne!(exchange["also_trusted"][0]["sha256"], exchange["after"]["sha256"]);
}

#[test]
fn a_run_that_changes_nothing_leaves_no_line() {
    let site = Site::of(&["debian", "sealed"], MANIFEST);
    site.plan();
    site.dockseal(["status"]).run().ok();
    site.dockseal(["apply", "--quiet"]).run();
    let before = fs::read(site.file(LOG)).unwrap_or_default();
    site.apply().ok();
    site.plan();
    site.dockseal(["status"]).run().ok();
    crate::support::put(&site.file("etc/docker/daemon.json"), b"[]");
    site.apply().exits(1);
    assert_eq!(fs::read(site.file(LOG)).unwrap_or_default(), before);
    // Staging has begun, and nothing that stands there was touched.
    let fresh = Site::of(&["debian"], MANIFEST);
    let inject = ["-e", "inject=syncfs:error=EIO:when=1"];
    fresh.traced(&inject, &["apply", "host.yaml"]).1.exits(1);
    assert!(!fresh.file(LOG).exists());
}

#[test]
fn what_was_put_back_undone_and_gone_back_from_is_told() {
    let site = Site::of(&["debian"], MANIFEST);
    // Of the files that appear, one does not.
    site.traced(&["-e", "inject=renameat2,linkat:error=EIO:when=3"], &["apply", "host.yaml"]).1.exits(1);
    let line = lines(&site).pop().unwrap();
    assert_eq!(line["result"], "put-back");
    assert!(line["error"].as_str().unwrap().contains("I/O error"), "{line}");
    assert_eq!(line["changes"].as_array().unwrap().len(), 7);
    assert_eq!(line["changes"][0]["certificate"]["after"], Value::Null);

    // Killed in the middle: the next run undoes it first.
    site.traced(&["-e", "inject=renameat2,linkat:signal=KILL:when=3"], &["apply", "host.yaml"]);
    assert_eq!(lines(&site).len(), 1);
    site.apply().ok();
    let told = lines(&site);
    assert_eq!((&told[1]["result"], &told[1]["of"]["command"]), (&json!("recovered-undone"), &json!("apply")));
    assert_eq!((&told[2]["result"], told.len()), (&json!("changed"), 3));

    site.manifest(&MANIFEST.replace("10.10.10.20", "10.10.10.21"));
    site.apply().ok();
    Dockseal::new().args(["rollback"]).root(site.root()).run().ok();
    let back = lines(&site).pop().unwrap();
    assert_eq!((&back["command"], &back["result"]), (&json!("rollback"), &json!("rolled-back")));
    assert_eq!(back["files"], json!(["/etc/docker/tls/server-key.pem", "/etc/docker/tls/server-cert.pem"]));
    assert_eq!(lines(&site).len(), 5);
}

/// The renewal goes before the log; who looks at standard error hears of it.
#[test]
fn a_log_that_cant_be_written_stops_nothing() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 4] = [
        ("a folder", |log| fs::create_dir(log).unwrap()),
        ("a symlink", |log| symlink("/dev/null", log).unwrap()),
        ("another name", |log| {
            fs::write(log, "").unwrap();
            fs::hard_link(log, log.with_extension("other")).unwrap();
        }),
        ("everybody's", |log| {
            fs::write(log, "").unwrap();
            crate::support::set_mode(log, 0o666);
        }),
    ];
    for (what, spoil) in spoil {
        let site = Site::of(&["debian"], MANIFEST);
        fs::create_dir_all(site.file("var/log")).unwrap();
        spoil(&site.file(LOG));
        let ran = site.apply().ok();
        assert!(ran.stderr.starts_with("note: this run could not be logged: "), "{what}: {ran}");
        assert!(ran.stderr.contains(LOG), "{what}: {ran}");
        site.plan().exits(0);
    }
    let site = Site::of(&["debian"], MANIFEST);
    fs::create_dir_all(site.file("var/log")).unwrap();
    fs::write(site.file(LOG), "{}\n").unwrap();
    crate::support::set_mode(&site.file(LOG), 0o600);
    let log = site.file(LOG);
    let options = ["-P", log.to_str().unwrap(), "-e", "inject=write:retval=1"];
    let (_, ran) = site.traced(&options, &["apply", "host.yaml"]);
    assert!(ran.ok().stderr.contains("could not be logged"));
    assert_eq!(fs::read_to_string(log).unwrap(), "{}\n", "half a line is taken back");
}

#[test]
fn a_line_is_one_write_and_stays_short() {
    let clients: Vec<String> = (0..500).map(|index| format!("  - {{name: client-{index}}}\n")).collect();
    let clients = clients.concat();
    let site = Site::of(&["debian"], &format!("{}{clients}", MANIFEST.replace(" [{name: ci}]", "")));
    let log = site.file(LOG);
    let (trace, ran) = site.traced(&["-e", "trace=write,writev,pwrite64,ftruncate"], &["apply", "host.yaml"]);
    ran.ok();
    let writes = trace.lines().filter(|line| line.contains(&format!("<{}>", log.display()))).count();
    assert_eq!(writes, 1);
    assert!(fs::metadata(&log).unwrap().len() <= (64 << 10) + 1);
    let line = lines(&site).pop().unwrap();
    let told = line["changes"].as_array().unwrap().len();
    assert!((50..=100).contains(&told), "{told}");
    assert_eq!(line["counts"]["create"], told + usize::try_from(line["changes_left_out"].as_u64().unwrap()).unwrap());
}

/// As on Ubuntu, where `/var/log` is the syslog group's.
#[test]
#[ignore = "boots a host"]
fn a_booted_host_logs_where_syslog_does() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    host.sh("groupadd --system syslog; chgrp syslog /var/log; chmod 0775 /var/log").ok();
    host.write("/etc/dockseal/host.yaml", MANIFEST.replace("10.10.10.20", "127.0.0.1"), 0o644);
    let ran = host.dockseal(["apply"]).ok();
    assert_eq!(ran.stderr, "");
    let line: Value = serde_json::from_str(&host.read("/var/log/dockseal.jsonl")).unwrap();
    assert_eq!((&line["result"], &line["user"]["uid"]), (&json!("changed"), &json!(0)));
    assert_eq!(line["changes"].as_array().unwrap().last().unwrap()["action"], "restart");
    assert_eq!(host.sh("stat -c '%a %U:%G' /var/log/dockseal.jsonl").ok().text(), "600 root:root");

    // A dockerd that does not come up with it: everything is put back, and the log says so.
    host.sh("mkdir -p /etc/systemd/system/docker.service.d; printf '#!/bin/sh\\nexit 1\\n' >/usr/local/sbin/no; chmod 755 /usr/local/sbin/no").ok();
    host.write(
        "/etc/systemd/system/docker.service.d/10-fail.conf",
        "[Service]\nExecStartPre=/usr/local/sbin/no\n",
        0o644,
    );
    host.run(["systemctl", "daemon-reload"]).ok();
    host.write("/etc/dockseal/host.yaml", MANIFEST.replace("10.10.10.20", "127.0.0.2"), 0o644);
    let failed = host.dockseal(["apply"]);
    assert!(failed.code == 1 || failed.code == 3, "{failed}");
    let log = host.read("/var/log/dockseal.jsonl");
    let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(line["result"], if failed.code == 1 { "put-back" } else { "broken" });
    assert!(line["error"].as_str().unwrap().contains("docker.service"), "{line}");
}
