//! A run that strace holds at its very end, when all is done and nothing is freed any more, so that its memory can be
//! read.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Dockseal;

/// How long it is held, in microseconds.
const HELD: &str = "3000000";

/// What was seen of a run.
pub struct Held {
    /// Its output and exit code.
    pub output: Output,
    /// `/proc/PID/cmdline`
    pub arguments: Vec<u8>,
    /// `/proc/PID/environ`
    pub environment: Vec<u8>,
    /// Every mapping that can be read: its line of `/proc/PID/maps` and what it held.
    pub memory: Vec<(String, Vec<u8>)>,
    /// Of `/proc/PID/limits`: the line of core files.
    pub core_limit: String,
    /// The calls that started programs, with arguments and environment.
    pub started: String,
}

impl Held {
    /// Runs it in `folder`, with this environment alone, and looks at it before it ends.
    pub fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(Dockseal::BINARY);
        command.args(arguments).current_dir(folder).envs(environment.iter().copied());
        Self::look_at(command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
    }

    /// The same of a command that sooner or later becomes dockseal.
    pub fn look_at(run: &Command) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("/usr/bin/strace");
        command.args(["-f", "-v", "-s", "100000", "-o"]).arg(log.path());
        command.args(["-e", "trace=execve,exit_group", "-e", &format!("inject=exit_group:delay_enter={HELD}")]);
        // strace's own environment is the program's.
        command.arg(run.get_program()).args(run.get_args()).env_clear();
        command.envs(run.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(folder) = run.get_current_dir() {
            command.current_dir(folder);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let process = wait_for_end(child.id());
        let read = |name: &str| fs::read(format!("/proc/{process}/{name}")).unwrap();
        let limits = String::from_utf8(read("limits")).unwrap();
        let held = Self {
            arguments: read("cmdline"),
            environment: read("environ"),
            memory: memory(process),
            core_limit: limits.lines().find(|line| line.starts_with("Max core file")).unwrap().to_owned(),
            output: child.wait_with_output().unwrap(),
            started: String::new(),
        };
        Self { started: fs::read_to_string(log.path()).unwrap(), ..held }
    }
}

/// The traced process, once it stands in `exit_group`.
fn wait_for_end(strace: u32) -> u32 {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        for process in descendants(strace) {
            let call = fs::read_to_string(format!("/proc/{process}/syscall")).unwrap_or_default();
            let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            if name.trim() == "dockseal" && call.split(' ').next() == Some(exit_group()) {
                return process;
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come to its end");
}

fn descendants(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok());
    children.flat_map(|child| std::iter::once(child).chain(descendants(child))).collect()
}

fn exit_group() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "231",
        "aarch64" => "94",
        other => panic!("the number of exit_group is not known for {other}"),
    }
}

fn memory(process: u32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let file = File::open(format!("/proc/{process}/mem")).unwrap();
    // Of what is mapped from files and never written there is no need to look.
    let lines = maps.lines().filter(|line| line.contains(" rw"));
    let read = lines.map(|line| {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(end));
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        file.read_exact_at(&mut bytes, start).unwrap_or_else(|error| panic!("{line}: {error}"));
        (line.to_owned(), bytes)
    });
    read.collect()
}

impl Held {
    /// The part of the memory where the kernel keeps the environment: what the caller has put there.
    pub fn without_environment(&mut self) {
        for (line, bytes) in &mut self.memory {
            if line.ends_with("[stack]")
                && let Some(at) = super::needle::find(bytes, &self.environment)
            {
                bytes[at..at + self.environment.len()].fill(0);
                return;
            }
        }
        panic!("the environment does not stand on the stack");
    }
}

/// For messages: what it said, and nothing of its memory.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        write!(f, "{}\n{}\n{}", self.output.status, text(&self.output.stdout), text(&self.output.stderr))
    }
}
