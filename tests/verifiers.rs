//! Through the binary: what it issues satisfies other people's verifiers, what OpenSSL made before is taken over as it
//! is, and what ends is renewed. rustls judges in the unit tests, Go where dockerd runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Ran, Site, Tree, put, set_mode};

const ALGORITHMS: [&str; 6] = ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096"];
const TLS: &str = "etc/docker/tls";
const PASSPHRASE: &str = "correct horse battery staple 4711";
const SEALED: &str = "\
dockseal: 1
host: build-01.example.com
server:
  sans:
    ip: [10.10.10.20]
clients:
  - name: ci
";

fn run(program: &str, arguments: &[&str], folder: &Path) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("PASSPHRASE", PASSPHRASE).env("PATH", "/usr/bin:/bin");
    Ran::run(&command, b"", Duration::from_secs(60))
}

fn openssl(arguments: &str, folder: &Path) -> Ran {
    run("/usr/bin/openssl", &arguments.split(' ').collect::<Vec<_>>(), folder)
}

#[test]
fn hosts_of_every_key_algorithm_satisfy_openssl_gnutls_and_python() {
    for algorithm in ALGORITHMS {
        let manifest = format!(
            "dockseal: 1\nhost: build-01.example.com\nca:\n  key: {algorithm}\n  subject: {{country: ES, organization: Ñandú}}\n\
             server:\n  key: {algorithm}\n  sans: {{dns: [sub.example.com], ip: [10.10.10.20, \"2001:db8::1\"]}}\n\
             clients:\n  - name: ci\n    key: {algorithm}\n"
        );
        let site = Site::of(&["debian"], &manifest);
        site.apply().ok();
        let folder = site.file(TLS);
        let (server, client) = ("server-cert.pem", "clients/ci/cert.pem");
        let verify =
            |leaf, purpose| openssl(&format!("verify -x509_strict -CAfile ca.pem -purpose {purpose} {leaf}"), &folder);
        verify(server, "sslserver").ok();
        verify(client, "sslclient").ok();
        assert_ne!(verify(server, "sslclient").code, 0, "a server's certificate must not serve a client");
        assert_ne!(verify(client, "sslserver").code, 0, "a client's certificate must not serve a server");
        for (leaf, purpose) in [(server, "1.3.6.1.5.5.7.3.1"), (client, "1.3.6.1.5.5.7.3.2")] {
            let options =
                ["--verify", "--load-ca-certificate", "ca.pem", "--infile", leaf, "--verify-purpose", purpose];
            run("/usr/bin/certtool", &options, &folder).ok();
        }
        run("/usr/bin/env", &["python3", "-c", HANDSHAKE], &folder).ok();
        let text = openssl("x509 -in server-cert.pem -noout -text", &folder).ok().stdout;
        let wanted = match algorithm {
            "ed25519" => "ED25519 Public-Key",
            "ecdsa-p256" => "NIST CURVE: P-256",
            "ecdsa-p384" => "NIST CURVE: P-384",
            rsa => &format!("Public-Key: ({} bit)", &rsa[4..]),
        };
        assert!(text.contains(wanted), "{algorithm}: {text}");
        site.dockseal(["plan"]).run().ok();
    }
}

/// A TLS handshake in memory with both sides verifying, by the rules of Python 3.13, set by hand for older ones.
const HANDSHAKE: &str = r#"
import ssl
def context(purpose, folder, certificate, key):
    context = ssl.create_default_context(purpose, cafile=folder + "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT | getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder + certificate, folder + key)
    return context
for name in "build-01.example.com", "sub.example.com", "10.10.10.20", "2001:db8::1":
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context(ssl.Purpose.CLIENT_AUTH, "./", "server-cert.pem", "server-key.pem")
    client = context(ssl.Purpose.SERVER_AUTH, "clients/ci/", "cert.pem", "key.pem")
    sides = [server.wrap_bio(a, b, server_side=True), client.wrap_bio(b, a, server_hostname=name)]
    waiting = [1, 0]
    for _ in range(10):
        for side in list(waiting):
            try:
                sides[side].do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not waiting
    assert sides[0].getpeercert()["subject"] == ((("commonName", "ci"),),)
"#;

/// Everything that OpenSSL may have made before: keys in each form are found good, and nothing is done.
#[test]
fn keys_that_openssl_wrote_in_each_form_are_kept() {
    for (form, convert) in [
        ("BEGIN PRIVATE KEY", "pkcs8 -topk8 -nocrypt -in KEY -out NEW"),
        ("BEGIN EC PRIVATE KEY", "ec -in KEY -out NEW"),
        ("BEGIN EC PRIVATE KEY", "ec -in KEY -out NEW -conv_form compressed"),
    ] {
        let site = Site::of(&["debian", "sealed"], SEALED);
        for key in ["ca-key.pem", "server-key.pem", "clients/ci/key.pem"] {
            rewrite(&site, key, convert, form);
        }
        is_kept(&site);
    }
}

#[test]
fn a_host_that_openssl_made_with_rsa_keys_in_pkcs1_is_kept() {
    let manifest = SEALED.replace("server:\n", "ca:\n  key: rsa-2048\nserver:\n  key: rsa-2048\n");
    let site = Site::of(&["debian", "sealed"], &manifest.replace("name: ci", "name: ci\n    key: rsa-2048"));
    let folder = site.file(TLS);
    openssl("genrsa -traditional -out ca-key.pem 2048", &folder).ok();
    let subject = "/CN=build-01.example.com Docker CA";
    let options = [
        "req",
        "-x509",
        "-key",
        "ca-key.pem",
        "-out",
        "ca.pem",
        "-days",
        "3650",
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-subj",
        subject,
    ];
    run("/usr/bin/openssl", &options, &folder).ok();
    for (key, certificate, name, usage) in [
        (
            "server-key.pem",
            "server-cert.pem",
            "build-01.example.com",
            "serverAuth\nsubjectAltName=DNS:build-01.example.com,IP:10.10.10.20",
        ),
        // As the guides make it: without any name beside the common one.
        ("clients/ci/key.pem", "clients/ci/cert.pem", "ci", "clientAuth"),
    ] {
        openssl(&format!("genrsa -traditional -out {key} 2048"), &folder).ok();
        fs::write(folder.join("extensions"), format!("extendedKeyUsage={usage}\n")).unwrap();
        openssl(&format!("req -new -key {key} -subj /CN={name} -out request"), &folder).ok();
        openssl(
            &format!("x509 -req -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 365 -extfile extensions -out {certificate}"),
            &folder,
        )
        .ok();
    }
    fs::copy(folder.join("ca.pem"), folder.join("clients/ci/ca.pem")).unwrap();
    assert!(site.text("etc/docker/tls/ca-key.pem").starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    for key in ["ca-key.pem", "server-key.pem", "clients/ci/key.pem"] {
        set_mode(&folder.join(key), 0o400);
    }
    is_kept(&site);
    // And it is used: a new client is signed by that CA.
    site.manifest(&(manifest.replace("name: ci", "name: ci\n    key: rsa-2048") + "  - name: alice\n"));
    site.apply().ok();
    openssl("verify -CAfile ca.pem -purpose sslclient clients/alice/cert.pem", &folder).ok();
}

fn is_kept(site: &Site) {
    let before = site.tree();
    site.plan().ok();
    site.apply().ok();
    before.assert_untouched(&site.root());
}

/// Rewrites a key below the TLS folder by an openssl command over KEY and NEW.
fn rewrite(site: &Site, key: &str, command: &str, form: &str) {
    let folder = site.file(TLS);
    openssl(&command.replace("KEY", key).replace("NEW", "new"), &folder).ok();
    let text = fs::read(folder.join("new")).unwrap();
    assert!(String::from_utf8_lossy(&text).contains(form), "{form}");
    put(&folder.join(key), &text);
    fs::remove_file(folder.join("new")).unwrap();
}

/// Each source of a passphrase opens a key that OpenSSL encrypted.
#[test]
fn an_encrypted_ca_key_is_used_with_a_passphrase_from_each_source() {
    for cipher in
        ["-v2 aes-256-cbc", "-v2 aes-128-cbc -v2prf hmacWithSHA512", "-v2 aes-192-cbc -iter 100000", "-scrypt"]
    {
        for source in ["{file: /root/ca.passphrase}", "{env: CA_PASSPHRASE}", "{credential: ca}"] {
            let manifest = format!("{SEALED}ca:\n  passphrase: {source}\n");
            let site = Site::of(&["debian", "sealed"], &manifest);
            let form = "BEGIN ENCRYPTED PRIVATE KEY";
            rewrite(
                &site,
                "ca-key.pem",
                &format!("pkcs8 -topk8 {cipher} -passout env:PASSPHRASE -in KEY -out NEW"),
                form,
            );
            // Where nothing is to be signed nobody needs the passphrase.
            is_kept(&site);
            site.manifest(&manifest.replace("name: ci", "name: alice"));
            let credentials = site.file("run/credentials");
            for file in [site.file("root/ca.passphrase"), credentials.join("ca")] {
                put(&file, format!("{PASSPHRASE}\n").as_bytes());
                set_mode(&file, 0o400);
            }
            let apply =
                site.dockseal(["apply"]).env("CA_PASSPHRASE", PASSPHRASE).env("CREDENTIALS_DIRECTORY", &credentials);
            let before = site.text("etc/docker/tls/ca-key.pem");
            apply.run().ok();
            assert_eq!(site.text("etc/docker/tls/ca-key.pem"), before);
            openssl("verify -x509_strict -CAfile ca.pem clients/alice/cert.pem", &site.file(TLS)).ok();
            site.plan().ok();
        }
    }
}

#[test]
fn encryption_that_is_too_weak_is_refused_with_the_command_that_converts_it() {
    for (weak, form) in [
        ("ec -aes256 -passout env:PASSPHRASE -in KEY -out NEW", "Proc-Type: 4,ENCRYPTED"),
        (
            "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA1 -passout env:PASSPHRASE -in KEY -out NEW",
            "ENCRYPTED PRIVATE",
        ),
        ("pkcs8 -topk8 -v1 PBE-SHA1-3DES -passout env:PASSPHRASE -in KEY -out NEW", "ENCRYPTED PRIVATE"),
    ] {
        let manifest = format!("{SEALED}ca:\n  passphrase: {{env: PASSPHRASE}}\n");
        let site = Site::of(&["debian", "sealed"], &manifest.replace("name: ci", "name: alice"));
        rewrite(&site, "ca-key.pem", weak, form);
        let before = site.tree();
        let refused = site.apply().exits(1);
        before.assert_untouched(&site.root());
        let command = "openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW";
        assert!(refused.stderr.contains(command), "{refused}");
        assert!(site.plan().exits(1).stdout.contains(command));
        // Without a terminal openssl has to be told where the passphrases are.
        let command = command.strip_prefix("openssl ").unwrap().replace("OLD", "KEY");
        let command = format!("{command} -passin env:PASSPHRASE -passout env:PASSPHRASE");
        rewrite(&site, "ca-key.pem", &command, "BEGIN ENCRYPTED PRIVATE KEY");
        site.dockseal(["apply"]).env("PASSPHRASE", PASSPHRASE).run().ok();
    }
}

#[test]
fn openssl_reads_the_ca_key_that_we_encrypt() {
    for algorithm in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        let manifest = format!("{SEALED}ca:\n  key: {algorithm}\n  passphrase: {{env: PASSPHRASE}}\n");
        let site = Site::of(&["debian"], &manifest);
        site.dockseal(["apply"]).env("PASSPHRASE", PASSPHRASE).run().ok();
        let folder = site.file(TLS);
        assert!(site.text("etc/docker/tls/ca-key.pem").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        let of_key = openssl("pkey -in ca-key.pem -passin env:PASSPHRASE -pubout", &folder).ok();
        let of_certificate = openssl("x509 -in ca.pem -noout -pubkey", &folder).ok();
        assert_eq!(of_key.stdout, of_certificate.stdout);
        assert_ne!(openssl("pkey -in ca-key.pem -passin pass:wrong -noout", &folder).code, 0);
        let form = openssl("asn1parse -in ca-key.pem", &folder).ok().stdout;
        assert!(form.contains("aes-256-cbc") && form.contains("PBKDF2") && form.contains("hmacWithSHA256"), "{form}");
    }
}

/// The request asks to be a CA, and for another subject.
#[test]
fn a_clients_request_gives_its_key_and_nothing_else() {
    let site = Site::of(
        &["debian", "sealed", "request"],
        &format!("{SEALED}  - name: portainer\n    csr: /srv/csr/portainer.pem\n"),
    );
    site.apply().ok();
    let folder = site.file("etc/docker/tls/clients/portainer");
    let certificate = |options: &str| openssl(&format!("x509 -in cert.pem -noout {options}"), &folder).ok().stdout;
    let asked = openssl("req -in ../../../../../srv/csr/portainer.pem -noout -pubkey", &folder).ok().stdout;
    assert_eq!(certificate("-pubkey"), asked);
    assert_eq!(certificate("-subject"), "subject=CN = portainer\n");
    let text = certificate("-text");
    assert!(text.contains("CA:FALSE") && !text.contains("CA:TRUE"), "{text}");
    assert!(!folder.join("key.pem").exists());
    openssl("verify -x509_strict -CAfile ca.pem -purpose sslclient cert.pem", &folder).ok();
    // Another request brings another certificate.
    let other = "req -new -newkey ed25519 -nodes -keyout /dev/null -subj /CN=x -out srv/csr/portainer.pem";
    openssl(other, &site.root()).ok();
    let planned = site.plan().exits(2);
    assert!(planned.stdout.contains("its request bears another key"), "{planned}");
    site.apply().ok();
    site.plan().ok();
}

/// The names of files whose bytes differ.
fn changed(before: &Tree, after: &Tree) -> BTreeSet<String> {
    before
        .differences(after)
        .into_iter()
        .filter_map(|line| Some(line.strip_suffix(" has other bytes")?.to_owned()))
        .filter(|path| path != "var/lib/dockseal/previous")
        .collect()
}

#[test]
fn a_certificate_near_its_end_is_renewed_with_a_new_key_and_nothing_else_is_touched() {
    let site = Site::of(&["debian"], &format!("{SEALED}  - name: slow\n    valid_for: 800d\n"));
    site.at("+0d", &["apply"]).ok();
    let before = site.tree();
    let early = site.at("+330d", &["apply", "--quiet"]).ok();
    assert!(early.stdout.is_empty(), "{early}");
    before.assert_untouched(&site.root());
    let renewed = site.at("+336d", &["apply"]).ok();
    assert!(renewed.stdout.contains("it ends soon, at "), "{renewed}");
    let after = site.tree();
    let expected = ["clients/ci/cert.pem", "clients/ci/key.pem", "server-cert.pem", "server-key.pem"];
    assert_eq!(changed(&before, &after), expected.iter().map(|name| format!("{TLS}/{name}")).collect());
    for name in ["ca.pem", "ca-key.pem", "clients/slow/cert.pem", "clients/slow/key.pem", "clients/ci/ca.pem"] {
        let path = format!("{TLS}/{name}");
        assert!(before.0[&path] == after.0[&path], "{path} was touched");
    }
    site.at("+336d", &["plan"]).ok();
    site.at("+336d", &["apply"]).ok();
    after.assert_untouched(&site.root());
    // Long after the end it is renewed all the same.
    site.at("+2000d", &["plan"]).exits(2);
    site.at("+2000d", &["apply"]).ok();
    site.at("+2000d", &["plan"]).ok();
}

#[test]
fn a_leaf_never_outlives_its_ca_which_is_replaced_in_time() {
    let manifest =
        SEALED.replace("server:\n", "ca:\n  valid_for: 400d\nserver:\n  valid_for: 90d\n  renew_before: 30d\n");
    let site = Site::of(&["debian"], &manifest.replace("name: ci", "name: ci\n    valid_for: 90d"));
    site.at("+0d", &["apply"]).ok();
    site.at("+350d", &["apply"]).ok();
    let end = |name| openssl(&format!("x509 -in {name} -noout -enddate"), &site.file(TLS)).ok().stdout;
    assert_eq!(end("server-cert.pem"), end("ca.pem"));
    assert_eq!(end("clients/ci/cert.pem"), end("ca.pem"));
    let (after, cut) = (site.tree(), end("ca.pem"));
    for when in ["+350d", "+365d"] {
        site.at(when, &["plan"]).ok();
        site.at(when, &["apply"]).ok();
        after.assert_untouched(&site.root());
    }
    // What the old CA cut short, the one that takes over in time issues anew.
    let switched = site.at("+371d", &["apply"]).ok();
    assert!(switched.stdout.contains("the CA of generation 2 signs from now on"), "{switched}");
    assert_ne!(end("server-cert.pem"), cut);
    site.at("+402d", &["apply"]).ok();
    site.at("+402d", &["plan"]).ok();
    assert_ne!(end("ca.pem"), cut);
}
