//! Whatever becomes of a run, the host is as it was or as it should be: the program is killed at each system call by
//! which it changes a file, and each of them is made to fail, one run for each.
//!
//! A first run, a renewal of the server's certificate, a change of daemon.json, requests for a signature elsewhere, what comes
//! back, a rollback and a CA that takes over, each on another root.

use std::cell::Cell;

use crate::support::{Call, Node, Scenario, State, Tree, is_issued};

/// Where keys of a CA stand.
const CA_KEYS: [&str; 3] =
    ["etc/docker/tls/ca-key.pem", "etc/docker/tls/ca-next-key.pem", "etc/docker/tls/ca-old-key.pem"];

/// Runs a case for each, tells how many there were, and fails with all that failed.
fn each<T>(what: &str, cases: &[T], check: impl Fn(&T) -> Result<(), String>) {
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    println!("{what}: {} cases, {} went wrong", cases.len(), wrong.len());
    assert!(!cases.is_empty());
    assert!(wrong.is_empty(), "{what}: {} of {} went wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// What a single call may fail with; `EINTR` may also be met by another try.
const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EACCES", "EROFS", "EINTR"];

/// What is said where the change was made and proven, and something that it replaced could not be removed.
const LEFT_OVER: &str = "note: the change holds; what it left over is removed by `dockseal recover`\n";

/// One call fails. The run says so, ends with 1 and the host is as it was. Or the call could be done without, the run
/// ends with 0 and the host is as it should be: that is so for a try again after `EINTR`, and for words that nobody hears.
/// Or the change had been proven: then it stays, and `recover` removes what could not be removed.
fn fail_at_every_step(what: &str, scenario: &Scenario) {
    let cases: Vec<(&Call, &str)> =
        scenario.run.calls.iter().flat_map(|call| ERRORS.iter().map(move |error| (call, *error))).collect();
    each(&format!("{what}, failing once"), &cases, |(call, error)| {
        let before = scenario.begin();
        let failed = scenario.site.with_fault(scenario.command, call, &format!("error={error}"));
        let wrong = |why: String| Err(format!("{error} in {}\n    {why}\n{}", call.line, failed.ran));
        if !failed.was_hit("error") {
            return wrong("was not reached".to_owned());
        }
        let is_left_over = failed.ran.stderr.contains(LEFT_OVER);
        if is_left_over {
            scenario.dockseal(&["recover"]);
        }
        let state = match scenario.judge(&before, &scenario.site.tree()) {
            Ok(state) => state,
            Err(why) => return wrong(why),
        };
        match (failed.ran.code, state) {
            (1, State::AsItWas) if call.speaks() => Ok(()),
            (1, State::AsItWas) if failed.ran.stderr.ends_with("note: the host is as it was\n") => Ok(()),
            (0, State::AsItShouldBe) if call.speaks() || *error == "EINTR" => Ok(()),
            (1, State::AsItShouldBe) if is_left_over => Ok(()),
            (code, state) => wrong(format!("exit code {code}, and the host is {state:?}")),
        }
    });
}

/// From some call on, nothing can be written any more. The run ends with 1 and the host is as it was; or with 3, and it
/// is as it was after `recover`, once the disk is in order again; or all was proven before.
fn disk_breaks_at_every_step(what: &str, scenario: &Scenario, names: &[&str], error: &str) {
    let places: Vec<usize> = (0..scenario.run.calls.len()).collect();
    each(&format!("{what}, {error} from some call on"), &places, |place| {
        let before = scenario.begin();
        let failed = scenario.site.failing_from(scenario.command, &scenario.run, *place, names, error);
        let wrong =
            |why: String| Err(format!("{error} from {}\n    {why}\n{}", scenario.run.calls[*place].line, failed.ran));
        // The words are lost with the disk: what is there to be done is seen by its journal.
        let [is_open, is_proven] =
            ["journal", "proven"].map(|name| scenario.site.file("var/lib/dockseal").join(name).exists());
        if is_open && failed.ran.code != 3 {
            return wrong("is not undone, and does not say so".to_owned());
        }
        if failed.ran.code == 3 || is_proven {
            let recovered = scenario.dockseal(&["recover"]);
            if recovered.code != 0 {
                return wrong(recovered.to_string());
            }
        }
        // From a file system that is read-only not even an empty folder can be removed.
        let now = scenario.site.tree().without_empty_folders_since(&before);
        match (failed.ran.code, scenario.judge(&before, &now)) {
            (1 | 3, Ok(State::AsItWas)) | (_, Ok(State::AsItShouldBe)) => Ok(()),
            (code, state) => wrong(format!("exit code {code}, and the host is {state:?}")),
        }
    });
}

/// What makes or grows something: a full disk still lets names go and change.
const GROWING: [&str; 6] = ["write", "mkdirat", "linkat", "fsync", "fdatasync", "syncfs"];
/// What a file system refuses that went read-only, as ext4 does after an error of the disk.
const WRITING: [&str; 10] =
    ["write", "mkdirat", "linkat", "renameat", "renameat2", "unlinkat", "fchmod", "fsync", "fdatasync", "syncfs"];

/// Wherever a change has put it: between two steps it may bear the name that it is kept under.
fn stands_somewhere(tree: &Tree, key: &Node) -> bool {
    tree.0.values().any(|node| node.bytes == key.bytes)
}

/// The program is killed at each call, as the power may go.
fn kill_at_every_step(what: &str, scenario: &Scenario) {
    let killed = |call: &Call| {
        let before = scenario.begin();
        let killed = scenario.site.with_fault(scenario.command, call, "signal=KILL");
        let is_hit = killed.was_hit("signal");
        let now = scenario.site.tree();
        let why = match () {
            () if !is_hit => format!("was not reached: {}", killed.ran),
            () if CA_KEYS.iter().filter_map(|path| before.0.get(*path)).any(|key| !stands_somewhere(&now, key)) => {
                "a key of a CA is nowhere".to_owned()
            }
            () => return Ok(before),
        };
        Err(format!("killed in {}\n    {why}", call.line))
    };
    recover_after_every_kill(what, scenario, killed);
    apply_after_every_kill(what, scenario, killed);
}

/// `recover` brings the host back to where it was; or, once the run was proven, to where it shall be. A second one finds
/// nothing to do.
fn recover_after_every_kill(what: &str, scenario: &Scenario, killed: impl Fn(&Call) -> Result<Tree, String>) {
    let furthest = Cell::new(State::AsItWas);
    let count = Cell::new(0);
    each(&format!("{what}, killed and recovered"), &scenario.run.calls, |call| {
        let before = killed(call)?;
        let wrong = |why: String| Err(format!("killed in {}\n    {why}", call.line));
        let recovered = scenario.dockseal(&["recover"]);
        if recovered.code != 0 {
            return wrong(recovered.to_string());
        }
        let now = scenario.site.tree();
        // A folder for the journal may have been made before there was a journal that could say so.
        let state = match scenario.judge(&before, &now.without_empty_folders_since(&before)) {
            Ok(state) => state,
            Err(why) => return wrong(format!("{why}\n{recovered}")),
        };
        if state < furthest.get() {
            return wrong("undone, although it was proven before".to_owned());
        }
        furthest.set(state);
        count.set(count.get() + usize::from(state == State::AsItShouldBe));
        let again = scenario.dockseal(&["recover"]);
        let touched = now.differences(&scenario.site.tree());
        match (again.code, again.stdout.as_str(), again.stderr.as_str(), touched.is_empty()) {
            (0, "", "", true) => Ok(()),
            _ => wrong(format!("a second recover did something: {touched:?}\n{again}")),
        }
    });
    println!("{what}: {} of these were finished, the others undone", count.get());
}

/// The next apply goes on from there by itself, and nothing is left of the run that was killed.
fn apply_after_every_kill(what: &str, scenario: &Scenario, killed: impl Fn(&Call) -> Result<Tree, String>) {
    scenario.begin();
    scenario.dockseal(scenario.command).ok();
    scenario.site.apply().ok();
    let goal = scenario.site.tree();
    each(&format!("{what}, killed and applied"), &scenario.run.calls, |call| {
        killed(call)?;
        let applied = scenario.site.apply();
        let now = scenario.site.tree();
        let unlike = goal.unlike(&now, |path| !is_issued(path) && !path.starts_with("var/lib/dockseal"));
        match (applied.code, unlike.is_empty(), scenario.plan()) {
            (0, true, Ok(())) => Ok(()),
            (_, _, plan) => Err(format!("killed in {}\n    {unlike:?} {plan:?}\n{applied}", call.line)),
        }
    });
}

/// `recover` itself is killed at each call, after runs that were killed at these places: a second one completes it.
fn kill_recover_at_every_step(what: &str, scenario: &Scenario) {
    let calls = &scenario.run.calls;
    let mut cases = Vec::new();
    for place in [calls.len() / 4, calls.len() / 2, calls.len() * 3 / 4, calls.len() - 2] {
        scenario.begin();
        scenario.site.with_fault(scenario.command, &calls[place], "signal=KILL");
        let recovered = scenario.site.count_calls(&["recover"]);
        assert_eq!(recovered.ran.code, 0, "{}", recovered.ran);
        cases.extend(recovered.calls.into_iter().map(|call| (&calls[place], call)));
    }
    each(&format!("{what}, killed, and recover killed too"), &cases, |(first, second)| {
        let before = scenario.begin();
        scenario.site.with_fault(scenario.command, first, "signal=KILL");
        let killed = scenario.site.with_fault(&["recover"], second, "signal=KILL");
        let recovered = scenario.dockseal(&["recover"]);
        let now = scenario.site.tree().without_empty_folders_since(&before);
        match (killed.was_hit("signal"), recovered.code, scenario.judge(&before, &now)) {
            (true, 0, Ok(_)) => Ok(()),
            (is_hit, _, state) => Err(format!(
                "killed in {}\n    recover killed in {} ({is_hit})\n    {state:?}\n{recovered}",
                first.line, second.line
            )),
        }
    });
}

#[test]
fn a_first_run_fails_at_every_step() {
    fail_at_every_step("a first run", &Scenario::first_run());
}

#[test]
fn a_renewal_fails_at_every_step() {
    fail_at_every_step("a renewal", &Scenario::renewal());
}

#[test]
fn a_change_of_daemon_json_fails_at_every_step() {
    fail_at_every_step("a change of daemon.json", &Scenario::daemon_json());
}

#[test]
fn a_rollback_fails_at_every_step() {
    fail_at_every_step("a rollback", &Scenario::rollback());
}

#[test]
fn a_ca_that_takes_over_fails_at_every_step() {
    fail_at_every_step("a CA that takes over", &Scenario::switch());
}

#[test]
fn a_ca_that_takes_over_is_killed_at_every_step() {
    let scenario = Scenario::switch();
    kill_at_every_step("a CA that takes over", &scenario);
    kill_recover_at_every_step("a CA that takes over", &scenario);
}

#[test]
fn a_ca_that_takes_over_loses_its_disk_at_every_step() {
    let scenario = Scenario::switch();
    disk_breaks_at_every_step("a CA that takes over", &scenario, &GROWING, "ENOSPC");
    disk_breaks_at_every_step("a CA that takes over", &scenario, &WRITING, "EROFS");
}

#[test]
fn requests_and_an_intake_fail_at_every_step() {
    fail_at_every_step("requests", &Scenario::requests());
    fail_at_every_step("an intake", &Scenario::intake());
}

#[test]
fn requests_and_an_intake_are_killed_at_every_step() {
    kill_at_every_step("requests", &Scenario::requests());
    kill_at_every_step("an intake", &Scenario::intake());
}

#[test]
fn a_first_run_is_killed_at_every_step() {
    let scenario = Scenario::first_run();
    kill_at_every_step("a first run", &scenario);
    kill_recover_at_every_step("a first run", &scenario);
}

#[test]
fn a_renewal_is_killed_at_every_step() {
    let scenario = Scenario::renewal();
    kill_at_every_step("a renewal", &scenario);
    kill_recover_at_every_step("a renewal", &scenario);
}

#[test]
fn a_change_of_daemon_json_is_killed_at_every_step() {
    let scenario = Scenario::daemon_json();
    kill_at_every_step("a change of daemon.json", &scenario);
    kill_recover_at_every_step("a change of daemon.json", &scenario);
}

#[test]
fn a_rollback_is_killed_at_every_step() {
    let scenario = Scenario::rollback();
    kill_at_every_step("a rollback", &scenario);
    kill_recover_at_every_step("a rollback", &scenario);
}

#[test]
fn a_first_run_loses_its_disk_at_every_step() {
    let scenario = Scenario::first_run();
    disk_breaks_at_every_step("a first run", &scenario, &GROWING, "ENOSPC");
    disk_breaks_at_every_step("a first run", &scenario, &WRITING, "EROFS");
}

#[test]
fn a_renewal_loses_its_disk_at_every_step() {
    let scenario = Scenario::renewal();
    disk_breaks_at_every_step("a renewal", &scenario, &GROWING, "ENOSPC");
    disk_breaks_at_every_step("a renewal", &scenario, &WRITING, "EROFS");
}

#[test]
fn a_change_of_daemon_json_loses_its_disk_at_every_step() {
    let scenario = Scenario::daemon_json();
    disk_breaks_at_every_step("a change of daemon.json", &scenario, &GROWING, "ENOSPC");
    disk_breaks_at_every_step("a change of daemon.json", &scenario, &WRITING, "EROFS");
}

#[test]
fn a_rollback_loses_its_disk_at_every_step() {
    let scenario = Scenario::rollback();
    disk_breaks_at_every_step("a rollback", &scenario, &GROWING, "ENOSPC");
    disk_breaks_at_every_step("a rollback", &scenario, &WRITING, "EROFS");
}

#[test]
fn a_host_that_is_left_fails_at_every_step() {
    fail_at_every_step("leaving", &Scenario::leaving());
    fail_at_every_step("leaving with the keys", &Scenario::leaving_with_keys());
}

#[test]
fn a_host_that_is_left_is_killed_at_every_step() {
    let scenario = Scenario::leaving();
    kill_at_every_step("leaving", &scenario);
    kill_recover_at_every_step("leaving", &scenario);
}

#[test]
fn a_host_that_is_left_loses_its_disk_at_every_step() {
    for (what, scenario) in [("leaving", Scenario::leaving()), ("leaving with the keys", Scenario::leaving_with_keys())]
    {
        disk_breaks_at_every_step(what, &scenario, &GROWING, "ENOSPC");
        disk_breaks_at_every_step(what, &scenario, &WRITING, "EROFS");
    }
}
