//! Each step taken, undone, kept, and met by a world that has changed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::time::Instant;

use nix::errno::Errno;

use super::*;
use crate::host::Entry;
use crate::host::error::FileCause;

type Checked = Result<(), Box<dyn std::error::Error>>;

/// Name, inode, mode, modification time, bytes.
type Seen = (String, u64, u32, i64, Vec<u8>);

struct Bench {
    folder: tempfile::TempDir,
    root: Root,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let root = Root::at(folder.path().to_owned())?;
        Ok(Self { folder, root })
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> Result<Stamp, Box<dyn std::error::Error>> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        self.stamp(name)
    }

    fn stamp(&self, name: &str) -> Result<Stamp, Box<dyn std::error::Error>> {
        match self.root.read(&Path::new("/").join(name), 1 << 20)? {
            Entry::File(contents) => Ok(contents.attributes.stamp),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// Every name with inode, mode, modification time and bytes.
    fn picture(&self) -> Result<Vec<Seen>, Box<dyn std::error::Error>> {
        let mut picture = Vec::new();
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            let facts = entry.metadata()?;
            let bytes = if facts.is_file() { fs::read(entry.path())? } else { Vec::new() };
            let name = entry.file_name().to_string_lossy().into_owned();
            // A folder's time changes with the names in it.
            let time = if facts.is_file() { facts.mtime_nsec() ^ facts.mtime() } else { 0 };
            picture.push((name, facts.ino(), facts.mode(), time, bytes));
        }
        picture.sort();
        Ok(picture)
    }

    fn text(&self, name: &str) -> std::io::Result<String> {
        fs::read_to_string(self.folder.path().join(name))
    }
}

#[test]
fn a_replaced_file_comes_back_as_the_same_file() -> Checked {
    let bench = Bench::new()?;
    let before = bench.file("daemon.json", "old", 0o640)?;
    let picture = bench.picture()?;
    let step = bench.root.stage(Path::new("/daemon.json"), b"new", 0o600, Some(before))?;
    assert_eq!(bench.text("daemon.json")?, "old");
    bench.root.take(&step)?;
    assert_eq!(bench.text("daemon.json")?, "new");
    assert_eq!(fs::metadata(bench.folder.path().join("daemon.json"))?.mode() & 0o7777, 0o600);
    for _ in 0..2 {
        bench.root.undo(&step)?;
        assert_eq!(bench.picture()?, picture);
    }
    Ok(())
}

#[test]
fn a_kept_step_leaves_nothing_behind() -> Checked {
    let bench = Bench::new()?;
    let replaced = bench.file("a", "old", 0o644)?;
    let removed = bench.file("b", "old", 0o644)?;
    let steps = [
        bench.root.stage(Path::new("/a"), b"new", 0o644, Some(replaced))?,
        bench.root.removal(Path::new("/b"), removed)?,
        bench.root.stage(Path::new("/c"), b"new", 0o600, None)?,
    ];
    for step in &steps {
        bench.root.take(step)?;
    }
    for step in &steps {
        bench.root.keep(step)?;
        bench.root.keep(step)?;
    }
    let names: Vec<_> = bench.picture()?.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a", "c"]);
    Ok(())
}

/// Killed between two system calls, each state that the disk can be in is put back.
#[test]
fn undo_is_right_for_steps_half_taken_and_not_taken() -> Checked {
    let bench = Bench::new()?;
    let replaced = bench.file("a", "old", 0o644)?;
    let removed = bench.file("b", "old", 0o644)?;
    let picture = bench.picture()?;
    let replace = bench.root.stage(Path::new("/a"), b"new", 0o644, Some(replaced))?;
    bench.root.undo(&replace)?;
    bench.root.undo(&bench.root.removal(Path::new("/b"), removed)?)?;
    bench.root.undo(&bench.root.stage(Path::new("/c"), b"new", 0o600, None)?)?;
    assert_eq!(bench.picture()?, picture);
    let replace = bench.root.stage(Path::new("/a"), b"new", 0o644, Some(replaced))?;
    fs::hard_link(bench.folder.path().join("a"), bench.folder.path().join(".a.dockseal-old"))?;
    bench.root.undo(&replace)?;
    assert_eq!(bench.picture()?, picture);
    Ok(())
}

#[test]
fn removed_and_created_files_are_put_back() -> Checked {
    let bench = Bench::new()?;
    let before = bench.file("cert.pem", "x", 0o444)?;
    let picture = bench.picture()?;
    let steps = [
        bench.root.removal(Path::new("/cert.pem"), before)?,
        bench.root.stage(Path::new("/key.pem"), b"k", 0o600, None)?,
    ];
    for step in &steps {
        bench.root.take(step)?;
    }
    assert_eq!(bench.text("key.pem")?, "k");
    assert!(bench.text("cert.pem").is_err());
    for step in steps.iter().rev() {
        bench.root.undo(step)?;
    }
    assert_eq!(bench.picture()?, picture);
    Ok(())
}

#[test]
fn what_changed_meanwhile_stops_the_step() -> Checked {
    let bench = Bench::new()?;
    let before = bench.file("a", "old", 0o644)?;
    let steps = [
        bench.root.stage(Path::new("/a"), b"new", 0o644, Some(before))?,
        bench.root.removal(Path::new("/a"), before)?,
        bench.root.stage(Path::new("/c"), b"new", 0o644, None)?,
    ];
    fs::write(bench.folder.path().join("a"), "edited")?;
    fs::write(bench.folder.path().join("c"), "appeared")?;
    let picture = bench.picture()?;
    for step in &steps {
        let error = bench.root.take(step).err().ok_or("taken")?;
        assert!(matches!(error.cause, FileCause::ChangedMeanwhile), "{error}");
    }
    assert_eq!(bench.picture()?, picture);
    for step in &steps {
        bench.root.undo(step)?;
    }
    let names: Vec<_> = bench.picture()?.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["a", "c"]);
    assert_eq!((bench.text("a")?, bench.text("c")?), ("edited".to_owned(), "appeared".to_owned()));
    Ok(())
}

#[test]
fn undo_never_destroys_what_someone_else_wrote_since() -> Checked {
    let bench = Bench::new()?;
    let before = bench.file("a", "old", 0o644)?;
    let replace = bench.root.stage(Path::new("/a"), b"new", 0o644, Some(before))?;
    let create = bench.root.stage(Path::new("/c"), b"new", 0o644, None)?;
    bench.root.take(&replace)?;
    bench.root.take(&create)?;
    for name in ["a", "c"] {
        fs::write(bench.folder.path().join("theirs"), "theirs")?;
        fs::rename(bench.folder.path().join("theirs"), bench.folder.path().join(name))?;
    }
    let error = bench.root.undo(&replace).err().ok_or("undone")?;
    assert!(matches!(error.cause, FileCause::ChangedMeanwhile), "{error}");
    bench.root.undo(&create)?;
    assert_eq!(bench.text("a")? + &bench.text("c")?, "theirstheirs");
    assert_eq!(bench.text(".a.dockseal-old")?, "old");
    Ok(())
}

#[test]
fn leftovers_of_a_killed_run_go_and_other_things_stay() -> Checked {
    let bench = Bench::new()?;
    let before = bench.file("a", "old", 0o644)?;
    bench.file(".a.dockseal-new", "half a fi", 0o600)?;
    bench.file(".a.dockseal-old", "older", 0o600)?;
    let step = bench.root.stage(Path::new("/a"), b"new", 0o644, Some(before))?;
    bench.root.take(&step)?;
    bench.root.undo(&step)?;
    assert_eq!((bench.text("a")?, bench.picture()?.len()), ("old".to_owned(), 1));

    symlink("/etc/shadow", bench.folder.path().join(".b.dockseal-new"))?;
    let error = bench.root.stage(Path::new("/b"), b"new", 0o644, None).err().ok_or("staged")?;
    assert!(matches!(error.cause, FileCause::InTheWay(FileKind::Symlink)), "{error}");
    assert!(error.to_string().contains(".b.dockseal-new: is in the way"), "{error}");
    fs::create_dir(bench.folder.path().join(".a.dockseal-old"))?;
    let before = bench.stamp("a")?;
    assert!(bench.root.stage(Path::new("/a"), b"new", 0o644, Some(before)).is_err());
    assert!(bench.root.removal(Path::new("/a"), before).is_err());
    Ok(())
}

#[test]
fn sweeping_takes_leftovers_alone() -> Checked {
    let bench = Bench::new()?;
    for name in [".a.dockseal-new", ".b.dockseal-old", "c.dockseal-old", ".d.dockseal-older", "e"] {
        bench.file(name, "", 0o600)?;
    }
    symlink("e", bench.folder.path().join(".f.dockseal-new"))?;
    let swept = bench.root.sweep(Path::new("/"))?;
    assert_eq!(swept, [PathBuf::from("/.a.dockseal-new"), PathBuf::from("/.b.dockseal-old")]);
    let names: Vec<_> = bench.picture()?.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, [".d.dockseal-older", ".f.dockseal-new", "c.dockseal-old", "e"]);
    assert_eq!(bench.root.sweep(Path::new("/none"))?, [] as [PathBuf; 0]);
    Ok(())
}

#[test]
fn the_umask_takes_nothing_from_the_mode() -> Checked {
    let bench = Bench::new()?;
    bench.root.take(&bench.root.stage(Path::new("/a"), b"", 0o666, None)?)?;
    assert_eq!(fs::metadata(bench.folder.path().join("a"))?.mode() & 0o7777, 0o666);
    bench.root.make_folder(Path::new("/d"), 0o775)?;
    assert_eq!(fs::metadata(bench.folder.path().join("d"))?.mode() & 0o7777, 0o775);
    Ok(())
}

#[test]
fn a_failed_step_says_what_to_do_and_leaves_nothing() -> Checked {
    let bench = Bench::new()?;
    let full = Path::new("/dev/full");
    let error = fs::write(full, "x").err().ok_or("written")?;
    let told = bench.root.fail(Path::new("/a"), "write", Errno::from_raw(error.raw_os_error().ok_or("no code")?));
    assert!(told.to_string().ends_with("/a: cannot write: No space left on device"), "{told}");
    assert_eq!(told.hint(), Some("make room on that file system"));
    let long = "n".repeat(250);
    let error = bench.root.stage(&Path::new("/").join(&long), b"", 0o600, None).err().ok_or("staged")?;
    assert!(error.hint().is_some_and(|hint| hint.contains("14 bytes")), "{error}");
    assert_eq!(bench.picture()?, []);
    Ok(())
}

#[test]
fn folders_are_made_with_their_parents_and_undone() -> Checked {
    let bench = Bench::new()?;
    let steps = bench.root.make_folder(Path::new("/etc/docker/tls"), 0o700)?;
    assert_eq!(steps.len(), 3);
    let mode = |name: &str| Ok::<_, std::io::Error>(fs::metadata(bench.folder.path().join(name))?.mode() & 0o7777);
    assert_eq!((mode("etc/docker")?, mode("etc/docker/tls")?), (0o755, 0o700));
    assert_eq!(bench.root.make_folder(Path::new("/etc/docker/tls"), 0o755)?, []);
    assert_eq!(mode("etc/docker/tls")?, 0o700);
    bench.file("etc/docker/foreign", "", 0o644)?;
    for step in steps.iter().rev() {
        bench.root.undo(step)?;
    }
    assert!(bench.folder.path().join("etc/docker/foreign").exists());
    assert!(!bench.folder.path().join("etc/docker/tls").exists());

    symlink("/nowhere", bench.folder.path().join("dangling"))?;
    let error = bench.root.make_folder(Path::new("/dangling/below"), 0o755).err().ok_or("made")?;
    assert!(matches!(error.cause, FileCause::NotAFolder(FileKind::Symlink)), "{error}");
    assert!(!bench.folder.path().join("nowhere").exists());
    assert!(bench.root.make_folder(Path::new("/etc/docker/foreign/below"), 0o755).is_err());
    Ok(())
}

#[test]
fn a_folder_goes_once_it_is_empty() -> Checked {
    let bench = Bench::new()?;
    fs::create_dir(bench.folder.path().join("ci"))?;
    let before = bench.file("ci/key.pem", "x", 0o600)?;
    let steps =
        [bench.root.removal(Path::new("/ci/key.pem"), before)?, Step::RemoveFolder { path: PathBuf::from("/ci") }];
    for step in &steps {
        bench.root.take(step)?;
    }
    assert!(bench.folder.path().join("ci/.key.pem.dockseal-old").exists());
    for step in &steps {
        bench.root.keep(step)?;
    }
    assert!(!bench.folder.path().join("ci").exists());
    Ok(())
}

#[test]
fn a_mode_changes_and_comes_back() -> Checked {
    let bench = Bench::new()?;
    let file = bench.file("key.pem", "x", 0o644)?.id;
    let step = Step::ChangeMode { path: PathBuf::from("/key.pem"), file, from: 0o644, to: 0o600 };
    let mode = || Ok::<_, std::io::Error>(fs::metadata(bench.folder.path().join("key.pem"))?.mode() & 0o7777);
    bench.root.undo(&step)?;
    bench.root.take(&step)?;
    assert_eq!(mode()?, 0o600);
    assert!(matches!(bench.root.take(&step).err().ok_or("taken")?.cause, FileCause::ChangedMeanwhile));
    bench.root.undo(&step)?;
    bench.root.undo(&step)?;
    assert_eq!(mode()?, 0o644);
    Ok(())
}

/// Run by hand: `cargo test --release measure -- --ignored --nocapture`. The floor does only what can't be left out.
#[test]
#[ignore = "a measurement"]
fn measure_3003_small_files() -> Checked {
    let bench = Bench::new()?;
    let floor = bench.folder.path().join("floor");
    let clients: Vec<_> = (0..1001).map(|client| format!("tls/clients/client-{client}")).collect();
    let names = ["ca.pem", "cert.pem", "key.pem"];
    let start = Instant::now();
    for client in &clients {
        fs::create_dir_all(floor.join(client))?;
        for name in names {
            fs::write(floor.join(client).join(name).with_extension("new"), [b'x'; 700])?;
        }
    }
    bench.root.sync(&[PathBuf::from("/floor")])?;
    for client in &clients {
        for name in names {
            let path = floor.join(client).join(name);
            fs::rename(path.with_extension("new"), path)?;
        }
    }
    bench.root.sync(&[PathBuf::from("/floor")])?;
    eprintln!("floor {:?}", start.elapsed());

    let start = Instant::now();
    let mut steps = Vec::new();
    for client in &clients {
        let folder = Path::new("/").join(client);
        steps.extend(bench.root.make_folder(&folder, 0o755)?);
        for name in names {
            steps.push(bench.root.stage(&folder.join(name), &[b'x'; 700], 0o600, None)?);
        }
    }
    let staged = start.elapsed();
    bench.root.sync(&[PathBuf::from("/tls")])?;
    let synced = start.elapsed();
    for step in &steps {
        bench.root.take(step)?;
    }
    let taken = start.elapsed();
    bench.root.sync(&[PathBuf::from("/tls")])?;
    eprintln!("staged {staged:?}, synced {synced:?}, taken {taken:?}, all {:?}", start.elapsed());
    // Deleting so many files slows down whatever is timed next.
    std::mem::forget(bench);
    Ok(())
}
