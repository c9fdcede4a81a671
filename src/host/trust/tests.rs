//! Ways to a folder: plain, by links, out of the root, and through what somebody else could change.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};

use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

/// A user that nobody here is.
const OTHER: u32 = 64321;

struct Bench {
    _folder: tempfile::TempDir,
    at: PathBuf,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let at = folder.path().join("root");
        fs::create_dir_all(at.join("a/b/c"))?;
        let bench = Self { _folder: folder, at };
        for path in ["", "a", "a/b", "a/b/c"] {
            bench.mode(path, 0o755)?;
        }
        Ok(bench)
    }

    fn mode(&self, path: &str, mode: u32) -> std::io::Result<()> {
        fs::set_permissions(self.at.join(path), fs::Permissions::from_mode(mode))
    }

    fn root(&self) -> Result<Root, Box<dyn std::error::Error>> {
        Ok(Root::at(self.at.clone())?)
    }

    fn way(&self, path: &str) -> Result<String, Box<dyn std::error::Error>> {
        Ok(self.told(self.root()?.trusted(Path::new(path)).map(|fd| fstat(&fd).map(|found| found.st_ino))))
    }

    fn told(&self, way: Result<nix::Result<u64>, Obstacle>) -> String {
        let wanted = fs::metadata(self.at.join("a/b/c")).map(|found| found.ino());
        match way {
            Ok(inode) if inode.ok() == wanted.ok() => "c".to_owned(),
            Ok(_) => "elsewhere".to_owned(),
            Err(Obstacle::System(errno)) => format!("{errno:?}"),
            Err(Obstacle::Distrusted(Distrust { path, why })) => {
                format!("/{} {why}", path.strip_prefix(&self.at).unwrap_or(&path).display())
            }
        }
    }

    /// What is said of a folder that is to be written in.
    fn explained(&self, path: &str) -> Result<String, Box<dyn std::error::Error>> {
        Ok(match self.root()?.explain(Path::new(path)) {
            Ok(None) => "fine".to_owned(),
            Ok(Some(distrust)) => self.told(Err(Obstacle::Distrusted(distrust))),
            Err(obstacle) => self.told(Err(obstacle)),
        })
    }
}

fn is_root() -> bool {
    effective_user() == 0
}

#[test]
fn what_others_can_change_is_no_way() -> Checked {
    let bench = Bench::new()?;
    assert_eq!(bench.way("/a/b/c")?, "c");
    for (path, mode, way) in [
        ("a", 0o777, "/a may be written by everyone (mode 0777)"),
        ("a/b", 0o702, "/a/b may be written by everyone (mode 0702)"),
        ("a/b/c", 0o777, "/a/b/c may be written by everyone (mode 0777)"),
        ("", 0o757, "/ may be written by everyone (mode 0757)"),
        ("", 0o1777, "c"),
        ("a/b", 0o1777, "c"),
        ("a/b/c", 0o1777, "/a/b/c is a folder where everyone may make files"),
        ("a/b", 0o2755, "c"),
        ("a/b", 0o775, "c"),
    ] {
        bench.mode(path, mode)?;
        assert_eq!(bench.way("/a/b/c")?, way, "{path} {mode:o}");
        bench.mode(path, 0o755)?;
    }
    bench.mode("a/b", 0o1777)?;
    assert_eq!(bench.way("/a/b/none")?, "/a/b is a folder where everyone may make files");
    assert_eq!(bench.way("/a/b/none/none")?, "/a/b is a folder where everyone may make files");
    Ok(())
}

#[test]
fn what_belongs_to_others_is_no_way() -> Checked {
    let bench = Bench::new()?;
    if !is_root() {
        return Ok(());
    }
    chown(bench.at.join("a"), Some(OTHER), None)?;
    assert_eq!(bench.way("/a/b/c")?, "/a belongs to user 64321, who could put anything there");
    chown(bench.at.join("a"), Some(0), Some(OTHER))?;
    assert_eq!(bench.way("/a/b/c")?, "c");
    bench.mode("a", 0o775)?;
    assert_eq!(bench.way("/a/b/c")?, "/a may be written by group 64321");
    Ok(())
}

#[test]
fn a_group_is_trusted_only_without_an_access_list() -> Checked {
    let bench = Bench::new()?;
    bench.mode("a", 0o770)?;
    assert_eq!(bench.way("/a/b/c")?, "c");
    // acl_ea(5): version 2; the owner, user 64321, the group, the mask, others: each tag, permissions, id.
    let mut list = vec![2, 0, 0, 0];
    for (tag, permissions, id) in
        [(1u16, 7u16, u32::MAX), (2, 7, OTHER), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)]
    {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::setxattr(bench.at.join("a"), "system.posix_acl_access", &list, flags) {
        Ok(()) => assert_eq!(bench.way("/a/b/c")?, "/a has an access control list that lets others write"),
        Err(error) => assert_eq!(error, rustix::io::Errno::OPNOTSUPP),
    }
    Ok(())
}

#[test]
fn links_are_followed_inside_the_root_and_no_further() -> Checked {
    let bench = Bench::new()?;
    for (name, target, way) in [
        ("absolute", "/a/b/c", "c"),
        ("relative", "a/b/c", "c"),
        ("roundabout", "a/../a/./b/../../a/b/c/", "c"),
        ("above", "../../../../../../../a/b/c", "c"),
        ("to-link", "absolute", "c"),
        ("out", "/tmp", "ENOENT"),
        ("out-relative", "../outside", "ENOENT"),
        ("dangling", "none", "ENOENT"),
        ("circle", "circle", "ELOOP"),
        ("to-file", "file", "ENOTDIR"),
    ] {
        symlink(target, bench.at.join(name))?;
        fs::write(bench.at.join("file"), "")?;
        assert_eq!(bench.way(&format!("/{name}"))?, way, "{name}");
    }
    fs::create_dir(bench.at.with_file_name("outside"))?;
    assert_eq!(bench.way("/out-relative")?, "ENOENT");
    assert_eq!(bench.way("/roundabout/../b")?, "EINVAL");
    for (path, explained) in [
        ("/none/none", "fine"),
        ("/dangling/none", "/dangling is a symlink to what is not there"),
        ("/circle/none", "/circle is a symlink that leads in a circle"),
        ("/to-file/none", "/to-file is a symlink, not a folder"),
        ("/file/none", "/file is a file, not a folder"),
        ("/absolute/none", "fine"),
    ] {
        assert_eq!(bench.explained(path)?, explained, "{path}");
    }
    let mut last = "a/b/c".to_owned();
    for number in 0..=MOST_LINKS {
        symlink(&last, bench.at.join(number.to_string()))?;
        last = number.to_string();
    }
    assert_eq!(bench.way(&format!("/{}", MOST_LINKS - 1))?, "c");
    assert_eq!(bench.way(&format!("/{MOST_LINKS}"))?, "ELOOP");
    Ok(())
}

#[test]
fn links_of_others_are_not_followed() -> Checked {
    let bench = Bench::new()?;
    fs::create_dir(bench.at.join("shared"))?;
    symlink("/a/b", bench.at.join("shared/link"))?;
    assert_eq!(bench.way("/shared/link/c")?, "c");
    bench.mode("shared", 0o1777)?;
    let told = "/shared/link is a symlink in a folder where everyone may make files";
    assert_eq!(bench.way("/shared/link/c")?, told);
    if is_root() {
        bench.mode("shared", 0o755)?;
        lchown(bench.at.join("shared/link"), Some(OTHER), None)?;
        assert_eq!(bench.way("/shared/link/c")?, "/shared/link is a symlink that user 64321 has made");
    }
    Ok(())
}

/// A link in a trusted place may still lead through an untrusted one.
#[test]
fn what_a_link_leads_to_is_judged_too() -> Checked {
    let bench = Bench::new()?;
    symlink("/a/b/c", bench.at.join("link"))?;
    bench.mode("a/b", 0o777)?;
    assert_eq!(bench.way("/link")?, "/a/b may be written by everyone (mode 0777)");
    Ok(())
}

#[test]
fn a_folder_that_was_swapped_is_judged_anew() -> Checked {
    let bench = Bench::new()?;
    let root = bench.root()?;
    let inode = |way: Result<std::sync::Arc<OwnedFd>, Obstacle>| bench.told(way.map(|fd| fstat(&fd).map(|f| f.st_ino)));
    assert_eq!(inode(root.trusted(Path::new("/a/b/c"))), "c");
    fs::rename(bench.at.join("a"), bench.at.join("old"))?;
    assert_eq!(inode(root.trusted(Path::new("/a/b/c"))), "ENOENT");
    fs::create_dir_all(bench.at.join("a/b/c"))?;
    bench.mode("a/b", 0o777)?;
    assert_eq!(inode(root.trusted(Path::new("/a/b/c"))), "/a/b may be written by everyone (mode 0777)");
    fs::remove_dir_all(bench.at.join("a"))?;
    symlink("old", bench.at.join("a"))?;
    assert_eq!(inode(root.trusted(Path::new("/a/b/c"))), "c");
    Ok(())
}
