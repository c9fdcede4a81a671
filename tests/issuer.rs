//! Keys where they belong: a CA that is elsewhere and is waited for, `dockseal sign` where it is, and commands that sign.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod support;

#[path = "issuer/authority.rs"]
mod authority;
#[path = "issuer/booted.rs"]
mod booted;
#[path = "issuer/brought.rs"]
mod brought;
#[path = "issuer/cfssl.rs"]
mod cfssl;
#[path = "issuer/command.rs"]
mod command;
#[path = "issuer/external.rs"]
mod external;
#[path = "issuer/hostile.rs"]
mod hostile;
#[path = "issuer/sign.rs"]
mod sign;
