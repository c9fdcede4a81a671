//! What has to change. Pure: the same inputs give the same plan, byte for byte.

pub mod daemon_json;
pub mod drop_in;
pub mod flag_conflict;
