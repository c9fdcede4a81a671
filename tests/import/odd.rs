//! Hosts that no guide makes: what can't be taken over as it is is said, and nothing of it is lost.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::{DOCKERD, FULL_NAME, import};
use crate::support::{Ran, Site, Tree, put, set_mode};

/// A shell in the root, with `ca`, which makes a CA, and `leaf NAME SUBJECT EXTENSIONS`, on curves, which are quick.
const TOOLS: &str = r#"
    key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
    ca() { key ca-key.pem; openssl req -new -x509 -utf8 -days 3650 -key ca-key.pem -subj "$1" -out ca.pem; }
    leaf() {
        key "$1-key.pem"
        openssl req -new -utf8 -key "$1-key.pem" -subj "$2" -out "$1.csr"
        printf '%b\n' "$3" >"$1.cnf"
        openssl x509 -req -days 365 -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out "$1-cert.pem" -extfile "$1.cnf"
        rm "$1.csr" "$1.cnf"
    }
    client() { mkdir -p "$1"; leaf "$1/x" "$2" "$3"; mv "$1/x-cert.pem" "$1/cert.pem"; mv "$1/x-key.pem" "$1/key.pem"; }
    SERVER='extendedKeyUsage=serverAuth\nsubjectAltName=DNS:a.example,IP:10.0.0.1'
    mkdir -p etc/docker/tls; cd etc/docker/tls
"#;

const DAEMON_JSON: &str = r#"{"tlsverify": true, "tlscacert": "/etc/docker/tls/ca.pem", "tlscert": "/etc/docker/tls/server-cert.pem",
    "tlskey": "/etc/docker/tls/server-key.pem"}"#;

fn host(script: &str) -> Site {
    let site = Site::of(&["debian"], "");
    put(&site.file("etc/docker/daemon.json"), DAEMON_JSON.as_bytes());
    let mut command = Command::new("/bin/sh");
    command.args(["-euc", &format!("{TOOLS}{script}")]).current_dir(site.root()).env("PATH", "/usr/bin:/bin");
    Ran::run(&command, b"", Duration::from_secs(60)).ok();
    site
}

/// Imports, and gives what the plan with it would change: `action resource`, a line each.
fn changes(site: &Site) -> (Ran, String) {
    let before = site.tree();
    let imported = import(site).ok();
    before.assert_untouched(&site.root());
    assert!(!imported.stdout.contains("PRIVATE KEY") && !imported.stderr.contains("PRIVATE KEY"), "{imported}");
    site.manifest(&imported.stdout);
    let planned = site.dockseal(["plan"]).run();
    let lines = planned.stdout.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let short = lines.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ") + "\n").collect();
    (imported, short)
}

const UNIT_ALONE: &str = "~ daemon.json\n+ unit.recover\n+ unit.drop-in\n";

#[test]
fn a_host_without_tls_gets_a_manifest_to_begin_with() {
    let site = Site::of(&["debian"], "");
    put(&site.file("etc/hostname"), b"# mine\nbuild-01.example.com\n");
    put(&site.file("etc/docker/daemon.json"), br#"{"hosts": ["unix:///run/docker.sock", "tcp://0.0.0.0:2375"]}"#);
    let (imported, _) = changes(&site);
    assert!(imported.stderr.contains("note: this host has no TLS: "), "{imported}");
    assert!(imported.stdout.contains("\nhost: build-01.example.com\n"), "{imported}");
    let hosts = "  hosts: [unix:///run/docker.sock, tcp://0.0.0.0:2376]\n";
    assert!(imported.stdout.ends_with(hosts), "{imported}");
    assert!(imported.stdout.contains("# dockerd listens on tcp://0.0.0.0:2375 without TLS"), "{imported}");
    site.apply().ok();
    site.dockseal(["plan"]).run().ok();
}

#[test]
fn a_host_that_dockseal_sealed_is_said_back() {
    let manifest = "dockseal: 1\nhost: a.example\nserver: {sans: {dns: [b.example], ip: [10.0.0.1]}}\n\
                    clients: [{name: ci, key: ed25519, valid_for: 90d}, {name: Portainer}]\n";
    let site = Site::of(&["debian"], manifest);
    site.apply().ok();
    let (imported, changes) = changes(&site);
    assert_eq!(changes, "", "{imported}");
    assert_eq!(imported.stderr, "");
    for line in ["host: a.example", "    dns: [b.example]", "  - name: ci", "    valid_for: 90d", "  - name: Portainer"]
    {
        assert!(imported.stdout.lines().any(|found| found == line), "{line}: {imported}");
    }
}

#[test]
fn a_ca_key_in_the_old_encryption_does_not_stand_in_the_way() {
    let site = host(
        "ca /CN=ca; leaf server /CN=a.example \"$SERVER\"
         openssl ec -in ca-key.pem -aes256 -passout pass:correct-horse -out old.pem; mv old.pem ca-key.pem",
    );
    assert!(site.text("etc/docker/tls/ca-key.pem").contains("Proc-Type: 4,ENCRYPTED"));
    let (imported, changes) = changes(&site);
    assert_eq!(changes, UNIT_ALONE, "{imported}");
    assert!(imported.stdout.contains("  ca_key: /etc/docker/tls/ca-key-pkcs8.pem\n"), "{imported}");
    let told = imported.stdout.replace("\n# ", " ");
    let convert =
        "openssl pkcs8 -topk8 -v2 aes-256-cbc -in /etc/docker/tls/ca-key.pem -out /etc/docker/tls/ca-key-pkcs8.pem";
    assert!(told.contains(convert), "{imported}");
    site.apply().ok();
}

#[test]
fn what_is_not_understood_is_never_deleted() {
    let site = host(
        "ca /CN=ca; leaf server /CN=a.example \"$SERVER\"
         client clients/good /CN=good extendedKeyUsage=clientAuth
         client clients/twin /CN=good extendedKeyUsage=clientAuth
         client clients/keyless /CN=keyless extendedKeyUsage=clientAuth; rm clients/keyless/key.pem
         cp -r clients/good clients/zz-copy",
    );
    let clients = Tree::read(&site.file("etc/docker/tls/clients"));
    let (imported, changes) = changes(&site);
    assert_eq!(changes, format!("+ client.good.ca\n{UNIT_ALONE}"), "{imported}");
    for what in ["clients/twin/cert.pem bears the common name", "clients/keyless/key.pem is not there", "is a copy of"]
    {
        assert!(imported.stderr.contains(what), "{what}: {imported}");
    }
    site.apply().ok();
    let after = Tree::read(&site.file("etc/docker/tls/clients"));
    let differences = clients.unlike(&after, |_| true);
    assert_eq!(differences, ["good/ca.pem is new"], "all else is as it was");
}

#[test]
fn without_the_cas_key_nothing_is_asked_that_would_need_it() {
    let site = host(
        "ca /CN=ca; leaf server /CN=a.example \"$SERVER\"
         client clients/good /CN=good extendedKeyUsage=clientAuth
         client clients/old /CN=old basicConstraints=CA:FALSE
         rm ca-key.pem",
    );
    let (imported, changes) = changes(&site);
    assert_eq!(changes, format!("+ client.good.ca\n{UNIT_ALONE}"), "{imported}");
    assert!(imported.stderr.contains("the client old would have to be issued anew"), "{imported}");
    site.apply().ok();
    assert!(site.file("etc/docker/tls/clients/old/cert.pem").exists());
}

#[test]
fn a_certificate_that_signed_itself_goes_on_as_the_ca() {
    let site = host(
        "key server-key.pem
         openssl req -new -x509 -days 365 -key server-key.pem -subj /CN=a.example \
             -addext subjectAltName=DNS:a.example,IP:10.0.0.1 -out server-cert.pem",
    );
    put(&site.file("etc/docker/daemon.json"), DAEMON_JSON.replace("ca.pem", "server-cert.pem").as_bytes());
    let old = fs::read(site.file("etc/docker/tls/server-cert.pem")).unwrap();
    let (imported, _) = changes(&site);
    assert!(imported.stderr.contains("the server and the CA share what stands in"), "{imported}");
    site.apply().ok();
    assert_eq!(fs::read(site.file("etc/docker/tls/server-cert.pem")).unwrap(), old);
    let mut verify = Command::new("/usr/bin/openssl");
    verify.args(["verify", "-verify_hostname", "a.example", "-CAfile", "server-cert.pem", "dockseal-server-cert.pem"]);
    Ran::run(verify.current_dir(site.file("etc/docker/tls")), b"", Duration::from_secs(20)).ok();
}

/// Names in certificates, of folders and in daemon.json are others' texts.
#[test]
fn no_name_writes_a_field_of_its_own() {
    let site = host(
        "ca \"/O=x\\nsystemd: {restart: always}/CN=$(printf 'a\\n#\\ndaemon: {debug: true}\\033[31m\\342\\200\\256')\"
         leaf server \"/CN=*/O=a.example: b\" 'extendedKeyUsage=serverAuth\\nsubjectAltName=DNS:a.example,DNS:*.b.example,email:a@b'
         client \"clients/no: [yes]\" '/CN=no' extendedKeyUsage=clientAuth
         client 'clients/b' '/CN=..\\/..\\/etc\\/passwd' extendedKeyUsage=clientAuth
         client \"$(printf 'clients/c\\nhost: evil')\" '/CN=c' extendedKeyUsage=clientAuth",
    );
    let mut daemon_json: serde_json::Value = serde_json::from_str(DAEMON_JSON).unwrap();
    daemon_json["hosts"] = serde_json::json!(["fd://\nx: y", "tcp://[::1]:2376", "unix:///run/\u{202e}x"]);
    put(&site.file("etc/docker/daemon.json"), daemon_json.to_string().as_bytes());
    let (imported, _) = changes(&site);
    let fields: Vec<&str> = imported.stdout.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    let names = fields.iter().filter_map(|line| line.split(':').next()).collect::<Vec<_>>();
    assert_eq!(names, ["dockseal", "host", "directory", "files", "ca", "server", "clients", "daemon"], "{imported}");
    assert!(imported.stdout.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{imported}");
    for line in ["  - name: \"no\"", "  - name: etc-passwd"] {
        assert!(imported.stdout.lines().any(|found| found == line), "{line}: {imported}");
    }
    assert!(imported.stderr.contains("is no path that a manifest can hold"), "{imported}");
}

#[test]
fn what_others_could_change_is_not_read() {
    let site = host("ca /CN=ca; leaf server /CN=a.example \"$SERVER\"");
    set_mode(&site.file("etc/docker/tls"), 0o777);
    let (imported, _) = changes(&site);
    assert!(imported.stderr.contains("etc/docker/tls"), "{imported}");
    assert!(imported.stdout.contains("What has to be put right before anything can be applied:"), "{imported}");
    assert!(!imported.stdout.contains("a.example"), "{imported}");
}

#[test]
fn a_setting_in_both_places_is_named() {
    let site = Site::of(&["debian"], "");
    FULL_NAME.make(&site, DOCKERD);
    let text = site.text("etc/docker/daemon.json").replacen('{', r#"{"hosts": ["fd://", "tcp://0.0.0.0:2376"],"#, 1);
    put(&site.file("etc/docker/daemon.json"), text.as_bytes());
    let (imported, _) = changes(&site);
    let named = "`hosts` stands in /etc/docker/daemon.json and on the command line (/etc/systemd/system/docker.service.d/override.conf:3)";
    assert!(imported.stderr.contains(named), "{imported}");
    site.apply().ok();
}

/// A CA whose key lies elsewhere, and a client in the server's folder, go through a replacement of the CA as others do.
#[test]
fn a_host_that_was_taken_over_gets_a_new_ca() {
    let site = host(
        "ca /CN=ca; leaf server /CN=a.example \"$SERVER\"
         client . /CN=me extendedKeyUsage=clientAuth; mkdir private; mv ca-key.pem private/ca.key; chmod 600 private/ca.key",
    );
    let (imported, changes) = changes(&site);
    assert_eq!(changes, UNIT_ALONE, "{imported}");
    site.apply().ok();
    site.manifest(&imported.stdout.replacen("\nca:\n", "\nca:\n  rotate: {generation: 2}\n", 1));
    let folder = site.file("etc/docker/tls");
    let old = fs::read(folder.join("cert.pem")).unwrap();
    for phase in ["introduce", "switch", "retire"] {
        site.dockseal(["apply", "--advance"]).run().ok();
        let mut verify = Command::new("/usr/bin/openssl");
        verify.args(["verify", "-CAfile", "ca.pem", "server-cert.pem", "cert.pem"]).current_dir(&folder);
        Ran::run(&verify, b"", Duration::from_secs(20)).ok();
        assert_eq!(fs::read(folder.join("cert.pem")).unwrap() == old, phase == "introduce", "{phase}");
    }
    site.dockseal(["plan"]).run().ok();
    assert!(!folder.join("ca-key.pem").exists() && !folder.join("ca-old-key.pem").exists());
    let mut verify = Command::new("/usr/bin/openssl");
    fs::write(folder.join("old.pem"), old).unwrap();
    verify.args(["verify", "-CAfile", "ca.pem", "old.pem"]).current_dir(&folder);
    assert_ne!(Ran::run(&verify, b"", Duration::from_secs(20)).code, 0, "the old CA is gone");
}
