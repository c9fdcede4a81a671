//! `examples/`, executed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Dockseal, Host, Ran, Suite, blocks, cache};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// The lines of the crontab that run something: five fields of time, the user, the command.
fn cron_lines() -> Vec<(Vec<String>, String, String)> {
    let text = fs::read_to_string(example("crontab")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let jobs = lines.filter(|line| line.split_whitespace().next().is_some_and(|word| !word.contains('=')));
    jobs.map(|line| {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        (words[..5].to_vec(), words[5].clone(), words[6..].join(" "))
    })
    .collect()
}

#[test]
fn every_manifest_validates() {
    let files = fs::read_dir(example("")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let ran = Dockseal::new().args([OsStr::new("validate"), file.as_os_str()]).run().ok();
        assert_eq!(ran.stdout, format!("{}: ok\n", file.display()));
        let first = fs::read_to_string(&file).unwrap();
        let schema = "# yaml-language-server: $schema=../schema/manifest.schema.json\n";
        assert!(first.starts_with(schema), "{} does not name its schema", file.display());
    }
}

#[test]
fn the_quickstart_applies_in_a_folder() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("made");
    let manifest = example("quickstart.yaml");
    let run = |words: &[&str]| {
        let words = words.iter().map(OsStr::new).chain([manifest.as_os_str()]);
        Dockseal::new().args(words).root(&root).run()
    };
    run(&["apply", "--detailed-exitcode"]).exits(2);
    run(&["plan"]).ok();
    run(&["apply", "--detailed-exitcode"]).ok();
    for file in
        ["docker/tls/clients/ci/key.pem", "docker/daemon.json", "systemd/system/docker.service.d/zz-dockseal.conf"]
    {
        assert!(root.join("etc").join(file).is_file(), "{file}");
    }
}

#[test]
fn the_crontab_is_well_formed() {
    let lines = cron_lines();
    assert_eq!(lines.len(), 2);
    for (times, user, command) in lines {
        let limits = [59, 23, 31, 12, 7];
        for (time, limit) in times.iter().zip(limits) {
            let time = time.strip_prefix("*/").unwrap_or(time);
            assert!(time == "*" || time.parse::<u32>().is_ok_and(|time| time <= limit), "{time}");
        }
        assert_eq!(user, "root");
        assert!(!command.contains('%'), "cron takes % for a line's end");
    }
}

/// A host that is sealed, with the quickstart's manifest in place.
fn sealed_host() -> Host {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    host.copy_in(example("quickstart.yaml"), "/etc/dockseal/host.yaml", 0o644);
    host.dockseal(["apply"]).ok();
    host
}

#[test]
#[ignore = "boots a host"]
fn the_crontab_lines_speak_only_of_changes() {
    let host = sealed_host();
    let text = fs::read_to_string(example("crontab")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    let (_, _, command) = cron_lines().remove(0);
    // As cron runs it: /bin/sh, hardly any environment.
    let night = || host.run(["env", "-i", &format!("PATH={path}"), "HOME=/root", "/bin/sh", "-c", &command]).ok();
    let calm = night();
    assert!(calm.stdout.is_empty() && calm.stderr.is_empty(), "{calm}");

    host.sh("rm /etc/docker/tls/clients/ci/cert.pem").ok();
    let mended = night();
    assert!(mended.stdout.contains("client.ci.certificate") && mended.stdout.contains("Done:"), "{mended}");
    assert_eq!(night().stdout, "");

    let (_, _, metrics) = cron_lines().remove(1);
    host.sh("install -d /var/lib/prometheus/node-exporter").ok();
    let quarter = host.run(["env", "-i", &format!("PATH={path}"), "HOME=/root", "/bin/sh", "-c", &metrics]).ok();
    assert!(quarter.stdout.is_empty() && quarter.stderr.is_empty(), "{quarter}");
    let written = host.read("/var/lib/prometheus/node-exporter/dockseal.prom");
    assert!(written.contains("dockseal_endpoint_up{endpoint=\"tcp://0.0.0.0:2376\"} 1\n"), "{written}");
}

/// Over real SSH, with the commands of the README.
#[test]
#[ignore = "boots a host"]
fn the_playbook_checks_applies_and_rests() {
    let host = Host::boot(Suite::Trixie);
    host.install_dockseal();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(example("ansible/playbook.yaml"), at("playbook.yaml")).unwrap();
    fs::create_dir(at("hosts")).unwrap();
    fs::copy(example("quickstart.yaml"), at("hosts/build-01.example.com.yaml")).unwrap();
    let key = at("key");
    host.in_network(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]).run().ok();
    host.copy_in(at("key.pub"), "/root/.ssh/authorized_keys", 0o600);
    host.sh("mkdir -p /run/sshd; ssh-keygen -A; systemctl restart ssh").ok();
    let inventory = format!(
        "[docker]\nbuild-01.example.com ansible_host=127.0.0.1 ansible_user=root ansible_become=false \
         ansible_python_interpreter=/usr/bin/python3 ansible_ssh_private_key_file={} \
         ansible_ssh_common_args='-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'\n",
        key.display()
    );
    fs::write(at("inventory.ini"), inventory).unwrap();

    let block = blocks("README.md").into_iter().find(|block| block.kind() == "sh ansible").unwrap();
    let commands: Vec<_> = block.text.lines().collect();
    let [check, apply] = commands[..] else { panic!("{commands:?}") };
    let play = |command: &str| {
        let path = format!("{}:/usr/bin:/bin", cache().join("python/bin").display());
        let script = format!("cd {}; {command}", folder.path().display());
        let run = host.in_network(["sh", "-euc", &script]).env("PATH", path).env("HOME", folder.path());
        run.env("LC_ALL", "C.UTF-8").run().ok()
    };
    let files =
        || host.sh("find /etc/docker /etc/dockseal /etc/systemd/system -newer /root/.ssh/authorized_keys").stdout;

    let checked = play(check);
    assert!(checked.stdout.contains("docker.service restarts"), "{checked}");
    assert_ne!(changed(&checked), 0);
    assert_eq!(files(), "", "--check changed something");

    assert_ne!(changed(&play(apply)), 0);
    host.dockseal(["plan"]).ok();
    for command in [apply, check] {
        assert_eq!(changed(&play(command)), 0);
    }
}

/// `changed=N` of Ansible's recapitulation.
#[track_caller]
fn changed(ran: &Ran) -> u32 {
    let (_, rest) = ran.stdout.split_once("changed=").unwrap_or_else(|| panic!("{ran}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}
