//! `dockseal sign`: what the manifest allows, whatever a request asks for.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::authority::{Ca, text_of, verify};
use crate::support::{Ran, Tree, put, set_mode};

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nca: {issuer: external}\nserver:\n  sans: {ip: [10.0.0.1]}\n  \
                        valid_for: 90d\nclients:\n  - name: ci\n  - name: alice\n    key: ed25519\n  - name: portainer\n    \
                        csr: /srv/csr/portainer.pem\n";

struct Bench {
    ca: Ca,
    manifest: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let ca = Ca::new("/CN=Build CA");
        let manifest = ca.path("host.yaml");
        put(&manifest, MANIFEST.as_bytes());
        fs::create_dir(ca.path("out")).unwrap();
        Self { ca, manifest }
    }

    fn sign<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.ca.dockseal_sign(&self.manifest).args(arguments).current_dir(self.ca.folder.path()).run()
    }

    /// Nothing is written.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], why: &str) {
        let before = Tree::read(self.ca.folder.path());
        let refused = self.sign(arguments).exits(1);
        assert!(refused.stderr.contains(why), "{why}: {refused}");
        assert_eq!(refused.stdout, "");
        before.assert_untouched(self.ca.folder.path());
    }
}

/// Everything that a request can ask for that nobody should get.
pub const GREEDY: [&str; 12] = [
    "-subj",
    "/O=Bank/CN=root",
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
    "-addext",
    "extendedKeyUsage=serverAuth,clientAuth,codeSigning",
    "-addext",
    "subjectAltName=DNS:*.example.com,IP:8.8.8.8,URI:https://x,email:a@b",
    "-addext",
    "nsComment=trust me",
];

#[test]
fn a_request_gets_what_the_manifest_allows_whatever_it_asks_for() {
    let bench = Bench::new();
    let request = bench.ca.request("server.csr", &GREEDY);
    let client = bench.ca.request("client.ci.csr", &GREEDY);
    let signed = bench.sign([Path::new("--out"), Path::new("out"), &request, &client]).ok();
    assert!(signed.stdout.contains("subject  CN = build-01.example.com"), "{signed}");
    assert!(signed.stdout.contains("SANs     DNS:build-01.example.com, IP:10.0.0.1"), "{signed}");
    assert!(signed.stdout.contains("(90 days)"), "{signed}");

    let (server, ci) = (bench.ca.path("out/server.pem"), bench.ca.path("out/client.ci.pem"));
    for (certificate, subject, usage, names) in [
        (
            &server,
            "CN=build-01.example.com",
            "TLS Web Server Authentication",
            "DNS:build-01.example.com, IP Address:10.0.0.1",
        ),
        (&ci, "CN=ci", "TLS Web Client Authentication", "DNS:ci"),
    ] {
        let text = text_of(certificate);
        let has = |line: &str| assert!(text.lines().any(|found| found.trim() == line), "{line} in {text}");
        has(&format!("Subject: {subject}"));
        has(usage);
        has(names);
        has("CA:FALSE");
        has("Digital Signature");
        for asked in ["Bank", "root", "CA:TRUE", "Certificate Sign", "Code Signing", "8.8.8.8", "trust me"] {
            assert!(!text.contains(asked), "{asked} in {text}");
        }
    }
    verify(&bench.ca.path("out/ca.pem"), &server, "sslserver");
    verify(&bench.ca.path("out/ca.pem"), &ci, "sslclient");
    assert_eq!(fs::metadata(&server).unwrap().permissions().mode() & 0o7777, 0o644);
    let serial = |path: &Path| {
        text_of(path).lines().skip_while(|line| !line.contains("Serial")).nth(1).unwrap().trim().to_uppercase()
    };
    assert!(signed.stdout.contains(&serial(&server)), "{signed}");
    let left: Vec<_> = fs::read_dir(bench.ca.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

/// A subject would let whoever wrote the request choose whom it is taken for.
#[test]
fn a_subject_does_not_say_whose_a_request_is() {
    let bench = Bench::new();
    bench.ca.request("theirs.csr", &["-subj", "/CN=ci"]);
    bench.refuses(&["theirs.csr"], "its name does not say whose request it is");
    let signed = bench.sign(["--as", "client.ci", "theirs.csr"]).ok();
    assert!(signed.stdout.starts_with("client.ci  ./client.ci.pem\n"), "{signed}");
    bench.ca.request("client.ci.csr", &["-subj", "/CN=ci"]);
    bench.refuses(&["--as", "server", "client.ci.csr"], "its name says client.ci, and --as says server");
    bench.refuses(&["--as", "client.ci", "theirs.csr", "client.ci.csr"], "there are several");
    bench.refuses(&["--as", "ci", "theirs.csr"], "write `server` or `client.NAME`");
}

#[test]
fn all_are_signed_or_none() {
    let bench = Bench::new();
    bench.ca.request("server.csr", &["-subj", "/CN=x"]);
    bench.ca.request("client.mallory.csr", &["-subj", "/CN=ci"]);
    bench.refuses(&["server.csr", "client.mallory.csr"], "the manifest has no client `mallory`");
    bench.ca.request("client.alice.csr", &["-subj", "/CN=alice"]);
    bench.refuses(&["server.csr", "client.alice.csr"], "its key is ecdsa-p256, and the manifest says ed25519");
    fs::create_dir(bench.ca.path("other")).unwrap();
    fs::copy(bench.ca.path("server.csr"), bench.ca.path("other/server.csr")).unwrap();
    bench.refuses(&["server.csr", "other/server.csr"], "are both of server");
    bench.refuses(&["server.csr", "client.ci.csr"], "client.ci.csr: No such file");

    let text = fs::read_to_string(bench.ca.path("server.csr")).unwrap();
    let mut request = pem::parse(&text).unwrap().into_contents();
    *request.last_mut().unwrap() ^= 1;
    put(&bench.ca.path("client.ci.csr"), pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", request)).as_bytes());
    bench.refuses(&["server.csr", "client.ci.csr"], "the request's signature is wrong");
    put(&bench.ca.path("client.ci.csr"), bench.ca.certificate().as_bytes());
    bench.refuses(&["server.csr", "client.ci.csr"], "holds no certificate request");
    put(&bench.ca.path("client.ci.csr"), "x".repeat(70_000).as_bytes());
    bench.refuses(&["server.csr", "client.ci.csr"], "larger than 64 KiB");

    // The second folder can't be written in.
    put(&bench.ca.path("client.ci.csr"), text.as_bytes());
    symlink("/dev/null", bench.ca.path("out/client.ci.pem")).unwrap();
    bench.refuses(&["--out", "out", "server.csr", "client.ci.csr"], "is a symlink, not a regular file");
    fs::remove_file(bench.ca.path("out/client.ci.pem")).unwrap();
    bench.sign(["--out", "out", "server.csr", "client.ci.csr"]).ok();
    // Again: what stands there is replaced.
    let before = fs::read(bench.ca.path("out/server.pem")).unwrap();
    bench.sign(["--out", "out", "server.csr", "client.ci.csr"]).ok();
    assert_ne!(fs::read(bench.ca.path("out/server.pem")).unwrap(), before);
}

/// The key of a client that brings its own request may be of any kind.
#[test]
fn a_client_that_brings_its_request_chooses_its_key() {
    let bench = Bench::new();
    let p384 = ["-subj", "/CN=x", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    bench.ca.request("client.portainer.csr", &p384);
    bench.sign(["client.portainer.csr"]).ok();
    assert!(text_of(&bench.ca.path("client.portainer.pem")).contains("384 bit"));
}

#[test]
fn a_ca_that_can_not_sign_is_refused() {
    let bench = Bench::new();
    bench.ca.request("server.csr", &["-subj", "/CN=x"]);
    let key = bench.ca.path("ca-key.pem");
    set_mode(&key, 0o640);
    bench.refuses(&["server.csr"], "may be read by others (mode 0640)");
    set_mode(&key, 0o600);
    fs::rename(&key, bench.ca.path("away")).unwrap();
    bench.refuses(&["server.csr"], "ca-key.pem is missing");
    fs::copy(Ca::new("/CN=Build CA").path("ca-key.pem"), &key).unwrap();
    bench.refuses(&["server.csr"], "the key is not the one that its certificate names");
    bench.ca.openssl("pkcs8 -topk8 -in away -out ca-key.pem -v2 aes-256-cbc -passout pass:secret");
    bench.refuses(&["server.csr"], "--passphrase-file FILE or --passphrase-env NAME");
    put(&bench.ca.path("word"), b"secret\n");
    bench.refuses(&["--passphrase-file", "word", "server.csr"], "may be read by others");
    set_mode(&bench.ca.path("word"), 0o600);
    bench.sign(["--passphrase-file", "word", "server.csr"]).ok();
    let by_environment = bench.ca.dockseal_sign(&bench.manifest).args(["--passphrase-env", "WORD", "server.csr"]);
    by_environment.env("WORD", "secret").current_dir(bench.ca.folder.path()).run().ok();
    put(&bench.ca.path("word"), b"wrong\n");
    set_mode(&bench.ca.path("word"), 0o600);
    bench.refuses(&["--passphrase-file", "word", "server.csr"], "wrong passphrase");
}

/// The error of a folder without a CA has the commands that make one; they are what they say.
#[test]
fn the_commands_that_make_a_ca_make_one() {
    let bench = Bench::new();
    bench.ca.request("server.csr", &["-subj", "/CN=x"]);
    let folder = bench.ca.path("new");
    let sign = || {
        let arguments = [Path::new("sign"), Path::new("--ca"), &folder, Path::new("--manifest"), &bench.manifest];
        crate::support::Dockseal::new().args(arguments).args(["server.csr"]).current_dir(bench.ca.folder.path()).run()
    };
    let refused = sign().exits(1);
    let commands: Vec<&str> = refused.stderr.lines().filter(|line| line.contains("openssl ")).collect();
    assert_eq!(commands.len(), 2, "{refused}");
    for command in commands {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-euc", command]).env("PATH", "/usr/bin:/bin");
        Ran::run(&shell, b"", std::time::Duration::from_secs(20)).ok();
    }
    assert_eq!(fs::metadata(folder.join("ca-key.pem")).unwrap().permissions().mode() & 0o7777, 0o600);
    sign().ok();
    verify(&folder.join("ca.pem"), &bench.ca.path("server.pem"), "sslserver");
    assert!(text_of(&folder.join("ca.pem")).contains("CA:TRUE, pathlen:0"));
}
