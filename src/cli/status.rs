//! `dockseal status`: each certificate and endpoint, and what the next run does.

use std::io::{self, Write};

use super::arguments::{Status as Arguments, StatusFormat};
use super::recover::say_interrupted;
use super::session::Session;
use super::{Exit, print, say_error};
use crate::apply;
use crate::render::status::{self, Status};

/// Prints the status; drift is told, and is no failure.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(session) = Session::open(&arguments.target, arguments.now, false) else { return Ok(Exit::Error) };
    match session.compare() {
        Ok((observed, plan)) => {
            let mut status = Status::new(&plan, &observed, session.now);
            status.interrupted = apply::is_interrupted(&session.root);
            if status.interrupted {
                say_interrupted(&observed.root);
            }
            let text = match arguments.format {
                StatusFormat::Text => status::text(&status),
                StatusFormat::Json => status::json(&status),
                StatusFormat::Prometheus => status::prometheus(&status),
            };
            print(out, [text]).map(|()| Exit::Done)
        }
        Err(error) => {
            say_error(&error.to_string(), None);
            Ok(Exit::Error)
        }
    }
}
