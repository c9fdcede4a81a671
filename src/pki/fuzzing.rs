//! What the fuzz targets need to see of PEM's inner parts.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a failure is what a fuzzer looks for")]

use super::armor;
use crate::visible::is_invisible;

/// PEM. What a block holds comes out of its own PEM again, and its line is one of the text.
pub fn armor(text: &[u8]) {
    let Ok(blocks) = armor::blocks(text) else { return };
    assert!(!blocks.is_empty());
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(!armor::labels(&blocks).contains(is_invisible));
    for block in &blocks {
        assert!((1..=lines).contains(&block.line));
        block.is_traditionally_encrypted();
        let Ok(bytes) = block.decode() else { continue };
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::CRLF);
        let written = pem::encode_config(&pem::Pem::new(block.label, bytes.as_slice()), config);
        let again = armor::blocks(written.as_bytes());
        let Ok([again]) = again.as_deref() else { panic!("{written} does not hold one block") };
        assert_eq!(again.label, block.label);
        assert_eq!(again.decode().ok(), Some(bytes));
    }
}
