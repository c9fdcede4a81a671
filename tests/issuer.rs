//! Keys where they belong: a CA that is elsewhere and is waited for, `dockseal sign` where it is, and commands that sign.

mod authority;
mod booted;
mod brought;
mod cfssl;
mod command;
mod external;
mod hostile;
mod sign;
