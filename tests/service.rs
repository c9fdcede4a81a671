//! docker.service in every state in which an apply may find it, and what it does on its own meanwhile.

use crate::support::{Host, MANIFEST, on_each_suite};

on_each_suite!(
    an_inactive_service_stays_inactive,
    a_stopped_service_is_not_started_by_its_socket,
    a_failed_service_is_mended,
    a_masked_service_is_left_alone,
    a_running_service_that_is_masked_goes_on_running,
    a_host_without_docker_gets_its_files,
    a_used_up_start_limit_does_not_stand_in_the_way,
    a_certificate_swapped_behind_dockerds_back_is_drift,
    a_listener_that_is_gone_is_drift,
    a_drop_in_that_systemd_has_not_read_is_drift,
);

const TLS: &str = "/etc/docker/tls";
const DROP_IN: &str = "/etc/systemd/system/docker.service.d/zz-dockseal.conf";

fn states(host: &Host) -> String {
    host.run(["systemctl", "show", "--value", "-p", "ActiveState", "docker.service", "docker.socket"])
        .ok()
        .text()
        .replace("\n\n", " ")
}

/// Once it runs, it is what the manifest says.
fn starts_sealed(host: &Host) {
    host.run(["systemctl", "start", "docker.service"]).ok();
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");
    assert!(host.answers_locally());
    host.dockseal(["plan"]).ok();
}

fn an_inactive_service_stays_inactive(host: &Host) {
    host.run(["systemctl", "stop", "docker.service", "docker.socket"]).ok();
    let applied = host.seal(MANIFEST);
    let note = "note: docker.service is inactive and stays so; it serves this once it is started\n";
    assert!(applied.stdout.contains(note), "{applied}");
    assert_eq!(states(host), "inactive inactive");
    starts_sealed(host);
}

fn a_stopped_service_is_not_started_by_its_socket(host: &Host) {
    host.run(["systemctl", "stop", "docker.service"]).ok();
    assert_eq!(states(host), "inactive active");
    host.seal(MANIFEST);
    assert_eq!(states(host), "inactive active");
    assert!(host.answers_locally(), "the socket starts dockerd");
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");
}

/// What happens to those who write `hosts` into daemon.json and know nothing of the unit's `-H fd://`.
fn a_failed_service_is_mended(host: &Host) {
    host.write("/etc/docker/daemon.json", r#"{"hosts": ["tcp://0.0.0.0:2375"], "debug": true}"#, 0o644);
    host.run(["systemctl", "restart", "docker"]).exits(1);
    host.wait_until("systemctl is-failed --quiet docker.service");
    let applied = host.seal(MANIFEST);
    assert!(applied.stdout.contains("it is wanted, and is failed"), "{applied}");
    assert_eq!(states(host), "active active");
    assert!(host.answers_locally());
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");
    assert_eq!(host.docker(["info", "--format", "{{.Debug}}"]).ok().text(), "true", "foreign keys stay");
}

fn a_masked_service_is_left_alone(host: &Host) {
    host.run(["systemctl", "stop", "docker.service", "docker.socket"]).ok();
    host.run(["systemctl", "mask", "docker.service"]).ok();
    let applied = host.seal(MANIFEST);
    assert!(applied.stdout.contains("note: docker.service is masked: it is left alone\n"), "{applied}");
    assert_eq!(states(host), "inactive inactive");
    assert_eq!(host.property("LoadState"), "masked");
    host.run(["systemctl", "unmask", "docker.service"]).ok();
    starts_sealed(host);
}

fn a_running_service_that_is_masked_goes_on_running(host: &Host) {
    host.run(["systemctl", "mask", "docker.service"]).ok();
    let dockerd = host.dockerd();
    let applied = host.seal(MANIFEST);
    assert!(applied.stdout.contains("note: docker.service is masked: it is left alone\n"), "{applied}");
    assert_eq!(host.dockerd(), dockerd);
    assert!(host.answers_locally());
    host.run(["systemctl", "unmask", "docker.service"]).ok();
    host.run(["systemctl", "restart", "docker.service"]).ok();
    starts_sealed(host);
}

/// As `apt-get remove` leaves it: Docker's init script is still there, and some systemds make a docker.service of it.
fn a_host_without_docker_gets_its_files(host: &Host) {
    let units = "/lib/systemd/system/docker.service /lib/systemd/system/docker.socket";
    host.sh(&format!(
        "systemctl stop docker.service docker.socket; mkdir /root/units; mv {units} /root/units; mv /usr/sbin/dockerd /root
         rm -f /etc/systemd/system/*.wants/docker.so*; systemctl daemon-reload"
    ))
    .ok();
    let applied = host.seal(MANIFEST);
    let note =
        "note: there is no docker.service: the drop-in is derived from the command line of the upstream package\n";
    assert!(applied.stdout.contains(note), "{applied}");
    let drop_in = host.read(DROP_IN);
    let line = "\nExecStart=\nExecStart=/usr/bin/dockerd --containerd=/run/containerd/containerd.sock\n";
    assert!(drop_in.ends_with(line), "{drop_in}");
    // Then Docker is installed.
    host.sh("mv /root/units/* /lib/systemd/system; mv /root/dockerd /usr/sbin; systemctl daemon-reload").ok();
    host.seal(MANIFEST);
    starts_sealed(host);
}

fn a_used_up_start_limit_does_not_stand_in_the_way(host: &Host) {
    host.sh("for _ in 1 2 3 4 5; do systemctl restart docker || exit 0; done; exit 1").ok();
    assert!(host.journal("docker.service").contains("Start request repeated too quickly"));
    host.seal(MANIFEST);
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");

    // Nor where it still runs and has used up all but nothing.
    host.sh("systemctl restart docker; systemctl restart docker").ok();
    host.seal(&MANIFEST.replace("ip: [", "ip: [10.0.0.1, "));
}

fn a_certificate_swapped_behind_dockerds_back_is_drift(host: &Host) {
    host.seal(MANIFEST);
    // Valid, by the same CA, for the same names: only what is served tells.
    host.sh(&format!("cp -a {TLS} /root/first; rm {TLS}/server-*")).ok();
    host.seal(&format!("{MANIFEST}systemd:\n  restart: never\n"));
    host.manifest(MANIFEST);
    let starts = host.starts();
    let planned = host.dockseal(["plan"]).exits(2);
    let why = "tcp://0.0.0.0:2376 serves another certificate than the one on disk: ";
    assert!(planned.stdout.contains(why), "{planned}");
    host.seal(MANIFEST);
    assert_eq!(host.starts(), starts + 1);

    // And the other way round: dockerd serves the new, somebody has put the old back.
    host.sh(&format!("cp -a /root/first/server-* {TLS}")).ok();
    assert!(host.dockseal(["plan"]).exits(2).stdout.contains(why));
    assert_eq!(host.dockseal(["apply", "--detailed-exitcode"]).exits(2).stderr, "");
    assert_eq!(host.starts(), starts + 2);
    host.dockseal(["plan"]).ok();
}

fn a_listener_that_is_gone_is_drift(host: &Host) {
    host.seal(MANIFEST);
    host.sh("cd /etc/docker; cp -a daemon.json /root; echo '{\"hosts\": [\"fd://\"]}' >daemon.json
             systemctl reset-failed docker; systemctl restart docker; cp -a /root/daemon.json .")
        .ok();
    let planned = host.dockseal(["plan"]).exits(2);
    assert!(planned.stdout.contains("tcp://0.0.0.0:2376 does not answer: "), "{planned}");
    let starts = host.starts();
    host.seal(MANIFEST);
    assert_eq!(host.starts(), starts + 1);
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");
}

fn a_drop_in_that_systemd_has_not_read_is_drift(host: &Host) {
    host.seal(MANIFEST);
    // As after a crash between writing the files and telling systemd.
    host.sh(&format!("mv {DROP_IN} /root; systemctl daemon-reload; cp -a /root/zz-dockseal.conf {DROP_IN}")).ok();
    assert_eq!(host.property("NeedDaemonReload"), "yes");
    host.dockseal(["plan"]).exits(2);
    host.seal(MANIFEST);
    assert_eq!(host.property("NeedDaemonReload"), "no");
    assert_eq!(host.ping_as(TLS, "ci").ok().text(), "OK");

    // Where dockerd may not restart, systemd at least reads it.
    host.sh(&format!("rm {DROP_IN}; systemctl daemon-reload; cp -a /root/zz-dockseal.conf {DROP_IN}")).ok();
    let (never, dockerd) = (format!("{MANIFEST}systemd:\n  restart: never\n"), host.dockerd());
    let applied = host.seal(&never);
    assert!(applied.stdout.contains("systemd has loaded another ExecStart than the files give"), "{applied}");
    assert_eq!((host.property("NeedDaemonReload"), host.dockerd()), ("no".to_owned(), dockerd));

    // Another's drop-in, changed and not yet read: ours is derived from it.
    host.write(
        "/etc/systemd/system/docker.service.d/10-root.conf",
        "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// --data-root=/srv/docker $DOCKER_OPTS\n",
        0o644,
    );
    host.seal(MANIFEST);
    assert_eq!(host.docker(["info", "--format", "{{.DockerRootDir}}"]).ok().text(), "/srv/docker");
}
