//! One running nspawn: started, watched and surely ended. It knows nothing of Docker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::cgroup::Group;

/// How long a host may take from one state to the next on a crowded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A started host. Dropping it ends every process of it and leaves no mount and no control group behind.
pub struct Machine {
    name: String,
    console: tempfile::NamedTempFile,
    /// The process to kill, while there is one: first `unshare`, then nspawn, which `unshare` waits for.
    alive: Option<u32>,
    leader: u32,
    /// Behind a lock so that threads may share a host.
    ended: Mutex<Receiver<()>>,
    // Last: a group can be removed only when its processes are gone.
    _group: Group,
}

/// Where the base roots and the Python environment stand: `$DOCKSEAL_TEST_CACHE`.
pub fn cache() -> PathBuf {
    std::env::var_os("DOCKSEAL_TEST_CACHE").map_or_else(|| PathBuf::from("/var/cache/dockseal-tests"), PathBuf::from)
}

impl Machine {
    /// Starts the root of `suite` and waits until its systemd runs. What it writes is kept in `disk`, if there is one.
    pub fn start(suite: &str, disk: Option<&Path>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dockseal-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = cache().join(suite);
        assert!(root.join("usr/bin/systemctl").exists(), "no base root {}: run tests/base-roots", root.display());
        let group = Group::create(&name);
        let console = tempfile::NamedTempFile::new().expect("a temporary file for the console");

        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .args(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/boot-host"))
            .args([root.as_os_str(), name.as_ref(), disk.map_or("".as_ref(), Path::as_os_str)])
            .args(group.folders())
            .stdin(Stdio::null())
            .stdout(console.reopen().expect("the console file opens"))
            .stderr(console.reopen().expect("the console file opens"));
        let (unshare, ended) = keep(command);
        let ended = Mutex::new(ended);

        let mut machine = Self { name, console, alive: Some(unshare), leader: 0, ended, _group: group };
        let nspawn = machine.wait_for_child(unshare, None);
        machine.alive = Some(nspawn);
        machine.leader = machine.wait_for_child(nspawn, Some("systemd"));
        machine
    }

    /// The machine's own name, which is its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process that is PID 1 inside.
    pub fn leader(&self) -> u32 {
        self.leader
    }

    /// What the host printed on its console.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.console.path()).unwrap_or_default()).into_owned()
    }

    /// Waits until nspawn has ended by itself.
    pub fn wait_for_end(&mut self) {
        match self.ended_within(PATIENCE) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.alive = None,
            Err(RecvTimeoutError::Timeout) => panic!("{} does not power off:\n{}", self.name, self.console()),
        }
    }

    fn ended_within(&self, limit: Duration) -> Result<(), RecvTimeoutError> {
        self.ended.lock().expect("no thread panics while it waits").recv_timeout(limit)
    }

    fn wait_for_child(&self, parent: u32, name: Option<&str>) -> u32 {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(child) = child_of(parent, name) {
                return child;
            }
            if self.ended_within(Duration::from_millis(20)) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        let child = name.unwrap_or("child");
        panic!("{}: no {child} after {:.1?}; the console:\n{}", self.name, start.elapsed(), self.console())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Some(alive) = self.alive.take() else { return };
        // nspawn is PID 1 of a PID namespace that holds the whole host: the kernel ends all of it. One that ended by
        // itself meanwhile can't be killed, which is no failure.
        let killed = i32::try_from(alive).map(|pid| signal::kill(Pid::from_raw(pid), Signal::SIGKILL));
        if self.ended_within(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{}: not ended: {killed:?}", self.name);
        }
    }
}

/// Starts the command from a thread that lives as long as it does; the receiver hears of its end.
///
/// The kernel's parent-death signal is sent when the parent *thread* ends: with a thread of its own, a host may be handed
/// from one thread to another, and still dies with a test program that was killed.
fn keep(mut command: Command) -> (u32, Receiver<()>) {
    let (started_in, started) = mpsc::channel();
    let (ended_in, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut child = command.spawn().expect("setpriv and unshare are there (util-linux)");
        started_in.send(child.id()).ok();
        child.wait().ok();
        ended_in.send(()).ok();
    });
    (started.recv().expect("the host's process starts"), ended)
}

fn child_of(parent: u32, name: Option<&str>) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid| match name {
        Some(name) => fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name),
        None => true,
    })
}
