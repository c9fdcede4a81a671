//! `dockseal validate FILE…`: every problem of each file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::manifest::{Code, MOST_BYTES, Manifest, Problems, printable};
use crate::render::diagnostic;

/// Writes `FILE: ok` to `out` for each good file, and all problems of the others to `err`. Returns whether all are good.
pub fn run(files: &[PathBuf], is_coloured: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<bool> {
    let mut is_good = true;
    for file in files {
        match read_manifest(file) {
            Ok(_) => writeln!(out, "{}: ok", printable(&file.display().to_string()))?,
            Err(problems) => {
                is_good = false;
                err.write_all(diagnostic::render(&problems, is_coloured).as_bytes())?;
            }
        }
    }
    out.flush()?;
    Ok(is_good)
}

/// Reads and parses one manifest; `-` is standard input.
pub fn read_manifest(file: &Path) -> Result<Manifest, Problems> {
    let name = if file == OsStr::new("-") { "<stdin>".to_owned() } else { file.display().to_string() };
    match read(file) {
        Ok(text) => Manifest::parse(&text, &name),
        Err(error) => {
            let hint = "name a regular file that holds a manifest, or `-` for standard input";
            Err(Problems::of_file(&name, Code::FileUnreadable, error, hint))
        }
    }
}

/// At most one byte more than a manifest may have, so that the parser sees that there is too much.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    if file == OsStr::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut text).map_err(|error| error.to_string())?;
        return Ok(text);
    }
    // Asked before it is opened: opening a FIFO would wait for a writer.
    let is_regular = file.metadata().map_err(|error| error.to_string())?.is_file();
    if !is_regular {
        return Err("it is no regular file".to_owned());
    }
    let opened = File::open(file).map_err(|error| error.to_string())?;
    opened.take(most).read_to_end(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}
