//! A unified diff of two texts, with three lines of context.

use similar::TextDiff;

/// Empty where the texts are equal.
pub fn unified(path: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let old = if before.is_empty() { "/dev/null" } else { path };
    diff.unified_diff().context_radius(3).header(old, path).to_string()
}
