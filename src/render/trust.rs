//! Why something is not trusted, in words, each with the command that mends it.

use std::path::Path;

use super::shell;
use crate::observed::{Distrust, Why};
use crate::plan::Exposure;

/// What is not trusted on the way to a folder.
pub fn distrust(distrust: &Distrust) -> (String, String) {
    let path = &distrust.path;
    let shown = shell::path(path);
    let hint = match distrust.why {
        Why::Owner(_) => format!("look at what is in it, then: chown root {shown}"),
        Why::Everyone(_) => format!("look at what is in it, then: chmod o-w {shown}"),
        Why::Group(_) => format!("look at what is in it, then: chmod g-w {shown}"),
        Why::AccessList => format!("look at what is in it, then: setfacl -b {shown}"),
        Why::Shared => "make a folder of root's in it first (mkdir -m 0755), or give another path".to_owned(),
        Why::LinkOwner(_) => format!("look where it leads, then: chown -h root {shown}"),
        Why::LinkShared | Why::LinkDangling | Why::LinkLoop => {
            format!("put a folder in its place: rm {shown}; mkdir -m 0755 {shown}")
        }
        Why::NotAFolder(_) => format!("move it away: mv {shown} {shown}.old"),
    };
    let refused = match distrust.why {
        Why::LinkDangling | Why::LinkLoop | Why::NotAFolder(_) => "",
        _ => "is not trusted: it ",
    };
    (format!("{} {refused}{}", path.display(), distrust.why), hint)
}

/// A file that somebody else could have written.
pub fn exposed(path: &Path, how: Exposure, owner: u32, mode: u32) -> (String, String) {
    let shown = shell::path(path);
    let (why, hint) = match how {
        Exposure::Owner(uid) => (
            format!("belongs to user {uid}, who could have put anything there"),
            format!("restore it from a copy; or, if what it holds is yours: chown {owner} {shown}"),
        ),
        Exposure::Mode(found) => (
            format!("may be written by others (mode {found:04o}), who could have put anything there"),
            format!("restore it from a copy; or, if what it holds is yours: chmod {mode:04o} {shown}"),
        ),
        Exposure::Links(links) => (
            format!("has {links} hard links, so that it is kept under another name too"),
            format!("find the others and remove them: find / -samefile {shown}"),
        ),
    };
    (format!("{} is not trusted: it {why}", path.display()), hint)
}
