//! Certificates that a client has and should not have: openssl signs them with the host's own CA and the client's own key, the
//! plan says what is wrong with each, and an apply issues the client anew and leaves everything else.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Ran, Site};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nclients: [{name: ci}]\n";
const FIT: &str = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n\
                   subjectAltName=DNS:ci\n";

fn openssl(site: &Site, script: &str) {
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", script]).current_dir(site.file("etc/docker/tls")).env("PATH", "/usr/bin:/bin");
    Ran::run(&command, b"", Duration::from_secs(60)).ok();
}

/// Signs the client's certificate with these extensions.
fn sign(site: &Site, subject: &str, days: u32, extensions: &str) {
    fs::write(site.folder().join("extensions"), extensions).unwrap();
    let extensions = site.folder().join("extensions");
    openssl(
        site,
        &format!(
            "openssl req -new -key clients/ci/key.pem -subj '{subject}' |
            openssl x509 -req -days {days} -CA ca.pem -CAkey ca-key.pem -extfile {} -out ../../../../signed.pem
            cat ../../../../signed.pem >clients/ci/cert.pem",
            extensions.display()
        ),
    );
}

#[test]
fn what_a_client_should_not_have_is_issued_anew_with_that_reason() {
    let without = |line: &str| FIT.replace(line, "");
    let cases = [
        ("/CN=ci", 30, without("extendedKeyUsage=clientAuth\n"), "its key usage does not fit"),
        ("/CN=ci", 30, FIT.replace("clientAuth", "clientAuth,serverAuth"), "its key usage does not fit"),
        ("/CN=ci", 30, FIT.replace("clientAuth", "serverAuth"), "its key usage does not fit"),
        ("/CN=other", 30, FIT.to_owned(), "its subject is CN = other, not CN = ci"),
        ("/CN=ci", 30, FIT.replace("CA:FALSE", "CA:TRUE"), "it says that it is a CA"),
        ("/CN=ci", 9999, FIT.to_owned(), "it outlives its CA, which ends at "),
    ];
    for (subject, days, extensions, why) in cases {
        let site = Site::in_memory(&["debian"], MANIFEST);
        site.apply().ok();
        sign(&site, subject, days, &extensions);
        let planned = site.dockseal(["plan"]).run();
        assert!(planned.stdout.contains("± client.ci.certificate"), "{subject} {extensions}{planned}");
        assert!(planned.stdout.contains(why), "{why}: {planned}");
        assert!(planned.stdout.contains("Plan: 1 to replace"), "{planned}");
        site.apply().ok();
        site.dockseal(["plan"]).run().ok();
    }
}

/// A host's own certificates from elsewhere are taken as they are, as long as they do.
#[test]
fn what_a_client_may_have_stays() {
    // What may serve nobody may be called anything.
    let more_names = FIT.replace("DNS:ci", "DNS:ci,DNS:build-01.example.com");
    let no_names = FIT.replace("subjectAltName=DNS:ci\n", "");
    for (subject, days, extensions) in
        [("/CN=ci", 30, FIT), ("/CN=ci/O=more", 30, FIT), ("/CN=ci", 365, &no_names), ("/CN=ci", 30, &more_names)]
    {
        let site = Site::in_memory(&["debian"], MANIFEST);
        site.apply().ok();
        sign(&site, subject, days, extensions);
        site.dockseal(["plan"]).run().ok();
    }
}

#[test]
fn a_certificate_of_another_ca_is_issued_anew() {
    let site = Site::in_memory(&["debian"], MANIFEST);
    site.apply().ok();
    openssl(
        &site,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=build-01.example.com Docker CA' \
         -keyout ../../../../other.key -out ../../../../other.pem
         openssl req -new -key clients/ci/key.pem -subj /CN=ci | openssl x509 -req -days 30 -CA ../../../../other.pem \
         -CAkey ../../../../other.key -out ../../../../signed.pem
         cat ../../../../signed.pem >clients/ci/cert.pem",
    );
    let planned = site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.contains("± client.ci.certificate"), "{planned}");
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}
