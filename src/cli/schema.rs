//! `dockseal schema`: prints a JSON schema.

use std::io::{self, Write};

use super::arguments::SchemaOf;
use super::{Exit, print};
use crate::manifest::schema_text;
use crate::render::{facts, json, status};

/// Writes it.
pub fn run(of: SchemaOf, out: &mut dyn Write) -> io::Result<Exit> {
    let text = match of {
        SchemaOf::Manifest => schema_text(),
        SchemaOf::Plan => json::schema(),
        SchemaOf::Status => status::schema(),
        SchemaOf::Facts => facts::schema(),
    };
    print(out, [text]).map(|()| Exit::Done)
}
