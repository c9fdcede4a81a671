//! One run of one program → what it took. A process of its own runs each, because the kernel keeps the peak memory of
//! children as the highest of all.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::Outcome;

/// What one run took.
#[derive(Clone, Copy)]
pub struct Run {
    /// Milliseconds.
    pub wall: f64,
    /// Milliseconds of all cores, user and system.
    pub cpu: f64,
    /// MiB, the highest resident set.
    pub memory: f64,
}

/// Runs a program and prints what it took, for [`run`].
pub fn measure(program: &str, arguments: &[&str]) -> Outcome<()> {
    let begun = Instant::now();
    let output = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let wall = begun.elapsed().as_secs_f64() * 1000.0;
    if !output.status.success() {
        return Err(format!("{program}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    println!("{wall} {} {}", float(cpu) / 1000.0, float(used.max_rss()) / 1024.0);
    Ok(())
}

/// Has a program read from the disk when it next runs, as after a boot. One that was just linked lies in memory in larger
/// pieces, and what a run maps of those counts as its own: up to 1 MiB more, which no user of an installed program sees.
pub fn forget(program: &str) -> Outcome<()> {
    let file = File::open(program)?;
    // Only what has reached the disk can be forgotten.
    file.sync_all()?;
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(())
}

/// Runs a command in a process of its own.
pub fn run(command: &[String]) -> Outcome<Run> {
    let output = Command::new(std::env::current_exe()?).arg("measure").args(command).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [wall, cpu, memory] if output.status.success() => Ok(Run { wall, cpu, memory }),
        _ => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

/// The median of each figure.
pub fn median(runs: &[Run]) -> Run {
    let middle = |figure: fn(&Run) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Run { wall: middle(|run| run.wall), cpu: middle(|run| run.cpu), memory: middle(|run| run.memory) }
}

#[expect(clippy::cast_precision_loss, reason = "a year in microseconds fits")]
fn float(number: i64) -> f64 {
    number as f64
}
