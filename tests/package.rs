//! The Debian package: lintian judges it, and booted hosts of each generation install, upgrade, remove and purge it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::{Host, MANIFEST, Ran, build_package, on_each_suite};

on_each_suite!(a_host_takes_the_package_and_is_left_sealed);

/// The package and its successor, built once for all tests. The folder stays until the last of them has ended.
fn packages() -> &'static [PathBuf; 2] {
    static BUILT: OnceLock<(tempfile::TempDir, [PathBuf; 2])> = OnceLock::new();
    let (_, packages) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let packages = ["1", "2"].map(|revision| build_package(revision, folder.path()));
        (folder, packages)
    });
    packages
}

fn tool(words: &[&str], file: &Path) -> Ran {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(file)
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/nonexistent");
    Ran::run(&command, b"", Duration::from_secs(120))
}

#[test]
#[ignore = "needs lintian"]
fn lintian_finds_nothing_but_what_is_explained() {
    let [package, _] = packages();
    let judged = tool(&["lintian", "--allow-root", "--display-info", "--fail-on", "error,warning"], package).ok();
    assert!(!judged.stdout.contains("unused-override"), "{judged}");
    let overrides = fs::read_to_string("packaging/debian/lintian-overrides").unwrap();
    for (above, line) in overrides.lines().zip(overrides.lines().skip(1)) {
        assert!(above.starts_with('#') || line.starts_with('#'), "{line} has no reason");
    }
}

/// What the README says of glibc, too: bookworm's is 2.36.
#[test]
#[ignore = "needs dpkg-dev"]
fn the_package_says_what_it_needs_and_is_made_alike_again() {
    let [package, _] = packages();
    let again = tempfile::tempdir().unwrap();
    let bytes = [package.clone(), build_package("1", again.path())].map(|path| fs::read(path).unwrap());
    assert!(bytes[0] == bytes[1], "the same tree and binary give the same package");

    let control = tool(&["dpkg-deb", "--info"], package).ok().stdout;
    let version = env!("CARGO_PKG_VERSION");
    assert!(control.contains(&format!("\n Version: {version}-1\n")), "{control}");
    let (_, libc) = control.split_once("libc6 (>= ").expect("libc6 is needed");
    let (glibc, _) = libc.split_once(')').unwrap();
    let readme = fs::read_to_string("README.md").unwrap().replace('\n', " ");
    assert!(readme.contains(&format!("needs glibc {glibc}.")), "{control}");
}

fn a_host_takes_the_package_and_is_left_sealed(host: &Host) {
    host.sh("rm /usr/local/bin/dockseal").ok();
    for (number, package) in packages().iter().enumerate() {
        host.copy_in(package, &format!("/root/{number}.deb"), 0o644);
    }
    let before = (host.dockerd(), host.files());
    host.run(["dpkg", "-i", "/root/0.deb"]).ok();
    is_installed(host);
    assert_eq!((host.dockerd(), host.files()), before, "the installation changes nothing else");

    host.seal(MANIFEST);
    host.run(["systemctl", "enable", "--now", "dockseal.timer"]).ok();
    let sealed = (host.dockerd(), host.files());
    host.run(["dpkg", "-i", "/root/1.deb"]).ok();
    let version = host.run(["dpkg-query", "--show", "--showformat=${Version}", "dockseal"]).ok();
    assert!(version.text().ends_with("-2"), "{version}");
    host.dockseal(["plan"]).ok();
    host.run(["systemctl", "start", "dockseal.service"]).ok();
    assert_eq!((host.dockerd(), host.files()), sealed, "the upgrade changes nothing else");
    host.run(["systemctl", "is-active", "dockseal.timer"]).ok();

    host.run(["dpkg", "--remove", "dockseal"]).ok();
    assert_ne!(host.run(["systemctl", "is-active", "dockseal.timer"]).code, 0);
    host.sh("! command -v dockseal; test -s /etc/dockseal/host.yaml -a -s /etc/logrotate.d/dockseal").ok();
    host.run(["dpkg", "--purge", "dockseal"]).ok();
    assert_ne!(host.run(["systemctl", "cat", "dockseal.timer"]).code, 0);
    assert_ne!(host.run(["systemctl", "cat", "dockseal.service"]).code, 0);
    let left = host.sh("find /etc /usr /var -xdev -name '*dockseal*' | sort").ok();
    let kept = [
        "/etc/dockseal",
        "/etc/systemd/system/docker.service.d/zz-dockseal.conf",
        "/etc/systemd/system/dockseal-recover.service",
        "/var/lib/dockseal",
        "/var/log/dockseal.jsonl",
    ];
    assert_eq!(left.stdout.lines().collect::<Vec<_>>(), kept);
    assert_eq!(host.dockerd(), sealed.0);
    // Without the program that heals a change cut short, dockerd starts all the same.
    host.run(["systemctl", "restart", "docker"]).ok();
    assert_eq!(host.ping_as("/etc/docker/tls", "ci").ok().text(), "OK");
    host.run(["curl", "-sS", "--insecure", "https://127.0.0.1:2376/_ping"]).exits(56);
}

fn is_installed(host: &Host) {
    assert_eq!(
        host.sh("command -v dockseal && dockseal --version").ok().stdout.lines().next(),
        Some("/usr/bin/dockseal")
    );
    for unit in ["dockseal.service", "dockseal.timer"] {
        host.run(["systemctl", "cat", unit]).ok();
    }
    host.run(["systemctl", "is-enabled", "dockseal.timer"]).exits(1);
    host.run(["systemctl", "is-active", "dockseal.timer"]).exits(3);
    let script = "cd /usr/share
        for page in man/man1/dockseal.1.gz man/man1/dockseal-client-export.1.gz; do gzip -dc $page | grep -q '^.TH dockseal'; done
        bash -c '. bash-completion/completions/dockseal && complete -p dockseal'
        head -n 1 zsh/vendor-completions/_dockseal | grep -qx '#compdef dockseal'
        grep -q '^complete -c dockseal' fish/vendor_completions.d/dockseal.fish
        cd doc/dockseal; test -s copyright -a -s changelog.gz -a -s examples/crontab
        gzip -dc licences.gz | grep -q '^  aws-lc-sys .*ISC'
        dockseal validate examples/*.yaml
        dockseal schema | cmp - ../../dockseal/schema/manifest.schema.json
        stat -c '%a %U:%G' /etc/dockseal /etc/logrotate.d/dockseal";
    let said = host.sh(script).ok();
    assert!(said.stdout.contains("_dockseal dockseal\n"), "{said}");
    assert!(said.stdout.ends_with("755 root:root\n644 root:root\n"), "{said}");
}
