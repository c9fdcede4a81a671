//! `dockseal status`: each certificate and endpoint.

use std::io::{self, Write};

use super::arguments::Status as Arguments;
use super::recover::say_interrupted;
use super::session::Session;
use super::{Exit, say_error};
use crate::apply;
use crate::render::status;

/// Prints the status; drift is told, and is no failure.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(session) = Session::open(&arguments.target, None, false) else { return Ok(Exit::Error) };
    match session.compare() {
        Ok((observed, plan)) => {
            if apply::is_interrupted(&session.root) {
                say_interrupted(&session.root);
            }
            out.write_all(status::status(&plan, &observed, session.now).as_bytes())?;
            out.flush()?;
            Ok(Exit::Done)
        }
        Err(error) => {
            say_error(&error.to_string(), None);
            Ok(Exit::Error)
        }
    }
}
