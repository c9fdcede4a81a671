//! Files of every kind, readable or not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use nix::sys::stat::Mode;

use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

#[test]
fn reads_a_file_with_its_facts() -> Checked {
    let folder = tempfile::tempdir()?;
    let root = Root::at(folder.path().to_owned())?;
    fs::write(folder.path().join("key"), "secret")?;
    fs::set_permissions(folder.path().join("key"), fs::Permissions::from_mode(0o640))?;
    let Entry::File(contents) = root.read(Path::new("/key"), 6)? else { return Err("no file".into()) };
    assert_eq!(&contents.bytes[..], b"secret");
    assert_eq!((contents.attributes.mode, contents.attributes.links), (0o640, 1));
    assert_eq!(contents.attributes.uid, crate::host::effective_user());
    assert_eq!(root.look(Path::new("/key"))?, Some((FileKind::File, contents.attributes)));
    assert!(!format!("{contents:?}").contains("secret"));
    Ok(())
}

#[test]
fn what_is_no_file_is_named_and_never_waited_for() -> Checked {
    let folder = tempfile::tempdir()?;
    let root = Root::at(folder.path().to_owned())?;
    fs::write(folder.path().join("file"), "")?;
    symlink("file", folder.path().join("link"))?;
    symlink("nowhere", folder.path().join("dangling"))?;
    symlink("loop", folder.path().join("loop"))?;
    fs::create_dir(folder.path().join("folder"))?;
    nix::unistd::mkfifo(&folder.path().join("fifo"), Mode::S_IRWXU)?;
    let _socket = UnixListener::bind(folder.path().join("socket"))?;
    for (path, kind) in [
        ("/link", FileKind::Symlink),
        ("/dangling", FileKind::Symlink),
        ("/loop", FileKind::Symlink),
        ("/folder", FileKind::Folder),
        ("/fifo", FileKind::Fifo),
        ("/socket", FileKind::Socket),
    ] {
        let entry = root.read(Path::new(path), 10)?;
        assert!(matches!(entry, Entry::NotAFile(found) if found == kind), "{path}: {entry:?}");
    }
    let zero = Root::live()?.read(Path::new("/dev/zero"), 10)?;
    assert!(matches!(zero, Entry::NotAFile(FileKind::Device)), "{zero:?}");
    for path in ["/none", "/none/none", "/file/none", "/dangling/none"] {
        assert!(matches!(root.read(Path::new(path), 10)?, Entry::Missing), "{path}");
    }
    assert!(root.read(Path::new("/loop/none"), 10).is_err());
    assert_eq!(root.read_link(Path::new("/dangling"))?, Some(OsString::from("nowhere")));
    assert_eq!(root.read_link(Path::new("/file"))?, None);
    assert_eq!(root.read_link(Path::new("/none"))?, None);
    Ok(())
}

#[test]
fn more_than_the_limit_is_an_error_whatever_the_size_says() -> Checked {
    let folder = tempfile::tempdir()?;
    let root = Root::at(folder.path().to_owned())?;
    fs::write(folder.path().join("large"), vec![b'x'; 11])?;
    let error = root.read(Path::new("/large"), 10).err().ok_or("read")?;
    assert!(matches!(error.cause, FileCause::TooLarge { limit: 10 }), "{error}");
    let live = Root::live()?;
    let error = live.read(Path::new("/proc/self/status"), 100).err().ok_or("read")?;
    assert!(matches!(error.cause, FileCause::TooLarge { limit: 100 }), "{error}");
    let Entry::File(status) = live.read(Path::new("/proc/self/mountinfo"), 1 << 20)? else {
        return Err("no file".into());
    };
    assert!(status.bytes.ends_with(b"\n"));
    Ok(())
}
