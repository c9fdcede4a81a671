//! How fast, and against what: `cargo bench --bench speed` measures every demand, `-- --short` a few within a minute.
//!
//! Contenders take turns in fresh folders; the figures that count are ratios of their medians, so that a slow machine
//! slows them all. Folders are deleted at the end: ext4 avoids inodes that were freed within the last minute, which makes
//! whatever is created after a deletion many times slower. The limits are stretched in the short form, because machines
//! that test are busy; ratios are printed as they are.
//!
//! `DOCKSEAL_BENCH_FOLDER` says where (default: `target/tmp`), `DOCKSEAL_TEST_CACHE` where the Python environment is.

#![allow(clippy::disallowed_methods, reason = "a benchmark runs programs and makes folders outside host::Root")]

mod cases;
mod contender;
mod floor;
mod measure;
mod report;

use std::process::ExitCode;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["floor", work, folder, count, key] => floor::run(work, folder, count, key).map(|()| true),
        ["measure", program, arguments @ ..] => measure::measure(program, arguments).map(|()| true),
        [] => cases::run(false),
        ["--short"] => cases::run(true),
        other => Err(format!("unknown arguments: {}", other.join(" ")).into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("speed: {error}");
            ExitCode::FAILURE
        }
    }
}
