//! When dockerd restarts, when it only reloads, what stops with it, and for how long it does not answer.

use std::time::Duration;

use crate::support::{Host, on_each_suite};

on_each_suite!(
    a_container_that_would_stop_stops_the_apply,
    restart_never_writes_files_alone,
    restart_always_stops_containers_and_says_so,
    live_restore_as_a_flag_counts,
    live_restore_is_refused_on_a_node_of_a_swarm,
    a_switch_between_unix_and_fd_keeps_the_local_socket,
    what_dockerd_takes_in_on_a_signal_restarts_nothing,
    a_key_that_goes_is_taken_in_by_a_restart,
    a_client_that_is_issued_anew_restarts_nothing,
    an_apply_is_down_no_longer_than_a_bare_restart,
);

fn manifest(hosts: &str, rest: &str) -> String {
    format!(
        "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans:\n    ip: [127.0.0.1]\nclients:\n  - name: ci\n\
         daemon:\n  hosts: [{hosts}, tcp://0.0.0.0:2376]\n{rest}"
    )
}

fn a_container_that_would_stop_stops_the_apply(host: &Host) {
    host.container("busy");
    host.container("also-busy");
    host.manifest(&manifest("fd://", ""));
    let (files, dockerd) = (host.files(), host.dockerd());
    let refused = host.dockseal(["apply"]).exits(1);
    let why = "error: a restart of dockerd would stop 2 running containers: also-busy, busy\n";
    assert!(refused.stderr.contains(why), "{refused}");
    assert!(host.dockseal(["plan"]).exits(1).stdout.contains(why));
    assert_eq!((host.files(), host.dockerd()), (files, dockerd), "nothing is written, dockerd not touched");
    assert!(host.is_running("busy"));

    let starts = host.starts();
    host.dockseal(["apply", "--allow-restart"]).ok();
    assert_eq!(host.starts(), starts + 1);
    assert!(!host.is_running("busy"));
    // Nothing runs any more, nothing has to be allowed.
    host.dockseal(["apply"]).ok();
}

fn restart_never_writes_files_alone(host: &Host) {
    host.container("busy");
    let dockerd = host.dockerd();
    let applied = host.seal(&manifest("fd://", "systemd:\n  restart: never\n"));
    let note =
        "note: restart is `never`: until somebody restarts docker.service, dockerd serves what it read at its start";
    assert!(applied.stdout.contains(note), "{applied}");
    assert_eq!(host.dockerd(), dockerd);
    assert!(host.is_running("busy"));
    assert_ne!(host.ping_as("/etc/docker/tls", "ci").code, 0, "nobody listens there yet");
    // The person who restarts it need know nothing of dockseal.
    host.run(["systemctl", "restart", "docker"]).ok();
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.manifest(&manifest("fd://", ""));
    host.dockseal(["plan"]).ok();
}

fn restart_always_stops_containers_and_says_so(host: &Host) {
    host.container("busy");
    let applied = host.seal(&manifest("fd://", "systemd:\n  restart: always\n"));
    assert!(applied.stdout.contains("note: the restart stops 1 running container: busy\n"), "{applied}");
    assert!(!host.is_running("busy"));
}

/// As Fedora's package sets it.
fn live_restore_as_a_flag_counts(host: &Host) {
    host.write("/etc/default/docker", "DOCKER_OPTS=--live-restore\n", 0o644);
    host.container("kept");
    host.manifest(&manifest("fd://", ""));
    // dockerd was started without it.
    host.dockseal(["apply"]).exits(1);
    host.run(["systemctl", "restart", "docker"]).ok();
    host.docker(["start", "kept"]).ok();
    let started = host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok();
    let applied = host.seal(&manifest("fd://", ""));
    assert!(applied.stdout.contains("note: 1 running containers survive the restart (live-restore)\n"), "{applied}");
    assert_eq!(host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok().text(), started.text());
}

/// dockerd would not start again, be it now or at the next boot.
fn live_restore_is_refused_on_a_node_of_a_swarm(host: &Host) {
    host.docker(["swarm", "init", "--advertise-addr", "127.0.0.1"]).ok();
    let refuse = || {
        let (files, dockerd) = (host.files(), host.dockerd());
        host.manifest(&manifest("fd://", "  live-restore: true\n"));
        let refused = host.dockseal(["apply"]).exits(1);
        assert!(refused.stderr.contains("error: dockerd refuses live-restore on a node of a swarm\n"), "{refused}");
        assert_eq!((host.files(), host.dockerd()), (files, dockerd), "nothing is written, dockerd not touched");
    };
    refuse();
    let applied = host.seal(&manifest("fd://", ""));
    assert!(applied.stdout.contains("note: this node is part of a swarm\n"), "{applied}");
    assert_eq!(host.docker(["info", "--format", "{{.Swarm.LocalNodeState}}"]).ok().text(), "active");
    // Where it alone is added, dockerd would take it in on a signal, and fail at its next start.
    refuse();
}

/// A daemon that bound the path itself removes it when it stops; docker.socket then listens where nobody finds it.
fn a_switch_between_unix_and_fd_keeps_the_local_socket(host: &Host) {
    let switch = |hosts: &str| {
        let starts = host.starts();
        host.seal(&manifest(hosts, ""));
        assert!(host.answers_locally(), "{hosts}");
        assert_eq!(host.starts(), starts + 1, "{hosts}");
    };
    switch("unix:///var/run/docker.sock");
    switch("fd://");
    // docker.socket really listens there: it starts a stopped dockerd.
    host.run(["systemctl", "stop", "docker.service"]).ok();
    assert!(host.answers_locally());
    assert_eq!(host.property("ActiveState"), "active");
    switch("unix:///var/run/docker.sock");
    switch("fd://");
}

fn what_dockerd_takes_in_on_a_signal_restarts_nothing(host: &Host) {
    host.seal(&manifest("fd://", "  debug: false\n"));
    host.container("busy");
    let (dockerd, starts) = (host.dockerd(), host.starts());
    let applied = host.seal(&manifest("fd://", "  debug: true\n  labels: [rack=7]\n  max-concurrent-downloads: 7\n"));
    assert!(applied.stdout.contains("dockerd takes in debug, labels, max-concurrent-downloads on SIGHUP"), "{applied}");
    assert_eq!((host.dockerd(), host.starts()), (dockerd, starts));
    assert!(host.is_running("busy"));
    host.wait_until("[ \"$(docker info --format '{{.Debug}} {{.Labels}}')\" = 'true [rack=7]' ]");
    assert!(host.journal("docker.service").contains("max-concurrent-downloads\\\":7"), "the daemon's own word");
}

/// On a signal, dockerd would leave it as it was.
fn a_key_that_goes_is_taken_in_by_a_restart(host: &Host) {
    host.seal(&manifest("fd://", "  debug: true\n  labels: [rack=7]\n"));
    let starts = host.starts();
    host.seal(&manifest("fd://", "  debug: null\n  labels: null\n"));
    assert_eq!(host.starts(), starts + 1);
    assert_eq!(host.docker(["info", "--format", "{{.Debug}} {{.Labels}}"]).ok().text(), "false []");
}

/// dockerd turns the old one away, and is right: no restart would change that.
fn a_client_that_is_issued_anew_restarts_nothing(host: &Host) {
    host.seal(&manifest("fd://", ""));
    host.sh("cd /etc/docker/tls/clients/ci
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ci -days 90 \\
            -addext extendedKeyUsage=clientAuth -keyout key.pem -out cert.pem 2>/dev/null
        chmod 600 key.pem; chmod 644 cert.pem")
        .ok();
    let (dockerd, starts) = (host.dockerd(), host.starts());
    let planned = host.dockseal(["plan"]).exits(2);
    assert!(planned.stdout.ends_with("Plan: 1 to replace.\n"), "{planned}");
    host.dockseal(["apply"]).ok();
    assert_eq!((host.dockerd(), host.starts()), (dockerd, starts));
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.dockseal(["plan"]).ok();
}

/// Downtime is the longest gap between two answers to a caller with a certificate.
fn an_apply_is_down_no_longer_than_a_bare_restart(host: &Host) {
    let renamed = |number: usize| {
        manifest("fd://", "").replace("ip: [127.0.0.1]", &format!("ip: [127.0.0.1, 10.0.0.{}]", number + 1))
    };
    host.seal(&renamed(99));
    let client = tempfile::tempdir().unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        std::fs::write(client.path().join(file), host.read(&format!("/etc/docker/tls/clients/ci/{file}"))).unwrap();
    }
    let gap = |action: &dyn Fn()| {
        let done = client.path().join("done");
        let _ = std::fs::remove_file(&done);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/longest_gap.py");
        let arguments = ["/usr/bin/python3".as_ref(), script.as_ref(), client.path().as_os_str(), done.as_os_str()];
        std::thread::scope(|scope| {
            let command = host.in_network(arguments);
            let prober = scope.spawn(|| command.run());
            std::thread::sleep(Duration::from_millis(400));
            action();
            std::fs::write(&done, "").unwrap();
            prober.join().unwrap().ok().text().parse::<f64>().unwrap()
        })
    };
    let (mut bare, mut apply) = (Vec::new(), Vec::new());
    for run in 0..5 {
        bare.push(gap(&|| {
            host.sh("systemctl reset-failed docker; systemctl restart docker").ok();
        }));
        let starts = host.starts();
        host.manifest(&renamed(run));
        apply.push(gap(&|| {
            host.dockseal(["apply"]).ok();
        }));
        assert_eq!(host.starts(), starts + 1);
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let ratio = median(&mut apply) / median(&mut bare);
    let suite = host.suite().name();
    println!(
        "{suite}: ms without an answer, systemctl restart {bare:.0?}, apply {apply:.0?}; ratio of medians {ratio:.3}"
    );
    // Within a tenth, as a rule: the medians of five pairs scatter by that much, and more.
    assert!(ratio <= 1.25, "{ratio}");
}
