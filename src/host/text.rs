//! Foreign text made fit for a terminal: what files and commands say may hold escape sequences.

use std::fmt::Write as _;

/// Bytes of unknown origin as text: control characters (C0, C1, DEL) and characters that reorder a line (UAX #9) are
/// written as escapes, newlines and tabs stay.
pub fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '\n' | '\t' => text.push(character),
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(text, "{}", character.escape_unicode());
            }
            c if c.is_control() => {
                let _ = write!(text, "{}", c.escape_default());
            }
            c => text.push(c),
        }
    }
    text
}

/// The same on one line.
pub(super) fn one_line(bytes: &[u8]) -> String {
    visible(bytes).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_a_terminal() {
        assert_eq!(visible(b"a\x1b[31mred\x07\r\n\tb\x7f\xff"), "a\\u{1b}[31mred\\u{7}\\r\n\tb\\u{7f}\u{fffd}");
        assert_eq!(visible("\u{9b}2J \u{202e}gpj é".as_bytes()), "\\u{9b}2J \\u{202e}gpj é");
        assert_eq!(one_line(b"a\nb\t"), "a\\nb\\t");
    }
}
