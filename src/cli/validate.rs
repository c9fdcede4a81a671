//! `dockseal validate FILE…`: every problem of each file.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Exit;
use crate::host;
use crate::manifest::{Code, MOST_BYTES, Manifest, Problems};
use crate::render::diagnostic;
use crate::visible::one_line;

/// Writes `FILE: ok` for each good file; the problems of the others go to stderr.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> io::Result<Exit> {
    let mut exit = Exit::Done;
    for file in files {
        match read(file) {
            Some(_) => writeln!(out, "{}: ok", one_line(&file.display().to_string()))?,
            None => exit = Exit::Error,
        }
    }
    out.flush()?;
    Ok(exit)
}

/// What the user named, as it was read.
pub struct Input {
    /// What the user called it.
    pub name: String,
    /// At most one byte more than was allowed.
    pub bytes: Vec<u8>,
}

/// Reads and parses one manifest, `-` from standard input; its problems have been told when there is none.
pub fn read(file: &Path) -> Option<Manifest> {
    manifest(&input(file, MOST_BYTES)?)
}

/// Reads a file, `-` from standard input, up to one byte beyond `most`; why it can't be read has been told.
pub fn input(file: &Path, most: usize) -> Option<Input> {
    let name = if file == OsStr::new("-") { "<stdin>".to_owned() } else { file.display().to_string() };
    match host::read_input(file, most) {
        Ok(bytes) => Some(Input { name, bytes }),
        Err(error) => {
            let hint = "name a regular file that holds a manifest, or `-` for standard input";
            say_problems(&Problems::of_file(&name, Code::FileUnreadable, error.to_string(), hint));
            None
        }
    }
}

/// Parses a manifest; its problems have been told when there is none.
pub fn manifest(input: &Input) -> Option<Manifest> {
    Manifest::parse(&input.bytes, &input.name).map_err(|problems| say_problems(&problems)).ok()
}

fn say_problems(problems: &Problems) {
    let mut err = anstream::stderr().lock();
    for text in diagnostic::render(problems, true) {
        // Where stderr is closed there is nobody left to tell.
        let _ = err.write_all(text.as_bytes());
    }
}
