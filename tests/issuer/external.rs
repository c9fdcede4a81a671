//! A host without a CA's key: it asks, waits, and takes in what comes back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::authority::{Ca, Leaf, text_of, verify};
use crate::support::{Site, put, set_mode};

pub const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\nclients:\n  - name: ci\n";
/// With the server alone.
pub const ALONE: &str = "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\n";
pub const REQUESTS: &str = "etc/docker/tls/requests";

pub fn requests(site: &Site, name: &str) -> std::path::PathBuf {
    site.file(&format!("{REQUESTS}/{name}"))
}

/// A host that has asked.
pub fn waiting(manifest: &str) -> Site {
    let site = Site::of(&["debian"], manifest);
    site.apply().ok();
    site
}

/// What `dockseal sign` gives for all requests, put where it belongs.
#[track_caller]
pub fn hand_in(site: &Site, ca: &Ca) {
    let asked: Vec<_> = fs::read_dir(site.file(REQUESTS)).unwrap().map(|entry| entry.unwrap().path()).collect();
    let asked = asked.iter().filter(|path| path.extension().is_some_and(|ending| ending == "csr"));
    ca.dockseal_sign(&site.folder().join("host.yaml")).args(asked).run().ok();
}

/// A host whose CA is `ca`.
#[track_caller]
fn sealed(manifest: &str, ca: &Ca) -> Site {
    let site = waiting(manifest);
    hand_in(&site, ca);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    site
}

/// With `--delete-keys`, keys that wait for a certificate are keys too.
#[test]
fn a_host_that_is_left_keeps_no_key_that_waits() {
    let site = waiting(MANIFEST);
    site.manifest(&format!("{MANIFEST}state: absent\n"));
    site.dockseal(["apply"]).run().ok();
    assert!(requests(&site, "server.key").exists());
    site.dockseal(["apply", "--delete-keys"]).run().ok();
    for name in ["server.key", "server.csr", "client.ci.key", "client.ci.csr"] {
        assert!(!requests(&site, name).exists(), "{name}");
    }
    site.dockseal(["plan", "--delete-keys"]).run().ok();
}

#[test]
fn it_asks_waits_and_takes_in() {
    let (site, ca) = (Site::of(&["debian"], MANIFEST), Ca::new("/CN=Build CA"));
    let planned = site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.contains("server.certificate is waiting for a signature"), "{planned}");
    let applied = site.apply().ok();
    assert!(applied.stdout.ends_with("Done, as far as it goes: the host waits for 2 signatures.\n"), "{applied}");

    let tree = site.tree();
    assert_eq!(tree.0[REQUESTS].mode & 0o7777, 0o700);
    let files: Vec<_> = tree.files(|path| path.starts_with("etc/docker")).collect();
    let modes: Vec<_> =
        files.iter().map(|(path, node)| (path.rsplit('/').next().unwrap(), node.mode & 0o7777)).collect();
    let expected = [("client.ci.csr", 0o644), ("client.ci.key", 0o600), ("server.csr", 0o644), ("server.key", 0o600)];
    assert_eq!(modes, expected, "nothing else: no CA, no daemon.json");
    assert!(tree.files(|path| path.contains("zz-dockseal")).next().is_none());

    // It waits, and writes nothing.
    let planned = site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.ends_with("Plan: waiting for 2 signatures.\n"), "{planned}");
    let told = site.dockseal(["status"]).run().ok();
    let line = "client.ci.certificate is waiting for a signature: /etc/docker/tls/requests/client.ci.csr\nIn sync, as far as it goes.\n";
    assert!(told.stdout.ends_with(line), "{told}");
    let json = site.dockseal(["plan", "--format", "json"]).run().exits(2).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["changes"], serde_json::json!([]));
    assert_eq!(json["waiting"][1]["certificate"], "/etc/docker/tls/requests/client.ci.pem");
    site.apply().ok();
    assert_eq!(site.dockseal(["apply", "--quiet"]).run().ok().stdout, "");
    tree.assert_untouched(&site.root());

    // The client's certificate comes later than the server's.
    let manifest = site.folder().join("host.yaml");
    ca.dockseal_sign(&manifest).args([requests(&site, "server.csr")]).run().ok();
    let key = fs::read(requests(&site, "server.key")).unwrap();
    let applied = site.apply().ok();
    assert!(applied.stdout.contains("waits for 1 signature."), "{applied}");
    assert_eq!(fs::read(site.file("etc/docker/tls/server-key.pem")).unwrap(), key, "the key that waited");
    assert!(site.file("etc/docker/daemon.json").exists());
    assert!(!requests(&site, "server.key").exists() && !requests(&site, "ca.pem").exists());
    site.dockseal(["plan"]).run().exits(2);

    hand_in(&site, &ca);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    assert!(!site.file(REQUESTS).exists(), "nothing is left of the requests");
    assert!(!site.file("etc/docker/tls/ca-key.pem").exists());
    assert_eq!(site.text("etc/docker/tls/clients/ci/ca.pem"), site.text("etc/docker/tls/ca.pem"));
    let at = |path: &str| site.file(&format!("etc/docker/tls/{path}"));
    assert_eq!(fs::metadata(at("server-key.pem")).unwrap().permissions().mode() & 0o7777, 0o600);
    verify(&at("ca.pem"), &at("server-cert.pem"), "sslserver");
    verify(&at("ca.pem"), &at("clients/ci/cert.pem"), "sslclient");

    let tree = site.tree();
    site.apply().ok();
    tree.assert_untouched(&site.root());
}

#[test]
fn what_openssl_has_signed_is_taken_in() {
    let (site, ca) = (waiting(ALONE), Ca::new("/C=ES/O=Example/CN=Build CA"));
    put(&requests(&site, "server.pem"), ca.sign(&requests(&site, "server.csr"), &Leaf::server()).as_bytes());
    let refused = site.apply().exits(1);
    assert!(refused.stderr.contains("no CA is known here that could have signed it"), "{refused}");
    put(&requests(&site, "ca.pem"), ca.certificate().as_bytes());
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    let certificate = site.file("etc/docker/tls/server-cert.pem");
    assert!(text_of(&certificate).contains("Issuer: CN=Build CA,O=Example,C=ES"));
    verify(&site.file("etc/docker/tls/ca.pem"), &certificate, "sslserver");
}

/// The request asks for what the manifest says, so that signers that copy it come out right.
#[test]
fn a_request_holds_what_the_manifest_says() {
    let manifest = format!("{ALONE}server: {{sans: {{dns: [sub.example.com], ip: [10.0.0.1]}}}}\n");
    let site = waiting(&manifest);
    let ca = Ca::new("/CN=Build CA");
    let text = ca.openssl(&format!("req -noout -text -verify -in {}", requests(&site, "server.csr").display())).stdout;
    assert!(text.contains("DNS:build-01.example.com, DNS:sub.example.com, IP Address:10.0.0.1"), "{text}");
    assert!(text.contains("TLS Web Server Authentication") && text.contains("CA:FALSE"), "{text}");

    // Another manifest: another request.
    let key = fs::read(requests(&site, "server.key")).unwrap();
    site.manifest(&manifest.replace("10.0.0.1", "10.0.0.2"));
    let planned = site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.contains("± server.request"), "{planned}");
    site.apply().ok();
    assert_ne!(fs::read(requests(&site, "server.key")).unwrap(), key);
    site.dockseal(["plan"]).run().exits(2);
    let text = ca.openssl(&format!("req -noout -text -in {}", requests(&site, "server.csr").display())).stdout;
    assert!(text.contains("IP Address:10.0.0.2"), "{text}");
}

#[test]
fn a_renewal_serves_the_old_certificate_while_it_waits() {
    let ca = Ca::new("/CN=Build CA");
    let site = sealed(MANIFEST, &ca);
    let old = |name: &str| site.text(&format!("etc/docker/tls/{name}"));
    let before = ["server-cert.pem", "server-key.pem", "ca.pem", "clients/ci/cert.pem"].map(old);
    site.manifest(&MANIFEST.replace("clients:", "server: {sans: {ip: [10.0.0.7]}}\nclients:"));
    let applied = site.apply().ok();
    assert!(applied.stdout.contains("waits for 1 signature."), "{applied}");
    assert_eq!(["server-cert.pem", "server-key.pem", "ca.pem", "clients/ci/cert.pem"].map(old), before);
    // All else goes on.
    site.manifest(
        &fs::read_to_string(site.folder().join("host.yaml"))
            .unwrap()
            .replace("clients:", "daemon: {debug: true}\nclients:"),
    );
    site.apply().ok();
    assert!(site.text("etc/docker/daemon.json").contains("\"debug\": true"));
    assert_eq!(old("server-cert.pem"), before[0]);

    hand_in(&site, &ca);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    assert_ne!(old("server-cert.pem"), before[0]);
    assert_ne!(old("server-key.pem"), before[1], "a new key");
    assert!(text_of(&site.file("etc/docker/tls/server-cert.pem")).contains("IP Address:10.0.0.7"));
    assert_eq!(old("clients/ci/cert.pem"), before[3]);

    // A rollback brings the old one back, and the request with what came for it.
    site.root_command("rollback").ok();
    assert_eq!(["server-cert.pem", "server-key.pem", "ca.pem", "clients/ci/cert.pem"].map(old), before);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}

#[test]
fn requests_that_nobody_needs_go() {
    let ca = Ca::new("/CN=Build CA");
    let site = sealed(MANIFEST, &ca);
    site.manifest(&format!("{MANIFEST}  - name: new\n  - name: new-key\n"));
    site.apply().ok();
    assert!(requests(&site, "client.new.key").exists() && requests(&site, "client.new-key.key").exists());
    put(&requests(&site, "notes.txt"), b"a person's");
    // A CA that has nothing new to say.
    put(&requests(&site, "ca.pem"), ca.certificate().as_bytes());
    site.manifest(MANIFEST);
    let planned = site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.contains("- client.new.request-key"), "{planned}");
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    let left: Vec<_> = fs::read_dir(site.file(REQUESTS)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
}

#[test]
fn a_client_that_brings_its_request_is_waited_for_too() {
    let ca = Ca::new("/CN=Build CA");
    let manifest = format!("{MANIFEST}  - name: portainer\n    csr: /srv/csr/portainer.pem\n");
    let site = Site::of(&["debian", "request"], &manifest);
    let applied = site.apply().ok();
    assert!(applied.stdout.contains("to sign   /srv/csr/portainer.pem"), "{applied}");
    assert!(!requests(&site, "client.portainer.csr").exists());
    hand_in(&site, &ca);
    let mut sign = ca.dockseal_sign(&site.folder().join("host.yaml")).args(["--as", "client.portainer", "--out"]);
    sign = sign.args([site.file(REQUESTS), site.file("srv/csr/portainer.pem")]);
    sign.run().ok();
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    let certificate = site.file("etc/docker/tls/clients/portainer/cert.pem");
    let text = text_of(&certificate);
    assert!(text.contains("Subject: CN=portainer\n") && text.contains("CA:FALSE"), "{text}");
    assert!(site.file("srv/csr/portainer.pem").exists(), "the client's own file");
}

/// As renewed clients do everywhere: with a key that goes on, and the old certificate kept beside the new one.
#[test]
fn a_renewed_client_may_keep_its_key() {
    let ca = Ca::new("/CN=Build CA");
    let manifest = MANIFEST.replace("  - name: ci\n", "  - name: ci\n    reuse_key: true\n    valid_for: 90d\n");
    let site = waiting(&manifest);
    hand_in(&site, &ca);
    site.apply().ok();
    let file = |name: &str| site.file(&format!("etc/docker/tls/clients/ci/{name}"));
    // One that ends soon stands in its place.
    let soon = Leaf { when: Some("80 days ago"), days: 90, ..Leaf::new("/CN=ci", "extendedKeyUsage=clientAuth", "") };
    let request = ca.path("ci.csr");
    ca.openssl(&format!("req -new -key {} -subj /CN=ci -out {}", file("key.pem").display(), request.display()));
    put(&file("cert.pem"), ca.sign(&request, &soon).as_bytes());
    let (key, old) = (fs::read(file("key.pem")).unwrap(), fs::read(file("cert.pem")).unwrap());
    let applied = site.apply().ok();
    assert!(
        applied.stdout.contains("it ends soon") && applied.stdout.contains("(the key that is in use)"),
        "{applied}"
    );
    assert_eq!((fs::read(file("key.pem")).unwrap(), fs::read(file("cert.pem")).unwrap()), (key.clone(), old.clone()));
    hand_in(&site, &ca);
    let applied = site.apply().ok();
    assert!(applied.stdout.contains("hand out again"), "{applied}");
    site.dockseal(["plan"]).run().ok();
    assert_eq!(fs::read(file("old-cert.pem")).unwrap(), old);
    assert_ne!(fs::read(file("cert.pem")).unwrap(), old);
    let public = |path: &Path| ca.openssl(&format!("pkey -pubout -in {}", path.display())).stdout;
    fs::write(ca.path("before-key.pem"), key).unwrap();
    assert_eq!(public(&file("key.pem")), public(&ca.path("before-key.pem")));
}

/// First another CA beside the old one, then it alone signs, then the old one goes.
#[test]
fn another_ca_comes_with_a_certificate_of_the_server() {
    let (old, new) = (Ca::new("/CN=Old CA"), Ca::new("/CN=New CA"));
    let site = sealed(ALONE, &old);
    let both = new.certificate() + &old.certificate();
    put(&requests(&site, "ca.pem"), both.as_bytes());
    let applied = site.apply().ok();
    assert!(applied.stdout.contains("waits for 1 signature."), "{applied}");
    assert_eq!(site.text("etc/docker/tls/ca.pem"), old.certificate(), "not before the server's certificate is here");
    site.dockseal(["plan"]).run().exits(2);

    put(&requests(&site, "server.pem"), new.sign(&requests(&site, "server.csr"), &Leaf::server()).as_bytes());
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    assert_eq!(site.text("etc/docker/tls/ca.pem"), both);
    let refused = site.root_command("rollback").exits(1);
    assert!(refused.stderr.contains("no way leads back") || refused.stderr.contains("CA"), "{refused}");
    put(&requests(&site, "ca.pem"), new.certificate().as_bytes());
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    assert_eq!(site.text("etc/docker/tls/ca.pem"), new.certificate());
}

#[test]
fn a_ca_elsewhere_is_not_replaced_from_here() {
    let ca = Ca::new("/CN=Build CA");
    let site = sealed(ALONE, &ca);
    let before = site.tree();
    for hurry in ["--advance", "--now-cut-off"] {
        let refused = site.dockseal(["apply", hurry]).run().exits(1);
        assert!(refused.stderr.contains("it is replaced where its key is"), "{refused}");
    }
    before.assert_untouched(&site.root());
}

/// Keys stay where they are: what was there before is used on, and named.
#[test]
fn a_host_that_had_its_own_ca_goes_on_with_it() {
    let site = Site::of(&["debian"], "dockseal: 1\nhost: build-01.example.com\n");
    site.apply().ok();
    let before = site.tree();
    site.manifest(ALONE);
    let planned = site.dockseal(["plan"]).run().ok();
    assert!(planned.stdout.contains("note: /etc/docker/tls/ca-key.pem is not used"), "{planned}");
    before.assert_untouched(&site.root());
    let away = Ca::new("/CN=placeholder");
    for name in ["ca.pem", "ca-key.pem"] {
        fs::copy(site.file(&format!("etc/docker/tls/{name}")), away.path(name)).unwrap();
    }
    fs::remove_file(site.file("etc/docker/tls/ca-key.pem")).unwrap();
    site.manifest(MANIFEST);
    site.apply().ok();
    hand_in(&site, &away);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}

/// What somebody else does to the folder of requests.
type Spoil = fn(&Path);

#[test]
fn files_of_others_are_refused() {
    let ca = Ca::new("/CN=Build CA");
    let good = waiting(ALONE);
    hand_in(&good, &ca);
    let spoil: [(&str, Spoil); 6] = [
        ("belongs to user 4321", |folder| chown(&folder.join("server.pem"))),
        ("belongs to user 4321", |folder| chown(&folder.join("ca.pem"))),
        ("belongs to user 4321", |folder| chown(&folder.join("server.key"))),
        ("may be written by others", |folder| set_mode(&folder.join("ca.pem"), 0o666)),
        ("is not trusted", |folder| set_mode(folder, 0o777)),
        ("not a regular file", |folder| {
            fs::rename(folder.join("server.pem"), folder.join("elsewhere")).unwrap();
            symlink("elsewhere", folder.join("server.pem")).unwrap();
        }),
    ];
    good.save();
    let mut cases = 0;
    for (why, spoil) in spoil {
        good.reset();
        if why.contains("4321") && !is_root() {
            continue;
        }
        spoil(&good.file(REQUESTS));
        let before = good.tree();
        let refused = good.apply().exits(1);
        assert!(refused.stderr.contains(why), "{why}: {refused}");
        before.assert_untouched(&good.root());
        cases += 1;
    }
    println!("{cases} files of others");
    good.reset();
    good.apply().ok();
}

/// Who may not look into the folder is told so, once, and sees nothing that is not there.
#[test]
fn a_reviewer_without_root_sees_what_there_is_to_see() {
    if !is_root() {
        return;
    }
    let ca = Ca::new("/CN=Build CA");
    let site = sealed(MANIFEST, &ca);
    site.manifest(&MANIFEST.replace("clients:", "server: {sans: {ip: [10.0.0.7]}}\nclients:"));
    site.apply().ok();
    set_mode(site.folder(), 0o755);
    let binary = site.folder().join("dockseal");
    fs::copy(crate::support::Dockseal::BINARY, &binary).unwrap();
    set_mode(&binary, 0o755);
    let mut command = std::process::Command::new("/usr/bin/setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "./dockseal",
        "plan",
        "host.yaml",
        "--root",
        "root",
    ]);
    command.current_dir(site.folder());
    let planned = crate::support::Ran::run(&command, b"", std::time::Duration::from_secs(60));
    let told = planned.stderr.matches("/etc/docker/tls/requests").count();
    assert!(told == 1 && planned.stderr.contains("not compared:"), "{planned}");
    assert!(!planned.stdout.contains("request") && !planned.stdout.contains("no certificate yet"), "{planned}");
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap()) == 0
}

fn chown(path: &Path) {
    std::os::unix::fs::chown(path, Some(4321), None).unwrap();
}
