//! Values → text for people and programs. Nothing is decided here and nothing is printed.

pub mod diagnostic;
pub mod diff;
mod elsewhere;
pub mod json;
pub mod log;
pub mod markdown;
pub mod notes;
mod page;
pub mod shell;
pub mod status;
mod summary;
pub mod text;
mod trust;
pub mod words;

pub use page::Page;
