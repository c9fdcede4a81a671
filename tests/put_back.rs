//! An apply that fails on its way: the files, the loaded unit and the running daemon are as they were.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod support;

use support::{Host, Ran, on_each_suite};

on_each_suite!(
    a_taken_port_puts_a_stock_host_back,
    a_taken_port_puts_a_sealed_host_back,
    an_address_that_the_host_lacks_puts_it_back,
    a_key_that_this_engine_does_not_know_changes_nothing,
    a_dockerd_killed_at_its_start_puts_the_host_back,
    a_service_that_had_failed_is_left_as_it_was,
    a_host_that_cannot_be_put_back_calls_for_a_person,
);

fn manifest(tcp: &str, rest: &str) -> String {
    format!(
        "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans:\n    ip: [127.0.0.1, 10.99.99.99]\nclients:\n  - name: ci\n\
         daemon:\n  hosts: [fd://, {tcp}]\n{rest}"
    )
}

const EVERYWHERE: &str = "tcp://0.0.0.0:2376";
const LIVE: &str = "  live-restore: true\n";

/// The host before an apply that fails.
struct Before {
    files: String,
    unit: String,
    info: String,
    container: String,
}

impl Before {
    fn of(host: &Host) -> Self {
        Self { files: host.put_back_files(), unit: unit(host), info: info(host), container: container(host) }
    }

    #[track_caller]
    fn is_back(&self, host: &Host) {
        assert_eq!(host.put_back_files(), self.files, "files are as they were");
        assert_eq!(unit(host), self.unit, "systemd has loaded what it had");
        assert!(host.answers_locally(), "the local socket answers");
        // What dockerd takes in on a signal takes a moment.
        host.wait_until(&format!("[ \"$(docker info --format '{INFO}')\" = '{}' ]", self.info));
        assert_eq!(info(host), self.info, "dockerd runs as before");
        assert_eq!(container(host), self.container, "the container never stopped");
    }
}

const INFO: &str = "{{.LiveRestoreEnabled}} {{.Debug}} {{.DockerRootDir}} {{.ContainersRunning}}";

fn info(host: &Host) -> String {
    host.docker(["info", "--format", INFO]).ok().text().to_owned()
}

fn container(host: &Host) -> String {
    host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}} {{.State.Running}}").text().to_owned()
}

fn unit(host: &Host) -> String {
    let exec_start = host.property("ExecStart");
    let argv = exec_start.split(" ; ").nth(1).unwrap_or_default();
    format!(
        "{argv} {} {} {}",
        host.property("DropInPaths"),
        host.property("NeedDaemonReload"),
        host.property("ActiveState")
    )
}

/// The apply ends with 1 and says that the host is as it was, which it is.
#[track_caller]
fn fails(host: &Host, manifest: &str) -> Ran {
    let before = Before::of(host);
    host.manifest(manifest);
    let failed = host.dockseal(["apply"]).exits(1);
    assert!(failed.stderr.ends_with("note: the host is as it was\n"), "{failed}");
    before.is_back(host);
    failed
}

fn take_port(host: &Host, port: u16) {
    host.sh(&format!("systemd-run --quiet --unit=taken openssl s_server -accept {port} -nocert -quiet")).ok();
    host.wait_until(&format!("ss -ltn | grep -q ':{port} '"));
}

fn free_port(host: &Host) {
    host.run(["systemctl", "stop", "taken.service"]).ok();
}

/// On the very first run, with live-restore switched on for the restart.
fn a_taken_port_puts_a_stock_host_back(host: &Host) {
    take_port(host, 2376);
    host.container("kept");
    let failed = fails(host, &manifest(EVERYWHERE, LIVE));
    assert!(failed.stderr.contains("the journal's last lines:\n"), "{failed}");
    assert!(failed.stderr.contains("2376: bind: address already in use"), "{failed}");
    free_port(host);
    host.seal(&manifest(EVERYWHERE, LIVE));
    assert!(host.is_running("kept"));
}

/// The old certificate is served again, and a daemon.json that others have written is back.
fn a_taken_port_puts_a_sealed_host_back(host: &Host) {
    host.write("/etc/docker/daemon.json", "{\n\t\"debug\": true\n}\n", 0o640);
    host.seal(&manifest(EVERYWHERE, LIVE));
    host.container("kept");
    take_port(host, 2377);
    let wanted =
        manifest("tcp://0.0.0.0:2376, tcp://0.0.0.0:2377", LIVE).replace("127.0.0.1, ", "127.0.0.1, 10.1.1.1, ");
    fails(host, &wanted);
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.manifest(&manifest(EVERYWHERE, LIVE));
    host.dockseal(["plan"]).ok();
}

fn an_address_that_the_host_lacks_puts_it_back(host: &Host) {
    host.container("kept");
    let failed = fails(host, &manifest("tcp://10.99.99.99:2376", LIVE));
    assert!(failed.stderr.contains("cannot assign requested address"), "{failed}");
}

/// Engine 23.0 and later are asked beforehand, an older one is tried.
fn a_key_that_this_engine_does_not_know_changes_nothing(host: &Host) {
    host.container("kept");
    let dockerd = host.dockerd();
    let failed = fails(host, &manifest(EVERYWHERE, &format!("{LIVE}  no-such-key: 1\n")));
    assert!(
        failed.stderr.contains("the following directives don't match any configuration option: no-such-key"),
        "{failed}"
    );
    if host.suite() != support::Suite::Bookworm {
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
    let failed = fails(host, &manifest(EVERYWHERE, LIVE));
    assert!(failed.stderr.contains("`systemctl restart docker.service` failed"), "{failed}");
    assert!(host.journal("docker.service").contains("status=9/KILL"), "the test did what it says");
    host.seal(&manifest(EVERYWHERE, LIVE));
}

fn a_service_that_had_failed_is_left_as_it_was(host: &Host) {
    host.write("/etc/docker/daemon.json", "{\"hosts\": [\"unix:///run/other.sock\"]}", 0o644);
    host.run(["systemctl", "restart", "docker"]).exits(1);
    host.wait_until("systemctl is-failed --quiet docker.service");
    take_port(host, 2376);
    let (files, unit_before) = (host.put_back_files(), unit(host));
    host.manifest(&manifest(EVERYWHERE, ""));
    let failed = host.dockseal(["apply"]).exits(1);
    assert!(failed.stderr.ends_with("note: the host is as it was\n"), "{failed}");
    assert_eq!(host.put_back_files(), files);
    host.wait_until("systemctl is-failed --quiet docker.service");
    assert_eq!(unit(host), unit_before);
    free_port(host);
    host.seal(&manifest(EVERYWHERE, ""));
}

/// Somebody has left a drop-in that systemd has not read yet, and by which nothing starts.
fn a_host_that_cannot_be_put_back_calls_for_a_person(host: &Host) {
    let drop_in = "/etc/systemd/system/docker.service.d/10-broken.conf";
    host.write(drop_in, "[Service]\nExecStartPre=/bin/false\n", 0o644);
    let files = host.put_back_files();
    host.manifest(&manifest(EVERYWHERE, ""));
    let failed = host.dockseal(["apply"]).exits(3);
    assert!(failed.stderr.ends_with("note: the host could not be put back: look at it now\n"), "{failed}");
    assert_eq!(host.put_back_files(), files, "the files at least are");
    host.sh(&format!("rm {drop_in}; systemctl daemon-reload")).ok();
    host.seal(&manifest(EVERYWHERE, ""));
}
