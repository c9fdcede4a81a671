//! Applies of one manifest that are started together: one does the work, the others wait and find nothing to do.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Host, MANIFEST, Ran, Site, Suite};

const TOGETHER: usize = 20;

/// Runs it on as many threads.
fn together(run: impl Fn() -> Ran + Sync) -> Vec<Ran> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..TOGETHER).map(|_| scope.spawn(&run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Exactly one changed the host, and no run failed or complained.
#[track_caller]
fn one_change_of(ran: &[Ran]) {
    let by_code = |code| ran.iter().filter(|ran| ran.code == code).count();
    assert_eq!((by_code(2), by_code(0)), (1, TOGETHER - 1), "{ran:#?}");
    assert!(ran.iter().all(|ran| ran.stderr.is_empty()), "{ran:#?}");
    println!("{TOGETHER} runs: {} changed the host, {} had nothing to do", by_code(2), by_code(0));
}

#[test]
fn twenty_at_once_make_one_change_on_another_root() {
    let site = Site::of(&["debian"], MANIFEST);
    one_change_of(&together(|| site.dockseal(["apply", "--detailed-exitcode"]).run()));
    site.dockseal(["plan"]).run().ok();
}

#[test]
#[ignore = "boots a host"]
fn twenty_at_once_make_one_change_on_a_host() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    host.manifest(MANIFEST);
    let starts = host.starts();
    one_change_of(&together(|| host.dockseal(["apply", "--detailed-exitcode"])));
    assert_eq!(host.starts(), starts + 1, "one restart for all of them");
    host.dockseal(["plan"]).ok();
}

/// Ansible beside cron: the second gives up in time, names the first and has written nothing.
#[test]
fn who_waits_too_long_fails_and_names_the_other() {
    let site = Site::of(&["debian"], MANIFEST);
    let held = File::open(site.root()).unwrap();
    held.lock().unwrap();
    let before = site.tree();
    let start = Instant::now();
    let failed = site.dockseal(["apply", "--lock-timeout", "1"]).run().exits(1);
    let waited = start.elapsed();
    assert!((1000..10_000).contains(&waited.as_millis()), "{waited:?}");
    let by = format!("error: another run works on root/: waited 1 s for process {} (", std::process::id());
    assert!(
        failed.stderr.starts_with(&by) && failed.stderr.ends_with("  help: try again when it is done\n"),
        "{failed}"
    );
    before.assert_untouched(&site.root());
    drop(held);
    site.apply().ok();
}

/// A plan only looks: it does not wait.
#[test]
fn a_plan_waits_for_nobody() {
    let site = Site::of(&["debian"], MANIFEST);
    let held = File::open(site.root()).unwrap();
    held.lock().unwrap();
    let start = Instant::now();
    site.plan().exits(2);
    assert!(start.elapsed() < Duration::from_secs(5));
}
