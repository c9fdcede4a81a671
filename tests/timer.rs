//! The units of `packaging/systemd` on booted hosts: what the sandbox lets through, how a failed run is seen, and that the
//! timer renews.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Before, EVERYWHERE, Host, LIVE, MANIFEST, Suite, listening, on_each_suite};

const RUN: [&str; 3] = ["systemctl", "start", "dockseal.service"];
const UNITS: &str = "/etc/systemd/system";
/// What the README says of `systemd-analyze security`, the highest of all generations, in tenths.
const EXPOSURE: u32 = 23;

on_each_suite!(the_sandbox_lets_a_run_through);

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn install_units(host: &Host) {
    for unit in ["dockseal.service", "dockseal.timer"] {
        host.copy_in(checkout("packaging/systemd").join(unit), &format!("{UNITS}/{unit}"), 0o644);
    }
    host.run(["systemctl", "daemon-reload"]).ok();
}

fn install_example(host: &Host, name: &str) {
    host.copy_in(checkout("examples/systemd").join(name), &format!("{UNITS}/{name}"), 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
}

fn the_sandbox_lets_a_run_through(host: &Host) {
    install_units(host);
    host.run(RUN).ok();
    assert_ne!(host.run(["ls", "/etc/docker/tls"]).code, 0, "without a manifest nothing runs");
    let verified = host.run(["systemd-analyze", "verify", "--man=no", "dockseal.service", "dockseal.timer"]).ok();
    assert!(!verified.stderr.contains("dockseal"), "{verified}");
    let exposure = exposure(host);
    println!("{}: exposure {exposure}", host.suite().name());
    assert!(exposure <= EXPOSURE, "{exposure}");
    let readme = fs::read_to_string(checkout("README.md")).unwrap();
    assert!(
        readme.contains(&format!("gives it {}.{}", EXPOSURE / 10, EXPOSURE % 10)),
        "{EXPOSURE} is not in the README"
    );

    host.container("kept");
    host.manifest(&listening(EVERYWHERE, LIVE));
    runs(host);
    host.dockseal(["plan"]).ok();
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    assert!(host.is_running("kept"));
    let files = host.files();
    runs(host);
    assert_eq!(host.files(), files, "the second night writes nothing");

    a_failed_run_is_put_back_and_seen(host);
}

fn a_failed_run_is_put_back_and_seen(host: &Host) {
    for example in ["dockseal.service.d/on-failure.conf", "dockseal-failed.service"] {
        install_example(host, example);
    }
    host.write("/usr/local/bin/mail", "#!/bin/sh\n{ echo \"$@\"; cat; } >>/root/mail\n", 0o755);
    host.run(["systemd-analyze", "verify", "--man=no", "dockseal-failed.service"]).ok();

    let before = Before::of(host);
    host.take_port(2377);
    host.manifest(&listening("tcp://0.0.0.0:2377", LIVE));
    fails(host, 1);
    before.is_back(host);
    let failed = host.run(["systemctl", "--failed", "--plain", "--no-legend"]).ok();
    assert!(failed.stdout.contains("dockseal.service"), "{failed}");
    host.wait_until("[ -e /root/mail ] && [ \"$(systemctl is-active dockseal-failed)\" = inactive ]");
    let mail = host.read("/root/mail");
    assert!(mail.starts_with(&format!("-s dockseal failed on {} root\n", host.name())), "{mail}");
    for said in ["status=1/FAILURE", "note: the host is as it was"] {
        assert!(mail.contains(said), "{said}: {mail}");
    }

    host.free_port();
    runs(host);
    assert_eq!(host.sh("systemctl --failed --plain --no-legend | grep -c dockseal || true").text(), "0");
    // Nobody but a person can put right what ends with 3.
    host.write(
        &format!("{UNITS}/dockseal.service.d/three.conf"),
        "[Service]\nExecStart=\nExecStart=sh -c 'exit 3'\n",
        0o644,
    );
    host.run(["systemctl", "daemon-reload"]).ok();
    fails(host, 3);
}

#[test]
#[ignore = "boots a host"]
fn the_timer_renews() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    install_units(&host);
    // The passphrase is where the credential is, which the host's own key has encrypted.
    install_example(&host, "dockseal.service.d/passphrase.conf");
    let example = fs::read_to_string(checkout("examples/systemd/dockseal.service.d/passphrase.conf")).unwrap();
    let encrypt = example.lines().find_map(|line| line.strip_prefix("# Made by: ")).unwrap();
    host.sh(&format!("mkdir -p /etc/dockseal; printf 'correct horse\\n' | {encrypt}")).ok();
    host.manifest(&MANIFEST.replace(
        "server:\n",
        "ca: {passphrase: {credential: ca-passphrase}}\nserver:\n  valid_for: 90d\n  renew_before: 30d\n",
    ));
    at_another_time(&host, "-80d");
    runs(&host);
    assert!(host.read("/etc/docker/tls/ca-key.pem").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let old = served(&host);
    host.sh(&format!("rm {UNITS}/dockseal.service.d/time.conf; systemctl daemon-reload")).ok();
    assert_eq!(host.run(["systemctl", "is-enabled", "dockseal.timer"]).text(), "disabled");

    // As a timer that elapsed while the host was off: `Persistent=` has it run when it starts.
    host.write(&format!("{UNITS}/dockseal.timer.d/now.conf"), "[Timer]\nRandomizedDelaySec=0\n", 0o644);
    let stamp = "/var/lib/systemd/timers/stamp-dockseal.timer";
    host.sh(&format!("mkdir -p /var/lib/systemd/timers; touch -d '3 days ago' {stamp}; systemctl daemon-reload")).ok();
    host.run(["systemctl", "enable", "--now", "dockseal.timer"]).ok();
    host.wait_until("[ $(journalctl -b --output=cat -u dockseal.service | grep -c ^Done:) = 2 ]");
    let said = host.journal("dockseal.service");
    let (_, night) = said.split_once("Done:").unwrap();
    assert!(night.contains("± server.certificate") && night.contains("it ends"), "{night}");
    assert_ne!(served(&host), old, "dockerd serves the new certificate");
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    let next = host.run(["systemctl", "show", "--value", "-p", "NextElapseUSecRealtime", "dockseal.timer"]).ok();
    assert!(next.stdout.contains(" 03:") || next.stdout.contains(" 04:"), "{next}");
}

/// A person's own run made the files; the unit's must not find out only when they end that it can't write there.
#[test]
#[ignore = "boots a host"]
fn a_folder_elsewhere_takes_a_drop_in() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    install_units(&host);
    host.copy_in(checkout("examples/issuers/openssl"), "/usr/local/lib/dockseal/openssl", 0o755);
    host.sh("umask 077; mkdir /srv/ca; cd /srv/ca
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca-key.pem -out ca.pem -days 3650 \
            -subj '/CN=Build CA' -addext keyUsage=critical,keyCertSign -addext basicConstraints=critical,CA:TRUE,pathlen:0
        chmod 644 ca.pem")
        .ok();
    let manifest = MANIFEST
        .replace("name: ci\n", "name: ci\n    directory: /srv/portainer\n")
        .replace("server:\n", "ca: {issuer: {command: [/usr/local/lib/dockseal/openssl, /srv/ca]}}\nserver:\n");
    host.seal(&manifest);
    fails(&host, 1);
    let said = host.journal("dockseal.service");
    assert!(said.contains("error: /srv/portainer cannot be written to: it is mounted read-only here"), "{said}");
    assert!(said.contains("ReadWritePaths=/srv/portainer"), "{said}");

    install_example(&host, "dockseal.service.d/paths.conf");
    host.sh("rm /srv/portainer/cert.pem").ok();
    runs(&host);
    host.run(["openssl", "verify", "-CAfile", "/srv/ca/ca.pem", "/srv/portainer/cert.pem"]).ok();

    // Folders that get empty are no mount points of the sandbox.
    host.manifest(&format!("{manifest}state: absent\n"));
    runs(&host);
    host.dockseal(["plan"]).ok();
    assert!(host.answers_locally());
    runs(&host);
}

fn runs(host: &Host) {
    let ran = host.run(RUN);
    assert_eq!(ran.code, 0, "{}", host.journal("dockseal.service"));
}

fn fails(host: &Host, code: i32) {
    host.run(RUN).exits(1);
    let show = ["ActiveState", "Result", "ExecMainStatus"].map(|property| {
        host.run(["systemctl", "show", "--value", "-p", property, "dockseal.service"]).ok().text().to_owned()
    });
    assert_eq!(show, ["failed", "exit-code", &code.to_string()], "{}", host.journal("dockseal.service"));
}

/// In tenths, as the option `--threshold` has it.
fn exposure(host: &Host) -> u32 {
    let said = host.run(["systemd-analyze", "security", "--no-pager", "dockseal.service"]).ok();
    let (_, rest) = said.stdout.split_once("Overall exposure level for dockseal.service: ").expect("an overall level");
    let level = rest.split_whitespace().next().unwrap_or_default();
    level.replace('.', "").parse().unwrap_or_else(|_| panic!("{said}"))
}

/// Runs of the unit see another clock from now on; what they call does not.
fn at_another_time(host: &Host, offset: &str) {
    let library = "/usr/local/lib/libfaketime.so.1";
    host.copy_in("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", library, 0o644);
    let drop_in = format!("[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME={offset} NO_FAKE_STAT=1\n");
    host.write(&format!("{UNITS}/dockseal.service.d/time.conf"), drop_in, 0o644);
    host.run(["systemctl", "daemon-reload"]).ok();
}

/// The certificate that dockerd serves.
fn served(host: &Host) -> String {
    let call = "openssl s_client -connect 127.0.0.1:2376 </dev/null 2>/dev/null | openssl x509 -noout -serial";
    host.sh(call).ok().text().to_owned()
}
