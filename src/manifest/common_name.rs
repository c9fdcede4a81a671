//! A common name that somebody else chose → the name of a client.

use super::ClientName;

impl ClientName {
    /// The name that a client has whose certificate was made by hand: its common name, with a hyphen for whatever a folder's
    /// name can't hold. `None` where nothing is left.
    pub fn of_common_name(text: &str) -> Option<Self> {
        if let Ok(name) = Self::parse(text) {
            return Some(name);
        }
        let is_kept = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let words: Vec<&str> = text.split(|c| !is_kept(c)).filter(|word| !word.is_empty()).collect();
        let joined = words.join("-");
        let labels = joined.split('.').map(|label| label.trim_matches('-')).filter(|label| !label.is_empty());
        let mut name = labels.collect::<Vec<_>>().join(".");
        name.truncate(63);
        Self::parse(name.trim_end_matches(['-', '.'])).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::ClientName;

    #[test]
    fn common_names_become_client_names() {
        for (text, name) in [
            ("client", "client"),
            ("docker:dind client", "docker-dind-client"),
            ("alice@example.com", "alice-example.com"),
            ("Alice  Smith ", "Alice-Smith"),
            ("../../etc/passwd", "etc-passwd"),
            ("10.0.0.5", "10.0.0.5"),
            ("a_b", "a-b"),
            ("J\u{fc}rgen", "J-rgen"),
            ("*.example.com", "example.com"),
        ] {
            let found = ClientName::of_common_name(text).map(|name| name.to_string());
            let expected = ClientName::parse(name).ok().map(|name| name.to_string());
            assert_eq!(found, expected, "{text}");
        }
        for text in ["", "..", "::", "\u{fc}"] {
            assert_eq!(ClientName::of_common_name(text), None, "{text}");
        }
        let long = ClientName::of_common_name(&"a ".repeat(100)).map(|name| name.as_str().len());
        assert_eq!(long, Some(63));
    }
}
