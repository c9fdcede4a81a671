//! What may be done at the same time: things that stand in different folders, where those stand beside each other.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// Splits items into those that follow each other in one folder, and these into lists of folders beside each other, none of
/// them twice in a list. What is in one folder keeps its order, and so do the lists.
pub fn siblings<T>(items: &[T], folder: impl Fn(&T) -> &Path) -> Vec<Vec<&[T]>> {
    let mut lists: Vec<Vec<&[T]>> = Vec::new();
    // As bytes: paths compare name by name.
    let (mut above, mut seen) = (None, BTreeSet::<&OsStr>::new());
    for items in items.chunk_by(|one, next| folder(one).as_os_str() == folder(next).as_os_str()) {
        let folder = folder(&items[0]);
        let goes_on = folder.parent() == above && above.is_some() && !seen.contains(folder.as_os_str());
        if !goes_on {
            lists.push(Vec::new());
            (above, seen) = (folder.parent(), BTreeSet::new());
        }
        seen.insert(folder.as_os_str());
        if let Some(list) = lists.last_mut() {
            list.push(items);
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_beside_each_other_come_together_and_each_once() {
        let files = ["/a/x", "/a/y", "/c/1/k", "/c/1/c", "/c/2/k", "/c/2/c", "/c/1/z", "/c/3/k", "/d", "/"];
        let files = files.map(Path::new);
        let lists = siblings(&files, |file| file.parent().unwrap_or(file));
        let lists: Vec<Vec<Vec<&str>>> = lists
            .into_iter()
            .map(|list| list.into_iter().map(|files| files.iter().filter_map(|file| file.to_str()).collect()).collect())
            .collect();
        let expected = [
            vec![vec!["/a/x", "/a/y"]],
            vec![vec!["/c/1/k", "/c/1/c"], vec!["/c/2/k", "/c/2/c"]],
            vec![vec!["/c/1/z"], vec!["/c/3/k"]],
            vec![vec!["/d", "/"]],
        ];
        assert_eq!(lists, expected);
    }
}
