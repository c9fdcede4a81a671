//! How systemd and dockerd come to know of what changed: at most one restart, and only where what is served must change.

use super::change::{Action, After, Change};
use super::daemon::DaemonDifference;
use super::note::Note;
use super::reason::Reason;
use super::refusal::Refusal;
use super::resource::Resource;
use super::unit::UnitDifference;
use super::{Draft, leaving, served};
use crate::desired::Desired;
use crate::manifest::{Endpoint, RestartPolicy};
use crate::observed::{Containers, Observed, ServiceFacts, Systemd};

/// Keys of daemon.json that dockerd takes in on SIGHUP (moby, `daemon/reload.go`, 20.10 to 29.7). `authorization-plugins`
/// is one too, yet a reload with a plugin that does not answer ends the daemon, so that it counts as read at start.
const RELOADABLE: [&str; 21] = [
    "debug",
    "labels",
    "live-restore",
    "max-concurrent-downloads",
    "max-concurrent-uploads",
    "max-download-attempts",
    "shutdown-timeout",
    "default-stop-timeout",
    "runtimes",
    "default-runtime",
    "default-shm-size",
    "default-ipc-mode",
    "default-cgroupns-mode",
    "insecure-registries",
    "registry-mirrors",
    "features",
    "network-diagnostic-port",
    "nri-opts",
    "allow-nondistributable-artifacts",
    "cluster-store",
    "cluster-advertise",
];

/// How a change takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// `docker.service`
    pub unit: String,
    /// systemd reads the unit's files again.
    pub daemon_reload: bool,
    /// What dockerd does.
    pub daemon: DaemonStep,
    /// dockerd's program and arguments afterwards; empty where there is no unit.
    pub command: Vec<String>,
}

impl Activation {
    /// Nothing.
    pub(super) fn none(desired: &Desired) -> Self {
        let unit = desired.unit.name.clone();
        Self { unit, daemon_reload: false, daemon: DaemonStep::Stay, command: Vec::new() }
    }
}

/// What dockerd does to take a change in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonStep {
    /// Nothing.
    Stay,
    /// SIGHUP.
    Reload,
    /// One restart.
    Restart {
        /// Before it, this daemon.json is put in place and taken in on SIGHUP: the one that was found with live-restore
        /// switched on, so that containers survive this very restart.
        live_restore_first: Option<String>,
        /// docker.socket restarts with it: a daemon that bound the socket's path itself has removed it.
        with_socket: bool,
    },
}

/// Decides, and adds the change of the service to the draft.
pub fn decide(
    desired: &Desired,
    observed: &Observed,
    daemon: &DaemonDifference,
    unit: &UnitDifference,
    draft: &mut Draft,
) -> Activation {
    let name = desired.unit.name.clone();
    let mut activation = Activation {
        unit: name.clone(),
        daemon_reload: false,
        daemon: DaemonStep::Stay,
        command: unit.command.clone(),
    };
    let service = match &observed.systemd {
        Systemd::Asked(service) => service,
        Systemd::OtherRoot => {
            draft.notes.push(Note::ServicesLeftAlone);
            return activation;
        }
        Systemd::NotRunning => {
            draft.notes.push(Note::NoSystemd);
            return activation;
        }
    };
    activation.daemon_reload = unit.is_written || unit.is_not_loaded;
    note_standing(service, &name, draft);
    judge_swarm(observed, daemon, draft);
    let reasons = restart_reasons(desired, observed, service, daemon, unit, draft);
    if !service.is_wanted() {
        // Nobody runs it now; it reads everything when it starts.
    } else if desired.unit.restart == RestartPolicy::Never {
        if !reasons.is_empty() || !daemon.reloadable.is_empty() {
            draft.notes.push(Note::RestartForbidden { unit: name.clone() });
        }
    } else if !reasons.is_empty() {
        activation.daemon = restart(desired, observed, daemon, unit, draft);
        draft.changes.push(service_change(&name, Action::Restart, reasons));
        return activation;
    } else if !daemon.reloadable.is_empty() {
        activation.daemon = DaemonStep::Reload;
        let reasons = vec![Reason::ReadOnReload { keys: daemon.reloadable.clone() }];
        draft.changes.push(service_change(&name, Action::Reload, reasons));
        return activation;
    }
    if unit.is_not_loaded && !unit.is_written {
        draft.changes.push(service_change(&name, Action::Reload, vec![Reason::UnitNotLoaded]));
    }
    activation
}

fn service_change(unit: &str, action: Action, reasons: Vec<Reason>) -> Change {
    let reasons = reasons.into();
    Change { resource: Resource::Service, action, path: unit.into(), reasons, after: After::Service, seen: None }
}

fn note_standing(service: &ServiceFacts, unit: &str, draft: &mut Draft) {
    let unit = unit.to_owned();
    match (service.load.as_str(), service.active.as_str()) {
        ("loaded", "inactive") => draft.notes.push(Note::ServiceInactive { unit }),
        ("loaded" | "not-found" | "masked", _) => {}
        (load, _) => draft.notes.push(Note::UnitNotLoadable { unit, load: load.to_owned() }),
    }
}

/// What dockerd read at its start and would read otherwise now. What it serves is judged only where nothing else calls
/// for a restart: before one, it can't be expected to be in line.
fn restart_reasons(
    desired: &Desired,
    observed: &Observed,
    service: &ServiceFacts,
    daemon: &DaemonDifference,
    unit: &UnitDifference,
    draft: &Draft,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = draft
        .changes
        .iter()
        .filter(|change| is_read_at_start(change))
        .map(|change| Reason::ReadAtStart { resource: change.resource.clone() })
        .collect();
    if daemon.needs_restart {
        reasons.push(Reason::ReadAtStart { resource: Resource::DaemonJson });
    }
    if unit.is_not_loaded {
        reasons.push(Reason::ReadAtStart { resource: Resource::DropIn });
    }
    if !service.is_active() && service.is_wanted() {
        reasons.push(Reason::ServiceFailed { active: service.active.clone() });
    }
    if reasons.is_empty() && desired.unit.restart != RestartPolicy::Never {
        reasons = match desired.leaving {
            Some(_) => leaving::served(observed, unit),
            None => served::compare(observed, &draft.changes, &draft.waiting),
        };
    }
    reasons
}

fn is_read_at_start(change: &Change) -> bool {
    let is_certificate = matches!(change.resource, Resource::CaCertificate | Resource::ServerCertificate);
    let is_new = matches!(
        change.after,
        After::Certificate(_) | After::HandedIn(_) | After::Bundle(_) | After::HandedInCa(_) | After::CaOfChain
    );
    is_certificate && is_new
}

fn restart(
    desired: &Desired,
    observed: &Observed,
    daemon: &DaemonDifference,
    unit: &UnitDifference,
    draft: &mut Draft,
) -> DaemonStep {
    DaemonStep::Restart {
        live_restore_first: judge_containers(desired, observed, daemon, unit, draft),
        with_socket: needs_socket(desired, observed, daemon, unit),
    }
}

/// Refuses or notes what stops; the daemon.json that switches live-restore on first, where containers need it.
fn judge_containers(
    desired: &Desired,
    observed: &Observed,
    daemon: &DaemonDifference,
    unit: &UnitDifference,
    draft: &mut Draft,
) -> Option<String> {
    let is_safe = desired.unit.restart == RestartPolicy::Safe;
    let (running, live_restore) = match &observed.containers {
        Some(Containers::Asked { running, live_restore, .. }) => (running, *live_restore),
        Some(Containers::Unknown(why)) if is_safe => {
            draft.refusals.push(Refusal::ContainersUnknown { why: why.clone() });
            return None;
        }
        Some(Containers::Unknown(_)) | None => return None,
    };
    if running.is_empty() {
        return None;
    }
    let names = running.clone();
    // The flag is no key that the file could switch on first: it has to be on by now.
    if daemon.live_restore() || (unit.flags.live_restore && live_restore) {
        draft.notes.push(Note::ContainersSurvive { count: names.len() });
    } else if is_safe {
        draft.refusals.push(Refusal::ContainersWouldStop { names });
    } else {
        draft.notes.push(Note::ContainersStop { names });
    }
    (daemon.live_restore() && !live_restore).then(|| daemon.with_live_restore.clone())
}

/// dockerd takes live-restore in on a signal even there, and then fails at its next start.
fn judge_swarm(observed: &Observed, daemon: &DaemonDifference, draft: &mut Draft) {
    if let Some(Containers::Asked { swarm: true, .. }) = &observed.containers {
        draft.notes.push(Note::Swarm);
        if daemon.live_restore() {
            draft.refusals.push(Refusal::LiveRestoreInSwarm);
        }
    }
}

/// dockerd removes a socket path that it bound itself when it stops, and docker.socket, still running, would then listen
/// on a path that is gone.
fn needs_socket(desired: &Desired, observed: &Observed, daemon: &DaemonDifference, unit: &UnitDifference) -> bool {
    let is_fd = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Fd(_));
    let wants_fd = desired.leaving.is_some() || desired.daemon.endpoints.iter().any(is_fd);
    let has_socket = observed.service().is_some_and(|service| service.has_socket);
    wants_fd && has_socket && (daemon.bound_socket || unit.flags.bound_socket)
}

/// Whether dockerd takes a key in without a restart.
pub fn is_reloadable(key: &str) -> bool {
    RELOADABLE.contains(&key)
}
