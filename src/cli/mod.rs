//! Arguments → exit code: the only place that prints. Results go to stdout, everything else to stderr.

mod apply;
mod arguments;
mod client;
mod facts;
mod failure;
mod help;
mod import;
mod log;
mod man;
mod observe;
mod plan;
mod planned;
mod progress;
mod recover;
mod reviewed;
mod rollback;
mod schema;
mod session;
mod sign;
mod status;
mod validate;
mod writable;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::host;
use crate::render::{Page, text};
use arguments::{Arguments, Command};

/// What a run comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// In sync, or done.
    Done,
    /// An error; the host is as it was.
    Error,
    /// Changes are pending, or were made where that was asked for.
    Changes,
    /// An error, and the host could not be put back.
    Broken,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Changes => 2,
            Exit::Broken => 3,
        })
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    if let Err(error) = host::harden() {
        say_error(&format!("the process limits could not be set: {error}"), None);
        return Exit::Error.into();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let failed = error.use_stderr();
            // A reader who has gone is nothing that could still be told to anyone.
            let _ = error.print();
            return if failed { Exit::Error } else { Exit::Done }.into();
        }
    };
    match perform(arguments.command) {
        Ok(exit) => exit.into(),
        // The reader of our output has gone, as in `dockseal plan | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Error.into(),
        Err(error) => {
            say_error(&format!("the output could not be written: {error}"), None);
            Exit::Error.into()
        }
    }
}

fn perform(command: Command) -> io::Result<Exit> {
    // Stripping colours writes each piece on its own, and the plan of a thousand clients has thousands.
    let choice = anstream::AutoStream::choice(&io::stdout());
    let buffered: Box<dyn Write> = Box::new(BufWriter::new(io::stdout().lock()));
    let mut out = anstream::AutoStream::new(buffered, choice);
    match command {
        Command::Validate { files } => validate::run(&files, &mut out),
        Command::Plan(arguments) => plan::run(&arguments, &mut out),
        Command::Observe(arguments) => observe::run(&arguments, &mut out),
        Command::Apply(arguments) => apply::run(&arguments, &mut out),
        Command::Recover(arguments) => Ok(recover::run(&arguments)),
        Command::Rollback(arguments) => Ok(rollback::run(&arguments, &mut out)),
        Command::Sign(arguments) => sign::run(&arguments, &mut out),
        Command::Client(client) => client::run(&client, &mut out),
        Command::Import(arguments) => import::run(&arguments, &mut out),
        Command::Status(arguments) => status::run(&arguments, &mut out),
        Command::Schema { of } => schema::run(of, &mut out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dockseal", &mut script);
            print(&mut out, [script]).map(|()| Exit::Done)
        }
        Command::Man { of } => man::run(&of, &mut out),
    }
}

fn print<T: AsRef<[u8]>>(out: &mut dyn Write, pieces: impl IntoIterator<Item = T>) -> io::Result<()> {
    for piece in pieces {
        out.write_all(piece.as_ref())?;
    }
    out.flush()
}

/// Writes a page to stderr, coloured on a terminal.
fn say(page: Page) {
    // Where stderr is closed there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(page.into_text().as_bytes());
}

fn say_error(why: &str, hint: Option<&str>) {
    let mut page = Page::default();
    text::add_error(&mut page, why, hint);
    say(page);
}
