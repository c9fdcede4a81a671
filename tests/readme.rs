//! README.md, executed: each command is run, each shown output compared, each manifest an example that validates.
//!
//! The word behind ```` ```sh ```` says where a block runs: without one, in a scratch folder that has `examples/`; `host`,
//! as root on one booted host, all blocks in order; `ansible`, `collection` and `fleet`, against booted hosts (see
//! `examples.rs` and `ansible.rs`); `build`, in what `cargo package` holds; `deb`, in the checkout.
//! `exits=N` names an exit code other than 0. A `text` block is the output of the block before it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Block, Dockseal, Host, Ran, Suite, blocks, cache, in_checkout};

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");
const MANIFEST: &str = "examples/quickstart.yaml";
/// `cargo run` would build what is built: the tested binary stands in for it.
const CARGO_RUN: &str = r#"cargo() { [ "$1 $2 $3" = "run --release --" ]; shift 3; dockseal "$@"; }"#;

#[test]
fn each_block_is_of_a_kind_that_is_executed() {
    let kinds: Vec<_> = blocks("README.md").iter().map(Block::kind).collect();
    for kind in &kinds {
        let known = [
            "sh",
            "sh host",
            "sh build",
            "sh deb",
            "sh ansible",
            "sh collection",
            "sh fleet",
            "python",
            "text",
            "crontab",
        ]
        .contains(&kind.as_str());
        assert!(known || kind.starts_with("yaml examples/"), "no test executes ```{kind}");
    }
    assert!(kinds.len() > 20);
}

#[test]
fn manifests_are_the_examples() {
    for block in blocks("README.md").iter().filter(|block| block.words[0] == "yaml") {
        let path = Path::new(CHECKOUT).join(&block.words[1]);
        assert_eq!(block.text, fs::read_to_string(&path).unwrap(), "{} and README.md:{}", path.display(), block.line);
        Dockseal::new().args([OsStr::new("validate"), path.as_os_str()]).run().ok();
    }
}

#[test]
fn the_crontab_lines_are_the_examples() {
    let file = fs::read_to_string(Path::new(CHECKOUT).join("examples/crontab")).unwrap();
    let shown: Vec<Block> = blocks("README.md").into_iter().filter(|block| block.kind() == "crontab").collect();
    assert_eq!(shown.len(), 2);
    for block in shown {
        assert!(file.lines().any(|line| line == block.text.trim_end()), "{}", block.text);
    }
}

#[test]
fn links_lead_somewhere() {
    let text = fs::read_to_string(Path::new(CHECKOUT).join("README.md")).unwrap();
    let links: Vec<_> = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).collect();
    assert!(links.len() > 5);
    for (link, _) in links {
        assert!(Path::new(CHECKOUT).join(link).exists(), "{link}");
    }
}

#[test]
fn commands_run_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(CHECKOUT).join("examples");
    std::os::unix::fs::symlink(examples, folder.path().join("examples")).unwrap();
    let path = format!("{}:/usr/bin:/bin", Path::new(Dockseal::BINARY).parent().unwrap().display());
    let count = run_all("sh", |block| {
        let mut command = Command::new("/bin/sh");
        command.args(["-euc", &format!("{CARGO_RUN}\n{}", block.text)]).current_dir(folder.path()).env("PATH", &path);
        Ran::run(&command, b"", Duration::from_secs(60))
    });
    assert!(count >= 3);
}

/// From what `cargo package` holds, which lacks the tests but must lack nothing else. Other crates are those that were built
/// for the checkout, and its own code is left unoptimised, which would take longest.
#[test]
#[ignore = "compiles"]
fn what_would_be_published_installs() {
    let folder = tempfile::tempdir().unwrap();
    let packed = ["cargo", "package", "--quiet", "--locked", "--no-verify", "--allow-dirty", "--target-dir"];
    Ran::run(in_checkout(packed).arg(folder.path()), b"", Duration::from_secs(120)).ok();
    let name = concat!("dockseal-", env!("CARGO_PKG_VERSION"));
    let archive = folder.path().join("package").join(format!("{name}.crate"));
    let unpacked = Command::new("/bin/tar").arg("-xzf").arg(archive).current_dir(folder.path()).status().unwrap();
    assert!(unpacked.success());

    fs::create_dir(folder.path().join(".cargo")).unwrap();
    let quick = "[profile.release.package.dockseal]\nopt-level = 0\ncodegen-units = 16\n";
    fs::write(folder.path().join(".cargo/config.toml"), quick).unwrap();
    let built = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| Path::new(CHECKOUT).join("target").into());
    let count = run_all("sh build", |block| {
        let mut command = in_checkout(["/bin/sh", "-euc", &block.text]);
        // The binary goes elsewhere: in the checkout's target folder it would replace the tested one, which the tests beside
        // this run. (Before 1.91 cargo does not know the second folder, and builds all crates anew.)
        command.current_dir(folder.path().join(name)).env("CARGO_TARGET_DIR", folder.path().join("target"));
        command.env("CARGO_BUILD_BUILD_DIR", &built);
        Ran::run(command.env("CARGO_INSTALL_ROOT", folder.path()), b"", Duration::from_secs(1200))
    });
    assert_eq!(count, 1);
    let version = Command::new(folder.path().join("bin/dockseal")).arg("--version").output().unwrap();
    assert_eq!(version.stdout, format!("dockseal {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
}

/// Where the package of the README's commands is; the tested binary stands in for the one that cargo would build.
fn package(target: &Path) -> PathBuf {
    fs::create_dir(target.join("release")).unwrap();
    std::os::unix::fs::symlink(Dockseal::BINARY, target.join("release/dockseal")).unwrap();
    let count = run_all("sh deb", |block| {
        let script = format!("cargo() {{ [ \"$*\" = 'build --release --locked' ]; }}\n{}", block.text);
        let mut command = in_checkout(["/bin/sh", "-euc", &script]);
        Ran::run(command.env("CARGO_TARGET_DIR", target), b"", Duration::from_secs(120))
    });
    assert_eq!(count, 1);
    let mut made = fs::read_dir(target.join("debian")).unwrap();
    made.next().unwrap().unwrap().path()
}

#[test]
#[ignore = "boots a host"]
fn commands_run_on_a_host() {
    let host = fresh_host();
    let old = "--cacert ~/build-01/ca.pem --cert ~/build-01/cert.pem --key ~/build-01/key.pem";
    let call = format!("curl -sS --insecure {old} https://build-01.example.com:2376/_ping");
    let mut was_sealed = false;
    let count = run_all("sh host", |block| {
        if block.text.contains("--now-cut-off") {
            was_sealed = true;
            client_modes_are_as_the_table_says(&host);
            python_is_let_in(&host);
            host.sh(&call).ok();
        }
        host.sh(&format!("cd /root\n{}", block.text))
    });
    assert!(count >= 10 && was_sealed);
    // The new CA has cut the old client off.
    assert_ne!(host.sh(&call).code, 0);
}

/// A booted host that calls itself as the README does, with the package and the example at hand.
fn fresh_host() -> Host {
    let host = Host::boot(Suite::Trixie);
    host.sh("echo 127.0.0.1 build-01.example.com >>/etc/hosts").ok();
    host.copy_in(Path::new(CHECKOUT).join(MANIFEST), "/root/examples/quickstart.yaml", 0o644);
    let target = tempfile::tempdir().unwrap();
    let package = package(target.path());
    host.copy_in(&package, &format!("/root/{}", package.file_name().unwrap().to_str().unwrap()), 0o644);
    host
}

/// `localhost` is none of the server's names: a client that verifies the server notices.
fn client_modes_are_as_the_table_says(host: &Host) {
    let text = fs::read_to_string(Path::new(CHECKOUT).join("README.md")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `--tls"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let [flags, verifies, shows, outcome] = row[..] else { panic!("{row:?}") };
        let values = [("tlscacert", "ca"), ("tlscert", "cert"), ("tlskey", "key")];
        let flags = values.iter().fold(flags.trim_matches('`').to_owned(), |flags, (flag, file)| {
            flags.replace(&format!("--{flag}"), &format!("--{flag} ~/build-01/{file}.pem"))
        });
        // Without them, the CLI takes what lies in ~/.docker.
        let ask = |name: &str| {
            let command = format!("docker --config /root/none {flags} -H tcp://{name}:2376 version");
            host.command(["sh", "-euc", &command]).env("DOCKER_CONFIG", "/root/none").run()
        };
        let (named, unnamed) = (ask("build-01.example.com"), ask("localhost"));
        assert_eq!(named.code == 0, outcome.starts_with("lets it in"), "{flags}: {named}");
        assert_eq!(named.code == 0, shows == "yes", "{flags}: {named}");
        let names_differ = unnamed.stderr.contains("certificate is valid for");
        assert_eq!(names_differ, verifies == "yes", "{flags}: {unnamed}");
        if shows == "no" && verifies != "yes" {
            assert!(named.stderr.contains("certificate required"), "{named}");
        }
    }
    let no_ca =
        host.sh("docker --config /root/none --tls --tlscacert /root/none/ca.pem -H tcp://localhost:2376 version");
    assert!(no_ca.stderr.contains("ca.pem: no such file"), "{no_ca}");
}

/// Python of this machine in the host's network; /etc/hosts and the home folder are its own.
fn python_is_let_in(host: &Host) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("build-01")).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(home.path().join("build-01").join(file), host.read(&format!("/root/build-01/{file}"))).unwrap();
    }
    fs::write(home.path().join("hosts"), "127.0.0.1 build-01.example.com\n").unwrap();
    let block = blocks("README.md").into_iter().find(|block| block.kind() == "python").unwrap();
    let script = "mount --bind \"$HOME/hosts\" /etc/hosts; exec \"$1\" -c \"$2\"";
    let python = cache().join("python/bin/python3");
    let arguments = [python.as_os_str(), OsStr::new(&block.text)];
    let command = ["unshare", "--mount", "sh", "-euc", script, "sh"].map(OsStr::new);
    let ran = host.in_network(command.into_iter().chain(arguments)).env("HOME", home.path()).run().ok();
    assert!(ran.text().starts_with(host.suite().engine()), "{ran}");
}

/// Runs the blocks of a kind in order, checks exit codes and shown outputs, and gives their number.
fn run_all(kind: &str, mut run: impl FnMut(&Block) -> Ran) -> usize {
    let blocks = blocks("README.md");
    let mut count = 0;
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| block.kind() == kind) {
        println!("README.md:{}\n{}", block.line, block.text);
        let ran = run(block).exits(block.exit_code());
        if let Some(shown) = blocks.get(index + 1).filter(|next| next.kind() == "text") {
            shown.shows(&ran.stdout);
        }
        count += 1;
    }
    count
}
