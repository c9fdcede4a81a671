//! `plan --format markdown`, read by a Markdown of GitHub's kind: whatever a host or a manifest brings stays text, and a
//! comment stays within GitHub's limit and says what was cut.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Dockseal, Ran, Site, cache, put};

const MANIFEST: &str =
    "dockseal: 1\nhost: build-01.example.com\nserver: {sans: {ip: [10.10.10.20]}}\nclients: [{name: ci}]\n";

fn markdown(site: &Site) -> Ran {
    site.dockseal(["plan", "--now", Site::NOW, "--format", "markdown"]).run()
}

/// What a plan itself says outside of code; all else came from somewhere.
const WORDS: [&str; 52] = [
    "dockseal",
    "create",
    "update",
    "replace",
    "delete",
    "reload",
    "restart",
    "error",
    "help",
    "note",
    "Plan",
    "to",
    "change",
    "restarts",
    "reloads",
    "Nothing",
    "is",
    "changed",
    "while",
    "an",
    "stands",
    "In",
    "sync",
    "nothing",
    "do",
    "waiting",
    "for",
    "a",
    "signature",
    "signatures",
    "sign",
    "put",
    "it",
    "at",
    "line",
    "lines",
    "more",
    "are",
    "not",
    "shown",
    "Cut",
    "as",
    "comment",
    "has",
    "end",
    "of",
    "changes",
    "details",
    "shows",
    "notes",
    "errors",
    "requests",
];

/// Fails unless a reader of GitHub's kind sees a heading, lists, code and folds, and in the prose nothing but our words.
#[track_caller]
fn check(text: &str) {
    let mut reader = Command::new(cache().join("python/bin/python3"));
    reader.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/markdown/reader.py")).env("PYTHONUTF8", "1");
    let read = Ran::run(&reader, text.as_bytes(), Duration::from_secs(30)).ok();
    let read: Value = serde_json::from_str(&read.stdout).unwrap();
    let elements = read["elements"].as_array().unwrap();
    assert!(elements.len() > 2, "{elements:?}");
    for element in elements {
        let (name, attributes) = (element[0].as_str().unwrap(), &element[1]);
        let known = ["h3", "p", "ul", "li", "strong", "code", "details", "summary"].contains(&name);
        let is_plain = known && *attributes == json!([]);
        let is_fence = name == "pre" && [json!([["lang", "diff"]]), json!([["lang", "text"]])].contains(attributes);
        assert!((is_plain || is_fence) && element[2] == 0, "{element} in\n{text}");
    }
    let prose = read["prose"].as_str().unwrap();
    for word in prose.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()) {
        assert!(WORDS.contains(&word) || word == "all", "{word} in {prose}");
    }
    assert!(prose.chars().all(|c| c.is_alphanumeric() || "¤\n :.,;".contains(c)), "{prose}");
}

fn shows(text: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/markdown").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap());
}

#[test]
#[ignore = "needs the Python environment"]
fn a_short_plan_is_open_and_a_long_one_folded() {
    let site = Site::of(&["debian", "sealed"], &MANIFEST.replace(".20]", ".21]"));
    let ran = markdown(&site).exits(2);
    check(&ran.stdout);
    shows(&ran.stdout, "short.md");
    let site = Site::of(&["debian"], MANIFEST);
    let ran = markdown(&site).exits(2);
    check(&ran.stdout);
    shows(&ran.stdout, "folded.md");
}

#[test]
#[ignore = "needs the Python environment"]
fn exit_codes_are_those_of_the_text() {
    let site = Site::of(&["debian"], MANIFEST);
    site.apply().ok();
    let ran = site.dockseal(["plan", "--format", "markdown"]).run().ok();
    assert!(ran.stdout.starts_with("### dockseal: `build-01.example.com`\n\nIn sync: nothing to do.\n"), "{ran}");
    assert_eq!(site.dockseal(["plan", "--format", "markdown", "--quiet"]).run().ok().stdout, "");
    fs::write(site.file("etc/docker/daemon.json"), "[]").unwrap();
    let ran = site.dockseal(["plan", "--format", "markdown"]).run().exits(1);
    assert!(ran.stdout.contains("\n- **error:** `/etc/docker/daemon.json"), "{ran}");
    check(&ran.stdout);
}

/// Strings that mean something to Markdown, to HTML, to GitHub or to a terminal.
const HOSTILE: [&str; 16] = [
    "<img src=x onerror=alert(1)>",
    "</details></summary><script>alert(1)</script>",
    "<!-- -->",
    "[click](https://evil.example)",
    "![](https://evil.example/pixel.png)",
    "https://evil.example www.evil.example me@evil.example",
    "@everyone @torvalds @org/team #1 GH-1 org/repo#2 9d36ff2f5df1b0b6a2ae0c1b6d0b1c1f0f0f0f0f",
    "``` ```` `````````",
    "`",
    "\n```\n# heading\n",
    "~~~ | a | b |",
    "$$x$$ $`x`$ :smile: **b** _i_ ~~s~~ [^1]",
    "> [!CAUTION]",
    "&lt;b&gt; &#64;user",
    "\u{1b}[31m\u{202e}\r\u{feff}",
    "- [x] done\\",
];

#[test]
#[ignore = "needs the Python environment"]
fn nothing_hostile_becomes_markup() {
    let mut fences = 0;
    for text in HOSTILE {
        let json = serde_json::to_string(text).unwrap();
        // daemon.json of the host, its unit's command line, and a folder among the clients'.
        let site = Site::of(&["debian", "sealed"], MANIFEST);
        let daemon = format!("{{\"labels\": [{json}],\n\"x\": {json}, {json}: 1}}");
        put(&site.file("etc/docker/daemon.json"), daemon.as_bytes());
        let unit = site.file("usr/lib/systemd/system/docker.service");
        let line = text.replace(['\n', '\r'], " ");
        let words =
            fs::read_to_string(&unit).unwrap().replace("$DOCKER_OPTS", &format!("$DOCKER_OPTS --label '{line}'"));
        fs::write(&unit, words).unwrap();
        let folder = text.replace('/', "\u{2215}");
        let orphan = site.file("etc/docker/tls/clients").join(&folder);
        fs::create_dir(&orphan).unwrap();
        for file in ["cert.pem", "key.pem", "ca.pem"] {
            fs::copy(site.file("etc/docker/tls/clients/ci").join(file), orphan.join(file)).unwrap();
        }
        let quoted = json.replace('\u{1b}', "\\u001b").replace('\u{202e}', "\\u202e").replace('\u{feff}', "\\ufeff");
        site.manifest(&format!("{MANIFEST}daemon: {{hosts: [fd://, tcp://0.0.0.0:2376], labels: [{quoted}]}}\n"));
        let ran = markdown(&site);
        assert!([1, 2].contains(&ran.code) && ran.stderr.is_empty(), "{text:?}: {ran}");
        check(&ran.stdout);
        assert!(!ran.stdout.contains(['\u{1b}', '\u{202e}', '\r', '\u{feff}']), "{ran}");
        fences += ran.stdout.matches("diff\n").count();
    }
    assert!(fences >= 10, "{fences}");
}

#[test]
#[ignore = "needs the Python environment"]
fn a_comment_has_an_end_and_says_what_was_cut() {
    let clients: Vec<String> = (0..2000).map(|index| format!("  - {{name: client-{index}}}\n")).collect();
    let clients = clients.concat();
    let manifest = format!("{}{clients}", MANIFEST.replace(" [{name: ci}]", ""));
    let site = Site::of(&["debian"], &manifest);
    let ran = markdown(&site).exits(2);
    check(&ran.stdout);
    assert!((60_000..=65_536).contains(&ran.stdout.len()), "{}", ran.stdout.len());
    let (_, cut) = ran.stdout.split_once("\n**Cut, as a comment has an end:** ").unwrap();
    assert!(cut.contains(" of 4005 changes, "), "{cut}");
    assert!(cut.ends_with(" details. `dockseal plan` shows all of it.\n"), "{cut}");
    // Errors come first: whatever is cut, what stops an apply is seen.
    put(&site.file("etc/docker/daemon.json"), b"[]");
    assert!(markdown(&site).exits(1).stdout.contains("\n- **error:** "));

    // One long file does not hide the others.
    let site =
        Site::of(&["debian"], &MANIFEST.replace("clients", "daemon: {hosts: [fd://, tcp://0.0.0.0:2376]}\nclients"));
    let keys: Vec<String> = (0..20_000).map(|index| format!("\"k{index}\":{index},")).collect();
    let keys = keys.concat();
    put(&site.file("etc/docker/daemon.json"), format!("{{{keys}\"debug\":true}}").as_bytes());
    let ran = markdown(&site).exits(2);
    check(&ran.stdout);
    assert!(ran.stdout.len() <= 65_536 && ran.stdout.contains(" more lines are not shown.\n"), "{ran}");
    assert!(ran.stdout.contains("<code>unit.drop-in</code>"), "{ran}");
}

#[test]
#[ignore = "needs the Python environment"]
fn it_is_saved_beside_any_form() {
    let site = Site::of(&["debian"], MANIFEST);
    let ran = site.dockseal(["plan", "--format", "markdown", "--out", "plan.json"]).run().exits(2);
    check(&ran.stdout);
    Dockseal::new().args(["apply", "plan.json"]).root("root").current_dir(site.folder()).run().ok();
}
