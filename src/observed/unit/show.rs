//! The output of `systemctl show` → properties of units, to check our own reading of their files against systemd's.

/// The properties of one unit, in the order of the output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    pairs: Vec<(String, String)>,
}

/// Reads the properties of several units, which empty lines set apart, in the order in which they were asked for. A
/// unit that has none of the properties is left out: ask for `Id` too, which every unit has.
pub fn parse(text: &str) -> Vec<Properties> {
    let mut units = Vec::new();
    let mut unit = Properties::default();
    for line in text.lines() {
        match line.split_once('=') {
            _ if line.is_empty() => units.push(std::mem::take(&mut unit)),
            Some((name, value)) if is_property(name) => unit.pairs.push((name.to_owned(), value.to_owned())),
            // A value with a line break in it.
            _ => {
                if let Some((_, value)) = unit.pairs.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            }
        }
    }
    units.push(unit);
    units.retain(|unit| !unit.pairs.is_empty());
    units
}

impl Properties {
    /// The first value of a property.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All values of a property: `ExecStart` has one for each command.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The words of each `ExecStart=`, joined by blanks, variables by their names: what
    /// [`ExecStart::argv_text`](super::ExecStart::argv_text) gives.
    pub fn exec_start(&self) -> impl Iterator<Item = &str> {
        self.values("ExecStart").filter_map(argv)
    }
}

/// systemd's properties are in camel case.
fn is_property(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `{ path=… ; argv[]=… ; ignore_errors=no ; … }`; the words themselves are not quoted in it, so the last end counts.
fn argv(value: &str) -> Option<&str> {
    let (_, rest) = value.strip_prefix("{ path=")?.split_once(" ; argv[]=")?;
    rest.rsplit_once(" ; ignore_errors=").or_else(|| rest.rsplit_once(" ; flags=")).map(|(argv, _)| argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
ExecStart={ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// --label=a ; b $DOCKER_OPTS ; ignore_errors=no ; \
start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
ExecStart={ path=/x ; argv[]=/x ; flags= ; start_time=[n/a] }
FragmentPath=/lib/systemd/system/docker.service
DropInPaths=/a /b
NeedDaemonReload=no
Description=a
b=c

ActiveState=inactive
FragmentPath=
";

    #[test]
    fn each_unit_has_its_properties() {
        let units = parse(TEXT);
        assert_eq!(units.len(), 2);
        let first: Vec<_> = units[0].exec_start().collect();
        assert_eq!(first, ["/usr/sbin/dockerd -H fd:// --label=a ; b $DOCKER_OPTS", "/x"]);
        assert_eq!(units[0].value("DropInPaths"), Some("/a /b"));
        assert_eq!(units[0].value("Description"), Some("a\nb=c"));
        assert_eq!(units[1].value("FragmentPath"), Some(""));
        assert_eq!(units[1].value("ExecStart"), None);
        assert!(parse("\n\n").is_empty());
    }
}
