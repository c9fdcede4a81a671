//! docker.service: one input holds the unit, its drop-ins and at last an environment file, with a byte between them that
//! no UTF-8 text holds.

use std::path::Path;

use crate::observed::unit::{CommandLine, Flag, Unit, UnitError, UnitFile, show};
use crate::plan::drop_in::DropIn;

const NAME: &str = "docker.service";
const OURS: &str = "/etc/systemd/system/docker.service.d/zz-dockseal.conf";
const HEALER: &str = "dockseal-recover.service";
/// Stands between two files.
const BETWEEN: u8 = 0xff;
/// What a drop-in may not leave to the line.
const TAKEN_OVER: [&str; 6] = ["host", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey"];

/// The command line that our drop-in is derived from comes out of it again but for what was taken out, and once it is
/// there nothing changes any more: neither by adding it again nor by deriving it again.
pub fn unit(input: &[u8]) {
    // Another reader of text that systemd brings.
    show::parse(&String::from_utf8_lossy(input));
    let mut texts: Vec<&[u8]> = input.split(|byte| *byte == BETWEEN).collect();
    let environment = if texts.len() > 1 { texts.pop() } else { None };
    let decode = |path: &Path, bytes: &[u8]| UnitFile::decode(path, bytes);
    let files = texts.iter().enumerate().map(|(index, text)| match index {
        0 => decode(Path::new("/usr/lib/systemd/system/docker.service"), text),
        _ => decode(Path::new(&format!("/etc/systemd/system/docker.service.d/{index}.conf")), text),
    });
    let Ok(files) = files.collect::<Result<Vec<_>, _>>() else { return };
    let Ok((base, found)) = read(&Unit::new(NAME, files.clone()), environment) else { return };
    let unit = Unit::new(NAME, files);
    let Ok(derived) = DropIn::derive(base.as_ref(), Some(HEALER)) else { return };

    let ours = UnitFile { path: OURS.into(), text: derived.text.clone() };
    let sealed = unit.with_drop_in(&ours);
    assert_eq!(sealed.with_drop_in(&ours), sealed);
    let Ok(rivals) = sealed.rivals("zz-dockseal.conf") else { panic!("no longer readable") };
    if unit.is_masked() || base.is_none() || !rivals.overriding.is_empty() {
        return;
    }
    let found = found.as_slice();
    let line = sealed.service(None).and_then(|service| service.command_line(found));
    let Ok(Some(line)) = line else { panic!("the drop-in gives no command line: {line:?}\n{}", ours.text) };
    let texts = |arguments: &[crate::observed::unit::Argument]| -> Vec<String> {
        arguments.iter().map(|argument| argument.text.clone()).collect()
    };
    assert_eq!(texts(&line.arguments), texts(&derived.arguments), "{}", ours.text);
    assert_eq!(line.argv().first(), base.and_then(|base| base.argv().into_iter().next()).as_ref(), "{}", ours.text);
    let left = Flag::read_all(&line.arguments);
    let own = left.iter().filter(|flag| flag.origin.variable.is_none());
    let kept = own.filter(|flag| TAKEN_OVER.contains(&flag.name.as_str()));
    assert_eq!(kept.count(), 0, "{}", ours.text);
    // Ours is left out before it is derived again.
    let again = sealed.service(Some("zz-dockseal.conf")).and_then(|service| service.command_line(found));
    assert_eq!(again.map(|base| DropIn::derive(base.as_ref(), Some(HEALER))), Ok(Ok(derived)));
}

/// The command line, and the environment files that it names: they all hold the same.
fn read(unit: &Unit, environment: Option<&[u8]>) -> Result<(Option<CommandLine>, Vec<UnitFile>), UnitError> {
    let service = unit.service(None)?;
    let wanted = service.environment_files.iter();
    let found = wanted.filter_map(|file| environment.map(|bytes| UnitFile::decode(&file.path, bytes)));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    Ok((service.command_line(&found)?, found))
}
