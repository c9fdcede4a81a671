//! Dockseal: a checked-in manifest says how a Docker host's API is sealed with mutual TLS; this compares it with what the
//! host really has, shows the difference, makes the host match, proves it by real handshakes, and puts everything back
//! if the proof fails.
//!
//! The folders are the stages of that flow: manifest → desired, host → observed, both → plan → apply, and once more.

// clippy.toml keeps contact with the system in `host/`; the unit tests of every room need files and programs.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod apply;
pub mod cli;
mod desired;
mod export;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod import;
mod manifest;
mod observed;
mod pki;
mod plan;
mod render;
mod saved;
mod sign;
mod visible;
