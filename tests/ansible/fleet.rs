//! `dockseal.docker.fleet` over SSH on three hosts, one of each Engine generation: seals them one after the other with a CA
//! that stays here, rests, and ends at a host that fails, with all of them answering.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::control::{Control, assert_mode, count, pieces, timeless};
use crate::support::{Host, Network, Ran, Suite, blocks};

const NAMES: [&str; 3] = ["build-01.example.com", "build-02.example.com", "build-03.example.com"];
const PASSPHRASE: &str = "correct horse battery staple 0042";
const REQUESTS: &str = "/etc/docker/tls/requests";

/// Writes down what the task returned, behind the playbook that the README runs.
const AND_TELL: &str = r#"
- ansible.builtin.import_playbook: dockseal.docker.fleet
- hosts: docker
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ dockseal_applied | to_json }}"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.json"
      delegate_to: localhost
      check_mode: false
      changed_when: false
"#;

/// The CA with an encrypted key, made by the commands of the README.
const MAKE_CA: &str = "
umask 077
mkdir ca
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass file:passphrase -out ca/ca-key.pem
openssl req -x509 -new -key ca/ca-key.pem -passin file:passphrase -days 3650 -subj '/CN=Example Docker CA' \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -out ca/ca.pem
openssl pkey -in ca/ca-key.pem -passin file:passphrase -out plain-ca-key.pem
";

struct Fleet {
    control: Control,
    hosts: [Host; 3],
    network: Network,
}

impl Fleet {
    fn boot() -> Self {
        let hosts = Suite::ALL.map(|suite| {
            let host = Host::boot(suite);
            host.install_dockseal();
            host
        });
        let (network, control) = (Network::of(&hosts), Control::with_collection());
        let passphrase = format!("dockseal_ca_passphrase_file={}", control.path("passphrase").display());
        let listed: Vec<_> = NAMES.into_iter().zip(&hosts).collect();
        // Pipelining: a fifth of the round trips. The test of one host goes without.
        control.inventory(&listed, &["dockseal_clients=['ci']", &passphrase, "ansible_pipelining=true"]);
        control.run(&format!("umask 077; echo '{PASSPHRASE}' >passphrase")).ok();
        control.run(MAKE_CA).ok();
        control.write("tell.yaml", AND_TELL);
        let fleet = Self { control, hosts, network };
        fleet.manifests("fd://, tcp://0.0.0.0:2376");
        fleet
    }

    fn manifests(&self, endpoints: &str) {
        for (number, name) in NAMES.iter().enumerate() {
            let manifest = format!(
                "dockseal: 1\nhost: {name}\nca: {{issuer: external}}\nserver:\n  sans:\n    ip: [{}]\n\
                 clients:\n  - name: ci\ndaemon:\n  hosts: [{endpoints}]\n",
                Network::address(number)
            );
            self.control.write(&format!("hosts/{name}.yaml"), &manifest);
        }
    }

    fn play(&self, command: &str) -> Ran {
        self.control.run_in(&self.network, command)
    }

    /// What each host says to its client whose files were fetched, at this port.
    fn pings(&self, port: u16) -> [bool; 3] {
        [0, 1, 2].map(|number| {
            let (name, address) = (NAMES[number], Network::address(number));
            let script = format!(
                "cd clients/{name}/ci; curl -sS -m 10 --cacert ca.pem --cert cert.pem --key key.pem \
                 --resolve {name}:{port}:{address} https://{name}:{port}/_ping"
            );
            self.play(&script).stdout == "OK"
        })
    }

    fn changed(ran: &Ran) -> [bool; 3] {
        NAMES.map(|name| count(ran, name, "changed") > 0)
    }
}

#[test]
#[ignore = "boots a host"]
fn a_fleet_is_sealed_rests_and_stops_at_a_host_that_fails() {
    let fleet = Fleet::boot();
    let block = blocks("README.md").into_iter().find(|block| block.kind() == "sh fleet").unwrap();
    let seal = block.text.trim();
    let tell = seal.replace("dockseal.docker.fleet", "tell.yaml");

    let planned = fleet.play(&format!("{tell} --check --diff")).ok();
    let plans = NAMES.map(|name| fleet.control.json(&format!("{name}.json")));
    for host in &fleet.hosts {
        let left = host.sh("ls -d /etc/docker/tls /etc/dockseal /etc/systemd/system/docker.service.d 2>/dev/null || :");
        assert_eq!(left.stdout, "", "--check changed something");
    }

    let sealed = fleet.play(&format!("{tell} -vvv")).ok();
    assert_eq!((Fleet::changed(&planned), Fleet::changed(&sealed)), ([true; 3], [true; 3]));
    for (name, planned) in NAMES.iter().zip(&plans) {
        let applied = fleet.control.json(&format!("{name}.json"));
        assert_eq!((&applied["changed"], &planned["changed"]), (&json!(true), &json!(true)));
        assert_eq!(timeless(&applied["plan"]), timeless(&planned["plan"]), "{name}");
        assert_eq!(applied["waiting"].as_array().unwrap().len(), 2, "{name}");
        assert_mode(&fleet.control.path(&format!("clients/{name}/ci/key.pem")), 0o600);
    }
    assert_eq!(fleet.pings(2376), [true; 3]);
    the_key_of_the_ca_stayed(&fleet);
    nothing_secret_is_shown(&fleet, &sealed);

    let rested = fleet.play(seal).ok();
    assert_eq!(Fleet::changed(&rested), [false; 3], "{rested}");

    // A further endpoint, whose port is taken on the second host.
    fleet.manifests("fd://, tcp://0.0.0.0:2376, tcp://0.0.0.0:2377");
    let [_, broken, last] = &fleet.hosts;
    broken.sh("systemd-run --unit taken python3 -m http.server 2377").ok();
    broken.wait_until("ss -ltn | grep -q ':2377 '");
    let untouched = (last.files(), last.dockerd(), last.read("/etc/dockseal/host.yaml"));
    let before = broken.put_back_files();
    let stopped = fleet.play(&format!("{seal} --extra-vars '{{\"dockseal_clients\": []}}'")).exits(2);
    assert_eq!(count(&stopped, NAMES[0], "failed") + count(&stopped, NAMES[2], "failed"), 0, "{stopped}");
    assert_eq!((count(&stopped, NAMES[1], "failed"), Fleet::changed(&stopped)[0]), (1, true), "{stopped}");
    assert!(stopped.stdout.contains("the host is as it was"), "{stopped}");
    assert_eq!((last.files(), last.dockerd(), last.read("/etc/dockseal/host.yaml")), untouched);
    assert_eq!(broken.put_back_files(), before);
    assert_eq!((fleet.pings(2376), fleet.pings(2377)), ([true; 3], [true, false, false]));
}

/// No host has it, and nothing of the signing is left on the control node.
fn the_key_of_the_ca_stayed(fleet: &Fleet) {
    let key = &pieces(&fs::read_to_string(fleet.control.path("plain-ca-key.pem")).unwrap())[0];
    for host in &fleet.hosts {
        let found = host.sh(&format!("grep -rlF -e '{key}' -e '{PASSPHRASE}' /etc /root /tmp /var/lib/dockseal || :"));
        assert_eq!(found.stdout, "");
        let left = host.sh(&format!("ls -d {REQUESTS} /etc/docker/tls/ca-key.pem 2>/dev/null || :"));
        assert_eq!(left.stdout, "");
    }
    let left: Vec<_> = fs::read_dir(fleet.control.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn nothing_secret_is_shown(fleet: &Fleet, ran: &Ran) {
    assert!(ran.stdout.contains("sign --ca") || ran.stdout.contains("\"sign\""), "-vvv shows what is run: {ran}");
    let mut secrets = pieces(&fs::read_to_string(fleet.control.path("plain-ca-key.pem")).unwrap());
    secrets.push(PASSPHRASE.to_owned());
    for (name, host) in NAMES.iter().zip(&fleet.hosts) {
        let fetched = Path::new("clients").join(name).join("ci/key.pem");
        let fetched = fs::read_to_string(fleet.control.path(fetched.to_str().unwrap())).unwrap();
        assert_eq!(fetched, host.read("/etc/docker/tls/clients/ci/key.pem"));
        secrets.extend(pieces(&fetched));
        secrets.extend(pieces(&host.read("/etc/docker/tls/server-key.pem")));
    }
    for secret in secrets {
        assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret), "{secret} is shown: {ran}");
    }
}
