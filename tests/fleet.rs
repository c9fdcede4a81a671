//! Many clients, where all cores write and rename at the same time: a run that is killed or fails among them leaves the host
//! as it was, and one that may open few files gets by with them. `faults.rs` goes through each call of few clients.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::{Dockseal, Ran, Site};

/// Calls that are made for each client until all files have appeared, and by nothing else; and the how manieth of a thread,
/// which one of two reaches however they share the work. There are 128 clients to a piece.
const CALLS: [(&str, usize); 8] = [
    ("mkdirat", 20),
    ("mkdirat", 190),
    ("fchmod", 100),
    ("fchmod", 170),
    ("renameat2", 3),
    ("renameat2", 40),
    ("renameat2", 110),
    ("renameat2", 190),
];

fn fleet() -> Site {
    let mut manifest = "dockseal: 1\nhost: build-01.example.com\nclients:\n".to_owned();
    for number in 0..200 {
        writeln!(manifest, "  - {{name: client-{number}}}").unwrap();
    }
    let site = Site::in_memory(&["debian"], &manifest);
    // The log makes no folder of its own then.
    fs::create_dir_all(site.file("var/log")).unwrap();
    site.save();
    site
}

const APPLY: [&str; 3] = ["apply", "host.yaml", "--quiet"];

#[test]
fn a_run_that_is_killed_on_all_cores_is_undone_or_completed() {
    let site = fleet();
    for call in CALLS {
        for leads_on in [false, true] {
            site.reset();
            let before = site.tree();
            let killed = site.with_fault_beside_others(&APPLY, call, "signal=KILL");
            assert!(killed.was_hit("signal"), "{call:?} was not reached");
            assert!(!before.differences(&site.tree()).is_empty(), "{call:?}: nothing had been done");
            if leads_on {
                site.apply().ok();
                site.plan().ok();
            } else {
                site.root_command("recover").ok();
                assert_eq!(before.not_put_back(&site.tree()), [""; 0], "killed in {call:?}");
            }
        }
    }
}

#[test]
fn a_run_that_fails_on_all_cores_is_undone() {
    let site = fleet();
    for call in CALLS {
        for error in ["ENOSPC", "EIO"] {
            site.reset();
            let before = site.tree();
            let failed = site.with_fault_beside_others(&APPLY, call, &format!("error={error}"));
            assert!(failed.was_hit("error"), "{call:?} was not reached");
            let ran = failed.ran;
            assert_eq!(ran.code, 1, "{call:?} {error}: {ran}");
            assert!(ran.stderr.ends_with("note: the host is as it was\n"), "{call:?} {error}: {ran}");
            assert_eq!(before.not_put_back(&site.tree()), [""; 0], "{error} in {call:?}");
        }
    }
}

#[test]
fn few_files_may_be_open_at_a_time() {
    let site = fleet();
    let mut command = Command::new("/bin/sh");
    let limited = "ulimit -n 32; exec \"$0\" apply host.yaml --root root";
    command.args(["-euc", limited, Dockseal::BINARY]).current_dir(site.folder());
    Ran::run(&command, b"", Duration::from_secs(60)).ok();
    site.plan().ok();
}
