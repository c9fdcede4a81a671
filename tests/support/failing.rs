//! An apply that has to fail on a booted host, and what the host must be like afterwards.

use super::host::Host;
use super::ran::Ran;

/// Every address of the host, on the usual port.
pub const EVERYWHERE: &str = "tcp://0.0.0.0:2376";
/// More of `daemon`, for [`listening`].
pub const LIVE: &str = "  live-restore: true\n";

/// A manifest whose dockerd listens there too; `rest` goes on with `daemon`.
pub fn listening(tcp: &str, rest: &str) -> String {
    format!(
        "dockseal: 1\nhost: build-01.example.com\nserver:\n  sans:\n    ip: [127.0.0.1, 10.99.99.99]\nclients:\n  - name: ci\n\
         daemon:\n  hosts: [fd://, {tcp}]\n{rest}"
    )
}

/// The host before an apply that fails. A container called `kept` may run.
pub struct Before {
    files: String,
    unit: String,
    info: String,
    container: String,
}

impl Before {
    /// Looks.
    #[track_caller]
    pub fn of(host: &Host) -> Self {
        Self { files: host.put_back_files(), unit: host.unit(), info: info(host), container: host.kept() }
    }

    /// Fails unless everything is as it was.
    #[track_caller]
    pub fn is_back(&self, host: &Host) {
        assert_eq!(host.put_back_files(), self.files, "files are as they were");
        assert_eq!(host.unit(), self.unit, "systemd has loaded what it had");
        assert!(host.answers_locally(), "the local socket answers");
        // What dockerd takes in on a signal takes a moment.
        host.wait_until(&format!("[ \"$(docker info --format '{INFO}')\" = '{}' ]", self.info));
        assert_eq!(info(host), self.info, "dockerd runs as before");
        assert_eq!(host.kept(), self.container, "the container never stopped");
    }
}

const INFO: &str = "{{.LiveRestoreEnabled}} {{.Debug}} {{.DockerRootDir}} {{.ContainersRunning}}";

fn info(host: &Host) -> String {
    host.docker(["info", "--format", INFO]).ok().text().to_owned()
}

impl Host {
    /// When the container `kept` was started, as which process, and whether it runs; empty where there is none.
    pub fn kept(&self) -> String {
        self.inspect("kept", "{{.State.StartedAt}} {{.State.Pid}} {{.State.Running}}").text().to_owned()
    }

    /// What systemd has loaded of docker.service, and whether it runs.
    #[track_caller]
    pub fn unit(&self) -> String {
        let exec_start = self.property("ExecStart");
        let argv = exec_start.split(" ; ").nth(1).unwrap_or_default();
        let [drop_ins, reload, state] =
            ["DropInPaths", "NeedDaemonReload", "ActiveState"].map(|name| self.property(name));
        format!("{argv} {drop_ins} {reload} {state}")
    }

    /// An apply of this manifest ends with 1 and says that the host is as it was, which it is.
    #[track_caller]
    pub fn fails(&self, manifest: &str) -> Ran {
        let before = Before::of(self);
        self.manifest(manifest);
        let failed = self.dockseal(["apply"]).exits(1);
        assert!(failed.stderr.ends_with("note: the host is as it was\n"), "{failed}");
        before.is_back(self);
        failed
    }

    /// Another program listens there.
    #[track_caller]
    pub fn take_port(&self, port: u16) {
        self.sh(&format!("systemd-run --quiet --unit=taken openssl s_server -accept {port} -nocert -quiet")).ok();
        self.wait_until(&format!("ss -ltn | grep -q ':{port} '"));
    }

    /// It does no longer.
    #[track_caller]
    pub fn free_port(&self) {
        self.run(["systemctl", "stop", "taken.service"]).ok();
    }
}
