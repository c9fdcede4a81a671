//! Bytes → text that shows everything it holds: UTF-8, not too long, no byte order mark, no control characters.

use super::problem::{Code, MOST, Problem};
use crate::visible::is_invisible;

/// A manifest is at most so large: 1 MiB, about 20,000 clients.
pub const MOST_BYTES: usize = 1 << 20;

/// The bytes as text that holds nothing invisible.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Vec<Problem>> {
    if bytes.len() > MOST_BYTES {
        let hint = "a manifest is at most 1 MiB (1048576 bytes) large";
        return Err(vec![Problem::new(Code::FileTooLarge, 0..0, format!("the file has {} bytes", bytes.len()), hint)]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let hint = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16: save the file as UTF-8",
            _ => "save the file as UTF-8",
        };
        let byte = bytes.get(at).copied().unwrap_or_default();
        vec![Problem::new(Code::NotUtf8, at..at, format!("the byte 0x{byte:02x} here is not UTF-8"), hint)]
    })?;
    let faults: Vec<_> = text
        .char_indices()
        .filter(|(at, c)| is_forbidden(*c) || (*c == '\r' && !text[at + 1..].starts_with('\n')))
        .take(MOST + 1)
        .map(|(at, c)| forbidden(at, c))
        .collect();
    if faults.is_empty() { Ok(text) } else { Err(faults) }
}

fn is_forbidden(c: char) -> bool {
    is_invisible(c) && !matches!(c, '\n' | '\r' | '\t')
}

fn forbidden(at: usize, c: char) -> Problem {
    let place = at..at + c.len_utf8();
    if c == '\u{feff}' {
        return Problem::new(
            Code::ByteOrderMark,
            place,
            "a byte order mark stands here",
            "save the file as UTF-8 without BOM",
        );
    }
    let message = format!("the character U+{:04X} is not allowed", u32::from(c));
    let hint =
        if c == '\r' { "end lines with LF or CR LF" } else { "take it out, or write it as an escape in double quotes" };
    Problem::new(Code::ControlCharacter, place, message, hint)
}
