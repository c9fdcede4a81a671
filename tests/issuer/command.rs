//! A command that signs: what it is given, and what is believed of it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::authority::{Ca, text_of, verify};
use crate::support::{Ran, Site, put, set_mode};

/// A signer with openssl, as a person might write it. `$ca` is the folder of a CA.
const SIGNER: &str = r#"#!/bin/sh
set -eu
cd "${0%/*}"
printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
    "extendedKeyUsage=${DOCKSEAL_ROLE}Auth" "subjectAltName=$DOCKSEAL_SANS" >extensions
openssl x509 -req -CA ca.pem -CAkey ca-key.pem -days $((DOCKSEAL_VALID_SECONDS / 86400)) -extfile extensions
cat ca.pem
"#;

struct Bench {
    ca: Ca,
    site: Site,
}

impl Bench {
    fn new() -> Self {
        Self::with(SIGNER, "5s")
    }

    fn with(script: &str, timeout: &str) -> Self {
        let ca = Ca::new("/CN=Build CA");
        let path = ca.path("sign");
        let manifest = format!(
            "dockseal: 1\nhost: build-01.example.com\nca:\n  issuer: {{command: [{}, an argument], timeout: {timeout}}}\nclients:\n  \
             - name: ci\n",
            path.display()
        );
        let bench = Self { ca, site: Site::of(&["debian"], &manifest) };
        bench.script(script);
        bench
    }

    fn script(&self, script: &str) {
        put(&self.program(), script.as_bytes());
        set_mode(&self.program(), 0o755);
    }

    fn program(&self) -> PathBuf {
        self.ca.path("sign")
    }

    /// With these commands in the place of its own.
    #[track_caller]
    fn refuses(&self, script: &str, why: &str) -> Ran {
        self.script(&format!("#!/bin/sh\ncd \"${{0%/*}}\"\n{script}\n"));
        let before = self.site.tree();
        let begin = Instant::now();
        let refused = self.site.apply().exits(1);
        assert!(refused.stderr.contains(why), "{script}: {why}: {refused}");
        assert!(refused.stderr.ends_with("note: the host is as it was\n"), "{refused}");
        assert!(!refused.stderr.contains("-----BEGIN C") && !refused.stderr.contains("-----BEGIN P"), "{refused}");
        before.assert_untouched(&self.site.root());
        assert!(begin.elapsed() < Duration::from_secs(30), "{script}");
        refused
    }
}

#[test]
fn a_command_signs() {
    let bench = Bench::new();
    let planned = bench.site.dockseal(["plan"]).run().exits(2);
    assert!(planned.stdout.contains("it comes with the first certificate that the issuer gives"), "{planned}");
    bench.site.apply().ok();
    bench.site.dockseal(["plan"]).run().ok();
    let at = |path: &str| bench.site.file(&format!("etc/docker/tls/{path}"));
    verify(&at("ca.pem"), &at("server-cert.pem"), "sslserver");
    verify(&at("ca.pem"), &at("clients/ci/cert.pem"), "sslclient");
    assert_eq!(fs::read_to_string(at("ca.pem")).unwrap(), bench.ca.certificate());
    assert_eq!(fs::read_to_string(at("clients/ci/ca.pem")).unwrap(), bench.ca.certificate());
    assert!(!at("ca-key.pem").exists());
    let tree = bench.site.tree();
    // Nothing has to be signed, and nobody is asked.
    fs::remove_file(bench.program()).unwrap();
    bench.site.apply().ok();
    tree.assert_untouched(&bench.site.root());

    // A new name: the same CA, which needs not come again.
    bench.script(&SIGNER.replace("cat ca.pem\n", ""));
    let manifest = fs::read_to_string(bench.site.folder().join("host.yaml")).unwrap();
    bench.site.manifest(&manifest.replace("clients:", "server: {sans: {ip: [\"::1\"]}}\nclients:"));
    bench.site.apply().ok();
    bench.site.dockseal(["plan"]).run().ok();
    assert!(text_of(&at("server-cert.pem")).contains("IP Address:0:0:0:0:0:0:0:1"));
    // A client of its own request.
    bench.site.manifest(&(manifest + "  - name: portainer\n    csr: /srv/csr/portainer.pem\n"));
    crate::support::lay_over(
        &std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/request"),
        &bench.site.root(),
    );
    bench.script(&SIGNER.replace("-req ", "-req -subj /CN=$DOCKSEAL_NAME "));
    bench.site.apply().ok();
    assert!(text_of(&at("clients/portainer/cert.pem")).contains("Subject: CN=portainer\n"));
}

/// Whoever keeps the CA replaces it; here it is enough to trust the new one first.
#[test]
fn another_ca_signs_once_it_stands_in_front() {
    let bench = Bench::new();
    bench.site.apply().ok();
    let new = Ca::new("/CN=New CA");
    for name in ["ca.pem", "ca-key.pem"] {
        fs::copy(new.path(name), bench.ca.path(&format!("new-{name}"))).unwrap();
    }
    let script = SIGNER.replace("-CA ca.pem -CAkey ca-key.pem", "-CA new-ca.pem -CAkey new-ca-key.pem");
    bench.script(&script.replace("cat ca.pem\n", "cat new-ca.pem\n"));
    let at = |path: &str| bench.site.file(&format!("etc/docker/tls/{path}"));
    // As long as the old one is in front nothing changes.
    bench.site.dockseal(["plan"]).run().ok();
    let both = new.certificate() + &bench.ca.certificate();
    put(&at("ca.pem"), both.as_bytes());
    bench.site.apply().ok();
    bench.site.dockseal(["plan"]).run().ok();
    verify(&new.path("ca.pem"), &at("server-cert.pem"), "sslserver");
    verify(&new.path("ca.pem"), &at("clients/ci/cert.pem"), "sslclient");
    assert_eq!(fs::read_to_string(at("clients/ci/ca.pem")).unwrap(), both);
}

/// The whole environment, the arguments, the descriptors, the request.
#[test]
fn it_is_told_what_it_needs_and_nothing_else() {
    let bench = Bench::new();
    let script = SIGNER.replace(
        "cd \"${0%/*}\"",
        "pwd >\"${0%/*}/where\"\ncd \"${0%/*}\"\nenv | sort >environment; echo \"$*\" >arguments\n\
         ls -l /proc/$$/fd | grep -c -- '->' >descriptors\ncat >request",
    );
    bench.script(&script.replace("-req ", "-req -in request "));
    let manifest = fs::read_to_string(bench.site.folder().join("host.yaml")).unwrap();
    bench.site.manifest(
        &manifest
            .replace("clients:", "server: {valid_for: 30d}\nclients:")
            .replace("  - name: ci\n", "")
            .replace("clients:\n", ""),
    );
    // A descriptor and a secret of whoever starts it.
    let run = "exec 7<host.yaml 8>other; SECRET=1 exec \"$0\" apply host.yaml --root root";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", run, crate::support::Dockseal::BINARY]).current_dir(bench.site.folder());
    Ran::run(&shell, b"", Duration::from_secs(60)).ok();

    let text = |name: &str| fs::read_to_string(bench.ca.path(name)).unwrap();
    let until = text("environment")
        .lines()
        .find_map(|line| Some(line.strip_prefix("DOCKSEAL_NOT_AFTER=")?.to_owned()))
        .unwrap();
    let own = ["PWD=", "OLDPWD=", "SHLVL=", "_="];
    let environment: Vec<String> = text("environment")
        .lines()
        .filter(|line| !own.iter().any(|own| line.starts_with(own)))
        .map(str::to_owned)
        .collect();
    let expected = [
        "DOCKSEAL_HOST=build-01.example.com".to_owned(),
        "DOCKSEAL_NAME=build-01.example.com".to_owned(),
        format!("DOCKSEAL_NOT_AFTER={until}"),
        "DOCKSEAL_ROLE=server".to_owned(),
        "DOCKSEAL_SANS=DNS:build-01.example.com".to_owned(),
        "DOCKSEAL_SUBJECT=CN=build-01.example.com".to_owned(),
        "DOCKSEAL_VALID_SECONDS=2592000".to_owned(),
        "LC_ALL=C".to_owned(),
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
    ];
    assert_eq!(environment, expected);
    assert!(until.len() == 20 && until.ends_with('Z'), "{until}");
    assert_eq!(text("arguments"), "an argument\n");
    assert_eq!(text("where"), "/\n");
    // Standard input, output and error, and the shell's own script.
    assert_eq!(text("descriptors"), "4\n");
    assert!(
        text("request").starts_with("-----BEGIN CERTIFICATE REQUEST-----\n") && !text("request").contains("PRIVATE")
    );
}

#[test]
fn a_command_that_fails_changes_nothing() {
    let bench = Bench::new();
    for (script, why) in [
        ("sleep 60", "took longer than 5 s and was stopped"),
        ("sleep 60 & sleep 60", "took longer than 5 s and was stopped"),
        ("yes", "gave more than 256 KiB and was stopped"),
        ("yes >&2", "took longer than 5 s and was stopped: y"),
        ("setsid yes & sleep 1; exit 0", "gave more than 256 KiB and was stopped"),
        ("echo 'no such profile' >&2; exit 1", "failed with exit status: 1: no such profile"),
        ("kill -9 $$", "failed with signal: 9 (SIGKILL)"),
        ("exit 0", "gave what is no chain of certificates: it is not PEM"),
        ("echo garbage", "gave what is no chain of certificates: it is not PEM"),
        ("cat; cat ca.pem", "gave no certificate of its CA"),
        ("cat ca-key.pem", "gave a private key"),
        ("head -c 1000 /dev/urandom", "gave what is no chain of certificates"),
        ("for i in 1 2 3 4 5 6 7 8 9 10 11; do cat ca.pem; done", "gave 11 certificates"),
        ("sleep 60 </dev/null >/dev/null 2>&1 & setsid sleep 60 & cat ca.pem", "gave no certificate of its CA"),
    ] {
        bench.refuses(script, why);
    }
}

/// Leaves and CAs that are not what was asked for. Each script ends as an honest one would.
#[test]
fn what_it_gives_is_not_believed() {
    let bench = Bench::new();
    let other = Ca::new("/CN=Build CA");
    for name in ["ca.pem", "ca-key.pem"] {
        fs::copy(other.path(name), bench.ca.path(&format!("other-{name}"))).unwrap();
    }
    bench.ca.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out own-key.pem");
    bench.ca.openssl("req -new -key own-key.pem -subj /CN=build-01.example.com -out own.csr");
    let body = SIGNER.split_once('\n').unwrap().1;
    for (from, to, why) in [
        ("-req ", "-req -in own.csr ", "its request bears another key"),
        ("-CA ca.pem -CAkey ca-key.pem", "-CA other-ca.pem -CAkey other-ca-key.pem", "this CA did not sign it"),
        ("CA:FALSE", "CA:TRUE", "it says that it is a CA"),
        ("${DOCKSEAL_ROLE}Auth", "clientAuth", "its key usage does not fit"),
        ("${DOCKSEAL_ROLE}Auth", "serverAuth,clientAuth", "its key usage does not fit"),
        ("$DOCKSEAL_SANS", "DNS:build-01.example.com,DNS:*.example.com", "DNS:*.example.com"),
        ("$DOCKSEAL_SANS", "DNS:other", "DNS:build-01.example.com"),
        ("-req ", "-req -subj /CN=other ", "its subject is CN = other"),
        ("$((DOCKSEAL_VALID_SECONDS / 86400))", "700", "later than asked for"),
        ("$((DOCKSEAL_VALID_SECONDS / 86400))", "9000", "it outlives its CA"),
        ("openssl x509", "faketime '350 days ago' openssl x509", "it ends soon"),
        ("openssl x509", "faketime 2020-01-01 openssl x509", "it ended at"),
        ("cat ca.pem\n", "", "gave no certificate of its CA"),
        ("cat ca.pem\n", "cat ca.pem other-ca.pem\n", "gave a chain that breaks behind"),
        ("cat ca.pem\n", "cat other-ca.pem\n", "this CA did not sign it"),
    ] {
        assert!(body.contains(from), "{from}");
        bench.refuses(&body.replace(from, to), why);
    }

    // A certificate of the CA's own name and key that is no CA's.
    bench.refuses(
        &body.replace(
            "cat ca.pem\n",
            "openssl req -x509 -new -key ca-key.pem -subj '/CN=Build CA' -days 9 -addext basicConstraints=critical,CA:FALSE\n",
        ),
        "which is none",
    );

    // One CA for all.
    bench.script(SIGNER);
    bench.site.apply().ok();
    let manifest = fs::read_to_string(bench.site.folder().join("host.yaml")).unwrap();
    bench.site.manifest(&(manifest + "  - name: new\n"));
    let others = body.replace("-CA ca.pem -CAkey ca-key.pem", "-CA other-ca.pem -CAkey other-ca-key.pem");
    bench.refuses(&others.replace("cat ca.pem", "cat other-ca.pem"), "this CA did not sign it");
}

#[test]
fn a_program_that_others_could_change_is_not_run() {
    let bench = Bench::new();
    let run = |why: &str| {
        let refused = bench.site.apply().exits(1);
        assert!(refused.stderr.contains(why), "{why}: {refused}");
        assert!(!bench.ca.path("extensions").exists(), "it was run");
    };
    set_mode(&bench.program(), 0o775);
    run("is not run: it may be written by others (mode 0775)");
    set_mode(&bench.program(), 0o755);
    set_mode(bench.ca.folder.path(), 0o777);
    run("is not trusted");
    set_mode(bench.ca.folder.path(), 0o700);
    fs::rename(bench.program(), bench.ca.path("real")).unwrap();
    run("is not there");
    fs::create_dir(bench.program()).unwrap();
    run("not a program");
    fs::remove_dir(bench.program()).unwrap();
    std::os::unix::fs::symlink("sign", bench.program()).unwrap();
    run("leads in a circle");
    fs::remove_file(bench.program()).unwrap();
    std::os::unix::fs::symlink("./real", bench.program()).unwrap();
    bench.site.apply().ok();
}
