//! Foreign text made fit for a terminal and for a reader's eye: files, peers and commands may bring escape sequences,
//! and characters that turn the order of a line. Whatever the program shows passes here once.

/// Whether a character is a control, ends a line for some readers only, or turns the order of the text around it
/// (UAX #9).
pub fn is_invisible(c: char) -> bool {
    if matches!(c, ' '..='~') {
        return false;
    }
    let is_line_end = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_line_end || turns || c == '\u{feff}'
}

/// The text with every such character as an escape; newlines and tabs stay.
pub fn visible(text: &str) -> String {
    escaped(text, |c| is_invisible(c) && !matches!(c, '\n' | '\t'))
}

/// The same on one line.
pub fn one_line(text: &str) -> String {
    escaped(text, is_invisible)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> String {
    rewritten(text, is_escaped, |c, escaped| match c {
        '\n' | '\t' | '\r' => escaped.extend(c.escape_default()),
        c => escaped.extend(c.escape_unicode()),
    })
}

/// The text with other text in place of some characters. What lies between them is taken in one piece.
pub fn rewritten(text: &str, is_meant: impl Fn(char) -> bool, write: impl Fn(char, &mut String)) -> String {
    let mut new = String::with_capacity(text.len() + 1);
    let mut from = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_meant(*c)) {
        new.push_str(&text[from..at]);
        write(c, &mut new);
        from = at + c.len_utf8();
    }
    new.push_str(&text[from..]);
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_not_obeyed() {
        assert_eq!(visible("a\x1b[31mred\x07\r\n\tb\x7f\u{fffd}"), "a\\u{1b}[31mred\\u{7}\\r\n\tb\\u{7f}\u{fffd}");
        assert_eq!(visible("\u{9b}2J \u{202e}gpj é"), "\\u{9b}2J \\u{202e}gpj é");
        assert_eq!(one_line("a\nb\t\u{feff}"), "a\\nb\\t\\u{feff}");
    }
}
