//! `ExecStart=` and the environment → the arguments that dockerd really gets, each with its origin.

use super::environment::Environment;
use super::exec_start::ExecStart;
use super::words::{self, Word};
use super::{MAX_FILE, Origin, Service, UnitError, UnitFile};

/// What dockerd gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The line that it comes from.
    pub exec_start: ExecStart,
    /// All arguments after the program.
    pub arguments: Vec<Argument>,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// As dockerd sees it.
    pub text: String,
    /// Where it stands: in `ExecStart=`, or where the variable is set that brings it.
    pub origin: Origin,
    /// The word of `ExecStart=` that it comes from.
    pub word: usize,
}

impl Service {
    /// The command line; `found` are the environment files that exist. They are looked at only where a word names a
    /// variable, so that nothing in a file which has no say can stand in the way.
    pub fn command_line(&self, found: &[UnitFile]) -> Result<Option<CommandLine>, UnitError> {
        let Some(exec) = &self.exec_start else { return Ok(None) };
        let uses_variables = exec.expands() && exec.words.iter().any(|word| word.text.contains('$'));
        let environment = if uses_variables { self.variables(found)? } else { Environment::default() };
        CommandLine::new(exec, &environment).map(Some)
    }
}

impl CommandLine {
    /// The program and its arguments, as dockerd gets them.
    pub fn argv(&self) -> Vec<String> {
        let program = self.exec_start.program().to_owned();
        std::iter::once(program).chain(self.arguments.iter().map(|argument| argument.text.clone())).collect()
    }

    /// Puts the variables in. An unset one is empty, as it is for systemd.
    pub fn new(exec: &ExecStart, environment: &Environment) -> Result<Self, UnitError> {
        let mut expansion = Expansion { exec, environment, arguments: Vec::new(), size: 0 };
        for (index, word) in exec.words.iter().enumerate().skip(exec.program_words()) {
            expansion.word(index, word)?;
        }
        Ok(Self { exec_start: exec.clone(), arguments: expansion.arguments })
    }
}

struct Expansion<'a> {
    exec: &'a ExecStart,
    environment: &'a Environment,
    arguments: Vec<Argument>,
    size: usize,
}

impl Expansion<'_> {
    fn word(&mut self, index: usize, word: &Word) -> Result<(), UnitError> {
        let expands = self.exec.expands();
        let alone = word.text.strip_prefix('$').filter(|name| expands && !name.starts_with(['{', '$']));
        let Some(name) = alone else {
            let origin = self.origin(word);
            let text = if expands { self.braces(word)? } else { word.text.clone() };
            return self.push(text, origin, index, word);
        };
        // `$NAME` alone in its word: as many arguments as its value has words.
        let Some(assignment) = self.environment.find(name) else { return Ok(()) };
        let mut origin = assignment.origin.clone();
        origin.variable = Some(name.to_owned());
        self.grow(assignment.value.len(), word)?;
        for text in words::split_variable(&assignment.value) {
            self.push(text, origin.clone(), index, word)?;
        }
        Ok(())
    }

    /// The whole of a word that begins with `${NAME}` is the variable's; elsewhere the flag stands in the line itself.
    fn origin(&self, word: &Word) -> Origin {
        let name = word.text.strip_prefix("${").and_then(|rest| rest.split_once('}')).map(|(name, _)| name);
        match name.filter(|_| self.exec.expands()).and_then(|name| self.environment.find(name)) {
            Some(found) => Origin { variable: Some(found.name.clone()), ..found.origin.clone() },
            None => Origin { path: self.exec.path.clone(), line: word.line, variable: None },
        }
    }

    /// `${NAME}` anywhere in the word, and `$$`; any other `$` stays.
    fn braces(&mut self, word: &Word) -> Result<String, UnitError> {
        let mut text = String::new();
        let mut rest = word.text.as_str();
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                let value = self.environment.find(name).map_or("", |found| found.value.as_str());
                self.size = self.size.saturating_add(value.len());
                self.grow(0, word)?;
                text.push_str(value);
                rest = after;
            } else {
                text.push('$');
            }
        }
        text.push_str(rest);
        Ok(text)
    }

    fn push(&mut self, text: String, origin: Origin, index: usize, word: &Word) -> Result<(), UnitError> {
        // An origin is kept for each argument: it counts too.
        self.grow(text.len() + origin.path.as_os_str().len() + 64, word)?;
        self.arguments.push(Argument { text, origin, word: index });
        Ok(())
    }

    fn grow(&mut self, by: usize, word: &Word) -> Result<(), UnitError> {
        self.size = self.size.saturating_add(by);
        if self.size <= LIMIT {
            return Ok(());
        }
        let origin = Origin { path: self.exec.path.clone(), line: word.line, variable: None };
        Err(UnitError::CommandLineTooLong(origin))
    }
}

/// Linux gives a process at most 2 MiB by default; with the origins in it this comes sooner, at thousands of arguments.
const LIMIT: usize = 4 * MAX_FILE;

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn arguments(line: &str, environment: &str) -> Result<Vec<String>, String> {
        let file = |path: &str, text: String| UnitFile { path: path.into(), text };
        let text = format!("[Service]\nEnvironmentFile=-/e\nExecStart={line}\n");
        let unit = Unit::new("docker.service", vec![file("/etc/systemd/system/docker.service", text)]);
        let found = [file("/e", environment.to_owned())];
        let line = unit.service(None).and_then(|service| service.command_line(&found));
        let arguments = line.map_err(|error| error.to_string())?.map(|line| line.arguments).unwrap_or_default();
        let place = |origin: &Origin| match &origin.variable {
            Some(name) => format!("{}@{}", name, origin.line),
            None => origin.line.to_string(),
        };
        Ok(arguments.iter().map(|a| format!("{}:{}:{}", a.word, place(&a.origin), a.text)).collect())
    }

    #[test]
    fn variables_bring_as_many_words_as_systemd_makes_of_them() {
        let environment = "X=1\nA=-H tcp://a 'b c'\nB=x y\nE=\n";
        let cases: [(&str, &[&str]); 9] = [
            ("/d $A -D", &["1:A@2:-H", "1:A@2:tcp://a", "1:A@2:b c", "2:3:-D"]),
            ("/d ${A}", &["1:A@2:-H tcp://a 'b c'"]),
            ("/d --x=${B}", &["1:3:--x=x y"]),
            ("/d --x=$B $$B $${B}", &["1:3:--x=$B", "2:3:$B", "3:3:${B}"]),
            ("/d $E $NONE ${NONE} a${E}b", &["3:3:", "4:3:ab"]),
            ("/d \"$B\" '${B}'", &["1:B@3:x", "1:B@3:y", "2:B@3:x y"]),
            (":/d $A ${B}", &["1:3:$A", "2:3:${B}"]),
            ("@/d zero \\\n -D", &["2:4:-D"]),
            ("/d ${A $ a$", &["1:3:${A", "3:3:a$"]),
        ];
        for (line, expected) in cases {
            assert_eq!(arguments(line, environment), Ok(expected.iter().map(|a| (*a).to_owned()).collect()), "{line}");
        }
    }

    #[test]
    fn variables_can_not_make_it_grow_without_end() {
        let environment = format!("A={}\n", "x".repeat(100_000));
        for word in ["${A}", "$A", "x${A}${A}"] {
            let line = format!("/d {}", format!("{word} ").repeat(10_000));
            let expected = "/etc/systemd/system/docker.service:3: the command line grows beyond 4 MiB";
            assert_eq!(arguments(&line, &environment), Err(expected.to_owned()));
        }
    }

    #[test]
    fn an_environment_file_that_no_word_uses_has_no_say() {
        assert_eq!(arguments("/d -D", "\0"), Ok(vec!["1:3:-D".to_owned()]));
        assert_eq!(arguments("/d $A", "\0"), Err("/e:1: holds a NUL byte".to_owned()));
    }
}
