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

/// Reads and parses one manifest, `-` from standard input; its problems have been told when there is none.
pub fn read(file: &Path) -> Option<Manifest> {
    match parse(file) {
        Ok(manifest) => Some(manifest),
        Err(problems) => {
            let mut err = anstream::stderr().lock();
            for text in diagnostic::render(&problems, true) {
                // Where stderr is closed there is nobody left to tell.
                let _ = err.write_all(text.as_bytes());
            }
            None
        }
    }
}

fn parse(file: &Path) -> Result<Manifest, Problems> {
    let name = if file == OsStr::new("-") { "<stdin>".to_owned() } else { file.display().to_string() };
    match host::read_input(file, MOST_BYTES) {
        Ok(text) => Manifest::parse(&text, &name),
        Err(error) => {
            let hint = "name a regular file that holds a manifest, or `-` for standard input";
            Err(Problems::of_file(&name, Code::FileUnreadable, error.to_string(), hint))
        }
    }
}
