//! Environment files and `Environment=` → variables, each with the place where it is set. systemd.exec(5).
//!
//! Environment files look like shell and are none: systemd's own reading is followed here, so that a flag is found
//! where dockerd would get it and nowhere else. `PassEnvironment=` and `UnsetEnvironment=` are not followed: no
//! distribution's docker.service passes its flags so.

use std::iter::Peekable;
use std::path::PathBuf;
use std::str::Chars;

use super::parse::{BLANK, Ignored};
use super::{Origin, UnitError, UnitFile};

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it is set; the variable is not named in it.
    pub origin: Origin,
}

/// One `EnvironmentFile=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it may be missing: `-`.
    pub optional: bool,
    /// Whether `path` is a pattern or holds a specifier, so that text alone does not tell the files.
    pub pattern: bool,
    /// Who names it.
    pub origin: Origin,
}

/// The variables that dockerd gets from its unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    assignments: Vec<Assignment>,
}

impl Environment {
    /// Later assignments win: `Environment=` comes first, then the files in the order in which they are named.
    pub fn new(assignments: Vec<Assignment>) -> Self {
        Self { assignments }
    }

    /// The assignment that counts.
    pub fn find(&self, name: &str) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|assignment| assignment.name == name)
    }
}

/// Whether systemd takes `name` for a variable's.
pub(super) fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Reads an environment file. Assignments to what is no name (`export X=…`) are listed, as systemd only warns of them.
pub(super) fn parse(file: &UnitFile) -> Result<(Vec<Assignment>, Vec<Ignored>), UnitError> {
    file.check()?;
    let mut reader = Reader { rest: file.text.chars().peekable(), line: 1 };
    let mut assignments = Vec::new();
    let mut ignored = Vec::new();
    while let Some((line, name, value)) = reader.assignment() {
        let origin = file.origin(line);
        match value {
            Some(value) if is_name(&name) => assignments.push(Assignment { name, value, origin }),
            Some(_) => ignored.push(Ignored { origin, why: "assigns to what is no variable's name" }),
            None => ignored.push(Ignored { origin, why: "has no `=`" }),
        }
    }
    Ok((assignments, ignored))
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' || (c == '\r' && self.rest.peek() != Some(&'\n')) {
            self.line += 1;
        }
        Some(c)
    }

    /// The next assignment's line, name and value; no value where the line has no `=`.
    fn assignment(&mut self) -> Option<(usize, String, Option<String>)> {
        loop {
            match *self.rest.peek()? {
                // A backslash at a comment's end continued it up to systemd 253, and no longer does. The later reading
                // is taken, for it finds more flags.
                '#' | ';' => while self.next().is_some_and(|c| !is_newline(c)) {},
                c if BLANK.contains(&c) => {
                    self.next();
                }
                _ => break,
            }
        }
        let line = self.line;
        let mut name = String::new();
        loop {
            match self.next() {
                Some('=') => break,
                Some(c) if !is_newline(c) => name.push(c),
                _ => return Some((line, name, None)),
            }
        }
        name.truncate(name.trim_end_matches(BLANK).len());
        Some((line, name, Some(self.value())))
    }

    fn value(&mut self) -> String {
        let mut value = String::new();
        // Up to where blanks are a part of the value.
        let mut solid = 0;
        // Quotes count only before the first bare character.
        let mut bare = false;
        while let Some(c) = self.next() {
            match c {
                _ if is_newline(c) => break,
                '\\' => {
                    bare = true;
                    value.extend(self.next().filter(|c| !is_newline(*c)));
                    solid = value.len();
                }
                '\'' if !bare => {
                    self.single_quoted(&mut value);
                    solid = value.len();
                }
                '"' if !bare => {
                    self.double_quoted(&mut value);
                    solid = value.len();
                }
                _ if BLANK.contains(&c) => {
                    if bare {
                        value.push(c);
                    }
                }
                _ => {
                    bare = true;
                    value.push(c);
                    solid = value.len();
                }
            }
        }
        value.truncate(solid);
        value
    }

    fn single_quoted(&mut self, value: &mut String) {
        while let Some(c) = self.next().filter(|c| *c != '\'') {
            value.push(c);
        }
    }

    fn double_quoted(&mut self, value: &mut String) {
        while let Some(c) = self.next().filter(|c| *c != '"') {
            if c != '\\' {
                value.push(c);
                continue;
            }
            match self.next() {
                Some('\n') | None => {}
                Some(c @ ('"' | '\\' | '`' | '$')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
            }
        }
    }
}

/// How many lines end within a text, as they are counted here.
pub(super) fn line_breaks(text: &str) -> usize {
    let mut rest = text.chars().peekable();
    let mut count = 0;
    while let Some(c) = rest.next() {
        count += usize::from(c == '\n' || (c == '\r' && rest.peek() != Some(&'\n')));
    }
    count
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let file = UnitFile { path: "/e".into(), text: text.to_owned() };
        let (assignments, ignored) = parse(&file).map_err(|error| error.to_string())?;
        let set = |a: &Assignment| format!("{}:{}={}", a.origin.line, a.name, a.value);
        Ok(assignments.iter().map(set).chain(ignored.iter().map(|i| format!("{} {}", i.origin.line, i.why))).collect())
    }

    #[test]
    fn environment_files_as_systemd_reads_them() {
        let cases: [(&str, &[&str]); 16] = [
            ("# c\n; c\nA=1\n B = 2 \n\nC=\n", &["3:A=1", "4:B=2", "6:C="]),
            (
                "DOCKER_OPTS=\"--dns 8.8.8.8 --dns 8.8.4.4\"\r\nB=2\r\n",
                &["1:DOCKER_OPTS=--dns 8.8.8.8 --dns 8.8.4.4", "2:B=2"],
            ),
            ("A='a \"b\" \\'\n", &["1:A=a \"b\" \\"]),
            ("A=\"a \\\"b\\\" \\$x \\n\"", &["1:A=a \"b\" $x \\n"]),
            ("A=x \"y\"  # no comment", &["1:A=x \"y\"  # no comment"]),
            ("A=\"x \" \"y\" z  ", &["1:A=x yz"]),
            ("A=x \\\n  -H fd://\nB=1", &["1:A=x   -H fd://", "3:B=1"]),
            ("A=\"x \\\ny\"\nB=1", &["1:A=x y", "3:B=1"]),
            ("A='x\ny'\nB=1", &["1:A=x\ny", "3:B=1"]),
            ("A=a\\ b\\\"c\\ ", &["1:A=a b\"c "]),
            ("# c \\\nA=1", &["2:A=1"]),
            (
                "export A=1\nfoo\n1B=2\nC=3",
                &[
                    "4:C=3",
                    "1 assigns to what is no variable's name",
                    "2 has no `=`",
                    "3 assigns to what is no variable's name",
                ],
            ),
            ("A=\"open", &["1:A=open"]),
            ("A=\\", &["1:A="]),
            ("A=1\rB=2", &["1:A=1", "2:B=2"]),
            ("A=b=c", &["1:A=b=c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Ok(expected.iter().map(|line| (*line).to_owned()).collect()), "{text:?}");
        }
        assert_eq!(read("A=1\nB=\0"), Err("/e:2: holds a NUL byte".to_owned()));
    }

    #[test]
    fn the_last_assignment_counts() {
        let file = UnitFile { path: "/e".into(), text: "A=1\nB=2\nA=3\n".to_owned() };
        let found = parse(&file)
            .map(|(assignments, _)| Environment::new(assignments).find("A").map(|a| (a.value.clone(), a.origin.line)));
        assert_eq!(found, Ok(Some(("3".to_owned(), 3))));
    }
}
