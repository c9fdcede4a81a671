//! A client that brings its own request: its key is taken, and nothing else of what it asks for.

use std::fs;

use super::authority::{Ca, text_of, verify};
use super::sign::GREEDY;
use crate::support::{Site, put};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nclients:\n  - name: portainer\n    csr: /srv/csr/portainer.pem\n    valid_for: 90d\n";

#[test]
fn a_greedy_request_gets_what_the_manifest_allows() {
    let (site, theirs) = (Site::of(&["debian"], MANIFEST), Ca::new("/CN=placeholder"));
    let request = theirs.request("portainer.pem", &GREEDY);
    put(&site.file("srv/csr/portainer.pem"), &fs::read(&request).unwrap());
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    let certificate = site.file("etc/docker/tls/clients/portainer/cert.pem");
    verify(&site.file("etc/docker/tls/ca.pem"), &certificate, "sslclient");
    let text = text_of(&certificate);
    for has in [
        "Subject: CN=portainer\n",
        "DNS:portainer\n",
        "TLS Web Client Authentication\n",
        "CA:FALSE\n",
        "Digital Signature\n",
    ] {
        assert!(text.contains(has), "{has} in {text}");
    }
    for asked in ["Bank", "root", "CA:TRUE", "Certificate Sign", "Server Authentication", "8.8.8.8", "trust me"] {
        assert!(!text.contains(asked), "{asked} in {text}");
    }
    assert!(!site.file("etc/docker/tls/clients/portainer/key.pem").exists());
}

#[test]
fn a_request_that_its_key_did_not_sign_is_refused() {
    let (site, theirs) = (Site::of(&["debian"], MANIFEST), Ca::new("/CN=placeholder"));
    let request = theirs.request("portainer.pem", &["-subj", "/CN=portainer"]);
    let good = fs::read(&request).unwrap();
    let mut block = pem::parse(&good).unwrap().into_contents();
    *block.last_mut().unwrap() ^= 1;
    put(&site.file("srv/csr/portainer.pem"), pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", block)).as_bytes());
    let before = site.tree();
    let refused = site.apply().exits(1);
    assert!(refused.stderr.contains("the request's signature is wrong"), "{refused}");
    before.assert_untouched(&site.root());
    put(&site.file("srv/csr/portainer.pem"), &good);
    site.apply().ok();
}
