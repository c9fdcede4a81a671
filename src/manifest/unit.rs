//! Names of systemd's files.

use std::fmt;

use super::problem::{Code, quoted};
use super::scalar::{ScalarError, scalar};

/// A service unit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitName(pub(super) String);

scalar!(
    UnitName,
    r"^[A-Za-z0-9:_.@\\-]+\.service$",
    "A systemd service, such as `docker.service`.",
    "maxLength": 255, "examples": ["docker.service", "snap.docker.dockerd.service"]
);

impl UnitName {
    /// Takes a whole name with its `.service` (systemd.unit(5)); a template without its instance is none.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what: &str, hint: &str| {
            Err(ScalarError::new(Code::InvalidUnitName, format!("{} {what}", quoted(text)), hint))
        };
        let Some(stem) = text.strip_suffix(".service").filter(|stem| !stem.is_empty()) else {
            return wrong("is no service unit", "write the whole name, such as `docker.service`");
        };
        if text.contains('/') {
            return wrong("holds a slash", "write the unit's name, not its path");
        }
        if stem.ends_with('@') {
            return wrong("is a template", "name an instance of it, such as `docker@main.service`");
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":_.@\\-".contains(&byte);
        if !stem.bytes().all(is_allowed) || text.len() > 255 || stem.starts_with(['.', '-']) {
            return wrong("is no unit name", "letters, digits and `:-_.\\@`, at most 255 of them (systemd.unit(5))");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A drop-in's file name, ending in `.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropInName(pub(super) String);

scalar!(
    DropInName,
    r"^[A-Za-z0-9_@][A-Za-z0-9_.@-]*\.conf$",
    "The file name of a systemd drop-in. Among all drop-ins of the unit it has to sort last.",
    "maxLength": 255, "examples": ["zz-dockseal.conf"]
);

impl DropInName {
    /// Takes a file name that systemd reads: `*.conf`, not hidden.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what: &str, hint: &str| {
            Err(ScalarError::new(Code::InvalidDropInName, format!("{} {what}", quoted(text)), hint))
        };
        if text.contains('/') {
            return wrong("holds a slash", "write a file name; its folder follows from the unit");
        }
        let Some(stem) = text.strip_suffix(".conf").filter(|stem| !stem.is_empty()) else {
            return wrong("does not end in `.conf`", "systemd reads no other drop-ins: `zz-dockseal.conf`");
        };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte);
        if stem.starts_with(['.', '-']) || !stem.bytes().all(is_allowed) || text.len() > 255 {
            return wrong(
                "is no good file name",
                "begin with a letter or digit; letters, digits and `_.@-` may follow",
            );
        }
        Ok(Self(text.to_owned()))
    }

    /// The file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DropInName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{DropInName, UnitName};

    #[test]
    fn units_and_drop_ins() {
        for text in ["docker.service", "docker@a.service", "a-b_c.service"] {
            assert!(UnitName::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", ".service", "docker", "a/b.service", "docker@.service", "a b.service", "-.service", "..service"]
        {
            assert!(UnitName::parse(text).is_err(), "{text}");
        }
        for text in ["zz-dockseal.conf", "9.conf"] {
            assert!(DropInName::parse(text).is_ok(), "{text}");
        }
        for text in ["", ".conf", "a", "a/b.conf", ".a.conf", "../a.conf", "a b.conf", "a.conf\n", "-a.conf"] {
            assert!(DropInName::parse(text).is_err(), "{text}");
        }
    }
}
