//! Facts → text for people and for programs. Nothing here prints.

pub mod diagnostic;
