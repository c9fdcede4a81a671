//! What `plan`, `apply` and `status` begin with: the manifest, the root, the host as it is, and the difference.

use std::path::Path;

use time::OffsetDateTime;

use super::arguments::Target;
use super::say_error;
use super::validate::{self, Input};
use crate::desired::{Desired, Leaving, Pace};
use crate::host::{self, Root};
use crate::manifest::{MOST_BYTES, RestartPolicy};
use crate::observed::{Authorities, Depth, ObserveError, Observed};
use crate::plan::Plan;
use crate::saved::{Flags, Source};

/// One manifest on one host.
pub struct Session {
    pub desired: Desired,
    pub root: Root,
    /// The time that is planned for.
    pub now: OffsetDateTime,
    /// The time that it is.
    pub began: OffsetDateTime,
    /// The manifest as it was read.
    pub source: Source,
    /// The flags that were taken in.
    pub flags: Flags,
}

/// Opens the root that is worked on; why it can't be has been told where there is none.
pub fn open_root(other: Option<&Path>) -> Option<Root> {
    let root = other.map_or_else(Root::live, |folder| Root::at(folder.to_owned()));
    root.map_err(|error| say_error(&error.to_string(), error.hint())).ok()
}

/// Whether this user may change that root; why not has been told.
pub fn may_change(root: &Root) -> bool {
    let may = !root.is_live() || host::effective_user() == 0;
    if !may {
        say_error("only root can change this host", Some("run it with sudo, or on another root: --root DIR"));
    }
    may
}

impl Session {
    /// Reads the manifest and opens the root; what is wrong has been told when there is none.
    pub fn open(target: &Target, now: Option<OffsetDateTime>, creates_root: bool) -> Option<Self> {
        Self::of(validate::input(&target.file, MOST_BYTES)?, target.root.as_deref(), now, creates_root)
    }

    /// The same of a manifest that was read.
    pub fn of(input: Input, folder: Option<&Path>, now: Option<OffsetDateTime>, creates_root: bool) -> Option<Self> {
        let manifest = validate::manifest(&input)?;
        let root = match folder {
            None => Root::live(),
            Some(folder) if creates_root => Root::create(folder.to_owned()),
            Some(folder) => Root::at(folder.to_owned()),
        };
        match root {
            Ok(root) => {
                let began = in_whole_seconds(OffsetDateTime::now_utc());
                let now = now.map_or(began, in_whole_seconds);
                // A manifest is UTF-8.
                let text = String::from_utf8(input.bytes).unwrap_or_default();
                let source = Source { name: input.name, text };
                Some(Self { desired: Desired::new(&manifest), root, now, began, source, flags: Flags::default() })
            }
            Err(error) => {
                let hint = error.hint().or(folder.map(|_| "create it; `dockseal apply --root` does so too"));
                say_error(&error.to_string(), hint);
                None
            }
        }
    }

    /// Takes `--allow-restart` in. A manifest that says `never` means it.
    pub fn takes_allow_restart(&mut self, allow_restart: bool) {
        Self::take_allow_restart(&mut self.desired, allow_restart);
    }

    /// The same for a manifest alone.
    pub fn take_allow_restart(desired: &mut Desired, allow_restart: bool) {
        if allow_restart && desired.unit.restart == RestartPolicy::Safe {
            desired.unit.restart = RestartPolicy::Always;
        }
    }

    /// What a manifest means, and for when; what is wrong with it has been told when there is nothing.
    pub fn wanted(file: &Path, now: Option<OffsetDateTime>) -> Option<(Desired, OffsetDateTime)> {
        let manifest = validate::read(file)?;
        Some((Desired::new(&manifest), in_whole_seconds(now.unwrap_or_else(OffsetDateTime::now_utc))))
    }

    /// Takes in what shapes the plan; why it can't be has been told where the answer is no.
    pub fn takes(&mut self, flags: Flags) -> bool {
        self.flags = flags;
        Self::shape(&mut self.desired, flags)
    }

    /// The same for a manifest alone.
    pub fn shape(desired: &mut Desired, flags: Flags) -> bool {
        desired.ca.rotation.pace = match flags {
            Flags { now_cut_off: true, .. } => Pace::CutOff,
            Flags { advance: true, .. } => Pace::Advance,
            _ => Pace::Wait,
        };
        Self::take_allow_restart(desired, flags.allow_restart);
        if !flags.delete_keys {
            return true;
        }
        if desired.leaving.is_none() {
            let hint = "a CA in use is never deleted; to take the host's settings off, write `state: absent`";
            say_error("--delete-keys needs `state: absent` in the manifest", Some(hint));
            return false;
        }
        desired.leaving = Some(Leaving::DeleteKeys);
        true
    }

    /// Observes and compares. What runs is asked for only where it matters.
    pub fn compare(&self) -> Result<(Observed, Plan), ObserveError> {
        // Who answers a handshake goes by the clock, whatever time is planned for.
        let mut observed =
            Observed::read(&self.root, &self.desired, Depth::Ordinary, Authorities::default(), self.began)?;
        let mut plan = Plan::new(&self.desired, &observed, self.now);
        if plan.concerns_containers() && observed.is_dockerd_running() {
            observed.ask_containers();
            plan = Plan::new(&self.desired, &observed, self.now);
        }
        Ok((observed, plan))
    }
}

/// As certificates count.
fn in_whole_seconds(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}
