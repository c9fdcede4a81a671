//! What can be asked for, and `--help`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Seals a Docker host's TCP API with mutual TLS, from a checked-in manifest, and proves it.
///
/// A manifest says which CA, which server names, which clients and which endpoints a host shall have. `plan` shows what
/// differs, `apply` makes the host match, proves it by real TLS handshakes, and puts everything back if the proof fails.
#[derive(Parser)]
#[command(name = "dockseal", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 in sync or done; 1 error, the host is as it was; \
2 plan: changes pending, apply --detailed-exitcode: changed; 3 error, and the host could not be put back.")]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Reports every problem of each manifest, with its place
    Validate {
        /// Manifests; `-` is standard input
        #[arg(default_value = DEFAULT_MANIFEST, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Shows what apply would do, and changes nothing; exits with 2 where something would change
    Plan(Plan),
    /// Makes the host match the manifest and proves it; the second time it does nothing
    Apply(Apply),
    /// Lists each certificate and endpoint
    Status(Status),
    /// Prints a JSON schema
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = SchemaOf::Manifest)]
        of: SchemaOf,
    },
    /// Prints a shell's completion script
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the manual page
    Man,
}

/// Where a manifest is read from when none is named.
pub const DEFAULT_MANIFEST: &str = "/etc/dockseal/host.yaml";

/// What `plan`, `apply` and `status` share.
#[derive(Args)]
pub struct Target {
    /// The manifest; `-` is standard input
    #[arg(default_value = DEFAULT_MANIFEST, value_name = "FILE")]
    pub file: PathBuf,
    /// Work on this root instead of /, an image or a rehearsal; services are left alone
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    pub target: Target,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Plan as if it were this time, RFC 3339 (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,
    /// Print nothing where nothing would change
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct Apply {
    #[command(flatten)]
    pub target: Target,
    /// Restart dockerd even where running containers stop with it
    #[arg(long)]
    pub allow_restart: bool,
    /// Exit with 2 where something was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Print nothing unless something changed or failed
    #[arg(long, short)]
    pub quiet: bool,
    /// How long to wait for another run to end, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub lock_timeout: Duration,
}

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    pub target: Target,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs: dockseal.plan/1
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// The manifest
    Manifest,
    /// The JSON plan
    Plan,
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("{error}; write it as 2027-01-31T00:00:00Z"))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "write a whole number of seconds".to_owned())
}
