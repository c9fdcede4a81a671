//! A draft → YAML text. Whatever was found on the host goes through [`scalar`], so that no name in a certificate can write
//! a field of its own.

use std::fmt::Write as _;

use super::draft::{Draft, Times};
use crate::visible::is_invisible;
use crate::visible::one_line;

/// The manifest, without comments about this host.
pub fn write(draft: &Draft) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = write!(text, "dockseal: 1\nhost: {}\n\ndirectory: {}\n", scalar(&draft.host), path(&draft.directory));
    let odd: Vec<_> = draft.files.iter().filter(|(_, name, path)| *path != draft.directory.join(name)).collect();
    if !odd.is_empty() {
        text.push_str("files:\n");
        for (field, _, file) in odd {
            let _ = writeln!(text, "  {field}: {}", path(file));
        }
    }
    ca(draft, &mut text);
    text.push_str("\nserver:\n  sans:\n");
    let dns: Vec<String> = draft.dns.iter().map(|name| scalar(name)).collect();
    let ip: Vec<String> = draft.ip.iter().map(|address| scalar(&address.to_string())).collect();
    let _ = write!(text, "    dns: [{}]\n    ip: [{}]\n", dns.join(", "), ip.join(", "));
    times(&draft.server, "  ", &mut text);
    clients(draft, &mut text);
    let hosts: Vec<String> = draft.hosts.iter().map(|host| scalar(&host.to_string())).collect();
    let _ = write!(text, "\ndaemon:\n  hosts: [{}]\n", hosts.join(", "));
    text
}

/// The same with comment lines above it.
pub fn with_head(lines: &[String], text: &str) -> String {
    let mut head = String::new();
    for line in lines {
        head.push_str(one_line(&format!("# {line}")).trim_end());
        head.push('\n');
    }
    format!("{head}{text}")
}

fn ca(draft: &Draft, text: &mut String) {
    let is_silent = draft.ca_name.is_none() && draft.ca.key.is_none() && draft.ca.valid_for.is_none();
    if is_silent && !draft.needs_passphrase {
        return;
    }
    text.push_str("\nca:\n");
    if let Some((name, subject)) = &draft.ca_name {
        let _ = writeln!(text, "  common_name: {}", scalar(name));
        if !subject.is_empty() {
            text.push_str("  subject:\n");
        }
        for (field, value) in subject {
            let _ = writeln!(text, "    {field}: {}", scalar(value));
        }
    }
    times(&draft.ca, "  ", text);
    if draft.needs_passphrase {
        text.push_str(
            "  # Its key is encrypted. Whatever has to be signed needs one of these:\n  \
             # passphrase: {file: /root/ca.passphrase}\n  # passphrase: {credential: NAME}\n",
        );
    }
}

fn clients(draft: &Draft, text: &mut String) {
    if draft.clients.is_empty() {
        text.push_str("\nclients: []\n");
        return;
    }
    text.push_str("\nclients:\n");
    for client in &draft.clients {
        let _ = writeln!(text, "  - name: {}", scalar(&client.name));
        if client.folder != draft.directory.join("clients").join(&client.name) {
            let _ = writeln!(text, "    directory: {}", path(&client.folder));
        }
        times(&client.times, "    ", text);
    }
}

fn times(times: &Times, indent: &str, text: &mut String) {
    if let Some(key) = times.key {
        let _ = writeln!(text, "{indent}key: {key}");
    }
    if let Some(valid_for) = &times.valid_for {
        let _ = writeln!(text, "{indent}valid_for: {valid_for}");
    }
}

fn path(path: &std::path::Path) -> String {
    scalar(&path.display().to_string())
}

/// A text as a YAML scalar: plain where every reader takes it for this very text, else in double quotes with escapes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':'));
    if is_address || (begins_well && is_plain && !is_word && !text.ends_with(':')) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if is_invisible(c) && u32::from(c) <= 0xff => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c if is_invisible(c) && u32::from(c) <= 0xffff => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c if is_invisible(c) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(yaml: &str) -> Option<Value> {
        serde_yaml::from_str(yaml).ok()
    }

    #[test]
    fn hostile_texts_stay_texts() {
        for text in [
            "",
            "no",
            "NULL",
            "~",
            "1.5",
            "0x10",
            "a: b",
            "a #b",
            "- a",
            "a\nca: {}",
            "\"",
            "\\",
            "'",
            "{a}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            "a:",
            "?",
            "\u{202e}x",
            "\u{feff}",
            "\0",
            "\u{85}",
            "\u{2028}",
            "\u{1f600}",
            "---",
            "2026-11-22",
        ] {
            assert_eq!(read(&format!("a: [{}]", scalar(text))), Some(serde_json::json!({"a": [text]})), "{text:?}");
        }
        assert_eq!(scalar("build-01.example.com"), "build-01.example.com");
        assert_eq!(scalar("tcp://0.0.0.0:2376"), "tcp://0.0.0.0:2376");
        assert_eq!(scalar("10.0.0.1"), "10.0.0.1");
        assert_eq!(scalar("fd://"), "fd://");
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_itself(text in "(\\PC|[\\x00-\\x1f\"'\\\\:#,{}\\[\\]&*!|>%@` -]){0,20}") {
            let yaml = format!("a: {}\nb: [{}, c]\n", scalar(&text), scalar(&text));
            prop_assert_eq!(read(&yaml), Some(serde_json::json!({"a": text, "b": [text, "c"]})), "{}", yaml);
        }

        #[test]
        fn a_comment_is_one_line(text in "(\\PC|[\\x00-\\x1f]){0,30}") {
            let all = with_head(&[text], "a: 1\n");
            prop_assert_eq!(all.lines().count(), 2);
            prop_assert!(all.lines().next().is_some_and(|line| line.starts_with('#')));
        }
    }
}
