//! `dockseal client …`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Target;
use crate::cli::help;
use crate::manifest::Endpoint;

/// What is done for one client.
#[derive(Subcommand)]
pub enum Client {
    /// Writes what a person hands to a client: a docker context, a folder, or the lines of a shell
    ///
    /// The client's files are read on the host and checked first: the key fits the certificate, which the CA has signed and
    /// which is valid now. What is written holds the client's key, readable by its owner alone: whoever has it is root on the host.
    #[command(after_help = help::CLIENT_EXPORT)]
    Export(ClientExport),
}

#[derive(Args)]
pub struct ClientExport {
    /// The client, as the manifest names it
    pub name: String,
    #[command(flatten)]
    pub target: Target,
    /// What is written
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where it is written: the file of the context, or the folder; HOST-NAME in this folder without it
    ///
    /// With --format env, the folder of ca.pem, cert.pem and key.pem where the lines are used; the client's folder on
    /// this host without it.
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// How the client calls the host: tcp://NAME:PORT, a name that the server's certificate holds
    ///
    /// Without it, the first tcp host of the manifest that others can reach, by the host's own name where it listens at
    /// every address.
    #[arg(long, value_name = "ENDPOINT", value_parser = parse_endpoint)]
    pub host: Option<Endpoint>,
    /// Replace other files that stand there
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A file for `docker context import`
    Context,
    /// A folder for `DOCKER_CERT_PATH`: ca.pem, cert.pem, key.pem
    Dir,
    /// Lines for a shell, on standard output; no secret is in them
    Env,
}

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(|error| format!("{}; {}", error.message, error.hint))
}
