//! This process itself: what it inherits from its caller and must not.

use std::io;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getegid, geteuid};

/// Made once at start. umask 077: nothing is readable by others before its final mode is set on purpose. No core dump:
/// it would hold keys. Both pass to children; the services that systemd starts are not children.
pub fn harden() -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

/// The user and group that new files get: root's on a live host, anyone's in a rehearsal.
pub fn effective_owner() -> (u32, u32) {
    (geteuid().as_raw(), getegid().as_raw())
}
