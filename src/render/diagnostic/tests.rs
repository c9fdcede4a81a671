//! What may be shown of a manifest's source, and what never.
#![allow(clippy::expect_used)]

use proptest::prelude::*;

use super::render;
use crate::manifest::Manifest;

/// A whole manifest, to be damaged.
const FULL: &str = include_str!("../../../tests/manifest/ok-full.yaml");

#[test]
fn what_may_be_a_passphrase_is_never_shown() {
    for written in [
        "hunter2",
        "'hunter2'",
        "0xhunter2",
        "[hunter2]",
        "{hunter2: x}",
        "{file: hunter2}",
        "{env: 'hunter2 '}",
        "{env: -hunter2, file: /a}",
        "{credential: hunter2/}",
        "{value: no, password: hunter2}",
        "{env: A, env: hunter2}",
        "&hunter2 a",
        "!hunter2 a",
        "|\n    hunter2\n",
    ] {
        for text in [
            format!("dockseal: 1\nhost: a.example\nca:\n  passphrase: {written}\n"),
            format!("dockseal: 2\nhost: a.example\nca:\n  passphrase: {written}\n"),
        ] {
            let problems = Manifest::parse(text.as_bytes(), "test.yaml").expect_err(written);
            let shown = render(&problems, false).collect::<String>();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_manifest_is_shown_without_what_steers_a_terminal(
        at in 0..FULL.len(),
        dropped in 0..40_usize,
        piece in proptest::collection::vec(any::<u8>(), 0..30),
    ) {
        let mut text = FULL.as_bytes().to_vec();
        text.splice(at..(at + dropped).min(FULL.len()), piece);
        if let Err(problems) = Manifest::parse(&text, "test.yaml") {
            let shown = render(&problems, false).collect::<String>();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", shown);
            prop_assert_eq!(shown.matches(" --> test.yaml:").count(), problems.len());
        }
    }

    #[test]
    fn arbitrary_bytes_are_shown_without_what_steers_a_terminal(
        text in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Err(problems) = Manifest::parse(&text, "test.yaml") {
            let shown = render(&problems, false).collect::<String>();
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", shown);
        }
    }
}
