//! Arguments → exit code: the only place that prints.

mod schema;
mod validate;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reports every problem of each manifest
    Validate {
        /// Manifests; `-` is standard input
        #[arg(default_value = "/etc/dockseal/host.yaml")]
        files: Vec<PathBuf>,
    },
    /// Prints the manifest's JSON schema
    Schema,
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A broken pipe is nothing that could still be told.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let done = match arguments.command {
        Command::Validate { files } => {
            let is_coloured = err.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            validate::run(&files, is_coloured, &mut out, &mut err)
        }
        Command::Schema => schema::run(&mut out).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
