//! Text for a POSIX shell: words, and the lines by which a client finds its host.

use std::path::Path;

/// As a word of a shell's command line.
pub fn word(text: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,=%".contains(c)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path as such a word.
pub fn path(path: &Path) -> String {
    word(&path.display().to_string())
}

/// What the docker CLI, and whatever else reads its variables, needs to know. `folder` holds ca.pem, cert.pem and key.pem
/// where the lines are used.
pub fn environment(host: &str, folder: &Path) -> String {
    format!("export DOCKER_HOST={}\nexport DOCKER_TLS_VERIFY=1\nexport DOCKER_CERT_PATH={}\n", word(host), path(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        assert_eq!(path(Path::new("/etc/docker/a-1_b.pem")), "/etc/docker/a-1_b.pem");
        assert_eq!(path(Path::new("/a b/$(x)")), "'/a b/$(x)'");
        assert_eq!(path(Path::new("/it's")), r"'/it'\''s'");
        assert_eq!(word(""), "''");
    }
}
