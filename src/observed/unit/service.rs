//! A unit's files → the settings of `[Service]` that say what dockerd gets: `ExecStart=` after all resets, the
//! environment and its files.

use std::path::PathBuf;

use super::environment::{self, Assignment, Environment, EnvironmentFile};
use super::exec_start::{ExecStart, specifiers};
use super::parse::{self, Ignored, Setting};
use super::words::{self, Escapes};
use super::{Origin, Unit, UnitError, UnitFile};

/// What the unit says about dockerd's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The effective line; none where no file sets one.
    pub exec_start: Option<ExecStart>,
    /// `Environment=`, in order.
    pub environment: Vec<Assignment>,
    /// `EnvironmentFile=`, in order. Whoever reads the host reads these.
    pub environment_files: Vec<EnvironmentFile>,
    /// Lines that systemd passes over with a warning.
    pub ignored: Vec<Ignored>,
}

/// Which drop-ins set `ExecStart=`, seen from one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rivals {
    /// Ours sorts after them, and hides what they set.
    pub shadowed: Vec<Origin>,
    /// They sort after ours, which would have no effect.
    pub overriding: Vec<Origin>,
}

impl Unit {
    /// Reads the unit's files, but not the drop-ins named `without`.
    pub fn service(&self, without: Option<&str>) -> Result<Service, UnitError> {
        let mut service = Service::default();
        let mut commands: Vec<ExecStart> = Vec::new();
        for file in self.files(without) {
            let (settings, ignored) = parse::parse(file)?;
            service.ignored.extend(ignored);
            for setting in settings.iter().filter(|setting| &*setting.section == "Service") {
                match setting.key.as_str() {
                    "ExecStart" if setting.value.text.is_empty() => commands.clear(),
                    "ExecStart" => commands.push(ExecStart::new(file, setting, &self.name)?),
                    "Environment" => service.environment(file, setting, &self.name),
                    "EnvironmentFile" => service.environment_file(file, setting, &self.name),
                    _ => {}
                }
            }
        }
        let mut commands = commands.into_iter();
        service.exec_start = commands.next();
        match (&service.exec_start, commands.next()) {
            (Some(first), Some(second)) => {
                Err(UnitError::SecondExecStart { first: first.origin(), second: second.origin() })
            }
            _ => Ok(service),
        }
    }

    /// Which drop-ins beside `ours` set or clear `ExecStart=`.
    pub fn rivals(&self, ours: &str) -> Result<Rivals, UnitError> {
        let mut found = Rivals::default();
        for file in self.drop_ins.iter().filter(|file| file.name() != ours) {
            let (settings, _) = parse::parse(file)?;
            let is_exec_start = |setting: &&Setting| &*setting.section == "Service" && setting.key == "ExecStart";
            let Some(last) = settings.iter().rfind(is_exec_start) else { continue };
            let side = if file.name() < ours { &mut found.shadowed } else { &mut found.overriding };
            side.push(file.origin(last.value.line(0)));
        }
        Ok(found)
    }
}

impl Service {
    /// The variables, from the unit and from those of its environment files that were found.
    pub fn variables(&self, found: &[UnitFile]) -> Result<Environment, UnitError> {
        let mut assignments = self.environment.clone();
        for wanted in &self.environment_files {
            if wanted.pattern {
                let path = wanted.path.display().to_string();
                return Err(UnitError::EnvironmentFilePattern { path, origin: wanted.origin.clone() });
            }
            match found.iter().find(|file| file.path == wanted.path) {
                Some(file) => assignments.extend(environment::parse(file)?.0),
                None if wanted.optional => {}
                None => {
                    let (path, origin) = (wanted.path.clone(), wanted.origin.clone());
                    return Err(UnitError::EnvironmentFileMissing { path, origin });
                }
            }
        }
        Ok(Environment::new(assignments))
    }

    fn environment(&mut self, file: &UnitFile, setting: &Setting, unit: &str) {
        if setting.value.text.is_empty() {
            self.environment.clear();
        }
        let Ok(words) = words::split(&setting.value, Escapes::Strict) else {
            let origin = file.origin(setting.value.line(0));
            return self.ignored.push(Ignored { origin, why: "has an open quote or an unknown escape" });
        };
        for word in words {
            let origin = file.origin(word.line);
            match word.text.split_once('=') {
                Some((name, value)) if environment::is_name(name) => {
                    let value = specifiers(value, unit);
                    self.environment.push(Assignment { name: name.to_owned(), value, origin });
                }
                _ => self.ignored.push(Ignored { origin, why: "is no assignment to a variable" }),
            }
        }
    }

    fn environment_file(&mut self, file: &UnitFile, setting: &Setting, unit: &str) {
        let text = setting.value.text.as_str();
        if text.is_empty() {
            return self.environment_files.clear();
        }
        let path = specifiers(text.strip_prefix('-').unwrap_or(text), unit);
        let origin = file.origin(setting.value.line(0));
        if !path.starts_with('/') {
            return self.ignored.push(Ignored { origin, why: "names a file without its whole path" });
        }
        self.environment_files.push(EnvironmentFile {
            optional: text.starts_with('-'),
            pattern: path.contains(['*', '?', '[', '%']),
            path: PathBuf::from(path),
            origin,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETC: &str = "/etc/systemd/system/docker.service.d";

    fn unit(fragment: &str, drop_ins: &[(&str, &str)]) -> Unit {
        let file = |path: String, text: &str| UnitFile { path: path.into(), text: text.to_owned() };
        let mut found = vec![file("/lib/systemd/system/docker.service".to_owned(), fragment)];
        found.extend(drop_ins.iter().map(|(name, text)| file(format!("{ETC}/{name}"), text)));
        Unit::new("docker.service", found)
    }

    fn exec_start(unit: &Unit, without: Option<&str>) -> Result<String, String> {
        let service = unit.service(without).map_err(|error| error.to_string())?;
        Ok(service.exec_start.map_or(String::new(), |exec| format!("{} {}", exec.origin(), exec.argv_text())))
    }

    const VENDOR: &str = "[Unit]\nExecStart=no\n[Service]\nExecStart=/usr/bin/dockerd -H fd://\n";

    #[test]
    fn an_empty_line_resets_and_a_second_line_is_an_error() {
        let reset = unit(VENDOR, &[("override.conf", "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -D\n")]);
        let expected = format!("{ETC}/override.conf:3 /usr/bin/dockerd -D");
        assert_eq!(exec_start(&reset, None), Ok(expected));
        assert_eq!(
            exec_start(&reset, Some("override.conf")).as_deref(),
            Ok("/lib/systemd/system/docker.service:4 /usr/bin/dockerd -H fd://")
        );
        let second = unit(VENDOR, &[("x.conf", "[Service]\nExecStart=/usr/bin/dockerd -D\n")]);
        let expected = format!("{ETC}/x.conf:2: a second ExecStart= beside /lib/systemd/system/docker.service:4");
        assert_eq!(exec_start(&second, None), Err(expected));
        assert_eq!(exec_start(&unit("[Service]\n", &[]), None), Ok(String::new()));
        let cleared = unit(VENDOR, &[("x.conf", "[Service]\nExecStart=\n")]);
        assert_eq!(exec_start(&cleared, None), Ok(String::new()));
    }

    #[test]
    fn drop_ins_that_set_the_line_are_told_apart_by_their_order() {
        let set = "[Service]\nExecStart=\nExecStart=/x\n";
        let unit = unit(
            VENDOR,
            &[
                ("override.conf", set),
                ("zzz.conf", "[Service]\nExecStart=\n"),
                ("http.conf", "[Service]\nA=b\n"),
                ("zz-dockseal.conf", set),
            ],
        );
        let found = unit.rivals("zz-dockseal.conf");
        let texts = |origins: Vec<Origin>| origins.iter().map(Origin::to_string).collect::<Vec<_>>();
        assert_eq!(
            found.map(|found| (texts(found.shadowed), texts(found.overriding))),
            Ok((vec![format!("{ETC}/override.conf:3")], vec![format!("{ETC}/zzz.conf:2")]))
        );
    }

    #[test]
    fn files_override_the_units_own_variables() {
        let text = "[Service]\nEnvironment=A=0\nEnvironment=\nEnvironment=\"A=1 2\" B=2 bad C=3\nEnvironment=D=\\q\n\
                    EnvironmentFile=/gone\nEnvironmentFile=\nEnvironmentFile=-/etc/default/%p\n\
                    EnvironmentFile=relative\n";
        let unit = unit(text, &[]);
        let file = UnitFile { path: "/etc/default/docker".into(), text: "B=9\n".to_owned() };
        let found = unit.service(None).and_then(|service| {
            let variables = service.variables(std::slice::from_ref(&file))?;
            let value = |name| variables.find(name).map(|a| format!("{} {}", a.origin, a.value));
            Ok((["A", "B", "C", "D"].map(value), service.ignored.len(), service.variables(&[])?.find("B").is_some()))
        });
        let vendor = "/lib/systemd/system/docker.service:4";
        let expected = [
            Some(format!("{vendor} 1 2")),
            Some("/etc/default/docker:1 9".to_owned()),
            Some(format!("{vendor} 3")),
            None,
        ];
        assert_eq!(found, Ok((expected, 3, true)));
    }

    #[test]
    fn a_missing_environment_file_and_a_pattern_are_errors() {
        for (line, error) in [
            ("/etc/d", "/lib/systemd/system/docker.service:2: /etc/d does not exist"),
            (
                "-/etc/*.e",
                "/lib/systemd/system/docker.service:2: EnvironmentFile=/etc/*.e is a pattern or holds a specifier",
            ),
        ] {
            let unit = unit(&format!("[Service]\nEnvironmentFile={line}\n"), &[]);
            let result = unit.service(None).and_then(|service| service.variables(&[]));
            assert_eq!(result.map_err(|error| error.to_string()), Err(error.to_owned()));
        }
    }
}
