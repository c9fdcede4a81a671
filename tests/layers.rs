//! Imports run up the table below only, never back: the order of the stages in which a manifest becomes a sealed host.
//!
//! Every `crate::…` and `super::…` path under `src/` is read, those of test modules too.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use. `main.rs` and `lib.rs`, which only name the rooms, may use all, and all may
/// use `visible.rs`, which uses nothing.
const TABLE: [(&str, &[&str]); 15] = [
    ("visible", &[]),
    ("manifest", &["pki"]), // for `KeyAlgorithm`, whose words the manifest uses
    ("pki", &[]),
    ("host", &[]),
    ("desired", &["manifest", "pki"]),
    ("observed", &["manifest", "pki", "host", "desired"]),
    ("plan", &["manifest", "pki", "desired", "observed"]),
    ("apply", &["manifest", "pki", "host", "desired", "observed", "plan"]),
    ("render", &["manifest", "pki", "observed", "plan"]),
    ("sign", &["manifest", "pki", "host", "desired"]),
    ("export", &["manifest", "pki", "host", "desired"]),
    ("import", &["manifest", "pki", "host", "desired", "observed", "plan", "render"]),
    ("saved", &["pki", "desired", "observed", "plan", "render"]),
    (
        "cli",
        &[
            "manifest", "pki", "host", "desired", "observed", "plan", "apply", "render", "import", "sign", "export",
            "saved",
        ],
    ),
    // A door for the fuzz targets, which no room may use: it is not there in an ordinary build.
    ("fuzzing", &["manifest", "pki", "host", "desired", "observed", "plan", "apply", "render"]),
];

#[test]
fn imports_run_up_the_table_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    assert!(files.len() > 5, "only {files:?} under {}", source.display());
    let wrong: Vec<_> = files
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            violations(path.strip_prefix(&source).unwrap(), &text)
        })
        .collect();
    assert!(wrong.is_empty(), "imports against the table in tests/layers.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let mut left: Vec<_> = TABLE.to_vec();
    while let Some(free) = left.iter().position(|(_, uses)| !left.iter().any(|(room, _)| uses.contains(room))) {
        left.remove(free);
    }
    assert!(left.is_empty(), "rooms that use each other: {left:?}");
}

#[test]
fn a_violation_is_caught_however_it_is_written() {
    for text in [
        "use crate::host::File;",
        "use crate::{manifest::Manifest, host};",
        "use crate::{\n    manifest::{Manifest, host},\n    host::{self, File},\n};",
        "fn f() -> crate::host::File { todo!() }",
        "use super::super::host::File;",
        "use super::super::{manifest, host};",
        "use self::super::super::host;",
        "#[cfg(test)] mod tests { use super::super::super::host::File; }",
        "mod a { mod b {} use super::super::super::host; }",
        "macro_rules! m { () => { $crate::host::read() } }",
        "const C: char = '\"'; use crate::host::File; // \"",
        "fn f<'a>(x: &'a str) {} use crate::host::File;",
        "const R: &str = r#\"a \" b\"#; use crate::host::File;",
        "pub(in crate::host) fn f() {}",
    ] {
        let found = violations(Path::new("desired/certificate.rs"), text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with("desired/certificate.rs:"), "{found:?}");
        assert!(found[0].ends_with("desired may not use host"), "{found:?}");
    }
    let found = violations(Path::new("pki/mod.rs"), "\n\nuse super::manifest::Manifest;");
    assert_eq!(found, ["pki/mod.rs:3: pki may not use manifest"]);
}

#[test]
fn what_hides_its_room_is_no_way_round() {
    for text in ["use crate::*;", "use crate as root;", "use crate::{self as root};", "use super::super::*;"] {
        let found = violations(Path::new("desired/certificate.rs"), text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
    let found = violations(Path::new("desired/certificate.rs"), "use crate::helpers::join;");
    assert_eq!(found, ["desired/certificate.rs:1: desired may not use helpers"]);
    let found = violations(Path::new("helpers/mod.rs"), "");
    assert_eq!(found, ["helpers/mod.rs:1: the room helpers is not in the table"]);
}

#[test]
fn what_is_allowed_passes() {
    for text in [
        "use crate::{manifest::{Manifest, host}, pki::{CertSpec, San}};",
        "use super::daemon::Patch; use crate::desired::Desired;",
        "use super::*;",
        "pub(crate) fn f() {} pub(super) fn g() {}",
        "// use crate::host::File;\n/* use crate::host; /* nested */ crate::host */ /// crate::host\nfn f() {}",
        "const TEXT: &str = \"use crate::host::File;\"; const RAW: &[u8] = br##\"crate::host \"# \"##;",
        "const A: &str = \"\\\"crate::host\"; const B: char = '\\''; const C: &str = \"crate::host\";",
        "#[cfg(test)] mod tests { use super::*; use super::super::daemon; }",
        "use std::crate_like::host; fn f(x: Host) { x.host() }",
    ] {
        let found = violations(Path::new("desired/certificate.rs"), text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
    assert!(violations(Path::new("lib.rs"), "mod host; pub use crate::host::File;").is_empty());
    assert!(violations(Path::new("cli/mod.rs"), "use crate::{host, apply, render};").is_empty());
}

/// Every import of one file, given by its path under `src/`, that goes against the table.
fn violations(path: &Path, text: &str) -> Vec<String> {
    let mut module: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let Some(room) = module.first().cloned() else { return Vec::new() };
    if module.len() == 1 && (room == "main" || room == "lib") {
        return Vec::new();
    }
    let Some((_, uses)) = TABLE.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{}:1: the room {room} is not in the table", path.display())];
    };
    rooms_named(&tokens(text), module.len())
        .into_iter()
        .filter(|(_, named)| *named != room && named != "visible" && !uses.contains(&named.as_str()))
        .map(|(line, named)| format!("{}:{line}: {room} may not use {named}", path.display()))
        .collect()
}

/// A word or a punctuation mark (`::` is one) and its line.
struct Token {
    text: String,
    line: usize,
}

/// The rooms that paths from the crate's root begin with. `depth` is the file's own depth below that root.
fn rooms_named(tokens: &[Token], depth: usize) -> Vec<(usize, String)> {
    let at = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut rooms = Vec::new();
    // For each open brace: whether it is a module's.
    let mut braces = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let mut next = index + 1;
        match at(index) {
            "{" => braces.push(index >= 2 && at(index - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if at(next) == "::" => next = heads(tokens, next + 1, &mut rooms),
            "crate" if at(next) == "as" => rooms.push((tokens[index].line, "crate under another name".to_owned())),
            "super" => {
                let mut left = (depth + braces.iter().filter(|is_module| **is_module).count()).saturating_sub(1);
                while at(next) == "::" && at(next + 1) == "super" {
                    left = left.saturating_sub(1);
                    next += 2;
                }
                if left == 0 && at(next) == "::" {
                    next = heads(tokens, next + 1, &mut rooms);
                }
            }
            _ => {}
        }
        index = next;
    }
    rooms
}

/// Collects the first word of a path or of each path of a group, and gives the index behind it.
fn heads(tokens: &[Token], start: usize, rooms: &mut Vec<(usize, String)>) -> usize {
    let Some(first) = tokens.get(start) else { return start };
    if first.text != "{" {
        rooms.push((first.line, first.text.clone()));
        return start + 1;
    }
    let mut depth = 0;
    let mut is_head = false;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if is_head => rooms.push((token.line, token.text.clone())),
            _ => {}
        }
        is_head = depth == 1 && matches!(token.text.as_str(), "{" | ",");
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Rust text without white space, comments and literals.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if let Some(length) = skipped(rest) {
            length
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            tokens.push(Token { text: rest[..length].to_owned(), line });
            length
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            tokens.push(Token { text: rest[..length].to_owned(), line });
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment or literal that `text` starts with.
fn skipped(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix).unwrap_or("");
        rest.starts_with('"') || prefix.ends_with('r') && rest.trim_start_matches('#').starts_with('"')
    });
    if let Some(prefix) = prefix {
        return Some(prefix.len() + string(&text[prefix.len()..], prefix.ends_with('r')));
    }
    let body = text.strip_prefix('\'')?;
    if let Some(escaped) = body.strip_prefix('\\') {
        let second = escaped.chars().next()?.len_utf8();
        return Some(2 + second + escaped[second..].find('\'')? + 1);
    }
    // `'a'` is a character, `'a` a lifetime.
    let first = body.chars().next()?.len_utf8();
    Some(if body[first..].starts_with('\'') { first + 2 } else { 1 })
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find("/*").into_iter().chain(text[at..].find("*/")).min() {
        depth += if text[at + found..].starts_with("/*") { 1 } else { -1 };
        at += found + 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a string from its hashes or quote on.
fn string(text: &str, is_raw: bool) -> usize {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let end = format!("\"{}", &text[..hashes]);
    let mut at = hashes + 1;
    while at < text.len() {
        if !is_raw && text[at..].starts_with('\\') {
            at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
        } else if text[at..].starts_with(&end) {
            return at + end.len();
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}
