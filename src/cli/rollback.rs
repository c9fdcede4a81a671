//! `dockseal rollback`: one step back.

use std::io::Write;

use time::OffsetDateTime;

use super::arguments::Rollback as Arguments;
use super::failure::say_failure;
use super::log::Log;
use super::recover::recover;
use super::session::{may_change, open_root};
use super::{Exit, say_error};
use crate::apply::{Moment, Rollback};
use crate::host::Lock;
use crate::render::text;

/// Goes back.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Exit {
    let Some(root) = open_root(arguments.root.as_deref()).filter(may_change) else { return Exit::Error };
    let _lock = match Lock::acquire(&root, arguments.lock_timeout) {
        Ok(lock) => lock,
        Err(error) => {
            say_error(&error.to_string(), error.hint());
            return Exit::Error;
        }
    };
    let now = OffsetDateTime::now_utc();
    let log = Log { root: &root, command: "rollback", host: None, began: now, saved_plan: None };
    if let Err(error) = recover(&log, Moment::Now) {
        return say_failure(&error);
    }
    let rollback = Rollback { root: &root, allow_restart: arguments.allow_restart, now };
    match rollback.run() {
        Ok(back) => {
            log.rolled_back(&back);
            // The host has changed, whether or not somebody still reads.
            let page = text::rolled_back(&back.heading.began, &back.files, back.restarted.as_deref());
            let _ = out.write_all(page.as_bytes()).and_then(|()| out.flush());
            Exit::Done
        }
        Err(error) => {
            log.failed(&error, None);
            say_failure(&error)
        }
    }
}
