//! The role on one host over SSH, by the commands of the README: installs, applies, fetches, and rests.

use std::fs;
use std::path::Path;

use super::control::{Control, assert_mode, count, pieces};
use crate::support::{Dockseal, Host, Network, Suite, blocks};

const NAME: &str = "build-01.example.com";
const CLIENT: &str = "clients/build-01.example.com/ci";

#[test]
#[ignore = "boots a host"]
fn the_role_installs_applies_fetches_and_rests() {
    let hosts = [Host::boot(Suite::Trixie)];
    let (host, network) = (&hosts[0], Network::of(&hosts));
    let control = Control::new();
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart.yaml");
    let manifest = fs::read_to_string(quickstart).unwrap().replace("10.10.10.20", &Network::address(0));
    control.write(&format!("hosts/{NAME}.yaml"), &manifest);
    fs::copy(Dockseal::BINARY, control.path("dockseal")).unwrap();
    let sum = control.run("sha256sum dockseal").ok().stdout;
    let checksum = format!("dockseal_checksum={}", sum.split(' ').next().unwrap());
    let binary = format!("dockseal_binary={}", control.path("dockseal").display());
    control.inventory(&[(NAME, host)], &[&binary, &checksum, "dockseal_clients=['ci']"]);

    let block = blocks("README.md").into_iter().find(|block| block.kind() == "sh collection").unwrap();
    let commands: Vec<_> = block.text.lines().collect();
    let [install, check, apply] = commands[..] else { panic!("{commands:?}") };
    control.run(install).ok();
    let play = |command: &str| control.run_in(&network, command).ok();
    let made = || {
        host.sh("find /etc/docker /etc/dockseal /etc/systemd/system /usr/local /tmp /var/tmp -newer /root/.ssh/authorized_keys -name '*dockseal*'")
    };

    let planned = play(check);
    assert!(
        planned.stdout.contains("+ExecStart=/usr/bin/dockerd")
            || planned.stdout.contains("+ExecStart=/usr/sbin/dockerd"),
        "{planned}"
    );
    assert_ne!(count(&planned, NAME, "changed"), 0);
    assert_eq!(made().stdout, "", "--check left something");

    let applied = play(&format!("{apply} -vvv"));
    assert_ne!(count(&applied, NAME, "changed"), 0);
    host.dockseal(["plan"]).ok();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        assert_mode(&control.path(CLIENT).join(file), 0o600);
    }
    for folder in [CLIENT, "clients/build-01.example.com"] {
        assert_mode(&control.path(folder), 0o700);
    }
    assert_eq!(ping(&control, &network), "OK");

    let calm = (host.files(), host.dockerd());
    for command in [apply, check] {
        let rests = play(command);
        assert_eq!(count(&rests, NAME, "changed"), 0, "{rests}");
    }
    assert_eq!((host.files(), host.dockerd()), calm);

    // Neither on the terminal nor in any journal.
    let journal = host.sh("journalctl --no-pager -b").ok().stdout;
    assert!(journal.contains("Invoked with"), "Ansible logs what it is asked for");
    let files = ["ca-key.pem", "server-key.pem", "clients/ci/key.pem"];
    for secret in files.iter().flat_map(|file| pieces(&host.read(&format!("/etc/docker/tls/{file}")))) {
        for place in [&applied.stdout, &applied.stderr, &journal] {
            assert!(!place.contains(&secret), "{secret} is shown: {place}");
        }
    }

    // Another file than the one that was meant is not installed.
    fs::write(control.path("dockseal"), "#!/bin/sh\nexit 0\n").unwrap();
    let refused = control.run_in(&network, apply).exits(2);
    assert!(refused.stdout.contains("has the SHA-256 digest"), "{refused}");

    // A package from a URL takes the program's place.
    let package = format!(
        "mkdir -p deb/DEBIAN deb/usr/bin; install {} deb/usr/bin/dockseal
         printf 'Package: dockseal\nVersion: 1\nArchitecture: %s\nMaintainer: x <x@example.com>\nDescription: x\n' \
             $(dpkg --print-architecture) >deb/DEBIAN/control
         dpkg-deb -Znone --root-owner-group --build deb served/dockseal.deb; sha256sum served/dockseal.deb",
        Dockseal::BINARY
    );
    let built = control.run(&format!("mkdir served; {package}")).ok().stdout;
    let sum = built.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    let listed = fs::read_to_string(control.path("inventory.ini")).unwrap();
    let listed: Vec<_> = listed.lines().filter(|line| !line.starts_with("dockseal_")).collect();
    let listed = listed.join("\n");
    let install = |sum: &str| {
        let url = "http://10.86.0.1:8000/dockseal.deb";
        control.write(
            "inventory.ini",
            &format!("{listed}\nansible_pipelining=true\ndockseal_deb={url}\ndockseal_checksum={sum}\n"),
        );
        control.run_in(&network, &format!("{SERVE}\n{apply}"))
    };
    let refused = install(&"f".repeat(64)).exits(2);
    assert!(refused.stdout.contains("did not match"), "{refused}");
    host.sh("[ ! -e /usr/bin/dockseal ]").ok();
    let packaged = install(&sum).ok();
    assert_eq!(host.sh("dpkg-query --search /usr/bin/dockseal").ok().text(), "dockseal: /usr/bin/dockseal");
    assert!(count(&packaged, NAME, "changed") > 0);
    assert_eq!(count(&install(&sum).ok(), NAME, "changed"), 0);

    // A manifest that is wrong does not replace the old one.
    control.write(&format!("hosts/{NAME}.yaml"), &manifest.replace("hosts: [fd://", "hosts: [fd:/"));
    let refused = control.run_in(&network, apply).exits(2);
    assert!(refused.stdout.contains("failed to validate"), "{refused}");
    assert_eq!(host.read("/etc/dockseal/host.yaml"), manifest);
    assert_eq!(host.dockerd(), calm.1);
    host.dockseal(["plan"]).ok();
}

/// Serves the folder `served` until the shell ends.
const SERVE: &str = "python3 -m http.server --directory served --bind 10.86.0.1 8000 >/dev/null 2>&1 & server=$!
trap 'kill $server' EXIT
until curl -s -o /dev/null http://10.86.0.1:8000/; do sleep 0.1; done";

/// What the host says to the client whose files were fetched.
fn ping(control: &Control, network: &Network) -> String {
    let address = Network::address(0);
    let script = format!(
        "cd {CLIENT}; curl -sS -m 10 --cacert ca.pem --cert cert.pem --key key.pem --resolve {NAME}:2376:{address} \
         https://{NAME}:2376/_ping"
    );
    control.run_in(network, &script).ok().stdout
}
