//! An apply that fails on its way: the files, the loaded unit and the running daemon are as they were.

use crate::support::{EVERYWHERE, Host, LIVE, listening, on_each_suite};

on_each_suite!(
    a_taken_port_puts_a_stock_host_back,
    a_taken_port_puts_a_sealed_host_back,
    an_address_that_the_host_lacks_puts_it_back,
    a_key_that_this_engine_does_not_know_changes_nothing,
    a_dockerd_killed_at_its_start_puts_the_host_back,
    a_service_that_had_failed_is_left_as_it_was,
    a_host_that_cannot_be_put_back_calls_for_a_person,
);

/// On the very first run, with live-restore switched on for the restart.
fn a_taken_port_puts_a_stock_host_back(host: &Host) {
    host.take_port(2376);
    host.container("kept");
    let failed = host.fails(&listening(EVERYWHERE, LIVE));
    assert!(failed.stderr.contains("the journal's last lines:\n"), "{failed}");
    assert!(failed.stderr.contains("2376: bind: address already in use"), "{failed}");
    host.free_port();
    host.seal(&listening(EVERYWHERE, LIVE));
    assert!(host.is_running("kept"));
}

/// The old certificate is served again, and a daemon.json that others have written is back.
fn a_taken_port_puts_a_sealed_host_back(host: &Host) {
    host.write("/etc/docker/daemon.json", "{\n\t\"debug\": true\n}\n", 0o640);
    host.seal(&listening(EVERYWHERE, LIVE));
    host.container("kept");
    host.take_port(2377);
    let wanted =
        listening("tcp://0.0.0.0:2376, tcp://0.0.0.0:2377", LIVE).replace("127.0.0.1, ", "127.0.0.1, 10.1.1.1, ");
    host.fails(&wanted);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.manifest(&listening(EVERYWHERE, LIVE));
    host.dockseal(["plan"]).ok();
}

fn an_address_that_the_host_lacks_puts_it_back(host: &Host) {
    host.container("kept");
    let failed = host.fails(&listening("tcp://10.99.99.99:2376", LIVE));
    assert!(failed.stderr.contains("cannot assign requested address"), "{failed}");
}

/// Engine 23.0 and later are asked beforehand, an older one is tried.
fn a_key_that_this_engine_does_not_know_changes_nothing(host: &Host) {
    host.container("kept");
    let dockerd = host.dockerd();
    let failed = host.fails(&listening(EVERYWHERE, &format!("{LIVE}  no-such-key: 1\n")));
    assert!(
        failed.stderr.contains("the following directives don't match any configuration option: no-such-key"),
        "{failed}"
    );
    if host.suite() != crate::support::Suite::Bookworm {
        assert!(failed.stderr.contains("error: dockerd refuses the new configuration: "), "{failed}");
        assert_eq!(host.dockerd(), dockerd, "dockerd is not touched");
    }
}

fn a_dockerd_killed_at_its_start_puts_the_host_back(host: &Host) {
    host.container("kept");
    // The first process that systemd starts as dockerd after this one dies at once.
    let killer = "main() { systemctl show --value -p MainPID docker; }; old=$(main)
                  until new=$(main); [ \"$new\" != 0 ] && [ \"$new\" != \"$old\" ]; do :; done; kill -9 $new";
    host.run(["systemd-run", "--quiet", "--unit=killer", "sh", "-c", killer]).ok();
    let failed = host.fails(&listening(EVERYWHERE, LIVE));
    assert!(failed.stderr.contains("`systemctl restart docker.service` failed"), "{failed}");
    assert!(host.journal("docker.service").contains("status=9/KILL"), "the test did what it says");
    host.seal(&listening(EVERYWHERE, LIVE));
}

fn a_service_that_had_failed_is_left_as_it_was(host: &Host) {
    host.write("/etc/docker/daemon.json", "{\"hosts\": [\"unix:///run/other.sock\"]}", 0o644);
    host.run(["systemctl", "restart", "docker"]).exits(1);
    host.wait_until("systemctl is-failed --quiet docker.service");
    host.take_port(2376);
    let (files, unit_before) = (host.put_back_files(), host.unit());
    host.manifest(&listening(EVERYWHERE, ""));
    let failed = host.dockseal(["apply"]).exits(1);
    assert!(failed.stderr.ends_with("note: the host is as it was\n"), "{failed}");
    assert_eq!(host.put_back_files(), files);
    host.wait_until("systemctl is-failed --quiet docker.service");
    assert_eq!(host.unit(), unit_before);
    host.free_port();
    host.seal(&listening(EVERYWHERE, ""));
}

/// Somebody has left a drop-in that systemd has not read yet, and by which nothing starts.
fn a_host_that_cannot_be_put_back_calls_for_a_person(host: &Host) {
    let drop_in = "/etc/systemd/system/docker.service.d/10-broken.conf";
    host.write(drop_in, "[Service]\nExecStartPre=/bin/false\n", 0o644);
    let files = host.put_back_files();
    host.manifest(&listening(EVERYWHERE, ""));
    let failed = host.dockseal(["apply"]).exits(3);
    let (_, next) =
        failed.stderr.split_once("note: the host could not be put back: a person has to look at it\n").unwrap();
    for command in ["journalctl --unit docker.service", "dockseal recover", "systemctl status docker.service"] {
        assert!(next.contains(command), "{failed}");
    }
    assert_eq!(host.put_back_files(), files, "the files at least are");
    host.sh(&format!("rm {drop_in}; systemctl daemon-reload")).ok();
    host.dockseal(["recover"]).ok();
    assert!(host.answers_locally());
    host.seal(&listening(EVERYWHERE, ""));
}
