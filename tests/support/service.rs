//! What the tests ask of docker.service and of the files on a booted host.

use std::time::Duration;

use super::host::Host;
use super::ran::Ran;

const MANIFEST_PATH: &str = "/etc/dockseal/host.yaml";

/// One client and both kinds of endpoint; a line indented by two goes on with `daemon`.
pub const MANIFEST: &str = "\
dockseal: 1
host: build-01.example.com
server:
  sans:
    ip: [127.0.0.1]
clients:
  - name: ci
daemon:
  hosts: [fd://, tcp://0.0.0.0:2376]
";

/// Lists each test once for every generation: `on_each_suite!(guide_one, guide_two);` makes of `fn guide_one(host: &Host)`
/// the tests `guide_one::bookworm`, `guide_one::trixie` and `guide_one::sid`, each with a host of its own that has
/// dockseal installed.
macro_rules! on_each_suite {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::{Host, Suite};

            fn on(suite: Suite) {
                let host = Host::boot(suite);
                host.install_dockseal();
                super::$name(&host);
            }

            #[test]
            #[ignore = "boots a host"]
            fn bookworm() {
                on(Suite::Bookworm);
            }

            #[test]
            #[ignore = "boots a host"]
            fn trixie() {
                on(Suite::Trixie);
            }

            #[test]
            #[ignore = "boots a host"]
            fn sid() {
                on(Suite::Sid);
            }
        }
    )+};
}
pub(crate) use on_each_suite;

impl Host {
    /// Writes the manifest where dockseal looks for it.
    #[track_caller]
    pub fn manifest(&self, text: &str) {
        self.write(MANIFEST_PATH, text, 0o644);
    }

    /// Applies this manifest, which has to succeed, and checks that nothing is left to do.
    #[track_caller]
    pub fn seal(&self, manifest: &str) -> Ran {
        self.manifest(manifest);
        let applied = self.dockseal(["apply"]).ok();
        self.dockseal(["plan"]).ok();
        applied
    }

    /// A property of docker.service.
    #[track_caller]
    pub fn property(&self, name: &str) -> String {
        self.run(["systemctl", "show", "--value", "-p", name, "docker.service"]).ok().text().to_owned()
    }

    /// Which dockerd runs: its process and its start in microseconds of the host's clock.
    #[track_caller]
    pub fn dockerd(&self) -> String {
        format!("{} {}", self.property("MainPID"), self.property("ExecMainStartTimestampMonotonic"))
    }

    /// How often dockerd has begun to start since the boot.
    #[track_caller]
    pub fn starts(&self) -> usize {
        self.journal("docker.service").matches("Starting up").count()
    }

    /// Every file and folder that dockseal may touch, with inode, mode, owner, modification time and digest: equal before
    /// and after means that nothing was written.
    #[track_caller]
    pub fn files(&self) -> String {
        self.list("-printf '%p %i %m %u:%g %T@\\n'")
    }

    /// The same without the times of folders, which change with every name in them: equal before and after means that
    /// everything is as it was.
    #[track_caller]
    pub fn put_back_files(&self) -> String {
        self.list("( -type d -printf '%p %i %m %u:%g\\n' -o -printf '%p %i %m %u:%g %T@\\n' )")
    }

    fn list(&self, print: &str) -> String {
        let print = print.replace('(', "\\(").replace(')', "\\)");
        let script = format!(
            "for path in /etc/docker /var/docker /etc/systemd/system /etc/default/docker; do
                 [ ! -e $path ] || find $path {print} -type f -exec sha256sum {{}} \\;
             done | sort"
        );
        self.sh(&script).ok().stdout
    }

    /// Whether the Docker API answers on the local socket.
    #[track_caller]
    pub fn answers_locally(&self) -> bool {
        self.run(["curl", "-sf", "-m", "10", "--unix-socket", "/var/run/docker.sock", "http://x/_ping"]).text() == "OK"
    }

    /// What curl gets from `/_ping` on port 2376 with the files of this client in `directory`.
    pub fn ping_as(&self, directory: &str, client: &str) -> Ran {
        let file = |name: &str| format!("{directory}/clients/{client}/{name}.pem");
        let (ca, certificate, key) = (file("ca"), file("cert"), file("key"));
        let identity = ["--cacert", &ca, "--cert", &certificate, "--key", &key];
        self.run(["curl", "-sS", "-m", "10"].iter().chain(&identity).chain(&["https://127.0.0.1:2376/_ping"]))
    }

    /// Waits until the script ends with 0: 20 s at most.
    #[track_caller]
    pub fn wait_until(&self, script: &str) {
        let script = format!("until {script}; do sleep 0.05; done");
        self.command(["sh", "-uc", &script]).limit(Duration::from_secs(20)).run().ok();
    }
}
