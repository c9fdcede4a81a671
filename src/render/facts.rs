//! Facts of a host for programs: `dockseal.facts/1`, whose schema is checked in as `schema/facts.schema.json`.

use super::json::schema_of;
use crate::observed::facts::HostFacts;

/// The schema of what `dockseal observe` writes, draft 2020-12.
pub fn schema() -> String {
    schema_of::<HostFacts>()
}
