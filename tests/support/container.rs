//! Containers on a booted host, which has no network and so no registry.

use super::host::Host;
use super::ran::Ran;

const IMAGE: &str = "dockseal-test:1";

impl Host {
    /// Starts a container called `name` that sleeps, and gives its identifier. Its image is a static busybox alone.
    #[track_caller]
    pub fn container(&self, name: &str) -> String {
        self.import_image();
        // As PID 1, sleep ignores SIGTERM, and each stop would wait 10 s.
        let options = ["--detach", "--network=none", "--stop-signal=KILL", "--name", name];
        let command = [IMAGE, "/bin/busybox", "sleep", "10000"];
        let id = self.docker(["run"].iter().chain(&options).chain(&command)).ok().text().to_owned();
        assert!(self.is_running(name), "{name} does not run: {}", self.docker(["logs", name]));
        id
    }

    /// Whether a container of that name runs.
    #[track_caller]
    pub fn is_running(&self, container: &str) -> bool {
        self.inspect(container, "{{.State.Running}}").ok().text() == "true"
    }

    /// `docker inspect` with a Go template: `{{.State.StartedAt}}`.
    pub fn inspect(&self, container: &str, template: &str) -> Ran {
        self.docker(["inspect", "--format", template, container])
    }

    fn import_image(&self) {
        if self.docker(["image", "inspect", IMAGE]).code == 0 {
            return;
        }
        let busybox =
            ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| std::fs::exists(path).unwrap_or(false));
        let busybox = busybox.expect("busybox is there (package busybox-static)");
        self.copy_in(busybox, "/var/tmp/image/bin/busybox", 0o755);
        self.sh(&format!("tar -C /var/tmp/image -c . | docker import - {IMAGE}")).ok();
    }
}
