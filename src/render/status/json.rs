//! A status for programs: `dockseal.status/1`.

use super::super::json::pretty;
use super::Status;

/// Pretty, with a newline at the end.
pub fn json(status: &Status) -> String {
    pretty(status)
}
