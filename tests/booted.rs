//! The facts of real hosts that dockseal builds on, seen on each generation of systemd and the Docker Engine.
//!
//! Each test boots its own hosts; see `support::Host`.

use std::time::Duration;

use crate::support::{Dockseal, Host, Suite};

const DAEMON_JSON: &str = "/etc/docker/daemon.json";

#[test]
#[ignore = "boots a host"]
fn a_bookworm_host_runs_its_engine() {
    engine_runs_containers_and_restarts(Suite::Bookworm);
}

#[test]
#[ignore = "boots a host"]
fn a_trixie_host_runs_its_engine() {
    engine_runs_containers_and_restarts(Suite::Trixie);
}

#[test]
#[ignore = "boots a host"]
fn a_sid_host_runs_its_engine() {
    engine_runs_containers_and_restarts(Suite::Sid);
}

fn engine_runs_containers_and_restarts(suite: Suite) {
    let host = Host::boot(suite);
    assert_eq!(host.run(["systemctl", "is-active", "docker.service"]).text(), "active");
    assert_eq!(host.run(["hostname"]).ok().text(), host.name());
    let version = host.docker(["version", "--format", "{{.Server.Version}}"]).ok();
    assert!(version.text().starts_with(suite.engine()), "{version}");

    host.container("plain");
    assert_eq!(host.docker(["exec", "plain", "/bin/busybox", "echo", "hello"]).ok().text(), "hello");
    host.run(["systemctl", "restart", "docker"]).ok();
    assert!(!host.is_running("plain"), "without live-restore a restart stops containers");
    host.power_off();
}

/// Of the harness itself: what hangs is ended, and a dropped host is gone with its processes and control groups.
#[test]
#[ignore = "boots a host"]
fn a_host_leaves_nothing_behind() {
    let host = Host::boot(Suite::Bookworm);
    host.command(["sleep", "1000"]).limit(Duration::from_secs(1)).run().exits(124);
    // Dead, if perhaps not yet buried by this machine's PID 1.
    assert_eq!(host.sh("ps -C sleep -o stat= | grep -v Z || true").ok().stdout, "");

    let name = host.name().to_owned();
    let trace = format!("pgrep -f [m]achine={name}; find /sys/fs/cgroup -name {name} 2>/dev/null");
    let traces = || std::process::Command::new("sh").args(["-c", &trace]).output().unwrap().stdout;
    assert_ne!(traces(), b"");
    drop(host);
    assert_eq!(String::from_utf8_lossy(&traces()), "");
}

/// The tested binary is linked with this machine's libraries; the oldest host's must do.
#[test]
#[ignore = "boots a host"]
fn the_binary_runs_on_every_generation() {
    let here = Dockseal::new().args(["--version"]).run().ok();
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        host.install_dockseal();
        assert_eq!(host.dockseal(["--version"]).ok().stdout, here.stdout, "{}", suite.name());
    }
}

/// The vendor's unit says `-H fd://`; the same directive in daemon.json stops dockerd from starting.
#[test]
#[ignore = "boots a host"]
fn hosts_in_daemon_json_clash_with_the_unit_until_a_drop_in_clears_the_flag() {
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        host.write(DAEMON_JSON, r#"{"hosts": ["fd://", "unix:///run/second.sock"]}"#, 0o644);
        host.run(["systemctl", "restart", "docker"]).exits(1);
        let journal = host.journal("docker.service");
        let clash = "the following directives are specified both as a flag and in the configuration file: hosts: \
                     (from flag: [fd://], from file: [fd:// unix:///run/second.sock])";
        assert!(journal.contains(clash), "{}: {journal}", suite.name());

        clear_the_host_flag(&host);
        host.sh("systemctl reset-failed docker; systemctl restart docker").ok();
        host.docker(["-H", "unix:///run/second.sock", "version"]).ok();
    }
}

/// So containers survive even the first restart, provided that `hosts` isn't in the file yet.
#[test]
#[ignore = "boots a host"]
fn live_restore_switched_on_by_sighup_keeps_containers_over_a_restart() {
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        host.container("kept");
        let started = host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok();

        host.write(DAEMON_JSON, r#"{"live-restore": true}"#, 0o644);
        reload_until_live_restore(&host, "true");
        host.write(DAEMON_JSON, r#"{"live-restore": true, "hosts": ["fd://", "unix:///run/second.sock"]}"#, 0o644);
        clear_the_host_flag(&host);
        host.run(["systemctl", "restart", "docker"]).ok();

        assert!(host.is_running("kept"), "{}", suite.name());
        assert_eq!(host.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}}").ok().text(), started.text());
        host.docker(["-H", "unix:///run/second.sock", "version"]).ok();
    }
}

/// Why `live-restore` has to be reloaded before `hosts` is written.
#[test]
#[ignore = "boots a host"]
fn a_reload_fails_as_a_whole_while_hosts_clash_with_the_flag() {
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        host.write(DAEMON_JSON, r#"{"live-restore": true, "hosts": ["fd://"]}"#, 0o644);
        host.run(["systemctl", "reload", "docker"]).ok();
        wait_for_journal(&host, "specified both as a flag");
        assert_eq!(live_restore(&host), "false", "{}", suite.name());
    }
}

/// An HTTP/1.0 request is answered whole, without the chunks that a reader would have to take apart, then closed.
#[test]
#[ignore = "boots a host"]
fn info_over_http_1_0_comes_without_chunks() {
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        let socket = "/run/docker.sock";
        let info = host.run(["curl", "-si", "--http1.0", "--unix-socket", socket, "http://localhost/info"]).ok();
        let (head, body) = info.stdout.split_once("\r\n\r\n").expect("a head ends with an empty line");
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("the body is JSON and nothing else");
        assert_eq!(body["LiveRestoreEnabled"], false);
        assert_eq!(body["ContainersRunning"], 0);
        assert!(body["ServerVersion"].as_str().is_some_and(|version| version.starts_with(suite.engine())), "{body}");
        assert_eq!(body["Swarm"]["LocalNodeState"], "inactive");
    }
}

/// Mutual TLS as daemon.json asks for it, seen by the client that programs use most: the Docker SDK for Python.
#[test]
#[ignore = "boots a host"]
fn tlsverify_lets_in_the_holder_of_a_certificate_and_nobody_else() {
    for suite in Suite::ALL {
        let host = Host::boot(suite);
        host.sh(MAKE_CERTIFICATES).ok();
        let sealed = r#"{"hosts": ["fd://", "tcp://127.0.0.1:2376"], "tlsverify": true,
            "tlscacert": "/etc/docker/tls/ca.pem", "tlscert": "/etc/docker/tls/server-cert.pem",
            "tlskey": "/etc/docker/tls/server-key.pem"}"#;
        host.write(DAEMON_JSON, sealed, 0o644);
        clear_the_host_flag(&host);
        host.run(["systemctl", "restart", "docker"]).ok();

        let client = tempfile::tempdir().unwrap();
        for file in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(client.path().join(file), host.read(&format!("/etc/docker/tls/{file}"))).unwrap();
        }
        let sdk = crate::support::cache().join("python/bin/python3");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python_sdk.py");
        let call = || {
            let command = host.in_network([sdk.as_os_str(), script.as_ref()]).env("DOCKER_TLS_VERIFY", "1");
            command.env("DOCKER_HOST", "tcp://127.0.0.1:2376").env("DOCKER_CERT_PATH", client.path()).run()
        };
        let let_in = call().ok();
        assert!(let_in.text().starts_with(suite.engine()), "{let_in}");

        // A certificate that signed itself is a stranger's.
        let stranger = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                        -subj /CN=stranger -keyout key.pem -out cert.pem";
        host.in_network(["sh", "-euc", &format!("cd {}; {stranger}", client.path().display())]).run().ok();
        call().exits(1);
        // The alert may be lost on its way to a client that is still writing; dockerd's own word is sure.
        wait_for_journal(&host, "TLS handshake error from .*certificate signed by unknown authority");
    }
}

/// One CA, a server and a client in /etc/docker/tls, by openssl.
const MAKE_CERTIFICATES: &str = r#"
    mkdir -p /etc/docker/tls; cd /etc/docker/tls
    new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    openssl req -x509 $new -days 2 -subj '/CN=Test CA' -addext keyUsage=critical,keyCertSign -keyout ca-key.pem -out ca.pem
    leaf() {
        openssl req $new -subj "/CN=$1" -keyout "$3" -out request.pem
        printf 'subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\nextendedKeyUsage=%s\n' "$4" >extensions
        openssl x509 -req -days 1 -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial \
            -extfile extensions -out "$2"
    }
    leaf server server-cert.pem server-key.pem serverAuth
    leaf client cert.pem key.pem clientAuth
"#;

/// The drop-in that lets `hosts` stand in daemon.json: the vendor's line without `-H fd://`.
fn clear_the_host_flag(host: &Host) {
    let vendor = "grep -h ^ExecStart= /lib/systemd/system/docker.service | sed 's| -H fd://||'";
    let line = host.sh(vendor).ok();
    assert!(line.text().starts_with("ExecStart=/usr/sbin/dockerd --containerd="), "{line}");
    let drop_in = format!("[Service]\nExecStart=\n{}\n", line.text());
    host.write("/etc/systemd/system/docker.service.d/zz-test.conf", drop_in, 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
}

/// SIGHUP is answered at once but acted on a moment later.
fn reload_until_live_restore(host: &Host, wanted: &str) {
    host.run(["systemctl", "reload", "docker"]).ok();
    let ask = "docker info --format '{{.LiveRestoreEnabled}}'";
    host.sh(&format!("for _ in $(seq 100); do [ \"$({ask})\" = {wanted} ] && exit; sleep 0.1; done; exit 1")).ok();
}

/// Waits until docker.service has logged what the pattern matches.
fn wait_for_journal(host: &Host, pattern: &str) {
    let script = "until journalctl -b -u docker.service | grep -q \"$1\"; do sleep 0.1; done";
    host.command(["sh", "-euc", script, "sh", pattern]).limit(Duration::from_secs(20)).run().ok();
}

fn live_restore(host: &Host) -> String {
    host.docker(["info", "--format", "{{.LiveRestoreEnabled}}"]).ok().text().to_owned()
}
