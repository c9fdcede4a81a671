//! Modes and owners. What is stricter than needed stays: many guides say `chmod 0400` and `0444`.

use super::Draft;
use super::change::{Action, After, Change};
use super::reason::Reason;
use super::resource::Resource;
use crate::observed::{Observed, Seen};

/// A private key: nobody but its owner reads it.
pub const SECRET: Wanted = Wanted { mode: 0o600, forbidden: 0o7177 };
/// A certificate: nobody but its owner writes it.
pub const PUBLIC: Wanted = Wanted { mode: 0o644, forbidden: 0o7133 };

/// The mode that a file is given, and the bits that it must not have.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Permission bits of a new file, octal.
    pub mode: u32,
    forbidden: u32,
}

impl Draft {
    /// Plans a change of mode and owner where a file that stays needs one.
    pub(super) fn change_attributes<T>(
        &mut self,
        resource: Resource,
        seen: &Seen<T>,
        wanted: Wanted,
        observed: &Observed,
    ) {
        let Some(found) = seen.attributes else { return };
        let mut reasons = Vec::new();
        if found.mode & wanted.forbidden != 0 {
            reasons.push(Reason::ModeDiffers { found: found.mode, wanted: wanted.mode });
        }
        let is_ours = found.uid == observed.owner;
        if !is_ours {
            reasons.push(Reason::OwnerDiffers { uid: found.uid });
        }
        if reasons.is_empty() {
            return;
        }
        let after = if is_ours { After::Mode(wanted.mode) } else { After::SameBytes(wanted.mode) };
        self.changes.push(Change::of(seen, resource, Action::Update, reasons, after));
    }
}
