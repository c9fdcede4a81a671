//! A unit file's text → its settings, each with its line. systemd.syntax(7).

use std::rc::Rc;

use super::{Origin, UnitError, UnitFile};

/// What systemd takes for white space.
pub(super) const BLANK: [char; 4] = [' ', '\t', '\n', '\r'];

/// `Key=Value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub section: Rc<str>,
    pub key: String,
    pub value: Text,
}

/// One logical line or a part of it, which remembers on which lines of the file it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub text: String,
    starts: Vec<(usize, usize)>,
}

/// A line that systemd passes over with a warning, and so does this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where.
    pub origin: Origin,
    /// Why, in a few words.
    pub why: &'static str,
}

/// Reads a file. What systemd refuses is an error; what it only warns of is listed.
pub(super) fn parse(file: &UnitFile) -> Result<(Vec<Setting>, Vec<Ignored>), UnitError> {
    file.check()?;
    let mut reader = Reader { file, section: None, settings: Vec::new(), ignored: Vec::new() };
    let mut pending: Option<Text> = None;
    for (number, line) in lines(file.text.strip_prefix('\u{feff}').unwrap_or(&file.text)) {
        // Between continued lines too: a comment does not end the continuation.
        if line.trim_start_matches(BLANK).starts_with(['#', ';']) {
            continue;
        }
        let mut whole = pending.take().unwrap_or_default();
        whole.push(line, number);
        if whole.continues() {
            whole.text.pop();
            whole.text.push(' ');
            pending = Some(whole);
        } else {
            reader.take(&whole)?;
        }
    }
    if let Some(whole) = pending {
        reader.take(&whole)?;
    }
    Ok((reader.settings, reader.ignored))
}

/// Lines from 1; CR, LF and CR LF all end one.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(text);
    let mut number = 0;
    std::iter::from_fn(move || {
        let text = rest?;
        number += 1;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some((number, text));
        };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some((number, &text[..end]))
    })
}

struct Reader<'a> {
    file: &'a UnitFile,
    section: Option<Rc<str>>,
    settings: Vec<Setting>,
    ignored: Vec<Ignored>,
}

impl Reader<'_> {
    fn take(&mut self, whole: &Text) -> Result<(), UnitError> {
        let trimmed = whole.text.trim_matches(BLANK);
        let start = whole.text.len() - whole.text.trim_start_matches(BLANK).len();
        let line = whole.line(start);
        if trimmed.is_empty() {
            return Ok(());
        }
        if let Some(header) = trimmed.strip_prefix('[') {
            let name = header.strip_suffix(']').ok_or_else(|| UnitError::SectionHeader(self.file.origin(line)))?;
            self.section = Some(Rc::from(name));
            return Ok(());
        }
        let Some(section) = self.section.clone() else { return self.ignore(line, "stands before any section") };
        let Some((key, value)) = trimmed.split_once('=') else { return self.ignore(line, "has no `=`") };
        let key = key.trim_end_matches(BLANK);
        if key.is_empty() {
            return self.ignore(line, "has no key before its `=`");
        }
        let before = trimmed.len() - value.trim_start_matches(BLANK).len();
        self.settings.push(Setting {
            section,
            key: key.to_owned(),
            value: whole.part(start + before, value.trim_matches(BLANK)),
        });
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "so that callers can return it")]
    fn ignore(&mut self, line: usize, why: &'static str) -> Result<(), UnitError> {
        self.ignored.push(Ignored { origin: self.file.origin(line), why });
        Ok(())
    }
}

impl Text {
    /// The line on which the byte at `offset` stands.
    pub fn line(&self, offset: usize) -> usize {
        let after = self.starts.partition_point(|(start, _)| *start <= offset);
        self.starts.get(after.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }

    /// A value that stands on one line.
    #[cfg(test)]
    pub fn single(text: &str) -> Self {
        Self { text: text.to_owned(), starts: vec![(0, 1)] }
    }

    fn push(&mut self, line: &str, number: usize) {
        self.starts.push((self.text.len(), number));
        self.text.push_str(line);
    }

    /// Whether the last character is a backslash that no other one escapes.
    fn continues(&self) -> bool {
        self.text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
    }

    fn part(&self, offset: usize, text: &str) -> Self {
        let first = self.starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let starts = self.starts[first..].iter().map(|(start, line)| (start.saturating_sub(offset), *line)).collect();
        Self { text: text.to_owned(), starts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let file = UnitFile { path: "/u".into(), text: text.to_owned() };
        let (settings, ignored) = parse(&file).map_err(|error| error.to_string())?;
        let setting = |s: &Setting| format!("{}:[{}] {}={}", s.value.line(0), s.section, s.key, s.value.text);
        let skipped = |i: &Ignored| format!("{} {}", i.origin, i.why);
        Ok(settings.iter().map(setting).chain(ignored.iter().map(skipped)).collect())
    }

    #[test]
    fn comments_continuations_and_blanks() {
        let text = "\u{feff}# c\n ; c\n[Unit]\nA = 1 \r\n[Service]\n  ExecStart=/x \\\n# inside\n   -a \\\\\nB=\n\n\
                    C=x\\\n\nD=y\\";
        let expected = [
            "4:[Unit] A=1",
            "6:[Service] ExecStart=/x     -a \\\\",
            "9:[Service] B=",
            "11:[Service] C=x",
            "13:[Service] D=y",
        ];
        assert_eq!(read(text), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_word_knows_the_line_that_it_stands_on() {
        let file =
            UnitFile { path: "/u".into(), text: "[Service]\nExecStart=\\\n  /x \\\n  -H \\\n  fd://\n".to_owned() };
        let lines = parse(&file).map(|(settings, _)| {
            let value = &settings[0].value;
            ["/x", "-H", "fd"].map(|word| value.text.find(word).map(|at| value.line(at)))
        });
        assert_eq!(lines, Ok([Some(3), Some(4), Some(5)]));
    }

    #[test]
    fn what_systemd_warns_of_is_listed_and_what_it_refuses_is_an_error() {
        let listed = ["/u:1 stands before any section", "/u:3 has no `=`", "/u:4 has no key before its `=`"];
        assert_eq!(read("ExecStart=/x\n[Service]\nfoo\n=bar"), Ok(listed.map(str::to_owned).to_vec()));
        assert_eq!(read("[Service]\n[Unit\n"), Err("/u:2: a section header without its `]`".to_owned()));
        assert_eq!(read("[Service]\nA=\0"), Err("/u:2: holds a NUL byte".to_owned()));
        assert_eq!(read(&"x".repeat((1 << 20) + 1)), Err("/u: larger than 1 MiB".to_owned()));
        assert_eq!(read(&"\\\n".repeat(1 << 19)), Ok(vec![]));
    }
}
