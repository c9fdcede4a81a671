//! The Debian package of the tested binary.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::dockseal::Dockseal;
use super::ran::Ran;

/// A command in the checkout that finds cargo and what that has downloaded.
pub fn in_checkout<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).current_dir(env!("CARGO_MANIFEST_DIR")).env("CARGO_NET_OFFLINE", "true");
    for variable in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_INCREMENTAL", "CARGO_TARGET_DIR"] {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    command
}

/// Builds the package with this revision in a folder.
#[track_caller]
pub fn build_package(revision: &str, folder: &Path) -> PathBuf {
    let mut command = in_checkout(["packaging/debian/build", "--fast", "--revision", revision, Dockseal::BINARY]);
    let built = Ran::run(command.arg(folder), b"", Duration::from_secs(120)).ok();
    PathBuf::from(built.text())
}
