//! The signers of `examples/issuers` as they are: a real `cfssl serve`, and openssl.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::authority::{Ca, text_of, verify};
use crate::support::{Site, set_mode};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/issuers").join(name)
}

/// A copy that only this user can change, whatever the checkout's umask made of it.
fn installed(ca: &Ca, name: &str) -> PathBuf {
    let path = ca.path(&format!("example-{name}"));
    fs::copy(example(name), &path).unwrap();
    set_mode(&path, 0o755);
    path
}

struct Cfssl {
    server: Child,
    url: String,
}

impl Cfssl {
    fn serve(ca: &Ca) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new("cfssl");
        command.args([
            "serve",
            "-address",
            "127.0.0.1",
            "-port",
            &port,
            "-ca",
            "ca.pem",
            "-ca-key",
            "ca-key.pem",
            "-config",
        ]);
        command.arg(example("cfssl.json")).current_dir(ca.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = command.spawn().expect("cfssl (Debian's golang-cfssl) is installed");
        let cfssl = Self { server, url: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
            assert!(Instant::now() < deadline, "cfssl does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        cfssl
    }
}

impl Drop for Cfssl {
    fn drop(&mut self) {
        drop(self.server.kill().and_then(|()| self.server.wait()));
    }
}

/// Server and clients; then a renewal with another name.
fn signs(ca: &Ca, program: &Path, argument: &str) -> Site {
    let manifest = format!(
        "dockseal: 1\nhost: build-01.example.com\nca:\n  issuer: {{command: [{}, \"{argument}\"]}}\nserver:\n  sans: {{ip: \
         [10.0.0.1]}}\nclients:\n  - name: ci\n  - name: alice\n    key: rsa-2048\n",
        program.display()
    );
    let site = Site::of(&["debian"], &manifest);
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
    site.manifest(&manifest.replace("10.0.0.1", "10.0.0.2"));
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();

    let at = |path: &str| site.file(&format!("etc/docker/tls/{path}"));
    for (certificate, purpose, subject) in [
        ("server-cert.pem", "sslserver", "CN=build-01.example.com"),
        ("clients/ci/cert.pem", "sslclient", "CN=ci"),
        ("clients/alice/cert.pem", "sslclient", "CN=alice"),
    ] {
        verify(&at("ca.pem"), &at(certificate), purpose);
        let text = text_of(&at(certificate));
        assert!(text.contains(&format!("Subject: {subject}\n")), "{text}");
    }
    assert!(text_of(&at("server-cert.pem")).contains("DNS:build-01.example.com, IP Address:10.0.0.2"));
    assert_eq!(fs::read_to_string(at("ca.pem")).unwrap().trim(), ca.certificate().trim());
    assert!(!at("ca-key.pem").exists());
    site
}

#[test]
fn a_real_cfssl_signs() {
    let ca = Ca::new("/CN=Build CA");
    let cfssl = Cfssl::serve(&ca);
    let program = installed(&ca, "cfssl");
    let site = signs(&ca, &program, &cfssl.url);

    // It adds to the manifest's subject what the request asks for: that is noticed.
    let manifest = fs::read_to_string(site.folder().join("host.yaml")).unwrap();
    let request = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/request");
    crate::support::lay_over(&request, &site.root());
    let greedy = ca.request("portainer.pem", &["-subj", "/O=Theirs/CN=portainer"]);
    fs::copy(greedy, site.file("srv/csr/portainer.pem")).unwrap();
    site.manifest(&format!("{manifest}  - name: portainer\n    csr: /srv/csr/portainer.pem\n"));
    let before = site.tree();
    let refused = site.apply().exits(1);
    assert!(refused.stderr.contains("its subject is O = Theirs, CN = portainer, not CN = portainer"), "{refused}");
    before.assert_untouched(&site.root());

    // Without a server, the example says so.
    drop(cfssl);
    site.manifest(&format!("{manifest}  - name: new\n"));
    let refused = site.apply().exits(1);
    assert!(refused.stderr.contains("failed with exit status") && refused.stderr.contains("curl: (7)"), "{refused}");
    before.assert_untouched(&site.root());
}

#[test]
fn the_example_with_openssl_signs() {
    let ca = Ca::new("/C=ES/CN=Build CA");
    let program = installed(&ca, "openssl");
    signs(&ca, &program, ca.folder.path().to_str().unwrap());
}
