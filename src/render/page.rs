//! Lines of text with a style each. What a file or a peer brought can't reach a terminal as a control sequence: each
//! line is escaped here, on its only way out.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::visible::visible;

/// A new thing.
pub const ADDED: Style = AnsiColor::Green.on_default();
/// A thing that goes, and whatever stops a run.
pub const REMOVED: Style = AnsiColor::Red.on_default();
/// A thing that changes, and warnings.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// Places and hunk headers.
pub const PLACE: Style = AnsiColor::Cyan.on_default();
/// Names.
pub const STRONG: Style = Style::new().bold();
/// Everything else.
pub const PLAIN: Style = Style::new();

/// A text that is being written, with ANSI styles; the stream that it goes to takes them out where they don't belong.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Appends a line; line breaks inside become lines of their own with the same indentation, in columns.
    pub fn line(&mut self, indent: usize, style: Style, text: &str) {
        for line in text.split('\n') {
            if line.is_empty() {
                self.0.push('\n');
                continue;
            }
            let line = visible(line);
            // Writing to a String can't fail.
            let _ = writeln!(self.0, "{:indent$}{style}{line}{style:#}", "");
        }
    }

    /// Appends an empty line.
    pub fn gap(&mut self) {
        self.0.push('\n');
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_shown_not_obeyed() {
        let mut page = Page::default();
        page.line(2, PLAIN, "a\u{1b}[2Jb\rc\u{202e}d\te");
        assert_eq!(page.into_text(), "  a\\u{1b}[2Jb\\rc\\u{202e}d\te\n");
    }

    #[test]
    fn each_line_is_indented() {
        let mut page = Page::default();
        page.line(4, PLAIN, "one\n\ntwo");
        assert_eq!(page.into_text(), "    one\n\n    two\n");
    }
}
