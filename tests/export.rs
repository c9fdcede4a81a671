//! `dockseal client export`: what a person hands over is taken by the docker CLI, curl and the Docker SDK for Python, and
//! nothing is handed over that would not get in.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Dockseal, Host, Ran, Site, Tree, on_each_suite, put, set_mode};

on_each_suite!(what_is_exported_gets_in);

const MANIFEST: &str = "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans: {ip: [10.10.10.20, 127.0.0.1]}\nclients:\n  \
                        - name: ci\n  - name: laptop\n    csr: /srv/csr/laptop.pem\ndaemon:\n  hosts: [fd://, tcp://0.0.0.0:2376]\n";

/// A site that was applied, with a client that made its key itself.
fn site() -> Site {
    let site = Site::of(&[], MANIFEST);
    fs::create_dir_all(site.file("srv/csr")).unwrap();
    let request = site.file("srv/csr/laptop.pem");
    let mut openssl = Command::new("/usr/bin/openssl");
    openssl.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]);
    openssl.arg("-keyout").arg(site.folder().join("laptop.key")).arg("-out").arg(request);
    Ran::run(&openssl, b"", Duration::from_secs(60)).ok();
    site.apply().ok();
    site
}

/// `dockseal client export CLIENT host.yaml --root root …`
fn export<'a>(site: &Site, client: &'a str, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
    let words: Vec<&str> = ["client", "export", client, "host.yaml"].into_iter().chain(arguments).collect();
    Dockseal::new().args(words).root("root").current_dir(site.folder()).run()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The line that no output may hold: the middle of the client's key.
fn middle_of_the_key(site: &Site) -> String {
    site.text("etc/docker/tls/clients/ci/key.pem").lines().nth(1).unwrap().to_owned()
}

#[test]
fn a_folder_is_the_clients_own_files() {
    let site = site();
    let said = export(&site, "ci", ["--format", "dir"]).ok();
    let folder = site.folder().join("build-01.example.com-ci");
    let uses = format!("  export DOCKER_CERT_PATH={}\n", folder.display());
    assert!(said.stdout.starts_with("client.ci  build-01.example.com-ci\n  subject  CN = ci\n"), "{said}");
    assert!(said.stdout.ends_with(&uses), "{said}");
    assert!(!said.stdout.contains(&middle_of_the_key(&site)), "{said}");
    assert_eq!(mode(&folder), 0o700);
    for (file, expected) in [("ca.pem", 0o644), ("cert.pem", 0o644), ("key.pem", 0o600)] {
        let own = fs::read(site.file("etc/docker/tls/clients/ci").join(file)).unwrap();
        assert!(own == fs::read(folder.join(file)).unwrap(), "{file}");
        assert_eq!(mode(&folder.join(file)), expected, "{file}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    // Once more changes nothing; a wider mode is mended by those who say that they mean it.
    let before = Tree::read(&folder);
    export(&site, "ci", ["--format", "dir"]).ok();
    before.assert_untouched(&folder);
    set_mode(&folder.join("key.pem"), 0o640);
    export(&site, "ci", ["--format", "dir"]).exits(1);
    export(&site, "ci", ["--format", "dir", "--force"]).ok();
    assert_eq!(mode(&folder.join("key.pem")), 0o600);
}

#[test]
fn a_client_that_keeps_its_key_gets_the_rest() {
    let site = site();
    export(&site, "laptop", ["--format", "dir", "--out", "laptop"]).ok();
    let names: Vec<String> =
        Tree::read(&site.folder().join("laptop")).files(|_| true).map(|(path, _)| path.clone()).collect();
    assert_eq!(names, ["ca.pem", "cert.pem"]);
    // Its own key beside them is no business of ours.
    put(&site.folder().join("laptop/key.pem"), b"its own");
    export(&site, "laptop", ["--format", "dir", "--out", "laptop", "--force"]).ok();
    assert_eq!(fs::read(site.folder().join("laptop/key.pem")).unwrap(), b"its own");
    let refused = export(&site, "laptop", ["--format", "context"]).exits(1);
    assert!(refused.stderr.contains("the key of `laptop` is not on this host"), "{refused}");
    assert!(!site.folder().join("build-01.example.com-laptop.dockercontext").exists());
}

/// GNU tar lists what docker/cli demands; the docker CLI itself judges on the booted hosts.
#[test]
fn a_context_is_an_archive_for_its_owner_alone() {
    let site = site();
    let said = export(&site, "ci", ["--format", "context"]).ok();
    let file = site.folder().join("build-01.example.com-ci.dockercontext");
    assert!(
        said.stdout.ends_with("  docker context import build-01 build-01.example.com-ci.dockercontext\n"),
        "{said}"
    );
    assert!(!said.stdout.contains(&middle_of_the_key(&site)), "{said}");
    assert_eq!(mode(&file), 0o600);
    let tar = |arguments: &[&str]| {
        let mut command = Command::new("/usr/bin/tar");
        command.args(arguments).arg("-f").arg(&file).env("TZ", "UTC");
        Ran::run(&command, b"", Duration::from_secs(60)).ok()
    };
    let names = "meta.json\ntls/docker/ca.pem\ntls/docker/cert.pem\ntls/docker/key.pem\n";
    assert_eq!(tar(&["-t"]).stdout, names);
    assert!(tar(&["-tv"]).stdout.lines().all(|line| line.starts_with("-rw------- 0/0")));
    let meta = r#"{"Name":"build-01.example.com","Metadata":{"Description":"Docker on build-01.example.com, as client ci"},"Endpoints":{"docker":{"Host":"tcp://build-01.example.com:2376","SkipTLSVerify":false}}}"#;
    assert_eq!(tar(&["-xO", "meta.json"]).stdout, meta);
    let key = site.text("etc/docker/tls/clients/ci/key.pem");
    assert!(tar(&["-xO", "tls/docker/key.pem"]).stdout == key);
    // The same bundle is the same archive.
    let before = Tree::read(site.folder());
    export(&site, "ci", ["--format", "context"]).ok();
    before.assert_untouched(site.folder());
}

#[test]
fn lines_for_a_shell_name_a_folder_and_hold_no_secret() {
    let site = site();
    let lines = |folder: &str| {
        format!(
            "export DOCKER_HOST=tcp://build-01.example.com:2376\nexport DOCKER_TLS_VERIFY=1\nexport DOCKER_CERT_PATH={folder}\n"
        )
    };
    let before = Tree::read(site.folder());
    let own = export(&site, "ci", ["--format", "env"]).ok();
    assert_eq!(
        own.stdout,
        lines("root/etc/docker/tls/clients/ci").replace("=root", &format!("={}/root", site.folder().display()))
    );
    let there = export(&site, "ci", ["--format", "env", "--out", "/home/anna's docker"]).ok();
    assert_eq!(there.stdout, lines(r"'/home/anna'\''s docker'"));
    let other = export(&site, "ci", ["--format", "env", "--out", "/x", "--host", "tcp://10.10.10.20:2376"]).ok();
    assert_eq!(other.stdout, lines("/x").replace("build-01.example.com", "10.10.10.20"));
    before.assert_untouched(site.folder());
}

#[test]
fn what_stands_there_is_replaced_by_force_alone() {
    let site = site();
    put(&site.folder().join("mine/key.pem"), b"another host's key");
    put(&site.folder().join("notes"), b"mine");
    for (format, out) in [("dir", "mine"), ("context", "notes")] {
        let before = Tree::read(site.folder());
        let refused = export(&site, "ci", ["--format", format, "--out", out]).exits(1);
        assert!(refused.stderr.contains("is there already, and would be lost"), "{refused}");
        assert!(refused.stderr.contains("--force"), "{refused}");
        before.assert_untouched(site.folder());
        export(&site, "ci", ["--format", format, "--out", out, "--force"]).ok();
        export(&site, "ci", ["--format", format, "--out", out]).ok();
    }
    // A link is not followed, not even by force.
    symlink("/etc/passwd", site.folder().join("link")).unwrap();
    let refused = export(&site, "ci", ["--format", "context", "--out", "link", "--force"]).exits(1);
    assert!(refused.stderr.contains("is a symlink, not a regular file"), "{refused}");
    for out in ["no/such/folder/here", "/dev/null/x", "..", "/"] {
        let before = Tree::read(site.folder());
        export(&site, "ci", ["--format", "context", "--out", out, "--force"]).exits(1);
        before.assert_untouched(site.folder());
    }
}

#[test]
fn what_would_not_get_in_is_not_handed_over() {
    let site = site();
    let refuses = |client: &str, why: &str| {
        for format in ["dir", "context"] {
            let refused = export(&site, client, ["--format", format, "--out", "out"]).exits(1);
            assert!(refused.stderr.contains(why), "{why}: {refused}");
            assert!(!site.folder().join("out").exists());
        }
    };
    refuses("nobody", "error: the manifest has no client `nobody`\n  help: it has ci, laptop");
    refuses("../ci", "the manifest has no client `../ci`");
    let clients = site.file("etc/docker/tls/clients");
    for (file, broken, why) in [
        (
            "cert.pem",
            fs::read(site.file("etc/docker/tls/clients/laptop/cert.pem")).unwrap(),
            "is not the key of cert.pem",
        ),
        ("cert.pem", fs::read(site.file("etc/docker/tls/ca.pem")).unwrap(), "is not the key of cert.pem"),
        ("ca.pem", fs::read(site.file("etc/docker/tls/server-cert.pem")).unwrap(), "is not signed by a CA of ca.pem"),
        ("cert.pem", b"nothing".to_vec(), "cert.pem: "),
        ("key.pem", b"nothing".to_vec(), "key.pem: "),
    ] {
        let path = clients.join("ci").join(file);
        let good = fs::read(&path).unwrap();
        put(&path, &broken);
        refuses("ci", why);
        put(&path, &good);
    }
    fs::rename(clients.join("ci/key.pem"), clients.join("key.pem")).unwrap();
    refuses("ci", "key.pem is missing\n  help: run `dockseal apply`");
    symlink("../key.pem", clients.join("ci/key.pem")).unwrap();
    refuses("ci", "key.pem is a symlink, not a regular file");
    let other = Site::of(&[], "dockseal: 1\nhost: build-01.example.com\nclients: [{name: ci, valid_for: 2h}]\n");
    other.apply_at("-5h").ok();
    let ended = export(&other, "ci", ["--format", "dir", "--out", "out"]).exits(1);
    assert!(ended.stderr.contains("and not now"), "{ended}");
}

#[test]
fn a_host_is_called_by_a_name_of_its_certificate() {
    let site = site();
    let refused = export(&site, "ci", ["--format", "env", "--host", "tcp://10.10.10.21:2376"]).exits(1);
    let hint = "it holds DNS:build-01.example.com, IP:10.10.10.20, IP:127.0.0.1; more names go under `server.sans`";
    assert!(refused.stderr.contains("does not hold 10.10.10.21: clients would refuse it"), "{refused}");
    assert!(refused.stderr.contains(hint), "{refused}");
    for host in ["10.10.10.20", "https://x:1", "tcp://x", "unix:///run/docker.sock"] {
        export(&site, "ci", ["--format", "env", "--host", host]).exits(1);
    }
}

/// The docker CLI with a context and with variables, curl, the Docker SDK for Python.
fn what_is_exported_gets_in(host: &Host) {
    host.seal(crate::support::MANIFEST);
    host.sh("printf '127.0.0.1 build-01.example.com\n' >>/etc/hosts").ok();
    let version = "version --format '{{.Server.Version}}'";
    let is_in = |ran: Ran| {
        assert!(
            ran.clone().ok().text().ends_with(host.sh("docker version --format '{{.Server.Version}}'").text()),
            "{ran}"
        );
    };

    host.sh("cd /root && dockseal client export ci --format context").ok();
    host.sh("docker context import build-01 /root/build-01.example.com-ci.dockercontext").ok();
    is_in(host.sh(&format!("docker --context build-01 {version}")));
    let endpoint = host.sh("docker context inspect build-01 --format '{{.Endpoints.docker.Host}}'").ok();
    assert_eq!(endpoint.text(), "tcp://build-01.example.com:2376");

    host.sh("dockseal client export ci --format dir --out /root/build-01").ok();
    let lines = "eval \"$(dockseal client export ci --format env --out /root/build-01)\"";
    is_in(host.sh(&format!("{lines}; docker {version}")));
    let curl =
        "curl -sS --cacert $DOCKER_CERT_PATH/ca.pem --cert $DOCKER_CERT_PATH/cert.pem --key $DOCKER_CERT_PATH/key.pem";
    let pinged = host.sh(&format!("{lines}; {curl} https://${{DOCKER_HOST#tcp://}}/_ping")).ok();
    assert_eq!(pinged.text(), "OK");
    // It is the exported files that let it in.
    host.sh(&format!("{lines}; unset DOCKER_CERT_PATH; docker {version}")).exits(1);

    let folder = tempfile::tempdir().unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(folder.path().join(file), host.read(&format!("/root/build-01/{file}"))).unwrap();
    }
    let sdk = crate::support::cache().join("python/bin/python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python_sdk.py");
    let call = host.in_network([sdk.as_os_str(), script.as_ref()]).env("DOCKER_TLS_VERIFY", "1");
    is_in(call.env("DOCKER_HOST", "tcp://127.0.0.1:2376").env("DOCKER_CERT_PATH", folder.path()).run());
}
