//! What the binary is made of: deny.toml's licences, sources and banned crates hold for every dependency.
//!
//! `cargo deny` says the same and more where it is installed; this needs nothing but cargo.

use std::process::Command;

use serde_json::Value;

/// Everything that the Linux build pulls in, tests included.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().filter(|package| package["name"] != env!("CARGO_PKG_NAME")).cloned().collect()
}

/// The strings of deny.toml's section `name` that stand alone on a line, or after `key = "`.
fn listed(section: &str, key: &str) -> Vec<String> {
    let text = include_str!("../deny.toml");
    let start = text.find(&format!("\n[{section}]")).unwrap();
    let body = text[start + 2..].split("\n[").next().unwrap();
    let lines = body.lines().map(str::trim);
    let found = lines.filter_map(|line| line.strip_prefix(key)?.split('"').next());
    found.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn every_licence_is_allowed() {
    let allowed = listed("licenses", "\"");
    assert!(allowed.len() > 5, "{allowed:?}");
    let packages = packages();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{} {}: {licence}", package["name"], package["version"]);
    }
}

#[test]
fn every_crate_comes_from_the_one_registry_and_none_is_banned() {
    let banned = listed("bans", "{ crate = \"");
    assert!(banned.contains(&"openssl-sys".to_owned()), "{banned:?}");
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        assert_eq!(package["source"], "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        assert!(!banned.iter().any(|crate_name| crate_name == name), "{name} is banned in deny.toml");
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_does() {
    let allowed = ["MIT".to_owned(), "ISC".to_owned()];
    for good in
        ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR X) AND ISC", "MIT AND (X OR ISC)", "X WITH Y OR MIT"]
    {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "X", "MIT AND X", "(MIT AND X) OR Y", "X AND MIT OR Y", "MIT AND (X OR Y)"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

/// An SPDX expression (annex D); `/` is crates.io's old way to write OR. AND binds tighter.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut rest = &words[..];
    let verdict = alternatives(&mut rest, allowed);
    verdict && rest.is_empty()
}

fn alternatives(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut verdict = conjunction(words, allowed);
    while take(words, "OR") {
        verdict |= conjunction(words, allowed);
    }
    verdict
}

fn conjunction(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut verdict = term(words, allowed);
    while take(words, "AND") {
        verdict &= term(words, allowed);
    }
    verdict
}

fn term(words: &mut &[&str], allowed: &[String]) -> bool {
    if take(words, "(") {
        let verdict = alternatives(words, allowed);
        return take(words, ")") && verdict;
    }
    let Some((first, rest)) = words.split_first() else { return false };
    *words = rest;
    // An exception is a licence of its own; none is on the list.
    if take(words, "WITH") {
        *words = words.get(1..).unwrap_or_default();
        return false;
    }
    allowed.iter().any(|licence| licence == first)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}
