//! What systemd says of docker.service, and what the Docker API says of the containers that run.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ObserveError;
use super::unit::show;
use crate::host::{self, Root};

/// Where the Docker API answers on every host with a local endpoint at the usual place.
pub const LOCAL_SOCKET: &str = "/var/run/docker.sock";
/// The names that this place goes by: `/var/run` is a link to `/run`.
pub const LOCAL_SOCKETS: [&str; 2] = [LOCAL_SOCKET, "/run/docker.sock"];
/// systemctl and a local API answer at once, or something is wrong.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The properties asked for, in one call.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,MainPID,NeedDaemonReload,ExecStart";

/// What systemd says of the unit and its socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceFacts {
    /// `LoadState`: loaded, not-found, masked, bad-setting …
    pub load: String,
    /// `ActiveState`: active, inactive, failed, activating …
    pub active: String,
    /// `MainPID`; 0 where no process runs.
    pub main_pid: u32,
    /// `NeedDaemonReload`: files are newer than what systemd has loaded.
    pub needs_reload: bool,
    /// The command line that systemd has loaded, words joined by blanks.
    pub exec_start: Option<String>,
    /// `docker.socket`
    pub socket: String,
    /// Whether that is there for `fd://`.
    pub has_socket: bool,
}

/// Whether there is a systemd to ask, and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Systemd {
    /// Another root is worked on.
    OtherRoot,
    /// It does not run here.
    NotRunning,
    /// Of docker.service.
    Asked(ServiceFacts),
}

/// What would stop with dockerd, as the Docker API tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Containers {
    /// The API answered.
    Asked {
        /// Names of running containers.
        running: Vec<String>,
        /// Whether they survive a restart of dockerd.
        live_restore: bool,
        /// Whether this node is part of a swarm.
        swarm: bool,
    },
    /// The API did not answer; why.
    Unknown(String),
}

impl ServiceFacts {
    /// Whether dockerd is meant to run: not stopped by a person.
    pub fn is_wanted(&self) -> bool {
        self.load == "loaded" && self.active != "inactive"
    }

    /// Whether dockerd runs.
    pub fn is_active(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading" | "refreshing")
    }
}

/// Asks systemd.
pub fn read(root: &Root, unit: &str) -> Result<Systemd, ObserveError> {
    if !root.is_live() {
        return Ok(Systemd::OtherRoot);
    }
    // sd_booted(3)
    if root.look(Path::new("/run/systemd/system"))?.is_none() {
        return Ok(Systemd::NotRunning);
    }
    let socket = socket_of(unit);
    let args = ["show", "--no-pager", PROPERTIES, unit, &socket];
    let output = host::run("systemctl", &args, ANSWER_WITHIN)?;
    let units = show::parse(&String::from_utf8_lossy(&output));
    let property = |index: usize, name: &str| units.get(index).and_then(|unit| unit.value(name)).unwrap_or_default();
    Ok(Systemd::Asked(ServiceFacts {
        load: property(0, "LoadState").to_owned(),
        active: property(0, "ActiveState").to_owned(),
        main_pid: property(0, "MainPID").parse().unwrap_or(0),
        needs_reload: property(0, "NeedDaemonReload") == "yes",
        exec_start: units.first().and_then(|unit| unit.exec_start().next()).map(str::to_owned),
        has_socket: property(1, "LoadState") == "loaded",
        socket,
    }))
}

/// `docker.service` → `docker.socket`
pub fn socket_of(unit: &str) -> String {
    format!("{}.socket", unit.strip_suffix(".service").unwrap_or(unit))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    #[serde(default)]
    live_restore_enabled: bool,
    swarm: Option<SwarmInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SwarmInfo {
    #[serde(default)]
    local_node_state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

/// Whether the Docker API answers on the local socket.
pub fn is_answering() -> bool {
    host::ask_unix(Path::new(LOCAL_SOCKET), "/_ping", ANSWER_WITHIN).is_ok_and(|response| response.status == 200)
}

/// Asks the Docker API on the local socket what runs.
pub fn containers() -> Containers {
    match ask_containers() {
        Ok(containers) => containers,
        Err(error) => Containers::Unknown(error),
    }
}

fn ask_containers() -> Result<Containers, String> {
    let info: Info = ask("/info")?;
    let list: Vec<Container> = ask("/containers/json")?;
    Ok(Containers::Asked {
        running: list.into_iter().map(Container::name).collect(),
        live_restore: info.live_restore_enabled,
        swarm: info.swarm.is_some_and(|swarm| !matches!(swarm.local_node_state.as_str(), "" | "inactive")),
    })
}

fn ask<T: for<'de> Deserialize<'de>>(path: &str) -> Result<T, String> {
    let response = host::ask_unix(Path::new(LOCAL_SOCKET), path, ANSWER_WITHIN).map_err(|error| error.to_string())?;
    if response.status != 200 {
        return Err(format!("{LOCAL_SOCKET} answered {path} with status {}", response.status));
    }
    serde_json::from_slice(&response.body).map_err(|error| format!("{LOCAL_SOCKET} answered {path}: {error}"))
}

impl Container {
    fn name(self) -> String {
        match self.names.first() {
            Some(name) => name.trim_start_matches('/').to_owned(),
            None => self.id.chars().take(12).collect(),
        }
    }
}
