//! `dockseal validate` and `dockseal schema` through the real binary, in a cleared environment.
//!
//! Each `tests/manifest/NAME.yaml` is validated, and standard error compared with `NAME.stderr`, byte for byte. With
//! `UPDATE_EXPECTED=1` the expectations are written anew; read the diff.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use crate::support::Ran;

fn dockseal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockseal"));
    command.env_clear().current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn validate(files: &[impl AsRef<OsStr>]) -> Output {
    dockseal().arg("validate").args(files).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

#[test]
fn every_fixture_gives_the_expected_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut fixtures: Vec<PathBuf> =
        root.join("tests/manifest").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    fixtures.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    fixtures.sort();
    assert!(fixtures.len() > 40);
    for fixture in fixtures {
        let path = fixture.strip_prefix(root).unwrap();
        let output = validate(&[path]);
        let found = stderr(&output);
        let expectation = fixture.with_extension("stderr");
        if is_set("UPDATE_EXPECTED") && !found.is_empty() {
            fs::write(&expectation, &found).unwrap();
        }
        let expected = if expectation.exists() { fs::read_to_string(&expectation).unwrap() } else { String::new() };
        assert_eq!(found, expected, "{}", path.display());
        let is_good = path.file_name().unwrap().to_str().unwrap().starts_with("ok-");
        let out = if is_good { format!("{}: ok\n", path.display()) } else { String::new() };
        assert_eq!(String::from_utf8_lossy(&output.stdout), out);
        assert_eq!(output.status.code(), Some(i32::from(!is_good)), "{}", path.display());
    }
}

#[test]
fn the_checked_in_schema_is_what_the_binary_prints() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/manifest.schema.json");
    let output = dockseal().arg("schema").output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        fs::read_to_string(file).unwrap(),
        "the binary was built with another schema"
    );
}

#[test]
fn every_file_is_reported() {
    let output =
        validate(&["tests/manifest/empty-list.yaml", "tests/manifest/ok-least.yaml", "tests/manifest/none.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"tests/manifest/ok-least.yaml: ok\n");
    let text = stderr(&output);
    assert!(text.contains("empty-list.yaml: 1 problem\n"), "{text}");
    assert!(text.contains("error[file-unreadable]: No such file or directory"), "{text}");
    assert!(text.ends_with("tests/manifest/none.yaml: 1 problem\n"), "{text}");
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [folder.path(), Path::new("/dev/zero"), fifo.as_path()] {
        let output = validate(&[path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("error[file-unreadable]: it is no regular file"), "{}", stderr(&output));
    }
}

#[test]
fn standard_input_is_read_within_the_limit() {
    let feed = |text: &[u8]| {
        let mut command = dockseal();
        command.args(["validate", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may stop reading before the end.
        let _ = child.stdin.take().unwrap().write_all(text);
        child.wait_with_output().unwrap()
    };
    assert_eq!(feed(b"dockseal: 1\nhost: a.example\n").status.code(), Some(0));
    let output = feed(&vec![b'#'; 3 << 20]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("error[file-too-large]"), "{}", stderr(&output));
}

#[test]
fn a_hostile_file_name_is_shown_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a\u{1b}[31m\u{9b}b.yaml");
    fs::write(&file, "dockseal: 1\nhost: a.example\nx: 1\n").unwrap();
    let text = stderr(&validate(&[&file]));
    assert!(text.contains("a\\u{1b}[31m\\u{9b}b.yaml:3:1"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{9b}'));
}

/// Says that this process runs one test alone.
const ALONE: &str = "DOCKSEAL_TEST_ALONE";

/// Runs a test once more in a process of its own, because the kernel keeps the peak memory of children as the highest of
/// all, those of the tests beside it too.
#[track_caller]
fn run_alone(test: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ran = Ran::run(command.args([test, "--exact", "--nocapture"]).env(ALONE, "1"), b"", Duration::from_secs(300));
    // Indented, lest what counts the results of the tests counts this one again.
    let said = ran.to_string().replace('\n', "\n    ");
    assert!(ran.code == 0 && ran.stdout.contains("test result: ok. 1 passed"), "{said}");
    println!("{said}");
}

/// Within a second and 100 MB, as an error. The wall limit is generous, as the machine may be busy.
#[test]
fn hostile_files_are_refused_quickly_in_little_memory() {
    if !is_set(ALONE) {
        return run_alone("manifest::hostile_files_are_refused_quickly_in_little_memory");
    }
    let aliases = format!("a: &a x\nb: [{}]\n", "*a,".repeat(50_000));
    let laughs = (1..20).fold("a0: &a0 x\n".to_owned(), |text, i| {
        text + &format!("a{i}: &a{i} [{}]\n", format!("*a{},", i - 1).repeat(9))
    });
    let least = "dockseal: 1\nhost: a.example\n";
    for (name, text) in [
        ("billion laughs", laughs),
        ("aliases", aliases),
        ("open brackets", "[".repeat(200_000)),
        ("brackets", format!("{}{}", "[".repeat(200_000), "]".repeat(200_000))),
        ("braces", "{".repeat(1 << 20)),
        ("dashes", "- ".repeat(500_000)),
        ("questions", "? ".repeat(500_000)),
        ("colons", "a: ".repeat(300_000)),
        ("quotes", "\"".repeat(1 << 20)),
        ("quoted items", format!("[{}]", "'a',".repeat(99_000))),
        ("items", format!("{least}x: [{}]", "no,".repeat(99_000))),
        ("one long word", "a".repeat(1 << 20)),
        ("one long key", format!("{least}{}: 1", "k".repeat(1_000_000))),
        ("long ambiguous", format!("{least}x: {}", "0".repeat(1_000_000))),
        ("lines", "\n".repeat(1 << 20)),
        ("spaces", format!("a:{}", " ".repeat((1 << 20) - 2))),
        ("indents", (0..1000).fold(String::new(), |text, i| text + &" ".repeat(i) + "a:\n")),
        ("keys", (0..90_000).fold(least.to_owned(), |text, i| text + &format!("k{i}:\n"))),
        ("clients", format!("{least}clients:\n{}", "- {name: 1}\n".repeat(33_000))),
        ("names", format!("{least}clients: [{}]", "a_b,".repeat(99_000))),
        ("same clients", format!("{least}clients:\n{}", "- {name: a}\n".repeat(33_000))),
        ("SANs", format!("{least}server: {{sans: {{dns: [{}]}}}}", "a_b,".repeat(99_000))),
        ("hosts", format!("{least}daemon: {{hosts: [{}]}}", "tcp://0.0.0.0:1,".repeat(65_000))),
        ("duplicates", format!("{least}{}", "x: 1\n".repeat(49_000))),
        ("bells", "\u{7}".repeat(1 << 20)),
        ("comments", "#\n".repeat(1 << 19)),
        ("tags", "!a ".repeat(300_000)),
        ("anchors", format!("[{}]", "&a a,".repeat(99_000))),
        ("block scalar", format!("{least}x: |\n{}", " a\n".repeat(300_000))),
        ("too large", " ".repeat(64 << 20)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hostile.yaml");
        fs::write(&file, text).unwrap();
        let start = Instant::now();
        let limited = "ulimit -v 204800; ulimit -t 5; exec \"$0\" validate \"$1\"";
        let output = Command::new("/bin/sh")
            .args(["-c", limited, env!("CARGO_BIN_EXE_dockseal")])
            .arg(&file)
            .env_clear()
            .output()
            .unwrap();
        let took = start.elapsed();
        let text = String::from_utf8_lossy(&output.stderr);
        let end: String = text.chars().skip(text.chars().count().saturating_sub(300)).collect();
        assert_eq!(output.status.code(), Some(1), "{name}: {} {end}", output.status);
        assert!(text.starts_with("error["), "{name}: {end}");
        assert!(took < Duration::from_secs(5), "{name} took {took:?}");
        // The largest of all children so far, in kilobytes.
        let resident = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
        assert!(resident < 100 * 1024, "{name}: {resident} kB");
        println!("{name}: {took:?}, {} bytes of report", output.stderr.len());
    }
}
