//! The known word that a misspelled one most likely stands for.

/// The nearest of `known` by letters added, dropped, exchanged or swapped; `None` where none is near.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    if word.len() > 64 {
        return None;
    }
    let word = plain(word);
    let by_distance = known.iter().map(|name| (distance(&word, &plain(name)), *name));
    let (distance, name) = by_distance.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len().div_ceil(3)).then_some(name)
}

/// Optimal string alignment distance.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let exchange = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = exchange.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn misspellings_find_their_word() {
        let known = ["valid_for", "renew_before", "key", "sans"];
        for (word, name) in
            [("valid-for", "valid_for"), ("renewBefore", "renew_before"), ("san", "sans"), ("kye", "key")]
        {
            assert_eq!(nearest(word, &known), Some(name), "{word}");
        }
        assert_eq!(nearest("passphrase", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(distance("ca", "ac"), 1);
    }
}
