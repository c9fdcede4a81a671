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

/// What this machine calls itself (gethostname(2)).
pub fn machine() -> io::Result<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim_end().to_owned())
}

/// The user that this process works as.
pub fn effective_user() -> u32 {
    geteuid().as_raw()
}

/// Who called sudo, where the name is a plain one: whoever sets variables by hand writes nothing else into a log.
pub fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| is_plain_user(name))
}

/// As useradd(8) takes them, capitals and dots included.
fn is_plain_user(name: &str) -> bool {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=32).contains(&name.len()) && !name.starts_with('-') && name.chars().all(is_of_names)
}

#[cfg(test)]
mod tests {
    use super::is_plain_user;

    #[test]
    fn a_user_s_name_is_a_word() {
        assert!(["alice", "a.b-c_1", "Bob"].into_iter().all(is_plain_user));
        let long = "a".repeat(33);
        assert!(!["", "-a", "a b", "a\n", "a\"", "é", &long].into_iter().any(is_plain_user));
    }
}
