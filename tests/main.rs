//! The tests of the real binary, as one program: each file beside this one is a module, by whose name its tests can be run
//! alone (`cargo test manifest::`). A failure of what they share is a failure of the test, hence the panics.
//!
//! Tests of different files run at the same time in one process: what a test counts, names or measures by process has
//! to be told from that of the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod absent;
mod ansible;
mod attacks;
mod booted;
mod cases;
mod clients;
mod conflicts;
mod converge;
mod dependencies;
mod examples;
mod export;
mod facts;
mod faults;
mod fleet;
mod guides;
mod help;
mod import;
mod issuer;
mod layers;
mod life;
mod log;
mod manifest;
mod markdown;
mod no_op;
mod one_at_a_time;
mod package;
mod plan_schema;
mod put_back;
mod readme;
mod recovery;
mod restart;
mod review;
mod rollback;
mod rotation;
mod rules;
mod saved_plan;
mod sealed;
mod secrets;
mod service;
mod status;
mod support;
mod terminal;
mod timer;
mod unfit;
mod verifiers;
mod wont;
