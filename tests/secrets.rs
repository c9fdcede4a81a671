//! Nothing that is secret leaves a run: private keys and passphrases are looked for, in every form, in all that the run
//! says, writes and starts, in the memory that it leaves, and in what is left of one that was cut short.
//!
//! Each search says how many secrets it looked for in how many places: `cargo test secrets:: -- --nocapture`.

mod held;
mod needle;

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use crate::support::{Dockseal, Host, Ran, Site, Suite, put, set_mode};
use held::Held;
use needle::{Needles, Secret, find};

const PASSPHRASE: &str = "correct horse battery staple 4711";
const ENVIRONMENT: &str = "DOCKSEAL_CA_PASSPHRASE";

/// Every kind of key; the CA's and its passphrase are each test's own.
const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
server:
  sans:
    ip: [10.10.10.20]
  key: rsa-2048
clients:
  - name: ci
  - name: alice
    key: ed25519
  - name: bob
    key: ecdsa-p384
";

/// Where secrets are looked for.
#[derive(Default)]
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((name.into(), bytes.into()));
    }

    fn hear(&mut self, ran: Ran) {
        self.add(format!("stdout of {}", ran.command), ran.stdout);
        self.add(format!("stderr of {}", ran.command), ran.stderr);
    }

    fn see(&mut self, held: &Held) {
        self.add("stdout", held.output.stdout.as_slice());
        self.add("stderr", held.output.stderr.as_slice());
        self.add("/proc/PID/cmdline", held.arguments.as_slice());
        self.add("strace's execve", held.started.as_bytes());
        for (mapping, bytes) in &held.memory {
            self.add(format!("memory {mapping}"), bytes.as_slice());
        }
    }

    /// Every file, and every name. Keys stand in their own files and in what a rollback brings back, for root alone; the
    /// passphrase in its own.
    fn look_into(&mut self, site: &Site) {
        // No part of a tree.
        self.add("the log", fs::read(site.file("var/log/dockseal.jsonl")).unwrap_or_default());
        for (path, node) in &site.tree().0 {
            self.add("a file's name", path.as_bytes());
            let holds_keys =
                path.contains("key.pem") || path.starts_with("var/lib/dockseal/") && path.contains("previous");
            if holds_keys && node.mode & 0o7777 == 0o600 {
                assert_eq!(find(&node.bytes, PASSPHRASE.as_bytes()), None, "{path}");
            } else if !path.ends_with("ca.passphrase") {
                self.add(format!("the file {path}"), node.bytes.as_slice());
            }
        }
    }

    /// What is where: place, secret, form.
    fn search(&self, secrets: &[Secret]) -> Vec<(String, String, &'static str)> {
        let needles = Needles::of(secrets);
        let found = self.0.iter().flat_map(|(place, bytes)| {
            let found = needles.found_in(bytes).into_iter();
            found.map(|(secret, form)| (place.clone(), secret.to_owned(), form))
        });
        found.collect()
    }

    #[track_caller]
    fn assert_free_of(&self, secrets: &[Secret]) {
        let found = self.search(secrets);
        let size: usize = self.0.iter().map(|(_, bytes)| bytes.len()).sum();
        let forms: usize = secrets.iter().map(|secret| secret.needles.len()).sum();
        println!("{} secrets in {forms} forms × {} places of {size} bytes", secrets.len(), self.0.len());
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// A host with a CA of this kind, whose passphrase comes from here.
fn site(ca: &str, source: &str) -> Site {
    let passphrase = if source.is_empty() { String::new() } else { format!("  passphrase: {{{source}}}\n") };
    let site = Site::of(&["debian"], &format!("{MANIFEST}ca:\n  key: {ca}\n{passphrase}"));
    put(&site.file("root/ca.passphrase"), format!("{PASSPHRASE}\n").as_bytes());
    set_mode(&site.file("root/ca.passphrase"), 0o600);
    site
}

const BY_FILE: &str = "file: /root/ca.passphrase";

/// The passphrase and every key that is on the host, or waits to be moved to its place.
fn secrets(site: &Site) -> Vec<Secret> {
    let tree = site.tree();
    let keys = tree.files(|path| path.contains("key.pem")).filter(|(_, node)| node.bytes.ends_with(b"KEY-----\n"));
    let keys = keys.map(|(path, _)| Secret::key(&site.file(path), PASSPHRASE));
    keys.chain([Secret::passphrase(PASSPHRASE)]).collect()
}

fn hold(site: &Site, arguments: &[&str], environment: &[(&str, &str)]) -> Held {
    let arguments = [&arguments[..1], &["host.yaml"], &arguments[1..], &["--root", "root"]].concat();
    Held::run(site.root().parent().unwrap(), &arguments, environment)
}

#[test]
fn no_secret_is_left_in_memory_or_anywhere_else_by_a_first_run() {
    for ca in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        let site = site(ca, BY_FILE);
        let held = hold(&site, &["apply"], &[]);
        assert!(held.output.status.success(), "{held:?}");
        let secrets = secrets(&site);
        assert_eq!(secrets.len(), 6);
        let mut places = Places::default();
        places.see(&held);
        places.add("/proc/PID/environ", held.environment.as_slice());
        places.look_into(&site);
        for arguments in [
            &["plan"][..],
            &["plan", "--format", "json"],
            &["plan", "--format", "markdown"],
            &["status"],
            &["status", "--format", "json"],
            &["status", "--format", "prometheus"],
        ] {
            places.hear(site.dockseal(arguments.iter().copied()).run());
        }
        places.assert_free_of(&secrets);
    }
}

#[test]
fn a_passphrase_from_the_environment_stays_where_the_kernel_keeps_that() {
    let site = site("ecdsa-p256", &format!("env: {ENVIRONMENT}"));
    let mut held = hold(&site, &["apply"], &[(ENVIRONMENT, PASSPHRASE)]);
    assert!(held.output.status.success(), "{held:?}");
    let secrets = secrets(&site);
    // Both show too that such a search can find something.
    let needles = Needles::of(&secrets);
    assert_eq!(needles.found_in(&held.environment).len(), 1);
    let in_memory = held.memory.iter().flat_map(|(_, bytes)| needles.found_in(bytes)).count();
    assert!(in_memory >= 1, "the kernel's copy is not found");
    held.without_environment();
    let mut places = Places::default();
    // The first line of the trace is strace's own start of the program.
    held.started = held.started.lines().skip(1).collect();
    places.see(&held);
    places.look_into(&site);
    places.assert_free_of(&secrets);
}

#[test]
fn no_secret_is_left_by_a_renewal_or_without_a_passphrase() {
    for source in [BY_FILE, ""] {
        let site = site("ecdsa-p384", source);
        site.apply().ok();
        let mut all = secrets(&site);
        // New keys for the server and a client, a new certificate for the other's old key.
        let changed = fs::read_to_string(site.root().with_file_name("host.yaml")).unwrap();
        let changed = changed.replace("rsa-2048", "ecdsa-p256").replace("key: ed25519", "valid_for: 20d");
        site.manifest(&changed.replace("- name: ci", "- name: carol"));
        let held = hold(&site, &["apply"], &[]);
        assert!(held.output.status.success(), "{held:?}");
        all.extend(secrets(&site));
        let mut places = Places::default();
        places.see(&held);
        places.look_into(&site);
        // The keys that were replaced come back.
        let back = Held::run(site.root().parent().unwrap(), &["rollback", "--root", "root"], &[]);
        assert!(back.output.status.success(), "{back:?}");
        places.see(&back);
        places.look_into(&site);
        places.assert_free_of(&all);
    }
}

#[test]
fn no_secret_is_left_by_a_run_that_fails() {
    const WRONG: &str = "incorrect horse battery staple 0815";
    let site = site("ecdsa-p256", BY_FILE);
    site.apply().ok();
    fs::write(site.file("root/ca.passphrase"), WRONG).unwrap();
    let changed = fs::read_to_string(site.root().with_file_name("host.yaml")).unwrap();
    site.manifest(&changed.replace("10.10.10.20", "10.10.10.21"));
    let held = hold(&site, &["apply"], &[]);
    assert_eq!(held.output.status.code(), Some(1), "{held:?}");
    let mut all = secrets(&site);
    all.push(Secret::passphrase(WRONG));
    let mut places = Places::default();
    places.see(&held);
    places.look_into(&site);
    places.assert_free_of(&all);
}

/// The search itself: what is planted is found wherever it looks.
#[test]
fn a_planted_secret_is_found() {
    let site = site("ecdsa-p256", BY_FILE);
    let held = hold(&site, &["apply"], &[]);
    // The manifest's own text is no secret, so nobody wipes it.
    let planted = [Secret::passphrase("build-01.example.com")];
    let needles = Needles::of(&planted);
    let heap = held.memory.iter().filter(|(line, _)| !line.ends_with("[stack]"));
    assert!(heap.flat_map(|(_, bytes)| needles.found_in(bytes)).count() > 0, "the heap was not read");
    let key = fs::read(site.file("etc/docker/tls/server-key.pem")).unwrap();
    for planted in [key.as_slice(), PASSPHRASE.as_bytes()] {
        let mut places = Places::default();
        assert!(site.text("var/log/dockseal.jsonl").lines().count() == 1, "there is no log to look into");
        put(&site.file("var/lib/dockseal/x"), planted);
        places.look_into(&site);
        let secrets = secrets(&site);
        assert!(!places.search(&secrets).is_empty(), "not found");
    }
}

/// strace sends the signal as the call begins, which no timing can, and again at the next: Rust's own handler of SIGSEGV
/// lets the first one pass where no stack has overflown.
fn killed(site: &Site, signal: &str, call: &str, command: &[&str]) -> std::process::ExitStatus {
    let folder = site.root().with_file_name("killed");
    fs::create_dir_all(&folder).unwrap();
    let inject = format!("inject={call}:signal={signal}:when=1+");
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited; exec strace -f -o trace -e \"$@\"", "sh", &inject]).args(command);
    shell.current_dir(&folder).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let status = shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(if signal == "SEGV" { 11 } else { 6 }), "{call}: {status}");
    status
}

/// With `core_pattern` a plain name a core would lie in the working folder; where it is a pipe, and in any case, the trace
/// says whether the kernel made one.
#[test]
fn a_run_that_is_killed_leaves_no_core_and_no_secret() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    println!("core_pattern is {}", pattern.trim());
    let cores = |site: &Site| {
        let folder = site.root().with_file_name("killed");
        let trace = fs::read_to_string(folder.join("trace")).unwrap();
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files
            .filter(|name| name != "trace")
            .chain(trace.contains("core dumped").then(|| "the trace".to_owned()))
            .collect()
    };
    // The same with a program that has nothing to hide.
    let control = site("ecdsa-p256", "");
    killed(&control, "SEGV", "openat", &["cat", "/etc/hostname"]);
    let found: Vec<String> = cores(&control);
    assert!(!found.is_empty(), "nothing dumps core here, so this test could not fail");

    for (signal, call) in [("SEGV", "openat2"), ("ABRT", "fchmod"), ("ABRT", "syncfs"), ("SEGV", "renameat2")] {
        let site = site("ecdsa-p256", BY_FILE);
        let root = site.root();
        let manifest = root.with_file_name("host.yaml");
        let command = ["apply", manifest.to_str().unwrap(), "--root", root.to_str().unwrap()];
        killed(&site, signal, call, &[&[Dockseal::BINARY], &command[..]].concat());
        let found: Vec<String> = cores(&site);
        assert!(found.is_empty(), "{signal} at {call}: {found:?}");
        // What an interrupted run left: a journal, and files that wait to be moved.
        let mut places = Places::default();
        places.look_into(&site);
        places.assert_free_of(&secrets(&site));
    }
}

/// A core file may be made no larger than nothing, and no process of the same user may read the memory.
#[test]
fn the_process_is_not_dumpable_from_its_start() {
    let site = site("ecdsa-p256", BY_FILE);
    let held = hold(&site, &["plan"], &[]);
    let limits: Vec<&str> = held.core_limit.split_whitespace().collect();
    assert_eq!(limits[4..6], ["0", "0"], "{}", held.core_limit);
    let (trace, ran) = site.traced(&["-e", "trace=prctl,openat,openat2"], &["plan", "host.yaml"]);
    ran.exits(2);
    let position = |what: &str| trace.lines().position(|line| line.contains(what));
    let undumpable = position("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE").expect("it is dumpable");
    let manifest = position("host.yaml").unwrap();
    assert!(undumpable < manifest && find(trace.as_bytes(), b"PR_SET_DUMPABLE, SUID_DUMP_USER").is_none(), "{trace}");
}

/// With a living dockerd there are handshakes with clients' keys, and programs that are started.
#[test]
#[ignore = "boots a host"]
fn a_live_run_leaves_nothing_and_tells_its_children_nothing() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    let manifest = format!("{MANIFEST}ca:\n  passphrase: {{env: {ENVIRONMENT}}}\n");
    host.write("/etc/dockseal/host.yaml", manifest.replace("10.10.10.20", "127.0.0.1"), 0o644);
    let run = host.command(["dockseal", "apply", "--allow-restart"]).env(ENVIRONMENT, PASSPHRASE).into_command();
    let mut held = Held::look_at(&run);
    assert!(held.output.status.success(), "{held:?}");
    held.without_environment();
    let is_child = |line: &&str| !line.contains("/dockseal\"") && !line.contains("/nsenter\"");
    held.started = held.started.lines().filter(|line| line.contains("execve(")).filter(is_child).collect();
    assert!(held.started.contains("systemctl"), "{}", held.started);

    let folder = tempfile::TempDir::new().unwrap();
    let keys = host.sh("find /etc/docker/tls -name '*key.pem'").ok().stdout;
    let keys = keys.lines().enumerate().map(|(index, path)| {
        let copy = folder.path().join(format!("{index}-{}", path.replace('/', "-")));
        put(&copy, host.read(path).as_bytes());
        Secret::key(&copy, PASSPHRASE)
    });
    let secrets: Vec<Secret> = keys.chain([Secret::passphrase(PASSPHRASE)]).collect();
    assert_eq!(secrets.len(), 6);
    let mut places = Places::default();
    places.see(&held);
    places.add("the journal", host.sh("journalctl --no-pager -b").ok().stdout);
    let files =
        host.sh("find /var/lib/dockseal /var/log/dockseal.jsonl /etc/systemd /etc/docker -type f ! -name '*key.pem' -exec cat {} + || :");
    places.add("files of the host", files.ok().stdout);
    places.assert_free_of(&secrets);
}
