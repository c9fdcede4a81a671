//! `dockseal import`: a manifest for a host that was set up by hand.

use std::io::{self, Write};

use time::OffsetDateTime;

use super::arguments::Import as Arguments;
use super::session::open_root;
use super::{Exit, print, say, say_error};
use crate::import::{Import, ImportError};
use crate::render::{Page, text};

/// Prints the manifest.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(root) = open_root(arguments.root.as_deref()) else { return Ok(Exit::Error) };
    let now = OffsetDateTime::now_utc();
    let import = match Import::read(&root, now.replace_nanosecond(0).unwrap_or(now)) {
        Ok(import) => import,
        Err(error) => {
            let hint = matches!(error, ImportError::Inexpressible(_))
                .then_some("please report it, with what stands on the host");
            say_error(&error.to_string(), hint);
            return Ok(Exit::Error);
        }
    };
    let mut page = Page::default();
    if !import.has_tls {
        text::add_note_text(&mut page, "this host has no TLS: what is printed is a manifest to begin with");
    }
    for remark in &import.remarks {
        text::add_note_text(&mut page, remark);
    }
    say(page);
    print(out, [import.text])?;
    Ok(Exit::Done)
}
