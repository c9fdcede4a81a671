//! This process itself: what it inherits from its caller and must not.

use std::io;
use std::path::PathBuf;

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

/// Made once at start. umask 077: nothing is readable by others before its final mode is set on purpose. No core dump:
/// it would hold keys. Both pass to children; the services that systemd starts are not children. Where `core_pattern` is
/// a pipe the limit does not count (core(5)), so this process is not dumpable at all; then no other one of the same user
/// may look into its memory either (ptrace(2)).
pub fn harden() -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    set_dumpable(false)?;
    Ok(())
}

/// The file that this process runs; `None` where it has gone since.
pub fn program() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|path| path.exists())
}

/// The user that this process works as.
pub fn effective_user() -> u32 {
    geteuid().as_raw()
}
