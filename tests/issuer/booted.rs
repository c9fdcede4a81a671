//! On booted hosts: dockerd is left alone while it waits, and served certificates come from elsewhere.

use std::fs;
use std::path::Path;

use super::authority::Ca;
use crate::support::{Host, MANIFEST, Suite, on_each_suite};

on_each_suite!(a_host_waits_is_signed_and_serves);

const REQUESTS: &str = "/etc/docker/tls/requests";

fn external() -> String {
    MANIFEST.replace("server:\n", "ca: {issuer: external}\nserver:\n")
}

/// On the machine of the CA: the requests are fetched, signed and brought back.
#[track_caller]
fn sign(host: &Host, ca: &Ca, manifest: &str, names: &[&str]) {
    let path = ca.path("host.yaml");
    fs::write(&path, manifest).unwrap();
    let requests: Vec<_> = names.iter().map(|name| ca.path(&format!("{name}.csr"))).collect();
    for (name, request) in names.iter().zip(&requests) {
        fs::write(request, host.read(&format!("{REQUESTS}/{name}.csr"))).unwrap();
    }
    ca.dockseal_sign(&path).args(&requests).run().ok();
    for name in names.iter().chain(&["ca"]) {
        host.copy_in(ca.path(&format!("{name}.pem")), &format!("{REQUESTS}/{name}.pem"), 0o644);
    }
}

fn a_host_waits_is_signed_and_serves(host: &Host) {
    let ca = Ca::new("/CN=Build CA");
    host.manifest(&external());
    let (dockerd, starts) = (host.dockerd(), host.starts());
    let unit = host.property("ExecStart");
    let applied = host.dockseal(["apply"]).ok();
    assert!(applied.stdout.ends_with("the host waits for 2 signatures.\n"), "{applied}");
    for _ in 0..2 {
        host.dockseal(["plan"]).exits(2);
        assert_eq!(
            (host.dockerd(), host.property("ExecStart")),
            (dockerd.clone(), unit.clone()),
            "dockerd is left alone"
        );
        assert!(host.answers_locally());
        host.dockseal(["apply"]).ok();
    }
    host.run(["systemctl", "restart", "docker"]).ok();
    assert!(host.answers_locally(), "and starts as it did before");

    sign(host, &ca, &external(), &["server", "client.ci"]);
    let applied = host.dockseal(["apply"]).ok();
    assert!(applied.stdout.ends_with("and the handshakes prove it.\n"), "{applied}");
    assert_eq!(host.starts(), starts + 2, "one restart of ours");
    host.dockseal(["plan"]).ok();
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    assert!(host.answers_locally());
    assert!(
        host.run(["test", "-e", REQUESTS]).code == 1
            && host.run(["test", "-e", "/etc/docker/tls/ca-key.pem"]).code == 1
    );
    let files = host.files();
    host.dockseal(["apply"]).ok();
    assert_eq!(host.files(), files);

    // While a renewal waits, the old certificate is served, and all else is compared as ever.
    let renewed = external().replace("ip: [127.0.0.1]", "ip: [127.0.0.1, 10.9.8.7]");
    host.manifest(&renewed);
    let dockerd = host.dockerd();
    host.dockseal(["apply"]).ok();
    host.dockseal(["plan"]).exits(2);
    assert_eq!(host.dockerd(), dockerd);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    // Somebody else's certificate changes nothing.
    let other = Ca::new("/CN=Build CA");
    sign(host, &other, &renewed, &["server"]);
    host.sh(&format!("rm {REQUESTS}/ca.pem")).ok();
    let refused = host.dockseal(["apply"]).exits(1);
    assert!(refused.stderr.contains("this CA did not sign it"), "{refused}");
    assert_eq!(host.dockerd(), dockerd);
    sign(host, &ca, &renewed, &["server"]);
    host.dockseal(["apply"]).ok();
    host.dockseal(["plan"]).ok();
    assert_ne!(host.dockerd(), dockerd);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    let served =
        "openssl s_client -connect 127.0.0.1:2376 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName";
    assert!(host.sh(served).ok().stdout.contains("10.9.8.7"));

    // And back to the certificate before.
    host.dockseal(["rollback"]).ok();
    assert!(!host.sh(served).ok().stdout.contains("10.9.8.7"));
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
}

#[test]
#[ignore = "boots a host"]
fn a_command_signs_for_a_host() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    let ca = Ca::new("/CN=Build CA");
    for (name, mode) in [("ca.pem", 0o644), ("ca-key.pem", 0o600)] {
        host.copy_in(ca.path(name), &format!("/srv/ca/{name}"), mode);
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/issuers/openssl");
    host.copy_in(program, "/usr/local/lib/dockseal/openssl", 0o755);
    let issuer = "ca: {issuer: {command: [/usr/local/lib/dockseal/openssl, /srv/ca]}}\nserver:\n";
    let manifest = MANIFEST.replace("server:\n", issuer);
    // A CA that has gone: nothing changes.
    host.manifest(&manifest.replace("/srv/ca]", "/srv/gone]"));
    let (files, dockerd) = (host.files(), host.dockerd());
    host.dockseal(["apply"]).exits(1);
    assert_eq!((host.files(), host.dockerd()), (files, dockerd));

    host.seal(&manifest);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    assert_eq!(host.run(["test", "-e", "/etc/docker/tls/ca-key.pem"]).code, 1);
    // One more client, signed by the same CA: dockerd goes on as it is.
    let dockerd = host.dockerd();
    host.seal(&manifest.replace("  - name: ci\n", "  - name: ci\n  - name: alice\n"));
    assert_eq!(host.dockerd(), dockerd);
    assert_eq!(host.ping_as("/etc/docker/tls", "alice").ok().text(), "OK");
}
