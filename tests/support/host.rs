//! A throw-away Docker host: real systemd, real docker.service, up in a second or two, gone when dropped.
//!
//! A test that boots one is `#[ignore = "boots a host"]`: it needs root, systemd-nspawn and the roots of
//! `tests/base-roots`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::dockseal::Dockseal;
use super::machine::{Machine, cache};
use super::ran::Ran;

/// What a person's root shell has there; nothing of the environment of the tests gets in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A generation of systemd and the Docker Engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Debian 12: Engine 20.10, systemd 252.
    Bookworm,
    /// Debian 13: Engine 26.1, systemd 257.
    Trixie,
    /// Debian unstable: Engine 28.5, systemd 262.
    Sid,
}

/// A booted host.
pub struct Host {
    suite: Suite,
    machine: Machine,
    /// From the command to docker.service active, without the wait for a slot.
    boot_time: Duration,
    // Behind the machine: it goes when nothing uses it any more.
    disk: Option<TempDir>,
}

/// A command to be run on a host, or only in its network: `host.command(["docker", "ps"]).env("K", "v").run()`.
pub struct HostCommand {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

impl Suite {
    /// Oldest first.
    pub const ALL: [Self; 3] = [Self::Bookworm, Self::Trixie, Self::Sid];

    /// The suite's name at Debian.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }

    /// How the Engine's version begins.
    pub fn engine(self) -> &'static str {
        match self {
            Self::Bookworm => "20.10.",
            Self::Trixie => "26.1.",
            Self::Sid => "28.5.",
        }
    }
}

impl Host {
    /// Boots a host and waits until docker.service serves and no job of the boot is left.
    pub fn boot(suite: Suite) -> Self {
        Self::boot_with(suite, None)
    }

    /// The same with a disk that outlives a power cut.
    pub fn boot_with_disk(suite: Suite) -> Self {
        let memory = Path::new("/dev/shm");
        let disk = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Self::boot_with(suite, Some(disk.expect("a folder for the disk")))
    }

    /// Ends every process of the host at once, and boots it again from its disk. What was written but not synced is not
    /// lost: that much the kernel of this machine keeps.
    pub fn cut_power(self) -> Self {
        let Self { suite, machine, disk, .. } = self;
        assert!(disk.is_some(), "a host without a disk loses everything");
        drop(machine);
        Self::boot_with(suite, disk)
    }

    fn boot_with(suite: Suite, disk: Option<TempDir>) -> Self {
        let slot = boot_slot();
        let start = Instant::now();
        let machine = Machine::start(suite.name(), disk.as_ref().map(TempDir::path));
        let mut host = Self { suite, machine, boot_time: Duration::ZERO, disk };
        // systemd listens only a moment after it was started; a unit that failed (no kernel module can be loaded here)
        // is no concern, docker.service is.
        let up = host.sh("until systemctl is-system-running --wait 2>/dev/null | grep -qE 'running|degraded'; do
                 sleep 0.05; done; systemctl is-active docker.service");
        if up.code != 0 {
            let why = host.sh("systemctl --no-pager status docker.service; journalctl --no-pager -b -n 50").stdout;
            panic!("{} did not boot: {up}\n{why}\nconsole:\n{}", suite.name(), host.console());
        }
        host.boot_time = start.elapsed();
        drop(slot);
        host.record_boot();
        host
    }

    /// Its generation.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        self.machine.name()
    }

    /// The process that is PID 1 inside, as this machine counts.
    pub fn leader(&self) -> u32 {
        self.machine.leader()
    }

    /// What it printed on its console.
    pub fn console(&self) -> String {
        self.machine.console()
    }

    /// A command as root on the host, with `PATH`, `HOME=/root` and `LANG=C.UTF-8`, for two minutes at most.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> HostCommand {
        self.entered("-a", PATH.into(), arguments)
    }

    /// A command with this machine's files and programs that finds itself in the host's network: 127.0.0.1 is the
    /// host's.
    pub fn in_network<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> HostCommand {
        self.entered("-n", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()), arguments)
    }

    /// Runs a command as root on the host.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.command(arguments).run()
    }

    /// Runs a command as root on the host under this machine's strace, children included. Gives the trace too.
    pub fn traced<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> (Ran, String) {
        let trace = tempfile::NamedTempFile::new().expect("a temporary file");
        let entered = self.command(arguments).command;
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "200", "-o"]).arg(trace.path()).arg(entered.get_program()).args(entered.get_args());
        command.env("PATH", PATH).env("HOME", "/root").env("LANG", "C.UTF-8");
        let ran = Ran::run(&command, &[], Duration::from_secs(120));
        (ran, fs::read_to_string(trace.path()).expect("strace writes text"))
    }

    /// Runs a shell script as root on the host; it ends at the first command that fails.
    pub fn sh(&self, script: &str) -> Ran {
        self.run(["sh", "-euc", script])
    }

    /// Runs the docker CLI of the host.
    pub fn docker<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let command = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
        self.run(std::iter::once(OsString::from("docker")).chain(command))
    }

    /// Runs the dockseal of [`Host::install_dockseal`].
    pub fn dockseal<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let command = arguments.into_iter().map(|argument| argument.as_ref().to_owned());
        self.run(std::iter::once(OsString::from("dockseal")).chain(command))
    }

    /// Writes a file of the host anew, with its folders, for root alone but for `mode` (octal: `0o644`).
    #[track_caller]
    pub fn write(&self, path: &str, text: impl Into<Vec<u8>>, mode: u32) {
        let script = "umask 077; mkdir -p -m 755 \"${1%/*}/\"; rm -f \"$1\"; cat >\"$1\"; chmod \"$2\" \"$1\"";
        self.command(["sh", "-euc", script, "sh", path, &format!("{mode:o}")]).input(text).run().ok();
    }

    /// The text of a file of the host.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        self.run(["cat", path]).ok().stdout
    }

    /// Copies a file of this machine to the host.
    #[track_caller]
    pub fn copy_in(&self, source: impl AsRef<Path>, path: &str, mode: u32) {
        let source = source.as_ref();
        let bytes = fs::read(source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        self.write(path, bytes, mode);
    }

    /// Copies the tested binary to `/usr/local/bin/dockseal`. It was linked with this machine's glibc, which must not be
    /// newer than the oldest host's: bookworm's is 2.36.
    pub fn install_dockseal(&self) {
        self.copy_in(Dockseal::BINARY, "/usr/local/bin/dockseal", 0o755);
    }

    /// What the journal has of one unit since the boot.
    pub fn journal(&self, unit: &str) -> String {
        self.run(["journalctl", "--no-pager", "--output=cat", "-b", "-u", unit]).ok().stdout
    }

    /// Shuts the host down in good order, as `systemctl poweroff` does, and waits for its end.
    pub fn power_off(mut self) {
        // The connection to systemd may break before it has answered.
        self.run(["systemctl", "--no-block", "poweroff"]);
        self.machine.wait_for_end();
    }

    fn entered<A: AsRef<OsStr>>(
        &self,
        namespaces: &str,
        path: OsString,
        arguments: impl IntoIterator<Item = A>,
    ) -> HostCommand {
        HostCommand::in_namespace(self.machine.leader(), namespaces, arguments).env("PATH", path)
    }

    /// One line for the closing summary of `tests/run`.
    fn record_boot(&self) {
        let Some(path) = std::env::var_os("DOCKSEAL_TEST_BOOTS") else { return };
        let line = format!("{} {}\n", self.suite.name(), self.boot_time.as_millis());
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("DOCKSEAL_TEST_BOOTS names a writable file");
    }
}

impl HostCommand {
    /// In these namespaces of a process, as nsenter calls them, with the `PATH` of the tests.
    pub fn in_namespace<A: AsRef<OsStr>>(
        process: u32,
        namespaces: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new("/usr/bin/nsenter");
        command.arg("-t").arg(process.to_string()).args([namespaces, "--"]).args(arguments);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| PATH.into()));
        command.env("HOME", "/root").env("LANG", "C.UTF-8");
        Self { command, input: Vec::new(), limit: Duration::from_secs(120) }
    }

    /// Sets a variable.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// What stands on standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The time after which it is ended with code 124.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Itself, for who runs it in another way.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it.
    pub fn run(self) -> Ran {
        Ran::run(&self.command, &self.input, self.limit)
    }
}

/// Waits for one of as many slots as there are cores, over all test runs: hosts that boot all at once are slow in
/// every one. It is given back when the host is up, so a test may boot several.
fn boot_slot() -> File {
    let slots: Vec<_> = (0..thread::available_parallelism().map_or(1, usize::from))
        .map(|number| cache().join(format!("boot-slot-{number}")))
        .map(|path| File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(300) {
        for slot in &slots {
            if slot.try_lock().is_ok() {
                return slot.try_clone().expect("a file descriptor is left");
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no slot to boot a host in {}", cache().display());
}
