//! The main job on booted hosts: a plain Debian host becomes one whose API answers to its clients and to nobody else.

use crate::support::{Host, MANIFEST, Suite};

/// A caller with the defaults of the host's own Python: from 3.13 on these are the strict rules of RFC 5280.
const PYTHON: &str = "\
import http.client, ssl, sys
folder = '/etc/docker/tls/clients/ci/'
context = ssl.create_default_context(cafile=folder + 'ca.pem')
context.load_cert_chain(folder + 'cert.pem', folder + 'key.pem')
connection = http.client.HTTPSConnection('127.0.0.1', 2376, context=context)
connection.request('GET', '/_ping')
strict = bool(context.verify_flags & ssl.VERIFY_X509_STRICT)
print(sys.version_info >= (3, 13), strict, connection.getresponse().read().decode())
";

fn seal(suite: Suite, python: &str) {
    let host = Host::boot(suite);
    host.install_dockseal();
    host.write("/etc/dockseal/host.yaml", format!("{MANIFEST}  live-restore: true\n"), 0o644);
    host.container("before");
    host.dockseal(["plan"]).exits(2);
    host.dockseal(["apply"]).ok();
    assert!(host.is_running("before"), "live-restore comes first");
    assert_eq!(host.dockseal(["apply"]).ok().stdout.lines().last(), Some("In sync: nothing to do."));
    host.dockseal(["plan"]).exits(0);
    let status = host.dockseal(["status"]).ok().stdout;
    assert!(status.contains("client ci: admitted") && status.contains("without a certificate: refused"), "{status}");
    host.write("/root/ping.py", PYTHON, 0o644);
    assert_eq!(host.run(["python3", "/root/ping.py"]).ok().text(), python);
}

#[test]
#[ignore = "boots a host"]
fn a_bookworm_host_is_sealed_and_rests() {
    seal(Suite::Bookworm, "False False OK");
}

#[test]
#[ignore = "boots a host"]
fn a_trixie_host_is_sealed_and_rests() {
    seal(Suite::Trixie, "True True OK");
}

#[test]
#[ignore = "boots a host"]
fn a_sid_host_is_sealed_and_rests() {
    seal(Suite::Sid, "True True OK");
}
