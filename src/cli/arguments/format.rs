//! In which forms things are written, and what has a schema.

use clap::ValueEnum;

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs: dockseal.plan/1
    Json,
    /// For a comment in a pull request: GitHub Flavored Markdown
    Markdown,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum StatusFormat {
    /// For people
    Text,
    /// For programs: dockseal.status/1
    Json,
    /// For Prometheus, by a textfile collector
    Prometheus,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// The manifest
    Manifest,
    /// The JSON plan
    Plan,
    /// The JSON status
    Status,
    /// What `dockseal observe` writes
    Facts,
}
