//! A dockerd that won't start, beyond what `put_back.rs` shows: it hangs, systemd counts its starts, its disk is full.
//! A host with live-restore keeps its containers through all of it.

use std::time::Instant;

use crate::support::{Before, EVERYWHERE, Host, LIVE, listening, on_each_suite};

on_each_suite!(
    a_start_that_hangs_is_given_up_in_time,
    a_start_limit_that_is_used_up_stands_in_no_way,
    a_disk_that_is_full_for_the_moment_puts_the_host_back,
    a_disk_without_room_for_bytes_lets_the_apply_through,
    a_disk_that_stays_full_calls_for_a_person,
);

/// With another name in the server's certificate than [`listening`], so that dockerd has to be restarted.
fn renewed(rest: &str) -> String {
    listening(EVERYWHERE, rest).replace("10.99.99.99", "10.99.99.98")
}

/// A sealed host with live-restore, and a container on it.
fn sealed(host: &Host) {
    host.seal(&listening(EVERYWHERE, LIVE));
    host.container("kept");
}

/// Nothing ends the waiting but the manifest's `systemd.timeout`: Debian's docker.service itself waits for ever. The old
/// dockerd starts as it did; what hangs is the start with the new daemon.json.
fn a_start_that_hangs_is_given_up_in_time(host: &Host) {
    let hang = "#!/bin/sh\ngrep -q hang-on-this /etc/docker/daemon.json && exec sleep 1000\nexit 0\n";
    host.write("/usr/local/bin/hang", hang, 0o755);
    let drop_in = "/etc/systemd/system/docker.service.d/10-hang.conf";
    host.write(drop_in, "[Service]\nTimeoutStartSec=0\nExecStartPre=/usr/local/bin/hang\n", 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
    sealed(host);
    let wanted = renewed(&format!("{LIVE}  labels: [hang-on-this=1]\nsystemd:\n  timeout: 5s\n"));
    let started = Instant::now();
    let failed = host.fails(&wanted);
    let took = started.elapsed();
    assert!((5..30).contains(&took.as_secs()), "given up after 5 s, put back soon: {took:.1?}\n{failed}");
    assert!(failed.stderr.contains("5 s"), "it says how long it waited: {failed}");
    assert!(failed.stderr.contains("the journal's last lines:\n"), "{failed}");
    host.seal(&listening(EVERYWHERE, LIVE));
}

/// Debian's docker.service may be started three times in a minute. Neither the restart nor the way back counts.
fn a_start_limit_that_is_used_up_stands_in_no_way(host: &Host) {
    sealed(host);
    let use_up = "systemctl reset-failed docker; for i in 1 2 3; do systemctl restart docker; done";
    host.sh(use_up).ok();
    host.take_port(2377);
    let failed = host.fails(&listening("tcp://0.0.0.0:2376, tcp://0.0.0.0:2377", LIVE));
    assert!(failed.stderr.contains("2377: bind: address already in use"), "{failed}");
    host.free_port();
    host.sh(use_up).ok();
    let kept = host.kept();
    host.seal(&renewed(LIVE));
    host.sh(use_up).ok();
    // So far the limit was used up indeed: systemd refuses a fourth start. That leaves no dockerd; an apply brings it back.
    host.run(["systemctl", "restart", "docker"]).exits(1);
    assert_eq!(host.property("Result"), "start-limit-hit");
    host.seal(&listening(EVERYWHERE, LIVE));
    assert_eq!(host.kept(), kept, "the container never stopped");
}

/// dockerd ends where it can't make a file.
fn no_room_for_files(host: &Host) {
    host.sh("mount -o remount,nr_inodes=$(df --output=iused /var/lib/docker | tail -n 1 | tr -d ' ') /var/lib/docker")
        .ok();
    host.sh("touch /var/lib/docker/one-more").exits(1);
}

const ROOM_AGAIN: &str = "mount -o remount,nr_inodes=100000 /var/lib/docker";

/// Somebody makes room as soon as dockerd has failed.
fn a_disk_that_is_full_for_the_moment_puts_the_host_back(host: &Host) {
    sealed(host);
    no_room_for_files(host);
    let helper =
        format!("until journalctl -b -u docker | grep -q 'status=1/FAILURE'; do sleep 0.02; done; {ROOM_AGAIN}");
    host.run(["systemd-run", "--quiet", "--unit=helper", "sh", "-c", &helper]).ok();
    let failed = host.fails(&renewed(LIVE));
    assert!(failed.stderr.contains("no space left on device"), "{failed}");
    host.seal(&renewed(LIVE));
}

/// dockerd starts where it can make files but write nothing into them; then an apply may as well succeed.
fn a_disk_without_room_for_bytes_lets_the_apply_through(host: &Host) {
    sealed(host);
    // dockerd still writes now and then: what is used may be more by the time that it is the limit, or less a little later.
    let full = "mount -o remount,size=$(df --output=used /var/lib/docker | tail -n 1 | tr -d ' ')k /var/lib/docker";
    host.sh(&format!("until {full}; do sleep 0.02; done")).ok();
    host.sh("head -c 1000000 /dev/zero >/var/lib/docker/more").exits(1);
    let kept = host.kept();
    host.seal(&renewed(LIVE));
    assert_eq!(host.kept(), kept, "the container never stopped");
}

/// The old dockerd can't start either: the files are back, and the commands that are named do the rest once there is room.
fn a_disk_that_stays_full_calls_for_a_person(host: &Host) {
    sealed(host);
    let before = Before::of(host);
    no_room_for_files(host);
    let files = host.put_back_files();
    host.manifest(&renewed(LIVE));
    let failed = host.dockseal(["apply"]).exits(3);
    assert!(failed.stderr.contains("no space left on device"), "{failed}");
    assert_eq!(host.put_back_files(), files, "the files at least are as they were");
    host.sh(ROOM_AGAIN).ok();
    let commands: Vec<&str> = failed.stderr.lines().filter(|line| line.contains(" # ")).collect();
    assert!(commands.iter().any(|command| command.trim_start().starts_with("dockseal recover ")), "{failed}");
    for command in commands {
        let ran = host.sh(command);
        // systemd has begun a start of its own by then, or not: the status tells which.
        assert!(ran.code == 0 || command.contains("systemctl status "), "{ran}");
    }
    host.wait_until("systemctl is-active --quiet docker.service");
    before.is_back(host);
    host.seal(&renewed(LIVE));
}
