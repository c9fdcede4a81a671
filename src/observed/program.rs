//! How a unit on this root names this program.

use std::path::Path;

use crate::host::{self, FileKind, Root};

/// Where systemd looks for a program that is named without its folder (systemd.service(5)).
const SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Its name there.
const NAME: &str = "dockseal";

/// The bare name where systemd finds it by that, or where another root is worked on: what runs here need not be there. And
/// where somebody else could change the file: it is not for a boot to run that as root.
pub fn read(root: &Root) -> String {
    let program = if root.is_live() { host::program() } else { None };
    let trusted = program.filter(|path| is_trusted(root, path));
    trusted.and_then(|path| named(&path)).unwrap_or_else(|| NAME.to_owned())
}

fn is_trusted(root: &Root, path: &Path) -> bool {
    // The folders on its way are judged by the look itself.
    matches!(root.look(path), Ok(Some((FileKind::File, found))) if found.uid == 0 && found.mode & 0o022 == 0)
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
    fn a_program_that_others_could_change_is_not_named() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        std::fs::write(folder.path().join("dockseal"), "")?;
        let path = Path::new("/dockseal");
        let is_root = host::effective_user() == 0;
        for (mode, expected) in [(0o755, is_root), (0o775, false), (0o757, false)] {
            std::fs::set_permissions(folder.path().join("dockseal"), std::fs::Permissions::from_mode(mode))?;
            assert_eq!(is_trusted(&root, path), expected, "{mode:o}");
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
        assert!(!is_trusted(&root, path));
        Ok(())
    }

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
