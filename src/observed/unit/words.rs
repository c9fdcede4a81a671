//! One setting's value → its words, as systemd splits it: each with its raw spelling, its meaning and its line.

use super::parse::{BLANK, Text};

/// A word of `ExecStart=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it is spelled, with quotes, escapes and variables.
    pub raw: String,
    /// Without quotes and escapes; variables still stand.
    pub text: String,
    /// The line of its file, from 1.
    pub line: usize,
}

/// How a backslash is read. The settings differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// C escapes; an unknown one stays as it is: `ExecStart=`.
    Relaxed,
    /// C escapes; an unknown one is an error: `Environment=`.
    Strict,
    /// The next character is meant literally and a quote may stay open: the value of a variable.
    Literal,
}

/// Where a value stops making sense: the offset of the word in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub offset: usize,
}

/// Splits a setting's value.
pub(super) fn split(value: &Text, escapes: Escapes) -> Result<Vec<Word>, Malformed> {
    let mut words = Vec::new();
    let mut offset = 0;
    while let Some(skipped) = value.text[offset..].find(|c| !BLANK.contains(&c)) {
        offset += skipped;
        let (length, text) = first(&value.text[offset..], escapes).ok_or(Malformed { offset })?;
        let raw = value.text[offset..offset + length].to_owned();
        words.push(Word { raw, text, line: value.line(offset) });
        offset += length;
    }
    Ok(words)
}

/// Splits a variable's value.
pub(super) fn split_variable(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = value.trim_start_matches(BLANK);
    while !rest.is_empty() {
        // `Literal` accepts every text.
        let Some((length, text)) = first(rest, Escapes::Literal) else { break };
        words.push(text);
        rest = rest[length..].trim_start_matches(BLANK);
    }
    words
}

/// The length of the first word and its meaning.
fn first(text: &str, escapes: Escapes) -> Option<(usize, String)> {
    let mut meaning: Vec<u8> = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        match (c, quote) {
            ('\\', _) => {
                at = next + escape(&text[next..], escapes, quote.is_some(), &mut meaning)?;
                continue;
            }
            (_, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            (_, None) if BLANK.contains(&c) => break,
            _ => meaning.extend_from_slice(&text.as_bytes()[at..next]),
        }
        at = next;
    }
    if quote.is_some() && escapes != Escapes::Literal {
        return None;
    }
    // `\xff` makes a word that is not UTF-8; no flag of dockerd is.
    Some((at, String::from_utf8_lossy(&meaning).into_owned()))
}

/// Reads what follows a backslash: its length.
fn escape(after: &str, escapes: Escapes, quoted: bool, meaning: &mut Vec<u8>) -> Option<usize> {
    let Some(c) = after.chars().next() else {
        return match escapes {
            Escapes::Relaxed if !quoted => {
                meaning.push(b'\\');
                Some(0)
            }
            Escapes::Literal => Some(0),
            _ => None,
        };
    };
    if escapes != Escapes::Literal {
        if let Some(length) = c_escape(after, meaning) {
            return Some(length);
        }
        if escapes == Escapes::Strict {
            return None;
        }
        meaning.push(b'\\');
    }
    meaning.extend_from_slice(&after.as_bytes()[..c.len_utf8()]);
    Some(c.len_utf8())
}

/// The table of systemd.syntax(7), "Quoting". None of them may make a NUL.
fn c_escape(after: &str, meaning: &mut Vec<u8>) -> Option<usize> {
    let (length, radix) = match after.bytes().next()? {
        letter @ (b'\\' | b'"' | b'\'') => return one(letter, meaning),
        b'a' => return one(0x07, meaning),
        b'b' => return one(0x08, meaning),
        b'f' => return one(0x0c, meaning),
        b'n' => return one(b'\n', meaning),
        b'r' => return one(b'\r', meaning),
        b's' => return one(b' ', meaning),
        b't' => return one(b'\t', meaning),
        b'v' => return one(0x0b, meaning),
        b'x' => (3, 16),
        b'u' => (5, 16),
        b'U' => (9, 16),
        b'0'..=b'7' => (3, 8),
        _ => return None,
    };
    let digits = after.get(usize::from(radix == 16)..length)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok().filter(|number| *number != 0)?;
    if length == 3 {
        meaning.push(u8::try_from(number).ok()?);
    } else {
        meaning.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(length)
}

#[expect(clippy::unnecessary_wraps, reason = "so that the table reads as one")]
fn one(byte: u8, meaning: &mut Vec<u8>) -> Option<usize> {
    meaning.push(byte);
    Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, escapes: Escapes) -> Option<Vec<String>> {
        let value = Text::single(text);
        split(&value, escapes).ok().map(|words| words.into_iter().map(|word| word.text).collect())
    }

    #[test]
    fn quotes_and_escapes_as_systemd_reads_them() {
        let cases: [(&str, &[&str]); 13] = [
            ("  a\tb ", &["a", "b"]),
            (r#""a b" 'c d'"#, &["a b", "c d"]),
            (r#"--x="a b"c"#, &["--x=a bc"]),
            (r#""" ''"#, &["", ""]),
            (r"a\x20b\s\163\tc", &["a b s\tc"]),
            (r#"'a\'b' "c\"d""#, &["a'b", "c\"d"]),
            (r"\u00e9\U0001F433", &["é🐳"]),
            (r"a\qb\ c", &["a\\qb\\ c"]),
            (r"a\x00 \000 \400", &["a\\x00", "\\000", "\\400"]),
            (r"\xé \xff", &["\\xé", "\u{fffd}"]),
            (r"\", &["\\"]),
            ("$A ${B} $$ %%", &["$A", "${B}", "$$", "%%"]),
            ("é", &["é"]),
        ];
        for (text, expected) in cases {
            let expected = expected.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(words(text, Escapes::Relaxed), Some(expected), "{text}");
        }
        for text in [r#""a"#, "'a", r#"a"b'"#, r#""a\"#] {
            assert_eq!(words(text, Escapes::Relaxed), None, "{text}");
        }
        assert_eq!(words(r"a\qb", Escapes::Strict), None);
    }

    #[test]
    fn a_variable_is_split_at_blanks_outside_of_quotes_and_has_no_c_escapes() {
        assert_eq!(split_variable(r#" -H 'a b' \n"c\"d" "open e\"#), ["-H", "a b", "nc\"d", "open e"]);
        assert!(split_variable(" \t").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn raw_spellings_joined_by_blanks_mean_the_same(text in r#"[ a-c\\"'$x0-7-]{0,40}"#) {
            let value = Text::single(&text);
            if let Ok(before) = split(&value, Escapes::Relaxed) {
                let joined = before.iter().map(|word| word.raw.as_str()).collect::<Vec<_>>().join(" ");
                let after = split(&Text::single(&joined), Escapes::Relaxed);
                proptest::prop_assert_eq!(after, Ok(before));
            }
        }
    }
}
