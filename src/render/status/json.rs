//! A status for programs: `dockseal.status/1`.

use super::super::json::{pretty, schema_of};
use super::Status;

/// Pretty, with a newline at the end.
pub fn json(status: &Status) -> String {
    pretty(status)
}

/// The schema of what [`json`] gives, draft 2020-12.
pub fn schema() -> String {
    schema_of::<Status>()
}
