//! What comes back signed and is not what was asked for: told why, and nothing is changed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::authority::{Ca, Leaf};
use super::external::{ALONE, requests, waiting};
use crate::support::{Site, put};

/// Each with the words that the refusal needs.
struct Case<'a> {
    name: &'a str,
    why: &'a str,
    bytes: Vec<u8>,
}

fn case<'a>(name: &'a str, why: &'a str, bytes: impl Into<Vec<u8>>) -> Case<'a> {
    Case { name, why, bytes: bytes.into() }
}

fn certificates<'a>(ca: &Ca, request: &Path) -> Vec<Case<'a>> {
    let other_ca = Ca::new("/CN=Build CA");
    let other_request = ca.request("server.csr", &["-subj", "/CN=build-01.example.com"]);
    let signed = |leaf: &Leaf| ca.sign(request, leaf);
    let name = "subjectAltName=DNS:build-01.example.com";
    let long = Leaf { days: 9000, ..Leaf::server() };
    vec![
        case("another key", "its request bears another key", ca.sign(&other_request, &Leaf::server())),
        case("another CA of the same name", "this CA did not sign it", other_ca.sign(request, &Leaf::server())),
        case("no names", "it lacks DNS:build-01.example.com", signed(&Leaf::server().with(3, ""))),
        case(
            "one name more",
            "DNS:",
            signed(&Leaf::server().with(3, "subjectAltName=DNS:build-01.example.com,DNS:bank.example.com")),
        ),
        case(
            "a wildcard",
            "DNS:",
            signed(&Leaf::server().with(3, "subjectAltName=DNS:build-01.example.com,DNS:*.example.com")),
        ),
        case("another subject", "its subject is CN = other", signed(&Leaf { subject: "/CN=other", ..Leaf::server() })),
        case("the CA's subject", "its subject is", signed(&Leaf { subject: "/CN=Build CA", ..Leaf::server() })),
        case("expired", "it ended at", signed(&Leaf { when: Some("2020-01-01"), ..Leaf::server() })),
        case("not yet valid", "it begins only at", signed(&Leaf { when: Some("100 days"), ..Leaf::server() })),
        case("ends soon", "it ends soon", signed(&Leaf { when: Some("350 days ago"), ..Leaf::server() })),
        case("outlives its CA", "it outlives its CA", signed(&long)),
        case("a CA", "it says that it is a CA", signed(&Leaf::server().with(0, "basicConstraints=critical,CA:TRUE"))),
        case(
            "for clients",
            "its key usage does not fit",
            signed(&Leaf::server().with(2, "extendedKeyUsage=clientAuth")),
        ),
        case(
            "for both",
            "its key usage does not fit",
            signed(&Leaf::server().with(2, "extendedKeyUsage=serverAuth,clientAuth")),
        ),
        case("for anything", "its key usage does not fit", signed(&Leaf::server().with(2, ""))),
        case(
            "signs nothing",
            "its key usage does not fit",
            signed(&Leaf::server().with(1, "keyUsage=critical,keyAgreement")),
        ),
        case("an address of nobody", "DNS:", signed(&Leaf::server().with(3, "subjectAltName=IP:10.0.0.1"))),
        case(
            "a tampered signature",
            "this CA did not sign it",
            tampered(&signed(&Leaf::new("/CN=build-01.example.com", "extendedKeyUsage=serverAuth", name))),
        ),
    ]
}

/// The last byte of the signature is another.
fn tampered(pem: &str) -> String {
    let mut block = pem::parse(pem).unwrap().into_contents();
    *block.last_mut().unwrap() ^= 1;
    pem::encode(&pem::Pem::new("CERTIFICATE", block))
}

fn others<'a>(ca: &Ca, request: &Path) -> Vec<Case<'a>> {
    let key = fs::read(ca.path("ca-key.pem")).unwrap();
    let good = ca.sign(request, &Leaf::server());
    vec![
        case("nothing", "not PEM", ""),
        case("garbage", "not PEM", vec![0xff; 5000]),
        case("a key", "holds no certificate", key),
        case("a request", "holds no certificate", fs::read(request).unwrap()),
        case("half a certificate", "truncated", &good.as_bytes()[..good.len() / 2]),
        case("broken base64", "damaged", good.replacen("MII", "M\u{e9}I", 1)),
        case("the CA's", "its request bears another key", ca.certificate()),
        case("too much of it", "larger than", "x".repeat(2 << 20)),
    ]
}

#[track_caller]
fn assert_refused(site: &Site, name: &str, why: &str) {
    let before = site.tree();
    for command in ["plan", "apply"] {
        let refused = site.dockseal([command]).run().exits(1);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(why), "{name}: {refused}");
        assert!(!said.contains("MIGHAgEA"), "{name}: a key's first bytes");
    }
    before.assert_untouched(&site.root());
}

#[test]
fn what_does_not_fit_is_refused() {
    let (site, ca) = (waiting(ALONE), Ca::new("/CN=Build CA"));
    put(&requests(&site, "ca.pem"), ca.certificate().as_bytes());
    let request = requests(&site, "server.csr");
    let mut cases = certificates(&ca, &request);
    cases.extend(others(&ca, &request));
    for Case { name, why, bytes } in &cases {
        put(&requests(&site, "server.pem"), bytes);
        assert_refused(&site, name, why);
    }
    println!("{} certificates that do not fit", cases.len());
    put(&requests(&site, "server.pem"), ca.sign(&request, &Leaf::server()).as_bytes());
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}

#[test]
fn a_ca_that_is_none_is_refused() {
    let (site, ca) = (waiting(ALONE), Ca::new("/CN=Build CA"));
    let leaf = Ca::with("/CN=Build CA", &["-addext", "basicConstraints=critical,CA:FALSE"]);
    let request = requests(&site, "server.csr");
    put(&requests(&site, "server.pem"), ca.sign(&request, &Leaf::server()).as_bytes());
    let old = "faketime 2001-01-01 openssl req -x509 -new -key ca-key.pem -days 30 -subj /CN=Old -out old.pem";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", old]).current_dir(ca.folder.path()).env("PATH", "/usr/bin:/bin");
    crate::support::Ran::run(&command, b"", std::time::Duration::from_secs(20)).ok();
    let expired = fs::read_to_string(ca.path("old.pem")).unwrap();
    for (name, why, pem) in [
        ("a leaf", "is not the certificate of a CA", leaf.certificate()),
        ("a leaf behind the CA", "is not the certificate of a CA", ca.certificate() + &leaf.certificate()),
        ("an expired one", "not now", expired),
        ("garbage", "not PEM", "garbage".to_owned()),
        ("another", "this CA did not sign it", Ca::new("/CN=Build CA").certificate()),
    ] {
        put(&requests(&site, "ca.pem"), pem.as_bytes());
        assert_refused(&site, name, why);
    }
    put(&requests(&site, "ca.pem"), ca.certificate().as_bytes());
    site.apply().ok();
}

/// Without the key that waited, and over another one.
#[test]
fn a_certificate_without_its_key_is_refused() {
    let (site, ca) = (waiting(ALONE), Ca::new("/CN=Build CA"));
    put(&requests(&site, "ca.pem"), ca.certificate().as_bytes());
    put(&requests(&site, "server.pem"), ca.sign(&requests(&site, "server.csr"), &Leaf::server()).as_bytes());
    let key = fs::read(requests(&site, "server.key")).unwrap();
    fs::remove_file(requests(&site, "server.key")).unwrap();
    assert_refused(&site, "no key", "has come, and its key is not at");
    put(&requests(&site, "server.key"), &fs::read(ca.path("ca-key.pem")).unwrap());
    crate::support::set_mode(&requests(&site, "server.key"), 0o600);
    assert_refused(&site, "another key", "its request bears another key");
    put(&requests(&site, "server.key"), &key);
    crate::support::set_mode(&requests(&site, "server.key"), 0o600);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}
