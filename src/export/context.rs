//! A client's files → the archive that `docker context import` takes.
//!
//! docker/cli (`cli/context/store`) wants a plain tar of at most 10 MiB with regular files under just these names; the
//! name inside is not looked at, the importer gives its own. The archive's dates are the certificate's, so that one
//! bundle has one archive.

use std::io;

use serde_json::json;
use tar::{Builder, EntryType, Header};
use zeroize::Zeroizing;

use super::{Address, Bundle, ExportError};

/// Room for the largest key and bundle that is usual, so that no copy of the key is left behind by growing.
const ROOM: usize = 64 * 1024;

/// The archive; it holds the client's key.
pub fn context(bundle: &Bundle, host: &str, address: &Address) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let Some(key) = &bundle.key else { return Err(ExportError::KeyElsewhere { name: bundle.name.clone() }) };
    let meta = json!({
        "Name": host,
        "Metadata": {"Description": format!("Docker on {host}, as client {}", bundle.name)},
        "Endpoints": {"docker": {"Host": address.to_string(), "SkipTLSVerify": false}},
    });
    let begun = bundle.facts.not_before.unix_timestamp();
    let mut archive = Builder::new(Room(Zeroizing::new(Vec::with_capacity(ROOM))));
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o600);
        header.set_mtime(begun.try_into().unwrap_or_default());
        header.set_size(bytes.len().try_into().unwrap_or(u64::MAX));
        archive.append_data(&mut header, name, bytes)
    };
    add("meta.json", meta.to_string().as_bytes())?;
    add("tls/docker/ca.pem", &bundle.ca)?;
    add("tls/docker/cert.pem", &bundle.certificate)?;
    add("tls/docker/key.pem", key)?;
    Ok(archive.into_inner()?.0)
}

/// Grows without leaving a copy of what it held.
struct Room(Zeroizing<Vec<u8>>);

impl io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (self.0.len() + bytes.len())));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
