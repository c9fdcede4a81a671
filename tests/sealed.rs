//! The main job on booted hosts: a plain Debian host becomes one whose API answers to its clients and to nobody else.

mod support;

use support::{Host, Suite};

const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
server:
  sans:
    ip: [127.0.0.1]
clients:
  - name: ci
daemon:
  hosts: [fd://, tcp://0.0.0.0:2376]
  live-restore: true
";

fn seal(suite: Suite) {
    let host = Host::boot(suite);
    host.install_dockseal();
    host.write("/etc/dockseal/host.yaml", MANIFEST, 0o644);
    let container = host.container("before");
    host.dockseal(["plan"]).exits(2);
    let applied = host.dockseal(["apply"]).ok();
    println!("{applied}");
    assert!(host.is_running(&container));
    println!("{}", host.dockseal(["apply"]).ok());
    host.dockseal(["plan"]).exits(0);
    println!("{}", host.dockseal(["status"]).ok());
}

#[test]
#[ignore = "boots a host"]
fn bookworm() {
    seal(Suite::Bookworm);
}

#[test]
#[ignore = "boots a host"]
fn trixie() {
    seal(Suite::Trixie);
}

#[test]
#[ignore = "boots a host"]
fn sid() {
    seal(Suite::Sid);
}
