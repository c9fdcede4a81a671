//! A door for the fuzz targets under `fuzz/`, which see no other part of the program: bytes enter, and what has to be true
//! of whatever was made of them is asserted. It exists in builds with `--cfg fuzzing`, which cargo-fuzz sets, and in tests, which try all seeds.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a failure is what a fuzzer looks for")]

mod daemon_json;
mod facts;
mod manifest;
mod pki;
mod unit;

pub use daemon_json::daemon_json;
pub use facts::facts;
pub use manifest::manifest;
pub use pki::{authority, certificate, key, request};
pub use unit::unit;

pub use crate::apply::fuzzing::{journal, previous};
pub use crate::manifest::fuzzing::locate;
pub use crate::pki::fuzzing::armor;

use crate::visible::is_invisible;

/// What is shown in one piece has to be harmless.
fn assert_one_line(text: &str) {
    assert!(!text.chars().any(is_invisible), "not fit for a terminal: {text:?}");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    fn try_seeds(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let seeds: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for seed in seeds {
            println!("{}", seed.display());
            run(&std::fs::read(&seed).unwrap());
        }
    }

    #[test]
    fn every_seed_passes() {
        try_seeds("armor", super::armor);
        try_seeds("authority", super::authority);
        try_seeds("certificate", super::certificate);
        try_seeds("daemon_json", super::daemon_json);
        try_seeds("facts", super::facts);
        try_seeds("journal", super::journal);
        try_seeds("key", super::key);
        try_seeds("locate", super::locate);
        try_seeds("manifest", super::manifest);
        try_seeds("previous", super::previous);
        try_seeds("request", super::request);
        try_seeds("unit", super::unit);
    }
}
