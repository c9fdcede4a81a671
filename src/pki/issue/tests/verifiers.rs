//! Other people's verifiers judge what is issued: OpenSSL, `GnuTLS`, rustls-webpki and Python's ssl. Go's is asked by the
//! tests that start dockerd.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;

use super::{Folder, assert_fulfils, ca_spec, generate, leaf_spec, now, p256_ca};
use crate::pki::issue::Authority;
use crate::pki::key::StoredKey;
use crate::pki::parse::Certificate;
use crate::pki::spec::{KeyAlgorithm, Role};
use crate::pki::tool::{openssl_with, run};

const ALL: [KeyAlgorithm; 6] = [
    KeyAlgorithm::EcdsaP256,
    KeyAlgorithm::EcdsaP384,
    KeyAlgorithm::Ed25519,
    KeyAlgorithm::Rsa2048,
    KeyAlgorithm::Rsa3072,
    KeyAlgorithm::Rsa4096,
];

#[test]
fn other_verifiers_accept_every_algorithm() {
    for algorithm in ALL {
        let made = now();
        let ca = Authority::create(&ca_spec(algorithm), generate(algorithm), made).unwrap();
        assert_fulfils(&ca.certificate().facts, &ca_spec(algorithm), made);
        // The CA's key again: an RSA-4096 key takes a second, and no verifier minds.
        let leaf_key = StoredKey::parse(ca.key().to_pem().unwrap().as_bytes()).unwrap().open(None).unwrap();
        let leaves = [Role::Server, Role::Client].map(|role| {
            let spec = leaf_spec(role, algorithm);
            let leaf = ca.issue(&spec, leaf_key.public_key(), made).unwrap();
            assert_fulfils(&leaf.facts, &spec, made);
            assert!(leaf.is_issued_in_the_name_of(ca.certificate()));
            assert_eq!(leaf.facts.public_key, *leaf_key.public_key());
            assert!(leaf.is_signed_by(ca.certificate()));
            leaf
        });
        let folder = Folder::new();
        let files = [
            folder.write("ca.pem", &ca.certificate().to_pem()),
            folder.write("key.pem", &leaf_key.to_pem().unwrap()),
            folder.write("server.pem", &leaves[0].to_pem()),
            folder.write("client.pem", &leaves[1].to_pem()),
        ];
        let [ca_file, key_file, server, client] = files.each_ref().map(|path| path.to_str().unwrap());
        openssl_accepts(ca_file, server, "sslserver").unwrap();
        openssl_accepts(ca_file, client, "sslclient").unwrap();
        openssl_accepts(ca_file, server, "sslclient").expect_err("a server's certificate must not serve a client");
        openssl_accepts(ca_file, client, "sslserver").expect_err("a client's certificate must not serve a server");
        for (leaf, purpose) in [(server, "1.3.6.1.5.5.7.3.1"), (client, "1.3.6.1.5.5.7.3.2")] {
            let options = ["--verify", "--load-ca-certificate", ca_file, "--infile", leaf, "--verify-purpose", purpose];
            run("certtool", &options, b"").unwrap();
        }
        run("python3", &["-c", HANDSHAKE, ca_file, server, client, key_file], b"").unwrap();
        webpki_accepts(&ca, &leaves[0], &leaves[1]).unwrap();
        webpki_accepts(&ca, &leaves[1], &leaves[0]).expect_err("the purposes are exchanged");
    }
}

fn openssl_accepts(ca: &str, leaf: &str, purpose: &str) -> Result<Vec<u8>, String> {
    run("openssl", &["verify", "-x509_strict", "-CAfile", ca, "-purpose", purpose, leaf], b"")
}

/// The rules of Python 3.13, set by hand for older ones; a TLS handshake in memory, both sides verifying.
const HANDSHAKE: &str = r#"
import ssl, sys
ca, server, client, key = sys.argv[1:]
def context(purpose, certificate):
    context = ssl.create_default_context(purpose, cafile=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    return context
for name in "build-01.example.com", "sub.example.com", "10.10.10.20", "2001:db8::1":
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        context(ssl.Purpose.CLIENT_AUTH, server).wrap_bio(a, b, server_side=True),
        context(ssl.Purpose.SERVER_AUTH, client).wrap_bio(b, a, server_hostname=name),
    ]
    waiting = [1, 0]
    for _ in range(10):
        for side in list(waiting):
            try:
                sides[side].do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    assert sides[0].getpeercert()["subject"] and sides[1].getpeercert()["subject"]
"#;

fn webpki_accepts(ca: &Authority, server: &Certificate, client: &Certificate) -> Result<(), rustls::Error> {
    let der = |certificate: &Certificate| CertificateDer::from(certificate.der.clone());
    let mut roots = RootCertStore::empty();
    roots.add(der(ca.certificate()))?;
    let (roots, provider) = (Arc::new(roots), Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build().unwrap();
    for name in ["build-01.example.com", "sub.example.com", "10.10.10.20", "2001:db8::1"] {
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(&der(server), &[], &name, &[], UnixTime::now())?;
    }
    let other = ServerName::try_from("other.example.com").unwrap();
    verifier.verify_server_cert(&der(server), &[], &other, &[], UnixTime::now()).expect_err("another name");
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
    verifier.verify_client_cert(&der(client), &[], UnixTime::now()).map(|_| ())
}

#[test]
fn the_extensions_are_those_of_the_role() {
    let ca = p256_ca();
    let leaf_key = generate(KeyAlgorithm::Rsa2048);
    let leaf = ca.issue(&leaf_spec(Role::Server, KeyAlgorithm::Rsa2048), leaf_key.public_key(), now()).unwrap();
    let text = |certificate: &Certificate| {
        let options = "x509 -noout -text -certopt no_pubkey,no_sigdump,ext_default -nameopt RFC2253,show_type";
        let text = String::from_utf8(openssl_with(options, certificate.to_pem().as_bytes()).unwrap()).unwrap();
        text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let shown = text(ca.certificate());
    for part in [
        "X509v3 Basic Constraints: critical\nCA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\nCertificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier:",
        "C=PRINTABLESTRING:ES",
        "O=UTF8STRING:\\C3\\91and\\C3\\BA & S\\C3\\B6hne",
        "emailAddress=IA5STRING:root@example.com",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let shown = text(&leaf);
    for part in [
        "X509v3 Basic Constraints: critical\nCA:FALSE",
        "X509v3 Key Usage: critical\nDigital Signature\n",
        "X509v3 Extended Key Usage:\nTLS Web Server Authentication\n",
        "X509v3 Subject Alternative Name:\nDNS:build-01.example.com, DNS:sub.example.com, IP Address:10.10.10.20, IP",
        "X509v3 Subject Key Identifier:",
        "X509v3 Authority Key Identifier:",
        "Signature Algorithm: ecdsa-with-SHA256",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let p384 = generate(KeyAlgorithm::EcdsaP384);
    let p384 = Authority::create(&ca_spec(KeyAlgorithm::EcdsaP384), p384, now()).unwrap();
    assert!(text(p384.certificate()).contains("Signature Algorithm: ecdsa-with-SHA384"));
}
