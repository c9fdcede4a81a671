//! A door for the fuzz targets under `fuzz/`, which see no other part of the program: bytes enter, and what has to be true
//! of whatever was made of them is asserted. It exists in builds with `--cfg fuzzing` alone, which cargo-fuzz sets.

mod daemon_json;
mod manifest;
mod pki;
mod unit;

pub use daemon_json::daemon_json;
pub use manifest::manifest;
pub use pki::{authority, certificate, key, request};
pub use unit::unit;

pub use crate::manifest::fuzzing::locate;
pub use crate::pki::fuzzing::armor;

use crate::visible::is_invisible;

/// What is shown in one piece has to be harmless.
fn assert_one_line(text: &str) {
    assert!(!text.chars().any(is_invisible), "not fit for a terminal: {text:?}");
}
