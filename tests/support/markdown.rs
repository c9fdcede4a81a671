//! The fenced blocks of a Markdown file, and output compared with what such a block shows of it.

use std::fs;
use std::path::Path;

/// One fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The words behind the fence: a language first.
    pub words: Vec<String>,
    /// What stands in it.
    pub text: String,
}

impl Block {
    /// Its kind as it is written: `sh host`; without `exits=N`.
    pub fn kind(&self) -> String {
        let words: Vec<_> = self.words.iter().map(String::as_str).filter(|word| !word.starts_with("exits=")).collect();
        words.join(" ")
    }

    /// The exit code that is promised: N of `exits=N`, else 0.
    pub fn exit_code(&self) -> i32 {
        let code = self.words.iter().find_map(|word| word.strip_prefix("exits="));
        code.map_or(0, |code| code.parse().expect("exits= takes a number"))
    }

    /// Fails unless `output` is what this block shows; a line `…` stands for any lines.
    #[track_caller]
    pub fn shows(&self, output: &str) {
        let output: Vec<&str> = output.lines().collect();
        let pattern: Vec<&str> = self.text.lines().collect();
        let matches = fits(&pattern, &output);
        assert!(matches, "README.md:{}: this is shown:\n{}\n--- and this was printed:\n{}", self.line, self.text, {
            output.join("\n")
        });
    }
}

fn fits(pattern: &[&str], output: &[&str]) -> bool {
    match pattern.split_first() {
        None => output.is_empty(),
        Some((&"…", rest)) => (0..=output.len()).any(|from| fits(rest, &output[from..])),
        Some((line, rest)) => output.split_first().is_some_and(|(first, others)| first == line && fits(rest, others)),
    }
}

/// All blocks of a file of the checkout, in order.
pub fn blocks(path: impl AsRef<Path>) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, None) => {}
            (None, Some(info)) => {
                let words = info.split_whitespace().map(str::to_owned).collect();
                open = Some(Block { line: index + 1, words, text: String::new() });
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
        }
    }
    assert!(open.is_none(), "{}: a fence is not closed", path.display());
    blocks
}
