//! What a terminal gets and a pipe does not: colour, and a bar while keys are made. The terminal is util-linux's `script`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{Dockseal, Ran};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart.yaml");
/// Keys that take far longer than half a second.
const SLOW: &str = "dockseal: 1\nhost: a.example\nca: {key: rsa-4096}\nserver: {key: rsa-4096}\n\
                    clients: [{name: a, key: rsa-4096}, {name: b, key: rsa-4096}]\n";
const ESCAPE: char = '\u{1b}';
const BAR: &str = "making keys";

/// Runs dockseal with a terminal for all three streams; what it shows is the standard output.
fn on_terminal(arguments: &str, environment: &[(&str, &str)]) -> Ran {
    let line = format!("exec {} {arguments}", Dockseal::BINARY);
    let mut command = Command::new("/usr/bin/script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env("TERM", "xterm-256color").env("SHELL", "/bin/sh").envs(environment.iter().copied());
    Ran::run(&command, b"", Duration::from_secs(60))
}

fn in_pipe(arguments: &str) -> Ran {
    Dockseal::new().args(arguments.split(' ')).env("TERM", "xterm-256color").run()
}

#[test]
fn plans_are_coloured_on_a_terminal_only() {
    let root = tempfile::tempdir().unwrap();
    let plan = format!("plan --root {} {MANIFEST}", root.path().display());
    let shown = on_terminal(&plan, &[]).exits(2);
    assert!(shown.stdout.contains("\u{1b}[32m+ ca.certificate"), "{shown}");

    let piped = in_pipe(&plan).exits(2);
    assert!(piped.stdout.contains("  + ca.certificate"), "{piped}");
    assert!(!piped.stdout.contains(ESCAPE) && !piped.stderr.contains(ESCAPE), "{piped}");

    for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_terminal(&plan, &[plain]).exits(2);
        assert!(shown.stdout.contains("  + ca.certificate") && !shown.stdout.contains(ESCAPE), "{plain:?}: {shown}");
    }
}

#[test]
fn errors_are_coloured_on_a_terminal_only() {
    for arguments in ["validate /nowhere.yaml", "plan --root /nowhere /nowhere.yaml", "plan --wrong"] {
        let shown = on_terminal(arguments, &[]).exits(1);
        assert!(shown.stdout.contains(ESCAPE), "{shown}");
        let shown = on_terminal(arguments, &[("NO_COLOR", "1")]).exits(1);
        assert!(!shown.stdout.contains(ESCAPE), "{shown}");
        let piped = in_pipe(arguments).exits(1);
        assert!(!piped.stderr.is_empty() && !piped.stderr.contains(ESCAPE), "{piped}");
    }
}

#[test]
fn slow_keys_have_a_bar_on_a_terminal_only() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("slow.yaml");
    std::fs::write(&manifest, SLOW).unwrap();
    let apply = |root: &str, manifest: &Path| {
        format!("apply --root {} {}", folder.path().join(root).display(), manifest.display())
    };
    let shown = on_terminal(&apply("shown", &manifest), &[]).ok();
    assert!(shown.stdout.contains(BAR), "{shown}");
    let (_, end) = shown.stdout.rsplit_once(BAR).unwrap();
    assert!(end.contains("\u{1b}[2K") && end.contains("Done:"), "the bar is not taken away: {shown:?}");

    let piped = in_pipe(&apply("piped", &manifest)).ok();
    assert!(!piped.stdout.contains(BAR) && piped.stderr.is_empty(), "{piped}");

    let fast = on_terminal(&apply("fast", Path::new(MANIFEST)), &[]).ok();
    assert!(!fast.stdout.contains(BAR), "{fast}");
}

#[test]
fn quiet_runs_say_nothing_where_nothing_changes() {
    let root = tempfile::tempdir().unwrap();
    let run = |command: &str| in_pipe(&format!("{command} --quiet --root {} {MANIFEST}", root.path().display()));
    assert_ne!(run("plan").exits(2).stdout, "");
    assert_ne!(run("apply").ok().stdout, "");
    for command in ["plan", "apply", "apply --detailed-exitcode"] {
        let ran = run(command).ok();
        assert!(ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran}");
    }
    std::fs::remove_file(root.path().join("etc/docker/daemon.json")).unwrap();
    assert_ne!(run("apply --detailed-exitcode").exits(2).stdout, "");
}
