//! `dockseal import` on hosts that were set up by hand, or by another tool: `tests/import/NAME.sh` makes each with openssl as
//! the guide or the tool does, `NAME.yaml` is what is printed for it. Who was let in before is let in afterwards, with
//! the old files.
//!
//! `UPDATE_EXPECTED=1` writes the manifests anew; read the diff.

mod odd;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Dockseal, Host, Ran, Site, on_each_suite, put};

/// A host that somebody set up.
struct Made {
    /// Of its script and of the manifest that is expected.
    name: &'static str,
    /// Files that an apply must leave as they are, byte for byte, in the root.
    kept: &'static [&'static str],
    /// The CA's certificate and the server's, in the root.
    server: [&'static str; 2],
    /// The client's ca.pem, cert.pem and key.pem: its folder, and whether it is on the host at all.
    client: (&'static str, bool),
    /// A name of the server's certificate.
    dialled: &'static str,
}

const ENCRYPTED_CA: Made = Made {
    name: "guide-encrypted-ca",
    kept: &["ca.pem", "ca-key.pem", "server-cert.pem", "server-key.pem", "cert.pem", "key.pem"],
    server: ["/var/docker/ca.pem", "/var/docker/server-cert.pem"],
    client: ("/var/docker", true),
    dialled: "docker-host",
};
const FULL_NAME: Made = Made {
    name: "guide-fqdn",
    kept: &[
        "ca.pem",
        "ca-key.pem",
        "server-cert.pem",
        "server-key.pem",
        "clients/laptop/cert.pem",
        "clients/laptop/key.pem",
    ],
    server: ["/etc/docker/tls/ca.pem", "/etc/docker/tls/server-cert.pem"],
    client: ("/etc/docker/tls/clients/laptop", true),
    dialled: "build.example.com",
};
const DOCKER_MACHINE: Made = Made {
    name: "docker-machine",
    kept: &["ca.pem", "server.pem", "server-key.pem"],
    server: ["/etc/docker/ca.pem", "/etc/docker/server.pem"],
    client: ("/root/machine", false),
    dialled: "localhost",
};
const DIND: Made = Made {
    name: "dind",
    kept: &["ca.pem", "../ca/key.pem", "../ca/cert.pem", "../client/ca.pem", "../client/cert.pem", "../client/key.pem"],
    server: ["/certs/server/ca.pem", "/certs/server/cert.pem"],
    client: ("/certs/client", true),
    dialled: "docker",
};
const DIND_OLD: Made = Made { name: "dind-old", ..DIND };
const WITHOUT_VERIFY: Made = Made {
    name: "tls-without-verify",
    kept: &["ca.crt", "private/ca.key", "clients/alice/cert.pem", "clients/alice/key.pem", "bob-cert.pem"],
    server: ["/opt/ssl/ca.crt", "/opt/ssl/server-v1.crt"],
    client: ("/opt/ssl/clients/alice", true),
    dialled: "build-01.example.com",
};

impl Made {
    fn script(&self) -> String {
        fs::read_to_string(format!("{}/tests/import/{}.sh", env!("CARGO_MANIFEST_DIR"), self.name)).unwrap()
    }

    /// The script's own host below a folder.
    fn make(&self, site: &Site, dockerd: &str) {
        let mut command = Command::new("/bin/sh");
        command.args(["-euc", &self.script()]).env("ROOT", site.root()).env("DOCKERD", dockerd);
        command.env("AWAY", site.folder().join("away")).env("PATH", "/usr/bin:/bin");
        Ran::run(&command, b"", Duration::from_secs(120)).ok();
    }

    fn kept(&self, site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = site.file(&self.server[0][1..]).parent().unwrap().to_owned();
        self.kept.iter().map(|name| (folder.join(name), fs::read(folder.join(name)).unwrap())).collect()
    }
}

fn import(site: &Site) -> Ran {
    Dockseal::new().args(["import"]).root("root").current_dir(site.folder()).run()
}

/// openssl's word on a certificate.
fn verify(ca: &Path, more: &[&str], certificate: &Path) {
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["verify", "-CAfile"]).arg(ca).args(more).arg(certificate);
    Ran::run(&command, b"", Duration::from_secs(20)).ok();
}

/// Imports, plans and applies under another root; whatever a client holds stays good.
fn takes_over(made: &Made, hosts: &[&str], dockerd: &str) {
    let site = Site::of(hosts, "");
    made.make(&site, dockerd);
    let (before, kept) = (site.tree(), made.kept(&site));
    let imported = import(&site).ok();
    before.assert_untouched(&site.root());
    assert_eq!(import(&site).stdout, imported.stdout, "twice the same");
    expect(made.name, &imported);
    site.manifest(&imported.stdout);
    let named = Dockseal::new().args(["validate", "host.yaml"]).current_dir(site.folder()).run().ok();
    assert_eq!(named.stdout, "host.yaml: ok\n");

    let planned = site.dockseal(["plan"]).run().exits(2);
    for line in planned.stdout.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        assert!(imported.stdout.contains(line), "`{line}` is not explained in\n{}", imported.stdout);
    }
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    assert_eq!(made.kept(&site), kept, "what clients hold and the CA are as they were");
    let client = if made.client.1 { site.file(&made.client.0[1..]) } else { site.folder().join("away") };
    let ca = site.file(&made.server[0][1..]);
    verify(&ca, &["-purpose", "sslclient"], &client.join("cert.pem"));
    let server = site.file(&made.server[1][1..]);
    let ca_of_client = if client.join("ca.pem").exists() { client.join("ca.pem") } else { ca };
    verify(&ca_of_client, &["-purpose", "sslserver", "-verify_hostname", made.dialled], &server);

    // What was taken over is now said by one file, and comes out the same.
    let again = import(&site).ok();
    site.manifest(&again.stdout);
    site.dockseal(["plan"]).run().ok();
    assert!(again.stdout.contains("# `dockseal plan` shows no difference.\n"), "{}", again.stdout);
}

fn expect(name: &str, imported: &Ran) {
    let path = format!("{}/tests/import/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        put(Path::new(&path), imported.stdout.as_bytes());
    }
    assert_eq!(imported.stdout, fs::read_to_string(&path).unwrap_or_default(), "{path}");
}

const DOCKERD: &str = "/usr/sbin/dockerd";

#[test]
fn the_guide_with_an_encrypted_ca_is_taken_over() {
    takes_over(&ENCRYPTED_CA, &["debian"], DOCKERD);
}

#[test]
fn the_guide_with_a_full_name_is_taken_over() {
    takes_over(&FULL_NAME, &["debian"], DOCKERD);
}

#[test]
fn a_host_of_docker_machine_is_taken_over() {
    takes_over(&DOCKER_MACHINE, &["debian"], DOCKERD);
}

#[test]
fn the_certificates_of_docker_in_docker_are_taken_over() {
    takes_over(&DIND, &[], "");
}

#[test]
fn the_certificates_of_old_docker_in_docker_are_taken_over() {
    takes_over(&DIND_OLD, &[], "");
}

#[test]
fn a_host_with_everything_in_odd_places_is_taken_over() {
    takes_over(&WITHOUT_VERIFY, &["debian"], DOCKERD);
}

on_each_suite!(
    clients_of_the_guide_with_an_encrypted_ca_get_in_as_before,
    clients_of_the_guide_with_a_full_name_get_in_as_before,
    clients_of_docker_machine_get_in_as_before,
    clients_of_docker_in_docker_get_in_as_before,
    clients_of_old_docker_in_docker_get_in_as_before,
    clients_of_a_host_with_odd_places_get_in_as_before,
);

/// What a client copied to its own machine before the host was taken over.
const OLD: &str = "/root/old";

/// A live host: the client's old files work before and after, for curl and the docker CLI. Whether dockerd went on running.
fn goes_on(host: &Host, made: &Made, cli_works_before: bool) -> bool {
    let script = format!("export ROOT= AWAY=/root/machine DOCKERD={DOCKERD}\n{}", made.script());
    host.command(["sh", "-euc", &script]).limit(Duration::from_secs(120)).run().ok();
    let (client, ca) = (made.client.0, made.server[0]);
    host.sh(&format!(
        "mkdir {OLD}; cp {client}/cert.pem {client}/key.pem {ca} {OLD}; cd {OLD}; [ -e ca.pem ] || mv ca.crt ca.pem
         printf '127.0.0.1 %s\n' {} >>/etc/hosts
         systemctl daemon-reload; systemctl restart docker; systemctl reset-failed docker",
        made.dialled
    ))
    .ok();
    assert_eq!(host.sh(&curl(made)).ok().text(), "OK", "before");
    let docker = format!(
        "docker -H tcp://{}:2376 --tlsverify --tlscacert {OLD}/ca.pem --tlscert {OLD}/cert.pem --tlskey {OLD}/key.pem version",
        made.dialled
    );
    assert_eq!(host.sh(&docker).code == 0, cli_works_before);
    let folder = Path::new(ca).parent().unwrap().display().to_string();
    let digest = format!("cd {folder}; sha256sum {} {OLD}/*", made.kept.join(" "));
    let digests = host.sh(&digest).ok().stdout;

    let files = host.files();
    let imported = host.dockseal(["import"]).ok();
    assert_eq!(host.files(), files, "an import writes nothing");
    host.write("/root/host.yaml", imported.stdout.as_str(), 0o644);
    host.dockseal(["plan", "/root/host.yaml"]).exits(2);
    let dockerd = host.dockerd();
    let applied = host.dockseal(["apply", "/root/host.yaml"]).ok();
    assert!(applied.stdout.contains("\nDone: the host matches the manifest"), "{applied}");
    host.dockseal(["plan", "/root/host.yaml"]).ok();

    assert_eq!(host.sh(&digest).ok().stdout, digests, "what clients hold and the CA are as they were");
    assert_eq!(host.sh(&curl(made)).ok().text(), "OK", "after");
    host.sh(&docker).ok();
    let stranger = host.sh(&format!("curl -sS -m 10 --cacert {OLD}/ca.pem https://{}:2376/_ping", made.dialled));
    assert_ne!(stranger.code, 0, "{stranger}");
    assert!(host.answers_locally());
    let again = host.dockseal(["import"]).ok();
    assert!(again.stdout.contains("# `dockseal plan` shows no difference.\n"), "{again}");
    host.dockerd() == dockerd
}

fn curl(made: &Made) -> String {
    let identity = format!("--cacert {OLD}/ca.pem --cert {OLD}/cert.pem --key {OLD}/key.pem");
    format!("curl -sS -m 10 {identity} https://{}:2376/_ping", made.dialled)
}

fn clients_of_the_guide_with_an_encrypted_ca_get_in_as_before(host: &Host) {
    assert!(goes_on(host, &ENCRYPTED_CA, true), "nothing that dockerd reads at its start has changed");
}

fn clients_of_the_guide_with_a_full_name_get_in_as_before(host: &Host) {
    goes_on(host, &FULL_NAME, true);
}

fn clients_of_docker_machine_get_in_as_before(host: &Host) {
    goes_on(host, &DOCKER_MACHINE, true);
}

fn clients_of_docker_in_docker_get_in_as_before(host: &Host) {
    goes_on(host, &DIND, true);
}

fn clients_of_old_docker_in_docker_get_in_as_before(host: &Host) {
    goes_on(host, &DIND_OLD, true);
}

/// Clients in Go refuse the server that was found; curl does not.
fn clients_of_a_host_with_odd_places_get_in_as_before(host: &Host) {
    goes_on(host, &WITHOUT_VERIFY, false);
}
