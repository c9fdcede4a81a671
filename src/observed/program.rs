//! How a unit on this root names this program.

use std::path::Path;

use crate::host::{self, Root};

/// Where systemd looks for a program that is named without its folder (systemd.service(5)).
const SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Its name there.
const NAME: &str = "dockseal";

/// The bare name where systemd finds it by that, or where another root is worked on: what runs here need not be there.
pub fn read(root: &Root) -> String {
    if !root.is_live() {
        return NAME.to_owned();
    }
    host::program().and_then(|path| named(&path)).unwrap_or_else(|| NAME.to_owned())
}

/// A path with a letter that means something to systemd can't be named.
fn named(path: &Path) -> Option<String> {
    if path.file_name()? == NAME && SEARCHED.iter().any(|folder| path.parent() == Some(Path::new(folder))) {
        return None;
    }
    let text = path.to_str()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    (path.is_absolute() && text.bytes().all(is_plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_systemd_finds_is_named_without_its_folder() {
        for (path, name) in [
            ("/usr/local/bin/dockseal", None),
            ("/usr/bin/dockseal", None),
            ("/opt/bin/dockseal", Some("/opt/bin/dockseal")),
            ("/usr/bin/dockseal-2", Some("/usr/bin/dockseal-2")),
            ("/opt/a b/dockseal", None),
            ("/opt/%n/dockseal", None),
            ("dockseal", None),
        ] {
            assert_eq!(named(Path::new(path)).as_deref(), name, "{path}");
        }
    }
}
