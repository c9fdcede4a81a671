//! A control node: a folder with an inventory, manifests and playbooks, and Ansible from the Python environment.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Dockseal, Host, Network, Ran, cache, put};

/// The collection's source.
pub const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/ansible");
// The first run of ansible-test waits for a package index.
const LIMIT: Duration = Duration::from_secs(900);

/// A folder that is the home and the working folder of whoever runs Ansible.
pub struct Control {
    folder: TempDir,
}

impl Control {
    /// Empty but for the collection's source in `packaging/`, as in a checkout.
    pub fn new() -> Self {
        let control = Self { folder: TempDir::new().unwrap() };
        assert!(
            cache().join("python/bin/ansible-playbook").exists(),
            "there is no Ansible in {}: tests/run installs it",
            cache().join("python").display()
        );
        fs::create_dir(control.path("tmp")).unwrap();
        std::os::unix::fs::symlink(Path::new(SOURCE).parent().unwrap(), control.path("packaging")).unwrap();
        control
    }

    /// The same with the collection installed.
    pub fn with_collection() -> Self {
        let control = Self::new();
        control.run("ansible-galaxy collection install ./packaging/ansible").ok();
        control
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        put(&self.path(name), text.as_bytes());
    }

    /// What a playbook left here as JSON.
    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_str(&text).unwrap()
    }

    /// The variables of such a person; of the tests' own environment none.
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", cache().join("python/bin").display())),
            ("HOME", self.folder.path().display().to_string()),
            ("TMPDIR", self.path("tmp").display().to_string()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("ANSIBLE_LOCALHOST_WARNING", "false".to_owned()),
            ("ANSIBLE_INVENTORY_UNPARSED_WARNING", "false".to_owned()),
        ]
    }

    /// A shell command here, without a network.
    pub fn run(&self, script: &str) -> Ran {
        let mut command = Command::new("/bin/sh");
        command.args(["-euc", script]).current_dir(self.folder.path()).env_clear().envs(self.environment());
        Ran::run(&command, b"", LIMIT)
    }

    /// A shell command here, on the control node of a network.
    pub fn run_in(&self, network: &Network, script: &str) -> Ran {
        let script = format!("cd {}; {script}", self.folder.path().display());
        let command = network.command(["/bin/sh", "-euc", &script]);
        self.environment().into_iter().fold(command, |command, (key, value)| command.env(key, value)).limit(LIMIT).run()
    }

    /// Lets Ansible in by SSH as root, and lists the hosts in the group `docker` of `inventory.ini`, with these variables.
    pub fn inventory(&self, hosts: &[(&str, &Host)], variables: &[&str]) {
        self.run("ssh-keygen -q -t ed25519 -N '' -f key").ok();
        let mut text = "[docker]\n".to_owned();
        for (number, (name, host)) in hosts.iter().enumerate() {
            host.copy_in(self.path("key.pub"), "/root/.ssh/authorized_keys", 0o600);
            host.sh("mkdir -p /run/sshd; ssh-keygen -A; systemctl restart ssh").ok();
            writeln!(text, "{name} ansible_host={}", Network::address(number)).unwrap();
        }
        let ssh = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null";
        writeln!(
            text,
            "[docker:vars]\nansible_user=root\nansible_become=false\nansible_python_interpreter=/usr/bin/python3\n\
             ansible_ssh_private_key_file={}\nansible_ssh_common_args='{ssh}'\ndockseal_control_executable={}",
            self.path("key").display(),
            Dockseal::BINARY
        )
        .unwrap();
        for variable in variables {
            writeln!(text, "{variable}").unwrap();
        }
        self.write("inventory.ini", &text);
    }
}

/// `changed=N failed=N` and so on of one host in Ansible's recapitulation.
#[track_caller]
pub fn count(ran: &Ran, host: &str, what: &str) -> u32 {
    let (_, recap) = ran.stdout.split_once("PLAY RECAP").unwrap_or_else(|| panic!("{ran}"));
    let line = recap.lines().find(|line| line.split_whitespace().next() == Some(host));
    let word = line.and_then(|line| line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{what}="))));
    word.unwrap_or_else(|| panic!("no {what} of {host}: {ran}")).parse().unwrap()
}

/// A plan without the ends of certificates that are not issued yet: they are seconds apart in two runs.
pub fn timeless(plan: &Value) -> Value {
    let mut plan = plan.clone();
    for change in plan["changes"].as_array_mut().unwrap_or_else(|| panic!("no plan")) {
        if let Some(certificate) = change["certificate"].as_object_mut() {
            certificate.remove("not_after");
        }
    }
    plan
}

/// The pieces by which a private key in PEM would be known, plain and in base64, as Ansible carries files.
pub fn pieces(key: &str) -> Vec<String> {
    assert!(key.contains("PRIVATE KEY"), "{key}");
    let body = key.lines().filter(|line| !line.starts_with("-----") && line.len() >= 40).map(str::to_owned);
    let carried = base64(key.as_bytes());
    // In front stands what all keys begin with.
    body.chain([carried[80..140].to_owned()]).collect()
}

fn base64(bytes: &[u8]) -> String {
    let mut command = Command::new("/usr/bin/base64");
    Ran::run(command.arg("--wrap=0"), bytes, Duration::from_secs(20)).ok().stdout
}

/// Whether a file is for its owner alone.
#[track_caller]
pub fn assert_mode(path: &Path, mode: u32) {
    let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode();
    assert_eq!(found & 0o7777, mode, "{}: {found:o}", path.display());
}
