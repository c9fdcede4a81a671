//! `dockseal rollback`, `dockseal recover`, and what the other commands say of a run that was cut short.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};

use crate::support::{
    Before, EVERYWHERE, Host, LIVE, MANIFEST, Ran, Site, Tree, listening, on_each_suite, put, set_mode,
};

const SEALED: &str = "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans:\n    ip: [10.10.10.20]\n";

on_each_suite!(
    a_first_apply_is_taken_back_to_the_vendors_line,
    a_change_is_taken_back_and_the_old_certificate_served,
    a_rollback_that_would_stop_containers_refuses,
    containers_survive_a_rollback_by_live_restore,
    a_rollback_that_fails_is_itself_put_back,
);

fn dockseal(site: &Site, command: &[&str]) -> Ran {
    crate::support::Dockseal::new().args(command).root("root").current_dir(site.folder()).run()
}

/// What counts of a tree: bytes and modes, of everything but what dockseal keeps for itself.
fn facts(tree: &Tree) -> Vec<(String, u32, Vec<u8>)> {
    let counts = |path: &str| !path.is_empty() && !path.starts_with("var");
    let nodes = tree.0.iter().filter(|(path, _)| counts(path));
    nodes.map(|(path, node)| (path.clone(), node.mode, node.bytes.clone())).collect()
}

#[test]
fn bytes_modes_owners_and_folders_come_back() {
    let site = Site::of(&["debian", "sealed"], &format!("{SEALED}clients:\n  - name: ci\n"));
    let daemon_json = site.file("etc/docker/daemon.json");
    set_mode(&daemon_json, 0o640);
    chown(&daemon_json, None, Some(4)).unwrap();
    set_mode(&site.file("etc/docker/tls/ca.pem"), 0o744);
    site.apply().ok();
    let before = site.tree();
    // A new name, a client that goes, one that comes, a text that changes.
    site.manifest(&format!(
        "{}clients:\n  - name: new\ndaemon:\n  debug: true\n",
        SEALED.replace("10.10.10.20", "10.10.10.21")
    ));
    site.apply().ok();
    let changed = site.tree();
    assert!(changed.0.contains_key("etc/docker/tls/clients/new/key.pem"));
    assert!(!changed.0.contains_key("etc/docker/tls/clients/ci"));
    let ran = dockseal(&site, &["rollback"]).ok();
    assert!(ran.stdout.contains("  ~ /etc/docker/daemon.json\n"), "{ran}");
    assert!(
        ran.stdout.contains("Done: the host is as it was before the apply of 20") && ran.stderr.is_empty(),
        "{ran}"
    );
    assert_eq!(facts(&before), facts(&site.tree()));
    assert_eq!(fs::metadata(&daemon_json).unwrap().gid(), 4);
    // One step, not two.
    let again = dockseal(&site, &["rollback"]).exits(1);
    assert!(again.stderr.contains("error: there is nothing to go back to"), "{again}");
}

#[test]
fn the_ca_outlives_a_rollback_of_the_run_that_made_it() {
    let site = Site::of(&["debian"], &format!("{SEALED}clients:\n  - name: ci\n"));
    let before = site.tree();
    site.apply().ok();
    let made = ["etc/docker/tls/ca.pem", "etc/docker/tls/ca-key.pem"].map(|path| site.text(path));
    dockseal(&site, &["rollback"]).ok();
    let left: Vec<String> =
        site.tree().files(|path| !before.0.contains_key(path)).map(|(path, _)| path.clone()).collect();
    assert_eq!(left, ["etc/docker/tls/ca-key.pem", "etc/docker/tls/ca.pem"]);
    site.apply().ok();
    assert_eq!(["etc/docker/tls/ca.pem", "etc/docker/tls/ca-key.pem"].map(|path| site.text(path)), made);
}

#[test]
fn a_host_that_has_changed_since_is_left_alone() {
    type Change = fn(&Site);
    let changes: [(&str, Change); 4] = [
        ("etc/docker/daemon.json", |site| put(&site.file("etc/docker/daemon.json"), b"{}\n")),
        ("etc/docker/tls/server-key.pem", |site| set_mode(&site.file("etc/docker/tls/server-key.pem"), 0o400)),
        ("etc/docker/tls/clients/ci/cert.pem", |site| {
            fs::remove_file(site.file("etc/docker/tls/clients/ci/cert.pem")).unwrap();
        }),
        ("var/lib/dockseal/previous", |site| put(&site.file("var/lib/dockseal/previous"), b"{\"format\":\"x/9\"}\n")),
    ];
    for (path, change) in changes {
        let site = Site::of(&["debian"], &format!("{SEALED}clients:\n  - name: ci\n"));
        site.apply().ok();
        change(&site);
        let before = site.tree();
        let ran = dockseal(&site, &["rollback"]).exits(1);
        assert!(ran.stderr.contains(path) && ran.stderr.contains("note: the host is as it was\n"), "{ran}");
        before.assert_untouched(&site.root());
    }
}

/// An apply that was killed when some of its files had appeared.
fn interrupted() -> (Site, Tree) {
    let site = Site::of(&["debian", "sealed"], &format!("{SEALED}clients:\n  - name: new\n"));
    fs::create_dir_all(site.file("var/lib")).unwrap();
    let before = site.tree();
    let inject = ["-e", "trace=renameat,renameat2", "-e", "inject=renameat,renameat2:signal=KILL:when=4"];
    let (_, ran) = site.traced(&inject, &["apply", "host.yaml"]);
    assert_ne!(ran.code, 0, "{ran}");
    assert!(site.file("var/lib/dockseal/journal").exists(), "{ran}");
    (site, before)
}

#[test]
fn an_interrupted_run_is_told_and_undone() {
    let (site, before) = interrupted();
    let cut = site.tree();
    for command in ["plan", "status"] {
        let ran = site.dockseal([command]).run();
        assert!(ran.stderr.contains("note: an interrupted run left its journal in "), "{ran}");
        assert_eq!(ran.code, if command == "plan" { 2 } else { 0 });
    }
    cut.assert_untouched(&site.root());
    let ran = dockseal(&site, &["recover"]).ok();
    assert!(
        ran.stderr.starts_with("note: `dockseal apply`, begun at 20") && ran.stderr.contains("; it is undone\n"),
        "{ran}"
    );
    assert_eq!(facts(&before), facts(&site.tree()));
    let again = dockseal(&site, &["recover"]).ok();
    assert!(again.stderr.is_empty() && again.stdout.is_empty(), "{again}");

    let (site, _) = interrupted();
    let ran = site.apply().ok();
    assert!(ran.stderr.contains("was interrupted; it is undone\n"), "{ran}");
    site.dockseal(["plan"]).run().ok();
}

#[test]
fn a_journal_that_cannot_be_read_calls_for_a_person() {
    let site = Site::of(&["debian", "sealed"], &format!("{SEALED}clients:\n  - name: new\n"));
    for text in ["{\"format\": \"dockseal.journal/9\"}", "no journal"] {
        fs::create_dir_all(site.file("var/lib/dockseal")).unwrap();
        put(&site.file("var/lib/dockseal/journal"), text.as_bytes());
        let before = site.tree();
        for command in [&["apply", "host.yaml"][..], &["recover"], &["rollback"]] {
            let ran = dockseal(&site, command).exits(3);
            assert!(ran.stderr.contains("of an interrupted run cannot be read"), "{ran}");
            assert!(ran.stderr.contains("dockseal recover "), "{ran}");
        }
        before.assert_untouched(&site.root());
    }
}

#[test]
fn at_boot_a_run_that_is_at_work_is_left_to_it() {
    let (site, _) = interrupted();
    let cut = site.tree();
    let lock = fs::File::open(site.root()).unwrap();
    lock.lock().unwrap();
    dockseal(&site, &["recover", "--boot"]).ok();
    let held = dockseal(&site, &["recover", "--lock-timeout", "0"]).exits(1);
    assert!(held.stderr.contains("another run works on"), "{held}");
    cut.assert_untouched(&site.root());
    drop(lock);
    dockseal(&site, &["recover", "--boot"]).ok();
    assert!(!site.file("var/lib/dockseal/journal").exists());
}

fn a_first_apply_is_taken_back_to_the_vendors_line(host: &Host) {
    let (before, starts) = (host.unit(), host.starts());
    host.seal(MANIFEST);
    let ran = host.dockseal(["rollback"]).ok();
    assert!(ran.stdout.ends_with("; docker.service has restarted.\n"), "{ran}");
    assert_eq!(host.starts(), starts + 2);
    assert_eq!(host.unit(), before);
    assert!(host.answers_locally());
    assert_ne!(host.ping_as("/etc/docker/tls", "ci").code, 0);
    host.run(["test", "!", "-e", "/etc/docker/daemon.json"]).ok();
    host.run(["test", "!", "-e", "/etc/systemd/system/dockseal-recover.service"]).ok();
    // The CA is still the one that it was.
    let ca = host.read("/etc/docker/tls/ca.pem");
    host.dockseal(["apply"]).ok();
    assert_eq!(host.read("/etc/docker/tls/ca.pem"), ca);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
}

fn a_change_is_taken_back_and_the_old_certificate_served(host: &Host) {
    host.seal(&listening(EVERYWHERE, LIVE));
    let old = host.read("/etc/docker/tls/server-cert.pem");
    host.seal(&listening(EVERYWHERE, LIVE).replace("127.0.0.1, ", "127.0.0.1, 10.1.1.1, "));
    assert_ne!(host.read("/etc/docker/tls/server-cert.pem"), old);
    host.dockseal(["rollback"]).ok();
    assert_eq!(host.read("/etc/docker/tls/server-cert.pem"), old);
    host.manifest(&listening(EVERYWHERE, LIVE));
    // What is served is compared too.
    host.dockseal(["plan"]).ok();
    host.dockseal(["rollback"]).exits(1);
}

fn a_rollback_that_would_stop_containers_refuses(host: &Host) {
    host.seal(MANIFEST);
    host.container("busy");
    let (files, dockerd) = (host.files(), host.dockerd());
    let refused = host.dockseal(["rollback"]).exits(1);
    assert!(refused.stderr.contains("error: the restart would stop 1 running containers: busy\n"), "{refused}");
    assert_eq!((host.files(), host.dockerd()), (files, dockerd), "nothing is written, dockerd not touched");
    host.dockseal(["rollback", "--allow-restart"]).ok();
    assert!(!host.is_running("busy"));
}

fn containers_survive_a_rollback_by_live_restore(host: &Host) {
    host.seal(&listening(EVERYWHERE, LIVE));
    host.seal(&listening(EVERYWHERE, LIVE).replace("127.0.0.1, ", "127.0.0.1, 10.1.1.1, "));
    host.container("kept");
    host.dockseal(["rollback"]).ok();
    assert!(host.is_running("kept"));
}

/// The old set holds a port that somebody else has taken since.
fn a_rollback_that_fails_is_itself_put_back(host: &Host) {
    host.seal(&listening("tcp://0.0.0.0:2376, tcp://0.0.0.0:2377", LIVE));
    host.seal(&listening(EVERYWHERE, LIVE));
    host.container("kept");
    host.take_port(2377);
    let before = Before::of(host);
    let failed = host.dockseal(["rollback"]).exits(1);
    assert!(failed.stderr.contains("2377: bind: address already in use"), "{failed}");
    assert!(failed.stderr.contains("note: the host is as it was\n"), "{failed}");
    before.is_back(host);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.dockseal(["plan"]).ok();
}
