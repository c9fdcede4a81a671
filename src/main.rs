//! The command.

use std::process::ExitCode;

fn main() -> ExitCode {
    dockseal::cli::run()
}
