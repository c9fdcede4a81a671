//! The power goes while dockseal works: at the next boot dockerd is up and its local socket answers, whichever call was
//! the last; and the next apply goes on from there. `faults.rs` has every call of it, on another root; here some of them,
//! spread over the run, meet real boots.

use crate::support::{Call, Host, MANIFEST, Suite, Traced};

/// How many calls of each scenario are tried, over all suites.
const POINTS: usize = 6;

/// Calls that come as often in each run.
const STEADY: [&str; 9] =
    ["renameat", "renameat2", "linkat", "unlinkat", "mkdirat", "fchmod", "fsync", "fdatasync", "syncfs"];

/// The calls of this run that this suite tries: every third of those that are spread over it.
fn points(suite: Suite, run: &Traced) -> Vec<Call> {
    let steady: Vec<&Call> = run.calls.iter().filter(|call| STEADY.contains(&call.name.as_str())).collect();
    let suites = Suite::ALL.len();
    let first = Suite::ALL.iter().position(|one| *one == suite).unwrap();
    let chosen = (first..POINTS).step_by(suites);
    chosen.map(|number| steady[number * (steady.len() - 1) / (POINTS - 1)].clone()).collect()
}

fn fresh(suite: Suite) -> Host {
    let host = Host::boot_with_disk(suite);
    host.install_dockseal();
    host.install_strace();
    host.manifest(MANIFEST);
    host
}

fn ca_key(host: &Host) -> String {
    host.sh("cd /etc/docker/tls && sha256sum ca-key.pem && stat -c '%a %U' ca-key.pem || true").ok().stdout
}

/// The power goes in this call. The host that was booted then is sound, and an apply completes what was begun.
///
/// Mostly the disk has another number at each boot; the kernel gives numbers again that others gave back, so that it is only
/// counted.
fn cut(host: Host, command: &[&str], call: &Call, renumbered: &mut usize) -> Host {
    let key = ca_key(&host);
    let killed = host.killed_in(command, call);
    assert!(killed.was_hit("signal"), "{} was not reached: {}", call.line, killed.ran);
    println!("{}: the power goes in {}", host.suite().name(), call.line);
    let device = host.sh("stat -c %d /etc").ok().stdout;
    let host = host.cut_power();
    *renumbered += usize::from(host.sh("stat -c %d /etc").ok().stdout != device);
    let at = &call.line;
    assert!(host.answers_locally(), "{at}: no dockerd");
    // Before the unit is in place, nothing that dockerd reads has changed, and the journal waits for the next run.
    let is_open = "[ -e /var/lib/dockseal/journal ] && [ -e /etc/systemd/system/dockseal-recover.service ]";
    assert_ne!(host.sh(is_open).code, 0, "{at}: the boot has healed it");
    assert!(key.is_empty() || ca_key(&host) == key, "{at}: the CA's key is another");
    host.dockseal(["apply"]).ok();
    host.dockseal(["plan"]).ok();
    let left = host.sh("find /etc /var/lib -xdev -name '*.dockseal-*'").ok();
    assert_eq!(left.text(), "", "{at}: nothing is left over");
    assert!(key.is_empty() || ca_key(&host) == key, "{at}: the CA's key is another");
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host
}

/// Manifests that each differ from the last one.
struct Wishes(u32);

impl Wishes {
    fn renewal(&mut self) -> String {
        self.0 += 1;
        MANIFEST.replace("127.0.0.1", &format!("127.0.0.1, 10.1.1.{}", self.0))
    }

    fn daemon_json(&mut self) -> String {
        self.0 += 1;
        format!("{MANIFEST}  mtu: {}\n", 1400 + self.0)
    }
}

fn the_power_goes_on(suite: Suite) {
    let apply = ["apply"];
    let mut host = fresh(suite);
    let first_run = host.count_calls(&apply);
    assert_eq!(first_run.ran.code, 0, "{}", first_run.ran);
    let (mut count, mut renumbered) = (0, 0);

    let mut wishes = Wishes(0);
    for wish in [Wishes::renewal, Wishes::daemon_json] {
        // From one wish of a kind to the next it is the same calls.
        host.seal(&wish(&mut wishes));
        host.manifest(&wish(&mut wishes));
        let run = host.count_calls(&apply);
        assert_eq!(run.ran.code, 0, "{}", run.ran);
        for call in points(suite, &run) {
            host.manifest(&wish(&mut wishes));
            host = cut(host, &apply, &call, &mut renumbered);
            count += 1;
        }
    }
    let rollback = ["rollback"];
    host.seal(&wishes.renewal());
    host.seal(&wishes.renewal());
    let run = host.count_calls(&rollback);
    assert_eq!(run.ran.code, 0, "{}", run.ran);
    for call in points(suite, &run) {
        host.seal(&wishes.renewal());
        host = cut(host, &rollback, &call, &mut renumbered);
        count += 1;
    }
    for call in points(suite, &first_run) {
        cut(fresh(suite), &apply, &call, &mut renumbered);
        count += 1;
    }
    println!("{}: {count} power cuts, {renumbered} with another number of the disk", suite.name());
    assert!(renumbered > 0, "the disk had the same number at each boot");
    assert_eq!(count, 4 * POINTS / Suite::ALL.len());
}

#[test]
#[ignore = "boots a host"]
fn the_power_goes_on_bookworm() {
    the_power_goes_on(Suite::Bookworm);
}

#[test]
#[ignore = "boots a host"]
fn the_power_goes_on_trixie() {
    the_power_goes_on(Suite::Trixie);
}

#[test]
#[ignore = "boots a host"]
fn the_power_goes_on_sid() {
    the_power_goes_on(Suite::Sid);
}
