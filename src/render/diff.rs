//! A unified diff of two texts, with three lines of context.

use similar::TextDiff;

/// Empty where the texts are equal; `before` is `None` where there was no text.
pub fn unified(path: &str, before: Option<&str>, after: &str) -> String {
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after);
    let old = before.map_or("/dev/null", |_| path);
    diff.unified_diff().context_radius(3).header(old, path).to_string()
}
