//! A unit's files without what no plan needs: a drop-in may hold a proxy's password, an environment file anything at all.
//!
//! What stays are section headers, `ExecStart=` and `EnvironmentFile=` as they are written, and the variables that some
//! `ExecStart=` names: their values are a part of dockerd's command line. Each stays on its line, so that whatever is told
//! of them has the same place, and everything else is an empty line. Read again, both texts give the same command line.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::environment;
use super::parse::{self, BLANK};
use super::words::{self, Escapes, Word};
use super::{UnitError, UnitFile};

/// The variables that any `ExecStart=` of these files names.
pub fn variables<'a>(files: impl Iterator<Item = &'a UnitFile>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        let Ok((settings, _)) = parse::parse(file) else { continue };
        for setting in settings.iter().filter(|setting| setting.key == "ExecStart") {
            // Whatever is written in front of a name: one too many does no harm here.
            for part in setting.value.text.split('$').skip(1) {
                let part = part.strip_prefix('{').unwrap_or(part);
                let end = part.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(part.len());
                names.insert(part[..end].to_owned());
            }
        }
    }
    names.remove("");
    names
}

/// The text of a fragment or drop-in.
pub fn unit(file: &UnitFile, used: &BTreeSet<String>) -> String {
    if let Some(text) = unreadable(file) {
        return text;
    }
    let mut redactor = Redactor { file, used, in_service: false, lines: Vec::new(), group: Vec::new() };
    let mut whole = String::new();
    for line in lines(&file.text) {
        let is_comment = line.trim_start_matches(BLANK).starts_with(['#', ';']);
        redactor.group.push(if is_comment { "#" } else { line });
        if is_comment && whole.is_empty() {
            redactor.drop_group();
        } else if !is_comment {
            let continues = line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
            whole.push_str(if continues { &line[..line.len() - 1] } else { line });
            if continues {
                whole.push(' ');
            } else {
                redactor.take(&std::mem::take(&mut whole));
            }
        }
    }
    redactor.take(&whole);
    // A file that masks is empty, and one that does not must not become so.
    let text = redactor.lines.join("\n");
    if text.is_empty() && !file.text.is_empty() { "\n".to_owned() } else { text }
}

/// The text of an environment file.
pub fn environment(file: &UnitFile, used: &BTreeSet<String>) -> String {
    let Ok((assignments, _)) = environment::parse(file) else { return unreadable(file).unwrap_or_default() };
    let (mut text, mut line) = (String::new(), 1);
    for assignment in assignments.iter().filter(|assignment| used.contains(&assignment.name)) {
        while line < assignment.origin.line {
            text.push('\n');
            line += 1;
        }
        let _ = write!(text, "{}=\"", assignment.name);
        for c in assignment.value.chars() {
            if matches!(c, '"' | '\\' | '`' | '$') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push_str("\"\n");
        line += 1 + environment::line_breaks(&assignment.value);
    }
    text
}

/// What nobody can read stays so, at the same place.
fn unreadable(file: &UnitFile) -> Option<String> {
    match file.check() {
        Err(UnitError::Nul(origin)) => Some("\n".repeat(origin.line.saturating_sub(1)) + "\0"),
        _ => None,
    }
}

/// Lines as `parse.rs` counts them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    parse::lines(text.strip_prefix('\u{feff}').unwrap_or(text)).map(|(_, line)| line)
}

struct Redactor<'a> {
    file: &'a UnitFile,
    used: &'a BTreeSet<String>,
    in_service: bool,
    lines: Vec<String>,
    /// The lines that are joined to one, comments without their words.
    group: Vec<&'a str>,
}

impl Redactor<'_> {
    /// The group is whole: `text` is what it says.
    fn take(&mut self, text: &str) {
        let trimmed = text.trim_matches(BLANK);
        if let Some(header) = trimmed.strip_prefix('[') {
            if let Some(name) = header.strip_suffix(']') {
                self.in_service = name == "Service";
            }
            return self.keep_group();
        }
        let key = trimmed.split_once('=').map_or("", |(key, _)| key.trim_end_matches(BLANK));
        match key {
            "ExecStart" | "EnvironmentFile" if self.in_service => self.keep_group(),
            "Environment" if self.in_service => self.environment(),
            _ => self.drop_group(),
        }
    }

    fn keep_group(&mut self) {
        self.lines.extend(self.group.drain(..).map(str::to_owned));
    }

    fn drop_group(&mut self) {
        self.lines.extend(self.group.drain(..).map(|_| String::new()));
    }

    /// An empty one resets the list and stays; of another, the used variables do.
    fn environment(&mut self) {
        let text = format!("[Service]\n{}\n", self.group.join("\n"));
        let alone = UnitFile { path: self.file.path.clone(), text };
        let setting = parse::parse(&alone).ok().and_then(|(settings, _)| settings.into_iter().next());
        let Some(setting) = setting else { return self.drop_group() };
        if setting.value.text.is_empty() {
            return self.keep_group();
        }
        // Where systemd can't split it, it passes over it.
        let words = words::split(&setting.value, Escapes::Strict).unwrap_or_default();
        let is_used = |word: &&Word| word.text.split_once('=').is_some_and(|(name, _)| self.used.contains(name));
        let kept: Vec<&Word> = words.iter().filter(is_used).collect();
        if kept.is_empty() {
            return self.drop_group();
        }
        let last = self.group.len();
        for number in 1..=last {
            // The header stands before them.
            let here = kept.iter().filter(|word| word.line == number + 1).map(|word| word.raw.as_str());
            let mut line = if number == 1 { "Environment=".to_owned() } else { String::new() };
            line.push_str(&here.collect::<Vec<_>>().join(" "));
            if number < last {
                line.push_str(" \\");
            }
            self.lines.push(line);
        }
        self.group.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CommandLine, Unit};
    use super::*;

    const PATH: &str = "/usr/lib/systemd/system/docker.service";

    /// What a plan makes of the files, with every place; and the text of them all.
    fn read(unit_text: &str, environment_text: &str) -> (String, String) {
        let file = UnitFile { path: PATH.into(), text: unit_text.to_owned() };
        let environment_file = UnitFile { path: "/etc/e".into(), text: environment_text.to_owned() };
        let unit = Unit::new("docker.service", vec![file]);
        let service = unit.service(None);
        let line: Result<Option<CommandLine>, _> =
            service.and_then(|service| service.command_line(std::slice::from_ref(&environment_file)));
        (format!("{line:?} {:?}", unit.rivals("zz.conf")), format!("{unit_text}{environment_text}"))
    }

    fn check(unit_text: &str, environment_text: &str) -> String {
        let file = UnitFile { path: PATH.into(), text: unit_text.to_owned() };
        let environment_file = UnitFile { path: "/etc/e".into(), text: environment_text.to_owned() };
        let used = variables(std::iter::once(&file));
        let redacted = (unit(&file, &used), environment(&environment_file, &used));
        let (before, _) = read(unit_text, environment_text);
        let (after, text) = read(&redacted.0, &redacted.1);
        assert_eq!(before, after, "{unit_text:?} became {redacted:?}");
        text
    }

    #[test]
    fn what_no_command_line_uses_is_left_out_and_the_rest_keeps_its_place() {
        let unit = "\u{feff}# secret\n[Unit]\nDescription=secret\n[Service]\nEnvironment=HTTPS_PROXY=http://u:secret@p\n\
                    Environment=A=secret \\\n# secret\n  \"B=x y\" \\\n  C=secret D=z\nEnvironment=\nEnvironment=B=1 \\\n \
                    E=secret\nEnvironment=\"B=secret \\q\nExecStartPre=/bin/secret\nEnvironmentFile=/etc/e\n\
                    ExecStart=/usr/bin/dockerd \\\n  # secret\n $OPTS \\\n -H ${B} $$X\nExecReload=secret\n[Install]\nA=secret";
        let environment = "# secret\nTOKEN=secret\n\nOPTS='--a\n \"b\" $c' \nPASSWORD=\"secret\nsecret\"\rOPTS=--dns\\ 1\n\
                           export OPTS=secret\n";
        let text = check(unit, environment);
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("OPTS"));
    }

    #[test]
    fn every_seed_reads_the_same() -> std::io::Result<()> {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/unit"))? {
            let bytes = std::fs::read(entry?.path())?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for text in [text.clone(), text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
                check(&text, &text);
            }
        }
        for text in
            ["", "\n", "[Service]\nExecStart=/x \"\n", "a\nb\0c\n", "[Service\nA=1\n", "[Service]\nExecStart=/x \\"]
        {
            check(text, text);
        }
        Ok(())
    }

    proptest::proptest! {
        #[test]
        fn any_text_reads_the_same(
            unit in "((\\[Service\\]|ExecStart=|Environment=|A=1 B=2|\\$A \\$\\{B\\}|[ \"'\\\\#;=\n\r]|/x){1,3}){0,12}",
            environment in "((A=|B=|[ \"'\\\\#;=\n\r$`]|x){1,3}){0,12}",
        ) {
            check(&unit, &environment);
            check(&format!("[Service]\nEnvironmentFile=/etc/e\n{unit}\nExecStart=/x $A ${{B}}\n"), &environment);
        }
    }
}
