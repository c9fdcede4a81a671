//! `dockseal sign`: on the machine that has the CA.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::arguments::Sign as Arguments;
use super::{Exit, print, say, say_error, validate};
use crate::apply::read_passphrase;
use crate::desired::Desired;
use crate::host::Root;
use crate::manifest::{AbsolutePath, PassphraseSource};
use crate::pki::Passphrase;
use crate::render::{Page, text};
use crate::sign::{Ca, SignError, Signed, sign, write};

/// Signs, and prints what it has signed.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Exit> {
    let Some(manifest) = validate::read(&arguments.manifest) else { return Ok(Exit::Error) };
    let desired = Desired::new(&manifest);
    if arguments.given.is_some() && arguments.requests.len() > 1 {
        say_error("--as says whose one request is, and there are several", Some("sign them one by one"));
        return Ok(Exit::Error);
    }
    let passphrase = match passphrase(arguments) {
        Ok(passphrase) => passphrase,
        Err(why) => {
            say_error(&why, None);
            return Ok(Exit::Error);
        }
    };
    match sign_all(arguments, &desired, passphrase.as_ref()) {
        Ok((signed, now)) => {
            let lines = signed.iter().map(|one| text::signed(&one.party.to_string(), &one.path, &one.facts, now));
            print(out, lines)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let mut page = Page::default();
            text::add_error(&mut page, &error.to_string(), error.hint().as_deref());
            for command in error.commands() {
                text::add_detail(&mut page, &command);
            }
            text::add_note_text(&mut page, "nothing was signed");
            say(page);
            Ok(Exit::Error)
        }
    }
}

fn sign_all(
    arguments: &Arguments,
    desired: &Desired,
    passphrase: Option<&Passphrase>,
) -> Result<(Vec<Signed>, OffsetDateTime), SignError> {
    let now = OffsetDateTime::now_utc();
    // Certificates count whole seconds.
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let ca = Ca::open(&arguments.ca, passphrase, &desired.host, now)?;
    let (given, out) = (arguments.given.as_ref(), arguments.out.as_deref());
    let signed = sign(desired, &ca, &arguments.requests, given, out, now)?;
    write(&ca, &signed)?;
    Ok((signed, now))
}

fn passphrase(arguments: &Arguments) -> Result<Option<Passphrase>, String> {
    let read = |root: &Root, source| read_passphrase(root, &source).map_err(|error| error.to_string());
    if let Some(name) = &arguments.passphrase_env {
        let root = Root::live().map_err(|error| error.to_string())?;
        return read(&root, PassphraseSource::Env(name.clone())).map(Some);
    }
    let Some(path) = &arguments.passphrase_file else { return Ok(None) };
    // The person chose the folder; of the file it is asked who may read it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| PathBuf::from("/").join(name)).unwrap_or_default();
    let name = AbsolutePath::parse(&name.to_string_lossy()).map_err(|error| error.to_string())?;
    let root = Root::at(folder.to_owned()).map_err(|error| error.to_string())?;
    read(&root, PassphraseSource::File(name)).map(Some)
}
