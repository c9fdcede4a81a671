//! The value of `ExecStart=` → its words and what its prefixes say. systemd.service(5), "Command Lines".

use std::path::PathBuf;

use super::parse::Setting;
use super::words::{self, Escapes, Malformed, Word};
use super::{Origin, UnitError, UnitFile};

/// One `ExecStart=` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecStart {
    /// The file in which it stands.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// At least the program.
    pub words: Vec<Word>,
}

impl ExecStart {
    pub(super) fn new(file: &UnitFile, setting: &Setting, unit: &str) -> Result<Self, UnitError> {
        let origin = |at: usize| file.origin(setting.value.line(at));
        let mut words = words::split(&setting.value, Escapes::Relaxed)
            .map_err(|Malformed { offset }| UnitError::Quote(origin(offset)))?;
        // A lone `;` begins a second command, if one follows; `\;` is the word itself.
        words.pop_if(|word| word.raw == ";");
        if let Some(word) = words.iter().find(|word| word.raw == ";") {
            return Err(UnitError::SecondExecStart { first: origin(0), second: file.origin(word.line) });
        }
        for word in &mut words {
            word.text = if word.raw == "\\;" { ";".to_owned() } else { specifiers(&word.text, unit) };
        }
        let exec = Self { path: file.path.clone(), line: setting.value.line(0), words };
        let named = exec.words.first().is_some_and(|word| !word.text.trim_start_matches(PREFIXES).is_empty());
        if named && exec.words.len() >= exec.program_words() { Ok(exec) } else { Err(UnitError::NoProgram(origin(0))) }
    }

    /// Where the line stands.
    pub fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), line: self.line, variable: None }
    }

    /// How many words name the program: two where `@` sets its argument zero apart.
    pub fn program_words(&self) -> usize {
        if self.prefix().contains('@') { 2 } else { 1 }
    }

    /// Whether systemd puts in the values of variables: not with `:`.
    pub fn expands(&self) -> bool {
        !self.prefix().contains(':')
    }

    /// As `systemctl show` writes `argv[]`: without quotes and escapes, joined by blanks, variables by their names.
    pub fn argv_text(&self) -> String {
        let rest = self.words.iter().skip(1).map(|word| word.text.as_str());
        let words: Vec<&str> = match self.words.first() {
            Some(first) if self.program_words() == 1 => {
                std::iter::once(first.text.trim_start_matches(PREFIXES)).chain(rest).collect()
            }
            _ => rest.collect(),
        };
        words.join(" ")
    }

    /// The program, without the prefixes.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", |word| word.text.trim_start_matches(PREFIXES))
    }

    fn prefix(&self) -> &str {
        let first = self.words.first().map_or("", |word| word.text.as_str());
        &first[..first.len() - first.trim_start_matches(PREFIXES).len()]
    }
}

/// systemd.service(5), "Special executable prefixes".
const PREFIXES: [char; 6] = ['@', '-', ':', '+', '!', '|'];

/// Puts in the specifiers that the unit's name alone decides (systemd.unit(5)). The others depend on the host and stay
/// as they are; no flag's name comes from one.
pub(super) fn specifiers(text: &str, unit: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '%' { rest.next() } else { None }) {
            ('%', Some('%')) => result.push('%'),
            ('%', Some('n')) => result.push_str(unit),
            ('%', Some('N')) => result.push_str(stem),
            ('%', Some('p')) => result.push_str(prefix),
            ('%', Some('i')) => result.push_str(instance),
            (c, other) => {
                result.push(c);
                result.extend(other);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn line(line: &str) -> Result<String, String> {
        let path = PathBuf::from("/lib/systemd/system/docker.service");
        let file = UnitFile { path, text: format!("[Service]\nExecStart={line}\n") };
        let service = Unit::new("docker.service", vec![file]).service(None).map_err(|error| error.to_string())?;
        Ok(service.exec_start.map_or(String::new(), |exec| format!("{} {}", exec.origin(), exec.argv_text())))
    }

    #[test]
    fn lines_that_systemd_refuses_are_errors() {
        for (given, error) in [
            ("@", ":2: ExecStart= names no program"),
            ("@/x", ":2: ExecStart= names no program"),
            ("-", ":2: ExecStart= names no program"),
            ("/x 'a", ":2: a quote is not closed"),
            ("/x \\\n \"a", ":3: a quote is not closed"),
            ("/x ; /y ;", ":2: a second ExecStart= beside /lib/systemd/system/docker.service:2"),
        ] {
            assert_eq!(line(given), Err(format!("/lib/systemd/system/docker.service{error}")), "{given}");
        }
    }

    #[test]
    fn prefixes_specifiers_and_a_masked_semicolon() {
        let at = "/lib/systemd/system/docker.service:2";
        assert_eq!(line("-@/x docker%% -D ;"), Ok(format!("{at} docker% -D")));
        assert_eq!(
            line("+/x %n %N %p [%i] %H \\; ${A}"),
            Ok(format!("{at} /x docker.service docker docker [] %H ; ${{A}}"))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[Service\\]|ExecStart=|Environment=|EnvironmentFile=|\n|\\PC|\\\\|[@:%$\"'{} ;#-]){0,40}") {
            let files = ["docker.service", "docker.service.d/a.conf"].map(|name| UnitFile {
                path: format!("/etc/systemd/system/{name}").into(),
                text: text.clone(),
            });
            let unit = Unit::new("docker.service", files.to_vec());
            let _ = unit.service(None).and_then(|service| service.command_line(&files));
            let _ = unit.rivals("zz.conf");
        }
    }
}
