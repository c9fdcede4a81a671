//! This process itself: what it inherits from its caller and must not.

use std::io;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};

/// Made once at start. umask 077: nothing is readable by others before its final mode is set on purpose. No core dump:
/// it would hold keys. Both pass to children; the services that systemd starts are not children.
pub fn harden() -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

/// The user that files are created as: 0 on a live host, anyone's in a rehearsal.
pub fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}
