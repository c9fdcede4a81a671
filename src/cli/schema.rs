//! `dockseal schema`: prints the manifest's JSON schema.

use std::io::{self, Write};

use crate::manifest::schema_text;

/// Writes the schema to `out`.
pub fn run(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(schema_text().as_bytes())?;
    out.flush()
}
