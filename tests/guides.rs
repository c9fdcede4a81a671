//! The two guides that people follow, and what is best today, on booted hosts: `examples/*.yaml` as they are.

use crate::support::{Host, on_each_suite};

on_each_suite!(
    the_guide_with_an_encrypted_ca_comes_out_right,
    the_guide_with_a_full_name_comes_out_right,
    the_modern_default_comes_out_right,
);

/// Applies an example to a stock host, whose unit says `-H fd://`: proven with one start of dockerd, and then in sync.
fn come_out_right(host: &Host, example: &str) -> String {
    let path = format!("{}/examples/{example}.yaml", env!("CARGO_MANIFEST_DIR"));
    let name = format!("/root/{example}.yaml");
    host.copy_in(path, &name, 0o644);
    let vendor = host.property("ExecStart");
    assert!(vendor.contains("dockerd -H fd://"), "{vendor}");
    host.dockseal(["validate", &name]).ok();
    host.dockseal(["plan", &name]).exits(2);

    let starts = host.starts();
    let applied = host.dockseal(["apply", &name]).ok();
    assert!(
        applied.stdout.ends_with("Done: the host matches the manifest, and the handshakes prove it.\n"),
        "{applied}"
    );
    assert_eq!(host.starts(), starts + 1, "dockerd starts once");

    let (files, dockerd) = (host.files(), host.dockerd());
    let again = host.dockseal(["apply", &name]).ok();
    assert!(again.stdout.ends_with("In sync: nothing to do.\n"), "{again}");
    assert_eq!(host.dockseal(["apply", "--quiet", &name]).ok().stdout, "");
    host.dockseal(["apply", "--detailed-exitcode", &name]).ok();
    host.dockseal(["plan", &name]).ok();
    assert_eq!(host.files(), files, "nothing is written the second time");
    assert_eq!(host.dockerd(), dockerd, "dockerd is not touched the second time");

    assert!(host.answers_locally());
    // systemd has loaded what we derived: the vendor's line without `-H fd://`.
    let loaded = host.property("ExecStart");
    let wanted = vendor.replace(" -H fd://", "");
    let argv = |line: &str| line.split(" ; ").nth(1).map(str::to_owned);
    assert_eq!(argv(&loaded), argv(&wanted));
    host.dockseal(["status", &name]).ok().stdout
}

fn the_guide_with_an_encrypted_ca_comes_out_right(host: &Host) {
    host.write("/root/ca.passphrase", "correct horse battery staple\n", 0o600);
    let status = come_out_right(host, "guide-encrypted-ca");
    let sans = "SANs         DNS:docker-host, IP:10.10.10.20, IP:127.0.0.1";
    assert!(status.contains(sans), "{status}");
    assert!(host.ping_as("/var/docker", "client").ok().text() == "OK");

    let key = host.read("/var/docker/ca-key.pem");
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let opened = "openssl pkey -in /var/docker/ca-key.pem -passin file:/root/ca.passphrase -noout -text";
    assert!(host.sh(&format!("{opened} | head -n1")).ok().text().contains("(4096 bit"), "an RSA-4096 key");
    let subject = host.sh("openssl x509 -in /var/docker/ca.pem -noout -subject -nameopt RFC2253,-esc_msb").ok();
    assert_eq!(
        subject.text(),
        "subject=emailAddress=ops@example.com,CN=docker-host CA,OU=Operations,O=Example,L=Madrid,ST=Madrid,C=ES"
    );
    // It ends in a year, give or take the minute of this test.
    host.sh("openssl x509 -in /var/docker/ca.pem -noout -checkend $((364 * 86400))").ok();
    host.sh("! openssl x509 -in /var/docker/ca.pem -noout -checkend $((366 * 86400))").ok();
    assert_eq!(
        host.sh("stat -c %a /var/docker/*-key.pem /var/docker/clients/client/key.pem").ok().text(),
        "600\n600\n600"
    );
}

fn the_guide_with_a_full_name_comes_out_right(host: &Host) {
    let status = come_out_right(host, "guide-fqdn");
    let sans = "SANs         DNS:docker.example.com, DNS:build.example.com, IP:10.10.10.20";
    assert!(status.contains(sans), "{status}");
    host.sh("printf '127.0.0.1 docker.example.com build.example.com\n' >>/etc/hosts").ok();
    host.sh("ip address add 10.10.10.20/32 dev lo").ok();
    let identity = "--cacert ca.pem --cert cert.pem --key key.pem";
    for name in ["docker.example.com", "build.example.com", "10.10.10.20"] {
        let ping = format!("cd /etc/docker/tls/clients/client; curl -sS {identity} https://{name}:2376/_ping");
        assert_eq!(host.sh(&ping).ok().text(), "OK", "{name}");
    }
    assert_ne!(host.ping_as("/etc/docker/tls", "client").code, 0, "127.0.0.1 is no name of this certificate");
}

fn the_modern_default_comes_out_right(host: &Host) {
    host.container("kept");
    let started = host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok();
    come_out_right(host, "modern");
    for client in ["ci", "portainer", "alice"] {
        assert_eq!(host.ping_as("/etc/docker/tls", client).ok().text(), "OK", "{client}");
    }
    let after = host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok();
    assert_eq!(after.text(), started.text(), "the container outlives the very first run");
    assert_eq!(host.sh("systemctl is-active docker.socket").ok().text(), "active");
    let key = host.sh("openssl pkey -in /etc/docker/tls/ca-key.pem -noout -text").ok();
    assert!(key.stdout.contains("P-256"), "{key}");
}
