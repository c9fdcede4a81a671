//! What `plan`, `apply` and `status` begin with: the manifest, the root, the host as it is, and the difference.

use std::path::Path;

use time::OffsetDateTime;

use super::arguments::Target;
use super::{say_error, validate};
use crate::desired::{Desired, Leaving};
use crate::host::{self, Root};
use crate::manifest::RestartPolicy;
use crate::observed::{Authorities, Depth, ObserveError, Observed};
use crate::plan::Plan;

/// One manifest on one host.
pub struct Session {
    pub desired: Desired,
    pub root: Root,
    pub now: OffsetDateTime,
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
        let manifest = validate::read(&target.file)?;
        let root = match &target.root {
            None => Root::live(),
            Some(folder) if creates_root => Root::create(folder.clone()),
            Some(folder) => Root::at(folder.clone()),
        };
        match root {
            Ok(root) => {
                let now = now.unwrap_or_else(OffsetDateTime::now_utc);
                // Certificates count whole seconds.
                let now = now.replace_nanosecond(0).unwrap_or(now);
                Some(Self { desired: Desired::new(&manifest), root, now })
            }
            Err(error) => {
                let hint =
                    error.hint().or(target.root.as_ref().map(|_| "create it; `dockseal apply --root` does so too"));
                say_error(&error.to_string(), hint);
                None
            }
        }
    }

    /// Takes `--allow-restart` in. A manifest that says `never` means it.
    pub fn takes_allow_restart(&mut self, allow_restart: bool) {
        if allow_restart && self.desired.unit.restart == RestartPolicy::Safe {
            self.desired.unit.restart = RestartPolicy::Always;
        }
    }

    /// Takes `--delete-keys` in; why it can't be has been told where the answer is no.
    pub fn takes_delete_keys(&mut self, delete_keys: bool) -> bool {
        if !delete_keys {
            return true;
        }
        if self.desired.leaving.is_none() {
            let hint = "a CA in use is never deleted; to take the host's settings off, write `state: absent`";
            say_error("--delete-keys needs `state: absent` in the manifest", Some(hint));
            return false;
        }
        self.desired.leaving = Some(Leaving::DeleteKeys);
        true
    }

    /// Observes and compares. What runs is asked for only where it matters.
    pub fn compare(&self) -> Result<(Observed, Plan), ObserveError> {
        let mut observed =
            Observed::read(&self.root, &self.desired, Depth::Ordinary, Authorities::default(), self.now)?;
        let mut plan = Plan::new(&self.desired, &observed, self.now);
        if plan.concerns_containers() && observed.is_dockerd_running() {
            observed.ask_containers();
            plan = Plan::new(&self.desired, &observed, self.now);
        }
        Ok((observed, plan))
    }
}
