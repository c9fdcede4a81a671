//! The system calls of a run by which it changes files, and runs in which one of them kills the program or fails.
//!
//! strace counts the calls of each name by thread, so the program gets one core, where it has one thread alone; or two, where
//! one of its threads comes to a number that is small enough. Its `--seccomp-bpf` would be faster, and sends no signals.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Dockseal, Host, Ran, Site};

/// All by which a program can change what a file system holds, or when that reaches the disk.
const CHANGING: &str = "openat,write,pwrite64,writev,fsync,fdatasync,syncfs,sync,sync_file_range,rename,renameat,renameat2,\
    link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknodat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,lchown,fchown,\
    fchownat,truncate,ftruncate,fallocate,utimensat,setxattr,fsetxattr";

/// One system call of a run.
#[derive(Clone, Debug)]
pub struct Call {
    /// `renameat2`
    pub name: String,
    /// The how manieth call of this name it is, from 1.
    pub number: usize,
    /// As strace shows it, from its name on.
    pub line: String,
}

/// A run under strace.
pub struct Traced {
    /// How it ended.
    pub ran: Ran,
    /// What it called.
    pub calls: Vec<Call>,
    trace: String,
}

impl Call {
    /// Whether it writes to standard output, to standard error or to the log: a run does its work without them.
    pub fn speaks(&self) -> bool {
        let logs = ["/var/log", "/var>, \"log\""].iter().any(|path| self.line.contains(path));
        self.line.starts_with("write(1<") || self.line.starts_with("write(2<") || logs
    }

    fn changes(&self) -> bool {
        self.name != "openat" || ["O_CREAT", "O_TRUNC"].iter().any(|flag| self.line.contains(flag))
    }
}

impl Traced {
    /// Whether strace did what it was asked to.
    pub fn was_hit(&self, fault: &str) -> bool {
        self.trace.contains(if fault.starts_with("signal") { "+++ killed by SIGKILL +++" } else { "(INJECTED)" })
    }
}

impl Site {
    /// The calls of an undisturbed run by which it changes files or speaks, in their order.
    pub fn count_calls(&self, arguments: &[&str]) -> Traced {
        self.strace(arguments, &[])
    }

    /// A run with a fault in this call: `signal=KILL` instead of it, or `error=ENOSPC`.
    pub fn with_fault(&self, arguments: &[&str], call: &Call, fault: &str) -> Traced {
        self.strace(arguments, &[format!("inject={}:{fault}:when={}", call.name, call.number)])
    }

    /// A run in which, from the call at this place of an undisturbed run on, all calls of these names fail.
    pub fn failing_from(&self, arguments: &[&str], run: &Traced, place: usize, names: &[&str], error: &str) -> Traced {
        let next = |name: &&str| {
            let earlier = run.calls[..place].iter().rev().find(|call| call.name == *name).map_or(0, |call| call.number);
            format!("inject={name}:error={error}:when={}+", earlier + 1)
        };
        self.strace(arguments, &names.iter().map(next).collect::<Vec<_>>())
    }

    /// A run on two cores with a fault in the call of this name and number of a thread, whichever comes to it.
    pub fn with_fault_beside_others(&self, arguments: &[&str], (name, number): (&str, usize), fault: &str) -> Traced {
        let cores: Vec<String> = allowed_cores().into_iter().take(2).map(|core| core.to_string()).collect();
        let (ran, trace) = self.straced(arguments, &cores.join(","), &[format!("inject={name}:{fault}:when={number}")]);
        Traced { ran, calls: Vec::new(), trace }
    }

    fn strace(&self, arguments: &[&str], faults: &[String]) -> Traced {
        let (ran, trace) = self.straced(arguments, &core(), faults);
        Traced { ran, calls: calls(&trace), trace }
    }

    fn straced(&self, arguments: &[&str], cores: &str, faults: &[String]) -> (Ran, String) {
        let log = self.folder().join("trace");
        let mut command = Command::new("/usr/bin/taskset");
        command.args(["--cpu-list", cores]).args(["/usr/bin/strace", "-f", "-y", "-o"]).arg(&log);
        command.arg("-e").arg(format!("trace={CHANGING}"));
        command.args(faults.iter().flat_map(|fault| ["-e", fault]));
        command.arg(Dockseal::BINARY).args(arguments).args(["--root", "root"]).current_dir(self.folder());
        let ran = Ran::run(&command, b"", Duration::from_secs(60));
        (ran, fs::read_to_string(log).unwrap())
    }
}

/// Where strace and its libraries are put on a host, which has none.
const ON_HOST: &str = "/usr/local/lib/strace";

impl Host {
    /// Copies this machine's strace to the host, with the libraries that it is linked with.
    pub fn install_strace(&self) {
        let mut ldd = Command::new("/usr/bin/ldd");
        let libraries = Ran::run(ldd.arg("/usr/bin/strace"), b"", Duration::from_secs(10)).ok().stdout;
        let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for file in libraries.chain(["/usr/bin/strace"]) {
            self.copy_in(file, &format!("{ON_HOST}/{}", file.rsplit('/').next().unwrap()), 0o755);
        }
    }

    /// The calls of an undisturbed run of dockseal by which it changes files, in their order. What it runs is not traced.
    pub fn count_calls(&self, arguments: &[&str]) -> Traced {
        self.strace(arguments, None)
    }

    /// A run in which this call kills it.
    pub fn killed_in(&self, arguments: &[&str], call: &Call) -> Traced {
        self.strace(arguments, Some(&format!("inject={}:signal=KILL:when={}", call.name, call.number)))
    }

    fn strace(&self, arguments: &[&str], fault: Option<&str>) -> Traced {
        let strace = format!(
            "exec taskset --cpu-list {} {ON_HOST}/ld-linux-x86-64.so.2 --library-path {ON_HOST} {ON_HOST}/strace -y \
             -o /run/trace -e trace={CHANGING} \"$@\"",
            core()
        );
        let fault = fault.into_iter().flat_map(|fault| ["-e", fault]);
        let command = ["sh", "-euc", &strace, "sh"].into_iter().chain(fault).chain(["/usr/local/bin/dockseal"]);
        let ran = self.run(command.chain(arguments.iter().copied()));
        let trace = self.read("/run/trace");
        Traced { ran, calls: calls(&trace), trace }
    }
}

/// Of `PID write(1<pipe:[7]>, "Plan…", 80) = 80` and the like.
fn calls(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for line in trace.lines() {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        assert!(!line.contains("<unfinished"), "one thread alone can be counted: {line}");
        let Some((name, _)) = line.split_once('(').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric()))
        else {
            continue;
        };
        let number = counts.entry(name.to_owned()).or_default();
        *number += 1;
        calls.push(Call { name: name.to_owned(), number: *number, line: line.to_owned() });
    }
    calls.retain(Call::changes);
    calls
}

/// A core that this process may use: the same for all runs of a test, another for the test beside it.
fn core() -> String {
    static TESTS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static TEST: usize = TESTS.fetch_add(1, Ordering::Relaxed));
    let cores = allowed_cores();
    cores[TEST.with(|test| *test) % cores.len()].to_string()
}

fn allowed_cores() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let numbers = cores.split(',').flat_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse::<usize>().unwrap()..=last.parse().unwrap()
    });
    numbers.collect()
}
