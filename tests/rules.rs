//! DESIGN's rules that never break, each by its number, as far as they can be shown under `--root`. What needs systemd and
//! dockerd (the reload and rollback of a running daemon, `dockerd --validate`, at most one restart) is shown on booted
//! hosts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::{Ran, Site, Tree, put, set_mode};

const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
server:
  sans:
    ip: [10.10.10.20]
clients:
  - name: ci
";
const PASSPHRASE: &str = "correct horse battery staple 4711";

#[test]
fn rule_01_plan_after_apply_is_empty_and_a_second_apply_writes_nothing() {
    let site = Site::of(&["debian"], MANIFEST);
    site.apply().ok();
    let after = site.tree();
    for arguments in [["plan"], ["apply"]] {
        let ran = site.dockseal(arguments).run().ok();
        assert!(ran.stdout.ends_with("In sync: nothing to do.\n"), "{ran}");
    }
    site.dockseal(["apply", "--detailed-exitcode", "--quiet"]).run().ok();
    after.assert_untouched(&site.root());
    let (trace, ran) = site.traced(&["-e", "trace=file,desc,process,fsync,syncfs"], &["apply", "host.yaml"]);
    ran.ok();
    assert_eq!(first_write(&trace), None);
}

/// The first call in a trace that changes something below the root.
fn first_write(trace: &str) -> Option<&str> {
    let names = [
        "write", "pwrite", "rename", "unlink", "mkdir", "link", "symlink", "chmod", "fchmod", "utime", "sync", "fsync",
    ];
    let is_write = |line: &&str| {
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let opened =
            call.starts_with("open") && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.contains(flag));
        call.contains("/root") && (opened || names.iter().any(|name| call.starts_with(name)))
    };
    trace.lines().find(is_write)
}

#[test]
fn rule_02_plan_writes_nothing_needs_no_key_and_the_same_inputs_give_the_same_bytes() {
    let site = Site::of(&["debian", "sealed", "expiring"], &MANIFEST.replace("ci", "alice"));
    let before = site.tree();
    let first = site.plan().exits(2);
    assert_eq!(site.plan().stdout, first.stdout);
    let json = || site.dockseal(["plan", "--now", Site::NOW, "--format", "json"]).run().exits(2).stdout;
    assert_eq!(json(), json());
    before.assert_untouched(&site.root());

    // The CA's key is encrypted and nobody is there who knows its passphrase: there is no such file.
    let passphrase = "ca:\n  passphrase: {file: /nowhere/passphrase}\n";
    site.manifest(&(MANIFEST.replace("ci", "alice") + passphrase));
    let key = site.file("etc/docker/tls/ca-key.pem");
    encrypt(&key, &["-v2", "aes-256-cbc"]);
    let sealed = site.plan().exits(2);
    assert_eq!(sealed.stdout, first.stdout, "an encrypted key is as good as a plain one");
    // Without any key of the CA the drift is still shown, and what is missing is told.
    fs::remove_file(&key).unwrap();
    let missing = site.plan().exits(1);
    let changes = |ran: &Ran| ran.stdout.split("\nnote: ").next().unwrap().to_owned();
    assert_eq!(changes(&missing), changes(&first));
    assert!(missing.stdout.contains("ca-key.pem is missing, and something has to be signed"), "{missing}");
}

/// `-f` shows all threads; names are seen as they are opened, not as they are called later.
#[test]
fn rule_03_a_file_appears_whole_with_its_final_mode_and_keys_are_0600_from_their_first_byte() {
    let site =
        Site::of(&["debian", "sealed", "expiring"], &(MANIFEST.to_owned() + "  - name: alice\n    key: ed25519\n"));
    site.manifest(&site_manifest_with_debug());
    let calls = "trace=openat,openat2,creat,write,pwrite64,writev,fchmod,fchmodat,chmod,renameat,renameat2,rename,linkat,fsync,syncfs,ftruncate";
    let (trace, ran) = site.traced(&["-e", calls, "-e", "status=successful"], &["apply", "host.yaml"]);
    ran.ok();
    let calls: Vec<&str> = trace.lines().filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim())).collect();
    // The log alone grows.
    let (logged, calls): (Vec<&str>, Vec<&str>) = calls.iter().partition(|call| call.contains("/var/log"));
    let logged: Vec<&&str> = logged.iter().filter(|call| call.contains("O_CREAT")).collect();
    assert!(logged.len() == 1 && logged[0].contains("O_APPEND") && logged[0].contains("0600)"), "{logged:#?}");
    // The journal, and what a rollback needs: for root alone, by the same rules.
    let (own, in_root): (Vec<&str>, Vec<&str>) =
        calls.iter().filter(|call| call.contains("/root/")).partition(|call| call.contains("/var/lib/dockseal"));
    let own: Vec<&&str> = own.iter().filter(|call| call.contains("O_CREAT")).collect();
    assert_eq!(own.len(), 3, "{own:#?}");
    assert!(own.iter().all(|call| call.contains("O_EXCL") && call.contains("0600)")), "{own:#?}");
    // Every file is created under a name of its own, with its mode in the same call.
    let created: Vec<&str> = in_root.iter().copied().filter(|call| call.contains("O_CREAT")).collect();
    assert_eq!(created.len(), 6, "{created:#?}");
    for call in &created {
        let mode = if call.contains("key.pem") { "0600)" } else { "0644)" };
        assert!(call.contains("O_EXCL") && call.contains(".dockseal-new") && call.contains(mode), "{call}");
    }
    assert_eq!(created.iter().filter(|call| call.contains("key.pem")).count(), 2);
    // Nothing is written through a final name, and a key's mode is never widened.
    for call in &in_root {
        let writes = ["write(", "pwrite64(", "writev(", "ftruncate("].iter().any(|name| call.starts_with(name));
        assert!(!writes || call.contains(".dockseal-new>"), "{call}");
        assert!(!call.contains("O_TRUNC"), "{call}");
        // What the umask took from a text or a new folder is given back before it appears.
        let is_public = call.contains(".dockseal-new>, 0644") || call.contains(">, 0755");
        let is_chmod = call.starts_with("fchmod") || call.starts_with("chmod");
        assert!(!is_chmod || is_public && !call.contains("key.pem"), "{call}");
    }
    // Written, synced, renamed, synced.
    let position = |what: &str, last: bool| {
        let mut found = calls.iter().enumerate().filter(|(_, call)| {
            call.starts_with(what)
                && call.contains("/root")
                && !(what == "rename" && call.contains("dockseal>, \"journal"))
        });
        let found = if last { found.next_back() } else { found.next() };
        found.unwrap_or_else(|| panic!("no {what} in {calls:#?}")).0
    };
    let first_sync = position("syncfs(", false).min(calls.len());
    let last_write =
        calls.iter().rposition(|call| call.starts_with("write(") && call.contains(".dockseal-new>")).unwrap();
    assert!(last_write < first_sync && first_sync < position("rename", false), "{calls:#?}");
    assert!(position("rename", true) < position("syncfs(", true), "{calls:#?}");
}

fn site_manifest_with_debug() -> String {
    MANIFEST.replace("[10.10.10.20]", "[10.10.10.21]") + "  - name: alice\n    key: ed25519\ndaemon:\n  debug: true\n"
}

#[test]
fn rule_04_no_private_key_or_passphrase_reaches_any_output_argument_or_environment() {
    let manifest = MANIFEST.to_owned() + "  - name: alice\nca:\n  passphrase: {file: /root/ca.passphrase}\n";
    let site = Site::of(&["debian", "sealed", "expiring"], &manifest);
    put(&site.file("root/ca.passphrase"), format!("{PASSPHRASE}\n").as_bytes());
    set_mode(&site.file("root/ca.passphrase"), 0o600);
    encrypt(&site.file("etc/docker/tls/ca-key.pem"), &["-v2", "aes-256-cbc"]);
    // A key where a text belongs, as it comes of a slip of the hand: not even an error message may quote it.
    let slip = Site::of(&["debian", "sealed"], &manifest);
    let key = slip.text("etc/docker/tls/server-key.pem");
    put(&slip.file("etc/docker/daemon.json"), key.as_bytes());
    put(&slip.file("etc/docker/tls/server-cert.pem"), key.as_bytes());
    let mut secrets = secrets_of(&slip);
    secrets.extend(secrets_of(&site));
    let mut said = String::new();
    let mut hear = |ran: Ran| said += &ran.to_string();
    hear(slip.plan().exits(1));
    hear(slip.apply().exits(1));
    hear(slip.dockseal(["status"]).run());
    hear(site.plan().exits(2));
    hear(site.dockseal(["plan", "--format", "json"]).run().exits(2));
    let (trace, ran) = site.traced(&["-e", "trace=execve,write,writev,sendto,sendmsg", "-v"], &["apply", "host.yaml"]);
    hear(ran.ok());
    hear(site.dockseal(["status"]).run().ok());
    hear(site.plan());
    secrets.extend(secrets_of(&site));
    assert!(secrets.len() >= 7, "{}", secrets.len());
    // Written is a key to its own file alone; run is the binary and nothing else.
    assert_eq!(trace.matches("execve(").count(), 1);
    let elsewhere = trace.lines().filter(|line| !line.contains("key.pem.dockseal-new>"));
    said.extend(elsewhere.map(|line| line.replace("\\n", "\n") + "\n"));
    for secret in secrets {
        assert!(!said.contains(&secret), "a secret is told:\n{said}");
    }
    // Nothing is kept beside the files, and no file but a key holds a key.
    for (path, node) in site.tree().files(|path| !path.ends_with("key.pem")) {
        assert!(!String::from_utf8_lossy(&node.bytes).contains("PRIVATE KEY"), "{path}");
        assert!(!path.contains(".dockseal-"), "{path}");
    }
    for (path, node) in site.tree().files(|path| path.ends_with("key.pem")) {
        assert_eq!(node.mode & 0o7777, 0o600, "{path}");
    }
}

/// The passphrase, and of each key's base64 the lines that hold it.
fn secrets_of(site: &Site) -> Vec<String> {
    let mut secrets = vec![PASSPHRASE.to_owned()];
    for (_, node) in site.tree().files(|path| path.ends_with("key.pem")) {
        let text = String::from_utf8(node.bytes.clone()).unwrap();
        secrets.extend(text.lines().nth(1).map(str::to_owned));
    }
    secrets
}

#[test]
fn rule_05_a_ca_key_is_never_replaced_and_what_cannot_be_used_is_an_error() {
    let manifest = MANIFEST.to_owned() + "  - name: alice\nca:\n  passphrase: {file: /root/ca.passphrase}\n";
    let refused = |what: &str, damage: &dyn Fn(&Site)| {
        let site = Site::of(&["debian", "sealed"], &manifest);
        put(&site.file("root/ca.passphrase"), PASSPHRASE.as_bytes());
        set_mode(&site.file("root/ca.passphrase"), 0o600);
        encrypt(&site.file("etc/docker/tls/ca-key.pem"), &["-v2", "aes-256-cbc"]);
        damage(&site);
        let before = site.tree();
        let ran = site.apply().exits(1);
        assert!(ran.stderr.contains(what), "{what}\n{ran}");
        before.assert_untouched(&site.root());
    };
    let key = "etc/docker/tls/ca-key.pem";
    refused("wrong passphrase, or the file is damaged", &|site| {
        fs::write(site.file("root/ca.passphrase"), "another\n").unwrap();
    });
    refused("it is empty", &|site| fs::write(site.file("root/ca.passphrase"), "\n").unwrap());
    refused("ca.passphrase is not there", &|site| fs::remove_file(site.file("root/ca.passphrase")).unwrap());
    refused("may be read by others (mode 0644)", &|site| set_mode(&site.file("root/ca.passphrase"), 0o644));
    refused("ca-key.pem is truncated", &|site| {
        let text = site.text(key);
        fs::write(site.file(key), &text[..text.len() / 2]).unwrap();
    });
    refused("ca-key.pem", &|site| {
        let text = site.text(key);
        let middle = text.len() / 2;
        let flipped = if &text[middle..=middle] == "A" { "B" } else { "A" };
        fs::write(site.file(key), format!("{}{flipped}{}", &text[..middle], &text[middle + 1..])).unwrap();
    });
    refused("ca-key.pem", &|site| fs::write(site.file(key), "").unwrap());
    refused("ca-key.pem is missing", &|site| fs::remove_file(site.file(key)).unwrap());
    refused("is a folder", &|site| {
        fs::remove_file(site.file(key)).unwrap();
        fs::create_dir(site.file(key)).unwrap();
    });
    refused("is not the key of", &|site| {
        put(&site.file(key), &fs::read("tests/hosts/stranger/etc/docker/tls/ca-key.pem").unwrap());
    });
    refused("ca.pem", &|site| fs::write(site.file("etc/docker/tls/ca.pem"), "nothing\n").unwrap());
    refused("and its key are gone, yet certificates are here", &|site| {
        fs::remove_file(site.file(key)).unwrap();
        fs::remove_file(site.file("etc/docker/tls/ca.pem")).unwrap();
    });
}

#[test]
fn rule_05_every_other_change_leaves_the_ca_as_it_is() {
    let site = Site::of(&["debian", "sealed", "expiring"], MANIFEST);
    let ca = |site: &Site| {
        let tree = site.tree();
        ["ca.pem", "ca-key.pem"].map(|name| tree.0[&format!("etc/docker/tls/{name}")].clone())
    };
    let before = ca(&site);
    for manifest in [
        site_manifest_with_debug(),
        MANIFEST.to_owned() + "ca:\n  valid_for: 400d\n",
        MANIFEST.replace("clients:\n  - name: ci\n", "") + "ca:\n  passphrase: {file: /etc/hostname}\n",
    ] {
        site.manifest(&manifest);
        site.apply().ok();
        assert!(ca(&site) == before, "{manifest}");
    }
}

#[test]
fn rule_06_all_checks_run_before_the_first_write() {
    // One fault each, beside much else that has to be written.
    let faults: [(&str, &str); 5] = [
        ("etc/docker/daemon.json", "{\n  \"debug\": tru\n}\n"),
        ("etc/default/docker", "DOCKER_OPTS=\"-H tcp://0.0.0.0:2375\"\n"),
        ("etc/docker/tls/ca-key.pem", "-----BEGIN PRIVATE KEY-----\n"),
        (
            "etc/systemd/system/docker.service.d/zzz.conf",
            "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd://\n",
        ),
        ("srv/csr/portainer.pem", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
    ];
    let manifest =
        site_manifest_with_debug().replace("daemon:", "  - name: portainer\n    csr: /srv/csr/portainer.pem\ndaemon:");
    for (path, text) in faults {
        let site = Site::of(&["debian", "sealed", "expiring", "request"], &manifest);
        put(&site.file(path), text.as_bytes());
        let before = site.tree();
        let calls =
            "trace=mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,linkat,fchmod,fchmodat,openat,openat2";
        let (trace, ran) = site.traced(&["-e", calls], &["apply", "host.yaml"]);
        ran.exits(1);
        before.assert_untouched(&site.root());
        assert_eq!(first_write(&trace), None, "{path}");
    }
    // Without the fault it is all done.
    Site::of(&["debian", "sealed", "expiring", "request"], &manifest).apply().ok();
}

/// The files' part; what runs is put back on booted hosts.
#[test]
fn rule_07_any_failure_after_the_first_write_puts_every_file_back() {
    let mut failed = 0;
    for call in ["openat", "mkdirat", "write", "syncfs", "linkat", "renameat", "renameat2"] {
        for nth in 1..40 {
            let site = Site::of(&["debian", "sealed", "expiring"], &site_manifest_with_debug());
            let before = site.tree();
            let inject = format!("inject={call}:error=ENOSPC:when={nth}");
            let trace = format!("trace={call}");
            // Only what touches the root: the program's own start opens libraries.
            let root = site.root();
            let mut options = vec!["-e", trace.as_str(), "-e", inject.as_str()];
            let folders =
                ["etc/docker", "etc/docker/tls", "etc/docker/tls/clients", "etc/docker/tls/clients/alice", "var/lib"]
                    .map(|path| root.join(path));
            for folder in folders.iter().chain([&root]) {
                options.extend(["-P", folder.to_str().unwrap()]);
            }
            let (_, ran) = site.traced(&options, &["apply", "host.yaml"]);
            if ran.code == 0 {
                assert!(ran.stderr.is_empty(), "{ran}");
                break;
            }
            assert_eq!(ran.code, 1, "{inject}\n{ran}");
            failed += u32::from(ran.stderr.contains("the host is as it was"));
            same_files(&before, &site.tree(), &inject);
            // And whatever was left over does no harm.
            site.apply().ok();
        }
    }
    assert!(failed > 10, "only {failed} failures were made");
}

/// As it was: same inodes, bytes, modes and times of writing. Folders and the times of attributes may have been touched.
fn same_files(before: &Tree, after: &Tree, what: &str) {
    let facts = |tree: &Tree| -> BTreeMap<String, _> {
        let facts = tree.0.iter().map(|(path, node)| {
            let stamp = if node.is_folder() { None } else { Some((node.stamp.0, node.stamp.1)) };
            (path.clone(), (node.mode, node.bytes.clone(), stamp))
        });
        facts.collect()
    };
    assert!(facts(before) == facts(after), "{what}: {:#?}", before.differences(after));
}

#[test]
fn rule_08_foreign_keys_survive_in_order_and_white_space_alone_is_no_change() {
    let site = Site::of(&["debian", "sealed"], MANIFEST);
    let daemon = "etc/docker/daemon.json";
    let sealed = site.text(daemon);
    put(&site.file(daemon), sealed.replace('\n', "\n\n\t").as_bytes());
    let other = "etc/systemd/system/docker.service.d/10-proxy.conf";
    put(&site.file(other), b"[Service]\nEnvironment=HTTP_PROXY=http://proxy:3128\n");
    let before = site.tree();
    site.plan().ok();
    site.apply().ok();
    before.assert_untouched(&site.root());

    let foreign = "{\n    \"zeta\": [1,  2],\n    \"dns\": [\"10.0.0.1\"],\n    \"hosts\": [\"fd://\"],\n    \"alpha\": {\"b\": 1.50, \"a\": null}\n}\n";
    put(&site.file(daemon), foreign.as_bytes());
    site.apply().ok();
    let after = site.text(daemon);
    for kept in [
        "    \"zeta\": [1,  2],\n    \"dns\": [\"10.0.0.1\"],\n    \"hosts\": [",
        "    \"alpha\": {\"b\": 1.50, \"a\": null},\n",
    ] {
        assert!(after.contains(kept), "{after}");
    }
    assert!(before.0[other] == site.tree().0[other]);
}

/// Each rename of the apply is held back for half a second; meanwhile a file is written to that it will replace.
#[test]
fn rule_09_a_file_that_changed_between_plan_and_write_stops_the_apply() {
    for (path, text) in [
        ("etc/docker/daemon.json", "{\"debug\": false}\n"),
        ("etc/systemd/system/docker.service.d/zz-dockseal.conf", "[Service]\n"),
        ("etc/docker/tls/server-cert.pem", "mine\n"),
        ("etc/docker/tls/clients/alice/cert.pem", "mine\n"),
    ] {
        let site = Site::of(&["debian", "sealed"], &site_manifest_with_debug());
        put(&site.file("etc/systemd/system/docker.service.d/zz-dockseal.conf"), b"# old\n");
        fs::create_dir_all(site.file("etc/docker/tls/clients/alice")).unwrap();
        let before = site.tree();
        // The sync comes after the plan and before the first rename.
        let options = ["-e", "trace=syncfs", "-e", "inject=syncfs:delay_enter=700ms:when=1"];
        let ran = thread::scope(|scope| {
            let running = scope.spawn(|| site.traced(&options, &["apply", "host.yaml"]).1);
            let staged = site.file("etc/docker/.daemon.json.dockseal-new");
            while !staged.exists() && !running.is_finished() {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(100));
            fs::write(site.file(path), text).unwrap();
            running.join().unwrap()
        });
        assert_eq!(ran.code, 1, "{path}\n{ran}");
        assert!(ran.stderr.contains(path) && ran.stderr.contains("the host is as it was"), "{path}\n{ran}");
        assert_eq!(site.text(path), text);
        let differences = before.differences(&site.tree());
        let others: Vec<_> =
            differences.iter().filter(|line| !line.starts_with(path) && !line.ends_with("touched")).collect();
        assert!(others.is_empty(), "{path}: {others:?}");
    }
}

#[test]
fn rule_09_one_applier_at_a_time() {
    let site = Site::of(&["debian"], MANIFEST);
    let folder = File::open(site.root()).unwrap();
    folder.lock().unwrap();
    let before = site.tree();
    let ran = site.dockseal(["apply", "--lock-timeout", "1"]).run().exits(1);
    assert!(ran.stderr.contains("another run works on root/: waited 1 s for process"), "{ran}");
    before.assert_untouched(&site.root());
    // Looking is always allowed, and who waits goes on when the first is done.
    site.plan().exits(2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| site.apply());
        thread::sleep(Duration::from_millis(200));
        drop(folder);
        waiting.join().unwrap().ok();
    });
    // Many at once: one does it, the others find it done.
    let site = Site::of(&["debian"], MANIFEST);
    let done: usize = thread::scope(|scope| {
        let runs: Vec<_> =
            (0..4).map(|_| scope.spawn(|| site.dockseal(["apply", "--detailed-exitcode"]).run())).collect();
        runs.into_iter()
            .map(|run| run.join().unwrap())
            .filter(|ran| {
                assert!([0, 2].contains(&ran.code), "{ran}");
                ran.code == 2
            })
            .count()
    });
    assert_eq!(done, 1);
}

#[test]
fn rule_10_the_drop_in_is_derived_from_the_hosts_own_unit() {
    for (host, line) in [
        ("debian", "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"),
        ("docker-ce", "/usr/bin/dockerd --containerd=/run/containerd/containerd.sock"),
        (
            "flatcar",
            "/usr/bin/dockerd --containerd=/var/run/docker/libcontainerd/docker-containerd.sock $DOCKER_SELINUX $DOCKER_OPTS $DOCKER_CGROUPS $DOCKER_OPT_BIP",
        ),
        ("opensuse", "/usr/bin/dockerd --add-runtime oci=/usr/sbin/docker-runc $DOCKER_NETWORK_OPTIONS $DOCKER_OPTS"),
    ] {
        let site = Site::of(&[host], MANIFEST);
        let unit = site.text("usr/lib/systemd/system/docker.service");
        site.apply().ok();
        let text = site.text("etc/systemd/system/docker.service.d/zz-dockseal.conf");
        assert!(text.ends_with(&format!("[Service]\nExecStart=\nExecStart={line}\n")), "{text}");
        assert_eq!(site.text("usr/lib/systemd/system/docker.service"), unit);
        // A package update changes the line: that is drift.
        let newer = unit.replace("/dockerd ", "/dockerd --exec-opt native.cgroupdriver=systemd ");
        put(&site.file("usr/lib/systemd/system/docker.service"), newer.as_bytes());
        assert!(site.dockseal(["plan"]).run().exits(2).stdout.contains("+ExecStart="));
    }
}

#[test]
fn rule_11_a_client_taken_out_is_named_with_the_date_until_which_dockerd_would_still_accept_it() {
    let site = Site::of(&["debian", "sealed"], MANIFEST.strip_suffix("clients:\n  - name: ci\n").unwrap());
    let planned = site.plan().exits(2);
    assert!(planned.stdout.contains("client.ci.certificate"), "{planned}");
    let sentence = "the manifest no longer names this client; dockerd would still accept its certificate until 2125-12-09 00:00:00 UTC";
    assert!(planned.stdout.contains(sentence), "{planned}");
    let json = site.dockseal(["plan", "--format", "json"]).run().exits(2);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["changes"][0]["reasons"][0]["accepted_until"], "2125-12-09T00:00:00Z");
    let applied = site.apply().ok();
    assert!(applied.stdout.contains(sentence), "{applied}");
    for word in ["revok", "revoc"] {
        assert!(!applied.to_string().contains(word) && !planned.to_string().contains(word));
    }
    assert!(!site.file("etc/docker/tls/clients/ci").exists());
}

/// Encrypts a key in place.
fn encrypt(key: &Path, how: &[&str]) {
    let new = key.with_extension("new");
    let mut command = Command::new("/usr/bin/openssl");
    command.args(["pkcs8", "-topk8", "-passout", "env:PASSPHRASE"]).args(how).arg("-in").arg(key).arg("-out").arg(&new);
    command.env("PASSPHRASE", PASSPHRASE);
    Ran::run(&command, b"", Duration::from_secs(20)).ok();
    put(key, &fs::read(&new).unwrap());
    fs::remove_file(new).unwrap();
}
