//! What a run does that finds everything in order: it looks, and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Dockseal, Host, Ran, Suite};

const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
ca:
  passphrase: {file: /passphrase}
server:
  sans:
    ip: [127.0.0.1]
clients:
  - name: ci
  - name: portainer
daemon:
  hosts: [fd://, tcp://0.0.0.0:2376]
  live-restore: true
";

/// The programs that came to run, by their names.
fn programs(trace: &str) -> Vec<&str> {
    let lines: Vec<&str> = trace.lines().collect();
    let began = lines.iter().enumerate().filter(|(_, line)| line.contains("execve("));
    let ran = began.filter(|(at, line)| {
        line.ends_with("= 0") || line.ends_with("<unfinished ...>") && ends_well(&lines[at + 1..], line)
    });
    ran.filter_map(|(_, line)| line.split('"').nth(1)?.rsplit('/').next()).collect()
}

/// Whether the call that another thread's line cut in two came to a good end. Each line begins with the caller's number.
fn ends_well(later: &[&str], line: &str) -> bool {
    let caller = line.split(' ').next();
    let end = later.iter().find(|later| later.split(' ').next() == caller && later.contains("execve resumed>"));
    end.is_some_and(|end| end.ends_with("= 0"))
}

/// Draws of randomness other than those that glibc (8 bytes for malloc) and the standard library (16 for its maps) make
/// for themselves, with these flags.
fn draws(trace: &str) -> Vec<&str> {
    let own = ["8, GRND_NONBLOCK)", "16, GRND_INSECURE)", "<unfinished ...>"];
    let calls = trace.lines().filter(|line| line.contains("getrandom") || line.contains("random\""));
    calls.filter(|line| !own.iter().any(|own| line.contains(own))).collect()
}

fn traced(arguments: &[&str], folder: &Path) -> (Ran, String) {
    let trace = folder.join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(&trace).arg(Dockseal::BINARY).args(arguments).current_dir(folder);
    (Ran::run(&command, &[], Duration::from_secs(60)), fs::read_to_string(&trace).unwrap())
}

#[test]
fn another_root_in_order_is_only_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("passphrase"), "correct horse\n").unwrap();
    fs::set_permissions(root.join("passphrase"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(folder.path().join("host.yaml"), MANIFEST).unwrap();
    let arguments = ["apply", "--root", "root", "host.yaml"];
    let (first, trace) = traced(&arguments, folder.path());
    first.ok();
    assert_ne!(draws(&trace), [""; 0], "making keys draws: the trace shows it");
    // What is not there can't be used.
    fs::remove_file(root.join("passphrase")).unwrap();
    let (second, trace) = traced(&arguments, folder.path());
    assert!(second.ok().stdout.contains("In sync"));
    assert_eq!(programs(&trace), ["dockseal"]);
    assert_eq!(draws(&trace), [""; 0]);
    let changes = ["O_CREAT", "O_WRONLY", "O_RDWR", "mkdir", "rename", "unlink", "syncfs", "fsync", "chmod", "chown"];
    let changing: Vec<&str> = trace.lines().filter(|line| changes.iter().any(|change| line.contains(change))).collect();
    assert_eq!(changing, [""; 0]);
}

#[test]
#[ignore = "boots a host"]
fn a_live_host_is_asked_once() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    host.write("/passphrase", "correct horse\n", 0o600);
    host.write("/etc/dockseal/host.yaml", MANIFEST, 0o644);
    host.dockseal(["apply"]).ok();
    host.run(["rm", "/passphrase"]).ok();
    let (ran, trace) = host.traced(["dockseal", "apply"]);
    assert!(ran.ok().stdout.contains("In sync"));
    assert_eq!(programs(&trace), ["nsenter", "dockseal", "systemctl"]);
    let asked =
        trace.lines().filter(|line| line.contains("execve(") && line.contains("\"systemctl\", \"show\"")).count();
    assert!(asked > 0, "{trace}");
    let connections = trace.lines().filter(|line| line.contains("connect(") && line.contains("htons(2376)")).count();
    assert_eq!(connections, 2, "one handshake with a certificate and one without");
    let mut times: Vec<Duration> = (0..9)
        .map(|_| {
            let begun = Instant::now();
            host.dockseal(["apply"]).ok();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let begun = Instant::now();
    host.run(["systemctl", "show", "docker.service"]).ok();
    println!("no-op on a live host: {:?} (median of 9); systemctl show alone: {:?}", times[4], begun.elapsed());
}
