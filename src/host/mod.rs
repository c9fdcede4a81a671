//! The only door to the operating system: files, commands, the lock, connections. It knows nothing of Docker or X.509.
//!
//! Paths enter as the manifest writes them, facts and changes leave; every error says which path, command or address
//! it is about. The other rooms stay testable without a host because all contact with one is made here.

// Everywhere else these calls are forbidden by clippy.toml, so that a grep of this folder shows all that a run can touch.
#![allow(clippy::disallowed_methods)]

mod append;
mod command;
mod cores;
mod durable;
mod error;
mod file;
mod filter;
mod folder;
mod hand_out;
mod http;
mod input;
mod known;
mod lock;
mod log_file;
mod process;
mod read_only;
mod root;
mod spot;
mod stage;
mod step;
mod stream;
mod tls;
mod trust;
mod verifier;

pub use append::Growing;
pub use command::{CommandError, run};
pub use cores::{Cost, on_all_cores, on_all_cores_and};
pub use error::FileError;
pub use file::{Attributes, Entry, FileKind, Stamp};
pub use filter::Filter;
pub use folder::{Listed, Place};
pub use hand_out::{Handed, hand_out, would_replace};
pub use input::{absolute, read_input};
pub use lock::{Lock, LockError};
pub use process::{effective_user, harden, machine, program, sudo_user};
pub use root::Root;
pub use stage::NewFile;
pub use step::Step;
pub use stream::resolve;
pub use tls::{Asked, Caller, CallerError, Identity, Outcome, ask, ask_plain, ask_unix};
pub use trust::{Distrust, Why};
