//! `dockseal man`: manual pages, made from the same words as `--help`.

use std::io::{self, Write};

use clap::CommandFactory as _;

use super::arguments::Arguments;
use super::{Exit, print, say_error};

/// Prints the page of one command, or of dockseal as a whole.
pub fn run(of: &[String], out: &mut dyn Write) -> io::Result<Exit> {
    let mut whole = Arguments::command();
    // Gives each command the name that its page bears: dockseal-plan.
    whole.build();
    let command = of.iter().try_fold(&whole, |command, name| command.find_subcommand(name));
    let Some(command) = command else {
        say_error("there is no such command", Some("`dockseal --help` lists them"));
        return Ok(Exit::Error);
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    print(out, [page]).map(|()| Exit::Done)
}
