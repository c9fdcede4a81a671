//! What can be asked for, and `--help`.

mod client;
mod format;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::help;
use crate::saved::Flags;
use crate::sign::Party;

pub use client::{Client, ClientExport, ExportFormat};
pub use format::{Format, SchemaOf, StatusFormat};

/// Seals a Docker host's TCP API with mutual TLS, from a checked-in manifest, and proves it.
///
/// A manifest says which CA, which server names, which clients and which endpoints a host shall have. `plan` shows what
/// differs, `apply` makes the host match, proves it by real TLS handshakes, and puts everything back if the proof fails.
#[derive(Parser)]
#[command(name = "dockseal", version, max_term_width = 100)]
#[command(after_help = help::DOCKSEAL)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Reports every problem of each manifest, with its place
    #[command(after_help = help::VALIDATE)]
    Validate {
        /// Manifests; `-` is standard input
        #[arg(default_value = DEFAULT_MANIFEST, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Shows what apply would do; changes nothing, and exits with 2 where something would change
    #[command(after_help = help::PLAN)]
    Plan(Plan),
    /// Writes down what a plan needs to know of this host, for `plan --facts` on another machine; changes nothing
    ///
    /// The facts hold no private key and no passphrase: of each key its public half. They hold certificates, names and
    /// modes of files, daemon.json as it is, Dockseal's own unit files, and of the files of docker.service the lines of
    /// `ExecStart=` and `EnvironmentFile=` with the variables that `ExecStart=` names. Where daemon.json holds a password
    /// (of a proxy, of a log driver), it is in the facts too: a plan shows such lines beside those that change.
    #[command(after_help = help::OBSERVE)]
    Observe(Observe),
    /// Makes the host match the manifest and proves it; a second run does nothing
    ///
    /// New keys and certificates, daemon.json and a systemd drop-in are made and checked first, then put in place all at
    /// once. dockerd restarts at most once. Real TLS handshakes then prove that each client is let in and nobody else;
    /// where the proof fails, everything is put back.
    #[command(after_help = help::APPLY)]
    Apply(Apply),
    /// Puts back what the last apply replaced: one step, with a proof
    ///
    /// Refuses where the host has changed since that apply. The CA and its key stay: clients may hold its certificates.
    #[command(after_help = help::ROLLBACK)]
    Rollback(Rollback),
    /// Undoes or finishes the change of a run that was cut short; without one it does nothing
    ///
    /// A change that was not yet proven is undone: the host is as it was. One that was is finished. `apply` and `rollback`
    /// do this first by themselves, and dockseal-recover.service does it before dockerd starts.
    #[command(after_help = help::RECOVER)]
    Recover(Recover),
    /// Prints a manifest for a host that was set up by hand; changes nothing
    ///
    /// It reads daemon.json, the flags of docker.service, and the certificates and keys that they name, and says in comments
    /// what a plan by the manifest would still change, and why.
    #[command(after_help = help::IMPORT)]
    Import(Import),
    /// Lists each certificate with its end, and each endpoint with what it answers
    #[command(after_help = help::STATUS)]
    Status(Status),
    /// Signs requests of a host, on the machine that has the CA: what the manifest allows, whatever they ask for
    ///
    /// For hosts with `ca.issuer: external`. Of a request, its key alone is taken; subject, names, purpose and lifetime
    /// are the manifest's. The certificates and ca.pem are written beside each request, or into --out; they belong under
    /// requests/ on the host, where the next apply takes them in. All requests are signed, or none.
    #[command(after_help = help::SIGN)]
    Sign(Sign),
    /// Hands a client what it needs: a docker context, a folder, or the lines of a shell
    #[command(subcommand, after_help = help::CLIENT_EXPORT)]
    Client(Client),
    /// Prints the JSON schema of the manifest, of the JSON plan, of the JSON status or of the facts
    #[command(after_help = help::SCHEMA)]
    Schema {
        /// Of what
        #[arg(value_enum, default_value_t = SchemaOf::Manifest)]
        of: SchemaOf,
    },
    /// Prints a shell's completion script
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints a manual page
    #[command(after_help = help::MAN)]
    Man {
        /// Of this command; without it, of dockseal as a whole
        #[arg(value_name = "COMMAND")]
        of: Vec<String>,
    },
}

/// Where a manifest is read from when none is named.
pub const DEFAULT_MANIFEST: &str = "/etc/dockseal/host.yaml";

/// How fast a CA is replaced, for `plan` and `apply`.
#[derive(Args)]
pub struct RotationPace {
    /// Take the next step of the CA's replacement now, without waiting for `ca.overlap`
    #[arg(long, conflicts_with = "now_cut_off")]
    pub advance: bool,
    /// Replace the CA at once, because its key was stolen: every client is locked out until it has its new files
    #[arg(long)]
    pub now_cut_off: bool,
}

impl RotationPace {
    /// With the other flags that shape a plan.
    pub fn flags(&self, keys: &Keys, allow_restart: bool) -> Flags {
        let (advance, now_cut_off, delete_keys) = (self.advance, self.now_cut_off, keys.delete_keys);
        Flags { advance, now_cut_off, delete_keys, allow_restart }
    }
}

/// What `plan` and `status` share.
#[derive(Args)]
pub struct Target {
    /// The manifest; `-` is standard input
    #[arg(default_value = DEFAULT_MANIFEST, value_name = "FILE")]
    pub file: PathBuf,
    /// Work on this root instead of /, an image or a rehearsal; services are left alone
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// What becomes of keys, for `plan` and `apply` alike.
#[derive(Args)]
pub struct Keys {
    /// With `state: absent`: delete the CA, its key and all that it signed, too
    #[arg(long)]
    pub delete_keys: bool,
}

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    pub target: Target,
    /// Compare with what `dockseal observe` wrote on the host, instead of with this machine; `-` is standard input
    #[arg(long, value_name = "FACTS", conflicts_with_all = ["root", "out"])]
    pub facts: Option<PathBuf>,
    /// Compare with a host that is in line with this older manifest: imagined, no host and no key is read
    #[arg(long, value_name = "OLD", conflicts_with_all = ["root", "facts", "out"])]
    pub from: Option<PathBuf>,
    #[command(flatten)]
    pub rotation: RotationPace,
    /// How the plan is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Plan as if it were this time, RFC 3339 (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,
    /// Plan what `apply --allow-restart` does: dockerd may restart even where running containers stop with it
    #[arg(long)]
    pub allow_restart: bool,
    #[command(flatten)]
    pub keys: Keys,
    /// Save the plan to this file too, for review; `apply PLAN` does exactly that, or refuses
    #[arg(long, value_name = "PLAN")]
    pub out: Option<PathBuf>,
    /// Print nothing where nothing would change
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct Observe {
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args)]
pub struct Apply {
    /// The manifest, or a plan that `plan --out` saved; `-` is standard input
    #[arg(default_value = DEFAULT_MANIFEST, value_name = "FILE")]
    pub file: PathBuf,
    /// Work on this root instead of /, an image or a rehearsal; services are left alone
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    #[command(flatten)]
    pub rotation: RotationPace,
    /// How the plan that is carried out is written; as JSON it stands alone, and the exit code says how it went
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Restart dockerd even where running containers stop with it
    #[arg(long)]
    pub allow_restart: bool,
    #[command(flatten)]
    pub keys: Keys,
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
pub struct Rollback {
    /// Work on this root instead of /; services are left alone
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Restart dockerd even where running containers stop with it
    #[arg(long)]
    pub allow_restart: bool,
    /// How long to wait for another run to end, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub lock_timeout: Duration,
}

#[derive(Args)]
pub struct Recover {
    /// Work on this root instead of /; services are left alone
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// dockerd is about to start: leave it alone, and leave everything to a run that is at work
    #[arg(long)]
    pub boot: bool,
    /// How long to wait for another run to end, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = parse_seconds)]
    pub lock_timeout: Duration,
}

#[derive(Args)]
pub struct Import {
    /// Read this root instead of /, an image or a copy of a host's files
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    pub target: Target,
    /// How the status is written
    #[arg(long, value_enum, default_value_t = StatusFormat::Text)]
    pub format: StatusFormat,
    /// Count and plan as if it were this time, RFC 3339 (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub now: Option<OffsetDateTime>,
}

#[derive(Args)]
pub struct Sign {
    /// The folder of ca.pem (the signing CA first) and ca-key.pem
    #[arg(long, value_name = "DIR")]
    pub ca: PathBuf,
    /// The host's manifest
    #[arg(long, value_name = "FILE")]
    pub manifest: PathBuf,
    /// Where certificates are written, instead of beside each request
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Whose the one request is, where its file's name does not say so: server or client.NAME
    #[arg(long = "as", value_name = "WHOSE", value_parser = parse_party)]
    pub given: Option<Party>,
    /// A file with the passphrase of ca-key.pem, its first line
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_env")]
    pub passphrase_file: Option<PathBuf>,
    /// The environment variable with the passphrase of ca-key.pem
    #[arg(long, value_name = "NAME")]
    pub passphrase_env: Option<String>,
    /// PKCS#10 files: server.csr, client.NAME.csr
    #[arg(required = true, value_name = "REQUEST")]
    pub requests: Vec<PathBuf>,
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| format!("{error}; write it as 2027-01-31T00:00:00Z"))
}

fn parse_party(text: &str) -> Result<Party, String> {
    Party::parse(text).ok_or_else(|| "write `server` or `client.NAME`".to_owned())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "write a whole number of seconds".to_owned())
}
