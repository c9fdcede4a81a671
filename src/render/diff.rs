//! A unified diff of two texts, with three lines of context.

use std::time::Duration;

use similar::TextDiff;

/// A diff that takes longer becomes coarser: the texts may be anybody's.
const PATIENCE: Duration = Duration::from_secs(2);

/// Empty where the texts are equal; `before` is `None` where there was no text.
pub fn unified(path: &str, before: Option<&str>, after: &str) -> String {
    let diff = TextDiff::from_lines(before.unwrap_or_default(), after);
    let old = before.map_or("/dev/null", |_| path);
    diff.unified_diff().context_radius(3).header(old, path).to_string()
}

/// Of two texts with a name each.
pub fn between((old_name, old): (&str, &str), (new_name, new): (&str, &str)) -> String {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    diff.unified_diff().context_radius(3).header(old_name, new_name).to_string()
}
