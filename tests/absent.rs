//! `state: absent`: what is Dockseal's goes off the host, dockerd is back on the unit's own line, and with `--delete-keys`
//! no key is left, not even in what a rollback would bring back.

use crate::support::{Dockseal, Host, MANIFEST, Site, on_each_suite};

on_each_suite!(
    a_sealed_host_is_as_before_and_local_again,
    containers_are_judged_as_at_every_restart,
    a_host_that_can_t_go_back_stays_sealed,
);

const SEALED: &str =
    "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\nclients: [{name: ci}]\n";

fn absent(manifest: &str) -> String {
    format!("{manifest}state: absent\n")
}

#[test]
fn delete_keys_needs_a_host_that_is_left() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    let before = site.tree();
    for command in ["plan", "apply"] {
        let ran = site.dockseal([command, "--delete-keys"]).run().exits(1);
        assert!(ran.stderr.starts_with("error: --delete-keys needs `state: absent` in the manifest\n"), "{ran}");
        assert_eq!(ran.stdout, "");
    }
    before.assert_untouched(&site.root());
}

#[test]
fn every_key_goes_and_no_copy_of_one_stays() {
    let site = Site::of(&["debian"], &format!("{SEALED}daemon: {{debug: true}}\n"));
    site.apply().ok();
    // A change that keeps what it replaced: a client's key.
    site.manifest(&SEALED.replace("{name: ci}", "{name: new}"));
    site.apply().ok();
    assert!(site.text("var/lib/dockseal/previous").contains("clients/ci/key.pem"));
    // Files that nobody knows stay, and so does another's folder among the clients.
    crate::support::put(&site.file("etc/docker/tls/notes.txt"), b"mine");
    crate::support::put(&site.file("etc/docker/tls/clients/old/cert.pem"), b"no certificate");
    crate::support::put(&site.file("etc/docker/tls/clients/old/key.pem"), b"no key");

    site.manifest(&absent(&SEALED.replace("{name: ci}", "{name: new}")));
    let kept = site.plan().exits(2);
    let note = "note: the CA's key stays, and all that it signed: /etc/docker/tls/ca-key.pem; `apply --delete-keys`";
    assert!(kept.stdout.contains(note), "{kept}");
    let planned = site.dockseal(["plan", "--now", Site::NOW, "--delete-keys"]).run().exits(2);
    for name in ["ca.certificate", "ca.key", "server.key", "client.new.key", "client.old.key", "client.old.certificate"]
    {
        assert!(planned.stdout.contains(&format!("  - {name}  ")), "{name}\n{planned}");
    }
    site.dockseal(["apply", "--delete-keys"]).run().ok();
    let left: Vec<String> = site.tree().files(|_| true).map(|(path, _)| path.clone()).collect();
    let is_vendors = |path: &&String| !path.starts_with("usr/") && !path.starts_with("etc/default/");
    let left: Vec<&String> = left.iter().filter(is_vendors).collect();
    assert_eq!(left, ["etc/docker/daemon.json", "etc/docker/tls/notes.txt"]);
    // `debug` was left to itself when the manifest let go of it.
    assert_eq!(site.text("etc/docker/daemon.json"), "{\n  \"debug\": true\n}\n");
    site.dockseal(["plan", "--delete-keys"]).run().ok();
    let before = site.tree();
    site.dockseal(["apply", "--delete-keys"]).run().ok();
    before.assert_untouched(&site.root());
    let back = Dockseal::new().args(["rollback"]).root(site.root()).run().exits(1);
    assert!(back.stderr.contains("there is nothing to go back to"), "{back}");
}

/// In the middle of a CA's replacement there are more of them.
#[test]
fn the_keys_of_a_ca_that_is_being_replaced_go_too() {
    let rotated = format!("{SEALED}ca: {{rotate: {{generation: 2}}}}\n");
    let site = Site::of(&["debian", "sealed"], &rotated);
    site.apply().ok();
    assert!(site.file("etc/docker/tls/ca-next-key.pem").exists());
    let introduced = site.tree();
    site.dockseal(["apply", "--advance"]).run().ok();
    let switched = introduced.differences(&site.tree());
    assert!(switched.iter().any(|line| line.contains("old")), "{switched:#?}");
    site.manifest(&absent(&rotated));
    site.dockseal(["apply", "--delete-keys"]).run().ok();
    let left: Vec<String> = site.tree().files(|path| path.contains(".pem")).map(|(path, _)| path.clone()).collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn who_leaves_with_the_keys_kept_can_come_back_with_them() {
    let site = Site::of(&["debian", "sealed"], SEALED);
    let before = site.tree();
    site.manifest(&absent(SEALED));
    site.apply().ok();
    let pem = |path: &str| path.contains(".pem");
    let gone = before.differences(&site.tree());
    assert!(!gone.iter().any(|line| line.contains(".pem")), "{gone:#?}");
    assert_eq!(site.text("etc/docker/daemon.json"), "{}\n");
    // One step back, and once more by the manifest.
    Dockseal::new().args(["rollback"]).root(site.root()).run().ok();
    site.manifest(SEALED);
    site.plan().ok();
    site.manifest(&absent(SEALED));
    site.apply().ok();
    site.manifest(SEALED);
    site.apply().ok();
    let now = site.tree();
    let unlike: Vec<String> = before.unlike(&now, pem).into_iter().filter(|line| line.contains(".pem")).collect();
    assert!(unlike.is_empty(), "{unlike:#?}");
}

/// Nobody listens there.
fn is_closed(host: &Host) {
    host.sh("! ss -ltnH | grep -q ':2376 '").ok();
    host.sh("! curl -sS --max-time 5 --insecure https://127.0.0.1:2376/_ping").ok();
}

fn a_sealed_host_is_as_before_and_local_again(host: &Host) {
    host.write("/etc/docker/daemon.json", "{\"labels\": [\"rack=7\"]}\n", 0o644);
    host.run(["systemctl", "restart", "docker"]).ok();
    let (vendor, files) = (host.property("ExecStart"), host.read("/etc/docker/daemon.json"));
    host.seal(MANIFEST);
    host.ping_as("/etc/docker/tls", "ci").ok();
    assert_ne!(argv(&host.property("ExecStart")), argv(&vendor));

    let starts = host.starts();
    let applied = host.seal(&absent(MANIFEST));
    assert!(applied.stdout.ends_with("Done: the host matches the manifest.\n"), "{applied}");
    assert_eq!(host.starts(), starts + 1, "one restart");
    assert_eq!(argv(&host.property("ExecStart")), argv(&vendor));
    assert_eq!(host.property("DropInPaths"), "");
    assert_eq!(host.read("/etc/docker/daemon.json"), files);
    host.sh("! systemctl cat dockseal-recover.service").ok();
    assert!(host.answers_locally());
    assert_eq!(
        host.docker(["-H", "unix:///var/run/docker.sock", "info", "--format", "{{.Labels}}"]).ok().text(),
        "[rack=7]"
    );
    is_closed(host);
    let (files, dockerd) = (host.files(), host.dockerd());
    assert_eq!(host.dockseal(["apply", "--quiet"]).ok().stdout, "");
    assert_eq!((host.files(), host.dockerd()), (files, dockerd), "a second one does nothing");

    // The keys are still there, and the clients' files work again.
    host.sh("cp -r /etc/docker/tls/clients/ci /root/ci").ok();
    host.seal(MANIFEST);
    host.sh("cmp /root/ci/key.pem /etc/docker/tls/clients/ci/key.pem").ok();
    host.ping_as("/etc/docker/tls", "ci").ok();

    host.manifest(&absent(MANIFEST));
    host.dockseal(["apply", "--delete-keys"]).ok();
    assert_eq!(host.sh("find /etc/docker/tls /var/lib/dockseal -type f").stdout, "");
    assert!(host.answers_locally());
    is_closed(host);
    host.dockseal(["plan", "--delete-keys"]).ok();
}

fn containers_are_judged_as_at_every_restart(host: &Host) {
    let live = format!("{MANIFEST}  live-restore: true\n");
    host.seal(&live);
    host.container("kept");
    host.manifest(&absent(&live));
    let refused = host.dockseal(["apply"]).exits(1);
    assert!(refused.stderr.contains("a restart of dockerd would stop 1 running container: kept"), "{refused}");
    host.ping_as("/etc/docker/tls", "ci").ok();
    assert!(host.is_running("kept"));
    host.dockseal(["apply", "--allow-restart"]).ok();
    assert!(!host.is_running("kept"), "live-restore went with the manifest's keys");
    is_closed(host);

    // One that is the host's own stays, and containers with it.
    host.write("/etc/docker/daemon.json", "{\"live-restore\": true}\n", 0o644);
    host.sh("systemctl reset-failed docker; systemctl restart docker").ok();
    host.seal(MANIFEST);
    host.docker(["start", "kept"]).ok();
    host.seal(&absent(MANIFEST));
    assert!(host.is_running("kept"));
    is_closed(host);
}

/// Something in the unit's own line keeps dockerd from starting by it: everything is put back.
fn a_host_that_can_t_go_back_stays_sealed(host: &Host) {
    host.seal(MANIFEST);
    // Runs only where our drop-in is gone.
    let check = "[Service]\nExecStartPre=/bin/test -e /etc/systemd/system/docker.service.d/zz-dockseal.conf\n";
    host.write("/etc/systemd/system/docker.service.d/10-check.conf", check, 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
    host.fails(&absent(MANIFEST));
    host.ping_as("/etc/docker/tls", "ci").ok();
    host.manifest(MANIFEST);
    host.dockseal(["plan"]).ok();
}

fn argv(line: &str) -> Option<&str> {
    line.split(" ; ").nth(1)
}
