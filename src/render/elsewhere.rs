//! What stands against certificates that are signed elsewhere, in words, each with what to do.

use std::path::Path;

use super::words;
use crate::plan::Reason;

/// A CA whose key is elsewhere shall be replaced from here.
pub fn not_here() -> (String, String) {
    (
        "the CA is not this host's: it is replaced where its key is".to_owned(),
        "leave --advance and --now-cut-off out; another CA comes with what it has signed".to_owned(),
    )
}

/// What came back is not what is waited for.
pub fn handed_in(path: &Path, why: &str, reasons: &[Reason]) -> (String, String) {
    let reasons = reasons.iter().map(words::reason).collect::<Vec<_>>().join("; ");
    let why = if why.is_empty() { format!("is not what is waited for: {reasons}") } else { why.to_owned() };
    (
        format!("{} {why}", path.display()),
        "put there what was signed for the request that stands beside it, or remove it".to_owned(),
    )
}

/// A certificate has come, and no CA yet.
pub fn no_ca(path: &Path, ca: &Path) -> (String, String) {
    (
        format!("{} has come, and no CA is known here that could have signed it", path.display()),
        format!("put the certificate of that CA at {}", ca.display()),
    )
}

/// A client was to bring its request.
pub fn request_missing(client: &str, path: &Path) -> (String, String) {
    (
        format!("the request of client {client} is not there: {}", path.display()),
        "put the PKCS#10 file there, or take `csr` out of the manifest".to_owned(),
    )
}
