//! What a file is taken for → how that is written down, and back.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{FileFound, FileRole};
use crate::observed::KeyFacts;
use crate::pki::{Certificate, Fingerprint, PublicKey, Request};

/// What can be made of a file's bytes.
pub trait Held: Sized {
    /// What the file is taken for.
    const ROLE: FileRole;

    /// Written down.
    fn hold(&self) -> FileFound;

    /// Read again; `None` where it is something else.
    fn of(found: &FileFound) -> Option<Self>;
}

impl Held for () {
    const ROLE: FileRole = FileRole::Any;

    fn hold(&self) -> FileFound {
        FileFound::Anything
    }

    fn of(found: &FileFound) -> Option<Self> {
        (!matches!(found, FileFound::Missing | FileFound::Denied)).then_some(())
    }
}

impl Held for Certificate {
    const ROLE: FileRole = FileRole::Certificate;

    fn hold(&self) -> FileFound {
        FileFound::Certificate(self.to_pem())
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Certificate(pem) => Self::parse(pem.as_bytes()).ok(),
            _ => None,
        }
    }
}

impl Held for Vec<Certificate> {
    const ROLE: FileRole = FileRole::Bundle;

    fn hold(&self) -> FileFound {
        FileFound::Bundle(self.iter().map(Certificate::to_pem).collect())
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            // At least one, as of a file.
            FileFound::Bundle(pems) if !pems.is_empty() => {
                pems.iter().map(|pem| Certificate::parse(pem.as_bytes()).ok()).collect()
            }
            _ => None,
        }
    }
}

impl Held for Vec<Fingerprint> {
    const ROLE: FileRole = FileRole::Copy;

    fn hold(&self) -> FileFound {
        FileFound::Copy(self.iter().map(ToString::to_string).collect())
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Copy(texts) => texts.iter().map(|text| Fingerprint::parse(text)).collect(),
            _ => None,
        }
    }
}

impl Held for KeyFacts {
    const ROLE: FileRole = FileRole::Key;

    fn hold(&self) -> FileFound {
        match self {
            Self::Plain(public) => FileFound::Key(public.to_pem()),
            Self::Encrypted => FileFound::EncryptedKey,
        }
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Key(pem) => PublicKey::parse(pem).map(Self::Plain),
            FileFound::EncryptedKey => Some(Self::Encrypted),
            _ => None,
        }
    }
}

impl Held for Request {
    const ROLE: FileRole = FileRole::Request;

    fn hold(&self) -> FileFound {
        FileFound::Request(self.to_pem())
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Request(pem) => Self::parse(pem.as_bytes()).ok(),
            _ => None,
        }
    }
}

impl Held for String {
    const ROLE: FileRole = FileRole::Text;

    fn hold(&self) -> FileFound {
        FileFound::Text(self.clone())
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Held for Vec<u8> {
    const ROLE: FileRole = FileRole::DaemonJson;

    fn hold(&self) -> FileFound {
        match std::str::from_utf8(self) {
            Ok(text) => FileFound::Text(text.to_owned()),
            Err(_) => FileFound::Bytes(BASE64_STANDARD.encode(self)),
        }
    }

    fn of(found: &FileFound) -> Option<Self> {
        match found {
            FileFound::Text(text) => Some(text.clone().into_bytes()),
            FileFound::Bytes(text) => BASE64_STANDARD.decode(text).ok(),
            _ => None,
        }
    }
}
