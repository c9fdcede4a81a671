//! Names and addresses that a certificate vouches for, and the names of clients.

use std::fmt;
use std::net::IpAddr;

use super::problem::{Code, quoted};
use super::scalar::{ScalarError, scalar};

const LABEL: &str = "letters, digits and inner hyphens between dots, such as `build-01.example.com`";

/// A DNS name in lower case: labels of letters, digits and inner hyphens, no trailing dot, no underscore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(pub(super) String);

scalar!(
    DnsName,
    r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
    "A DNS name: letters, digits and inner hyphens between dots. No wildcard, no underscore, no dot at the end, no IP address.",
    "maxLength": 253, "examples": ["build-01.example.com", "localhost"]
);

impl DnsName {
    /// Takes a host name (RFC 1123, 2.1) and lowers it.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong =
            |code: Code, what: &str, hint: &str| Err(ScalarError::new(code, format!("{} {what}", quoted(text)), hint));
        if text.contains('\0') {
            return wrong(Code::SanNul, "holds a NUL", "take it out: some verifiers read only what stands before it");
        }
        if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return wrong(Code::SanIsAddress, "is an IP address, no DNS name", "give addresses under `server.sans.ip`");
        }
        if text.contains('*') {
            let hint = "it would vouch for other hosts too: list each name of this host";
            return wrong(Code::SanWildcard, "is a wildcard", hint);
        }
        if text.contains('_') {
            let hint = "host names have no underscore, and verifiers refuse it: use a hyphen or another name";
            return wrong(Code::SanUnderscore, "holds an underscore", hint);
        }
        if text.len() > 1 && text.ends_with('.') && !text.ends_with("..") {
            let hint = "leave it out: Go refuses such a certificate as malformed";
            return wrong(Code::SanTrailingDot, "ends in a dot", hint);
        }
        if text.len() > 253 {
            return wrong(Code::InvalidName, "is longer than 253 characters", "shorten it (RFC 1035, 2.3.4)");
        }
        if let Some(fault) = label_fault(text) {
            return wrong(Code::InvalidName, fault, LABEL);
        }
        if text.rsplit('.').next().is_some_and(is_numeric) {
            let hint = "such a name is read as an address (RFC 1123, 2.1)";
            return wrong(Code::InvalidName, "ends in a label of digits alone", hint);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_numeric(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first thing in which `text` is no sequence of LDH labels (RFC 5890, 2.3.1).
fn label_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("is empty");
    }
    if !text.is_ascii() {
        return Some("holds letters beyond ASCII (write its `xn--` form)");
    }
    text.split('.').find_map(|label| {
        if label.is_empty() {
            Some("has an empty label")
        } else if label.len() > 63 {
            Some("has a label of more than 63 characters")
        } else if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            Some("holds a character that names don't have")
        } else if label.starts_with('-') || label.ends_with('-') {
            Some("has a label that begins or ends with a hyphen")
        } else {
            None
        }
    })
}

/// A client's name: one path component that is a DNS name too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(pub(super) String);

scalar!(
    ClientName,
    r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
    "A client's name: letters, digits, inner hyphens and dots. It names the folder under clients/, the common name and the DNS SAN.",
    "maxLength": 63, "examples": ["ci", "alice", "portainer.example.com"]
);

impl ClientName {
    /// Takes a name that can be a folder, a common name and a DNS SAN alike.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong =
            |code: Code, what: &str, hint: &str| Err(ScalarError::new(code, format!("{} {what}", quoted(text)), hint));
        let is_dots = !text.is_empty() && text.bytes().all(|byte| byte == b'.');
        if text.contains(['/', '\\', '\0']) || text.contains("..") || is_dots {
            let hint = "a client's name is one folder under clients/: no slash, no `..`";
            return wrong(Code::ClientNameLeavesFolder, "would leave the client's folder", hint);
        }
        if text.len() > 63 {
            return wrong(Code::InvalidClientName, "is longer than 63 characters", "shorten it");
        }
        if text.contains('_') {
            let hint = "the name is a DNS SAN too, which has no underscore: use a hyphen";
            return wrong(Code::InvalidClientName, "holds an underscore", hint);
        }
        if let Some(fault) = label_fault(text) {
            return wrong(
                Code::InvalidClientName,
                fault,
                "letters, digits, inner hyphens and dots, such as `ci` or `alice`",
            );
        }
        if text.contains('.') && text.rsplit('.').next().is_some_and(is_numeric) {
            let hint = "the name is a DNS SAN too: end it with a letter";
            return wrong(Code::InvalidClientName, "looks like an IP address", hint);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address that a certificate can vouch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SanAddress(pub IpAddr);

scalar!(
    SanAddress,
    r"^[0-9A-Fa-f.:]+$",
    "An IPv4 or IPv6 address, without brackets, zone or leading zeros.",
    "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "examples": ["10.10.10.20", "127.0.0.1", "2001:db8::5"]
);

impl SanAddress {
    /// Takes an address in its usual form.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let wrong = |what: &str, hint: String| {
            Err(ScalarError::new(Code::InvalidAddress, format!("{} {what}", quoted(text)), hint))
        };
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(mapped) => wrong("is an IPv4 address in IPv6 clothes", format!("write `{mapped}`")),
                None => Ok(Self(IpAddr::V6(address))),
            },
            Ok(address) => Ok(Self(address)),
            Err(_) if text.contains('%') => {
                wrong("has a zone, which a certificate can't hold", "leave out the `%` and what follows".to_owned())
            }
            Err(_) if text.contains('/') => {
                wrong("is a network", "list the host's own addresses, without a prefix length".to_owned())
            }
            Err(_) if text.starts_with('[') => wrong("has brackets", "write the address alone".to_owned()),
            Err(_) if text.chars().any(|c| c.is_ascii_alphabetic()) && !text.contains(':') => {
                wrong("is no IP address", "give names under `server.sans.dns`".to_owned())
            }
            Err(_) => wrong(
                "is no IP address",
                "write four numbers from 0 to 255 without leading zeros, or an IPv6 address".to_owned(),
            ),
        }
    }
}

impl fmt::Display for SanAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientName, Code, DnsName, SanAddress};

    #[test]
    fn dns_names() {
        for text in ["localhost", "a.b", "BUILD-01.Example.com", "1and1.com", "xn--bcher-kva.example", "123.example"] {
            assert_eq!(DnsName::parse(text).map(|name| name.0), Ok(text.to_ascii_lowercase()));
        }
        let long = format!("{}.com", "a.".repeat(125));
        for (text, code) in [
            ("", Code::InvalidName),
            (".", Code::InvalidName),
            ("a..b", Code::InvalidName),
            ("a..", Code::InvalidName),
            (".a", Code::InvalidName),
            ("-a.b", Code::InvalidName),
            ("a-.b", Code::InvalidName),
            ("a b", Code::InvalidName),
            ("a\n", Code::InvalidName),
            ("bücher.example", Code::InvalidName),
            ("a.123", Code::InvalidName),
            ("010.0.0.1", Code::InvalidName),
            (&long, Code::InvalidName),
            (&"a".repeat(64), Code::InvalidName),
            ("a\0.b", Code::SanNul),
            ("a_b", Code::SanUnderscore),
            ("a.b.", Code::SanTrailingDot),
            ("*.a.b", Code::SanWildcard),
            ("10.0.0.1", Code::SanIsAddress),
            ("[::1]", Code::SanIsAddress),
        ] {
            assert_eq!(DnsName::parse(text).map_err(|error| error.code), Err(code), "{text:?}");
        }
        assert!(DnsName::parse(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn client_names() {
        for text in ["ci", "a.b", "42", "A-1"] {
            assert_eq!(ClientName::parse(text).map(|name| name.0), Ok(text.to_owned()));
        }
        for text in ["/", "..", ".", "a/b", "a..b", "../x", "a\\b", "x\0y"] {
            assert_eq!(
                ClientName::parse(text).map_err(|error| error.code),
                Err(Code::ClientNameLeavesFolder),
                "{text:?}"
            );
        }
        for text in ["", "a_b", ".a", "a.", "-a", "a.-b", "ü", "a b", "10.0.0.1", &"a".repeat(64)] {
            assert_eq!(ClientName::parse(text).map_err(|error| error.code), Err(Code::InvalidClientName), "{text:?}");
        }
    }

    #[test]
    fn addresses() {
        for text in ["10.0.0.1", "::1", "2001:db8::5", "fe80::1"] {
            assert!(SanAddress::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "300.1.1.1", "010.0.0.1", "1.2.3", "::ffff:1.2.3.4", "fe80::1%eth0", "[::1]", "10.0.0.0/8", " ::1"]
        {
            assert!(SanAddress::parse(text).is_err(), "{text}");
        }
    }
}
