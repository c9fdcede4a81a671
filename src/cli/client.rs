//! `dockseal client export`: what a person hands to a client.

use std::io::{self, Write};
use std::path::Path;

use super::arguments::{Client, ClientExport as Arguments, ExportFormat};
use super::session::Session;
use super::{Exit, print, say_error};
use crate::export::{Bundle, ExportError, address, context, find};
use crate::host::{Handed, absolute, hand_out, would_replace};
use crate::render::{shell, text};

/// Permission bits of a folder that holds a key.
const FOLDER: u32 = 0o700;
/// Permission bits of a key, and of what holds one.
const KEY: u32 = 0o600;
/// Permission bits of a certificate.
const CERTIFICATE: u32 = 0o644;

/// Writes it, and prints what was written and how it is used.
pub fn run(client: &Client, out: &mut dyn Write) -> io::Result<Exit> {
    let Client::Export(arguments) = client;
    let Some(session) = Session::open(&arguments.target, None, false) else { return Ok(Exit::Error) };
    match export(arguments, &session) {
        Ok(said) => print(out, [said]).map(|()| Exit::Done),
        Err(error) => {
            say_error(&error.to_string(), error.hint().as_deref());
            Ok(Exit::Error)
        }
    }
}

fn export(arguments: &Arguments, session: &Session) -> Result<String, ExportError> {
    let (desired, name) = (&session.desired, &arguments.name);
    find(desired, name)?;
    let address = address(desired, arguments.host.as_ref())?;
    let read = || Bundle::read(&session.root, desired, name, session.now);
    let place = |usual: &str| arguments.out.clone().unwrap_or_else(|| format!("{}-{name}{usual}", desired.host).into());
    let (path, bundle, uses) = match arguments.format {
        ExportFormat::Context => {
            let (path, bundle) = (place(".dockercontext"), read()?);
            let archive = context(&bundle, &desired.host, &address)?;
            put(arguments, &[Handed::at(&path, &archive, KEY)?])?;
            let uses = format!("docker context import {} {}", context_name(&desired.host), shell::path(&path));
            (path, bundle, uses)
        }
        ExportFormat::Dir => {
            let (path, bundle) = (place(""), read()?);
            write_folder(arguments, &path, &bundle)?;
            let uses = shell::environment(&address.to_string(), &absolute(&path)?);
            (path, bundle, uses)
        }
        ExportFormat::Env => {
            let own = || session.root.place(&desired.layout.client(name));
            let folder = absolute(&arguments.out.clone().unwrap_or_else(own))?;
            return Ok(shell::environment(&address.to_string(), &folder));
        }
    };
    Ok(text::exported(name, &path, &bundle.facts, session.now, &uses))
}

/// The first label of the host's name, which is how people call it.
fn context_name(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

fn write_folder(arguments: &Arguments, folder: &Path, bundle: &Bundle) -> Result<(), ExportError> {
    let file = |name: &'static str, bytes, mode| Handed { folder, name: name.as_ref(), bytes, mode };
    let mut files = vec![file("ca.pem", &bundle.ca, CERTIFICATE), file("cert.pem", &bundle.certificate, CERTIFICATE)];
    files.extend(bundle.key.as_ref().map(|key| file("key.pem", key, KEY)));
    put(arguments, &files)
}

fn put(arguments: &Arguments, files: &[Handed]) -> Result<(), ExportError> {
    let taken = would_replace(files)?;
    if !(taken.is_empty() || arguments.force) {
        return Err(ExportError::Taken { paths: taken });
    }
    Ok(hand_out(files, Some(FOLDER))?)
}
