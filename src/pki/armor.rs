//! PEM text (RFC 7468) → labelled blocks, for keys, certificates and requests alike. It exists because a key's file needs
//! what the crates do not give together: the line of a fault, the old encryption headers, and bytes that are wiped.

use zeroize::Zeroizing;

/// Nothing that is read here is longer: a bundle of all public CAs has a quarter of it.
const MAX_TEXT: usize = 1024 * 1024;
/// The longest label in use has 24 characters.
const MAX_LABEL: usize = 64;
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// What stands between a BEGIN line and its END line, not yet decoded.
pub(super) struct Block<'a> {
    /// `PRIVATE KEY`, `CERTIFICATE`, …
    pub(super) label: &'a str,
    /// Where BEGIN stands, counted from 1.
    pub(super) line: usize,
    body: &'a [u8],
}

/// Why a text has no readable blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmorError {
    /// Longer than anything sensible.
    #[error("it has more than {} KiB", MAX_TEXT / 1024)]
    TooLong,
    /// There is no BEGIN line.
    #[error("it is not PEM: no line starts with -----BEGIN")]
    NotPem,
    /// The END line is missing or names something else.
    #[error("it is truncated: \"BEGIN {label}\" in line {line} has no matching END")]
    Truncated {
        /// What BEGIN announces.
        label: String,
        /// Where, counted from 1.
        line: usize,
    },
    /// Between BEGIN and END stands something else than base64.
    #[error("it is damaged: what follows \"BEGIN {label}\" in line {line} is not base64")]
    NotBase64 {
        /// What BEGIN announces.
        label: String,
        /// Where, counted from 1.
        line: usize,
    },
}

/// Finds every block, at least one; text around them is skipped, as openssl and Go do.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, ArmorError> {
    if text.len() > MAX_TEXT {
        return Err(ArmorError::TooLong);
    }
    let mut found = Vec::new();
    let mut open: Option<(&str, usize, usize)> = None;
    let mut offset = 0;
    for (index, raw) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = raw.trim_ascii_end();
        let start = offset;
        offset += raw.len() + 1;
        if let Some(label) = label_of(line, BEGIN) {
            if let Some((label, line, _)) = open {
                return Err(ArmorError::Truncated { label: label.to_owned(), line });
            }
            open = Some((label, index + 1, offset.min(text.len())));
        } else if let (Some(end), Some((label, line, body))) = (label_of(line, END), open) {
            if end != label {
                return Err(ArmorError::Truncated { label: label.to_owned(), line });
            }
            found.push(Block { label, line, body: &text[body..start] });
            open = None;
        }
    }
    match open {
        Some((label, line, _)) => Err(ArmorError::Truncated { label: label.to_owned(), line }),
        None if found.is_empty() => Err(ArmorError::NotPem),
        None => Ok(found),
    }
}

/// The labels in the order of the text, for an error that says what was found instead.
pub(super) fn labels(blocks: &[Block<'_>]) -> String {
    const SHOWN: usize = 5;
    let mut list = blocks.iter().take(SHOWN).map(|block| block.label).collect::<Vec<_>>().join(", ");
    if blocks.len() > SHOWN {
        list.push_str(", …");
    }
    list
}

impl Block<'_> {
    /// Whether openssl's own old encryption (`Proc-Type: 4,ENCRYPTED`, RFC 1421) was used.
    pub(super) fn is_traditionally_encrypted(&self) -> bool {
        let (headers, _) = self.split();
        headers.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED)
    }

    /// The bytes.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, ArmorError> {
        let (_, base64) = self.split();
        decode(base64).ok_or_else(|| ArmorError::NotBase64 { label: self.label.to_owned(), line: self.line })
    }

    /// Header lines and the rest. Headers have a colon, which base64 never has, and end at an empty line.
    fn split(&self) -> (&[u8], &[u8]) {
        let first = self.body.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if !first.contains(&b':') {
            return (&[], self.body);
        }
        let mut offset = 0;
        for line in self.body.split(|&byte| byte == b'\n') {
            if line.trim_ascii().is_empty() {
                break;
            }
            offset += line.len() + 1;
        }
        self.body.split_at(offset.min(self.body.len()))
    }
}

fn label_of<'a>(line: &'a [u8], marker: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(marker)?.strip_suffix(DASHES)?;
    let plain = label.iter().all(|&byte| byte == b' ' || byte.is_ascii_graphic());
    if label.len() > MAX_LABEL || !plain {
        return None;
    }
    std::str::from_utf8(label).ok()
}

/// Base64 with white space anywhere. The capacity is right from the start: a vector that grows leaves secrets behind.
fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let (mut bits, mut count, mut padding) = (0_u32, 0_u8, 0_u8);
    for &byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        if byte == b'=' {
            padding += 1;
            if padding > 2 {
                return None;
            }
            continue;
        }
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(sextet(byte)?);
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        (2, 2) if bits.trailing_zeros() >= 4 => bytes.extend_from_slice(&(bits >> 4).to_be_bytes()[3..]),
        (3, 1) if bits.trailing_zeros() >= 2 => bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        _ => return None,
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Result<Vec<u8>, ArmorError> {
        blocks(text.as_bytes())?[0].decode().map(|bytes| bytes.to_vec())
    }

    #[test]
    fn faults_name_their_line() {
        let truncated = |label: &str, line| ArmorError::Truncated { label: label.into(), line };
        assert_eq!(blocks(b"").err(), Some(ArmorError::NotPem));
        assert_eq!(blocks(b"\x30\x82\x00\n\0\0").err(), Some(ArmorError::NotPem));
        assert_eq!(blocks(b"x\n-----BEGIN A-----\nAAAA\n").err(), Some(truncated("A", 2)));
        assert_eq!(blocks(b"-----BEGIN A-----\n-----END B-----\n").err(), Some(truncated("A", 1)));
        assert_eq!(blocks(b"-----BEGIN A-----\n-----BEGIN A-----\n").err(), Some(truncated("A", 1)));
        let text = "\n-----BEGIN A-----\nAA\0A\n-----END A-----";
        assert_eq!(one(text), Err(ArmorError::NotBase64 { label: "A".into(), line: 2 }));
        assert_eq!(blocks(&vec![b'-'; MAX_TEXT + 1]).err(), Some(ArmorError::TooLong));
    }

    #[test]
    fn base64_is_strict() {
        for bad in ["A", "AA", "AA=", "AA===", "AB==", "AAB=", "A=AA", "AA==AA==", "AAAA=", "-AAA", "===="] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad}");
        }
        assert_eq!(decode(b" Zm \r\n 9v ").unwrap().as_slice(), b"foo");
    }

    #[test]
    fn ten_thousand_blocks_are_quick() {
        let text = "-----BEGIN A-----\nAAAA\n-----END A-----\n".repeat(10_000);
        assert_eq!(blocks(text.as_bytes()).unwrap().len(), 10_000);
    }

    proptest! {
        #[test]
        fn agrees_with_the_pem_crate(bytes: Vec<u8>) {
            let text = pem::encode(&pem::Pem::new("PRIVATE KEY", bytes.clone()));
            prop_assert_eq!(one(&text).unwrap(), bytes);
        }
    }
}
