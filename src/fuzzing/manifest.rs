//! The whole way of a manifest: bytes → problems → text.

use crate::manifest::{Manifest, Problems, fuzzing};
use crate::render::diagnostic;
use crate::visible::is_invisible;

/// Reads a manifest. An accepted one is accepted by the schema too, and means the same once it is written in another way;
/// every problem of a refused one lies within the text, and what is shown of it steers no terminal.
pub fn manifest(bytes: &[u8]) {
    let found = Manifest::parse(bytes, "fuzz.yaml");
    fuzzing::check_against_schema(bytes, found.is_ok());
    match found {
        Ok(manifest) => {
            let Some(other) = fuzzing::written_anew(bytes) else { return };
            match Manifest::parse(other.as_bytes(), "anew.yaml") {
                Ok(again) => assert_eq!(format!("{manifest:?}"), format!("{again:?}"), "{other}"),
                Err(problems) => panic!("refused once it is written anew: {problems:?}"),
            }
        }
        Err(problems) => check(&problems),
    }
}

fn check(problems: &Problems) {
    let text = problems.text();
    assert!((1..=1000).contains(&problems.len()));
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let place = &problem.place;
        assert!(place.start <= place.end && place.end <= text.len(), "{problem:?}");
        assert!(text.is_char_boundary(place.start) && text.is_char_boundary(place.end), "{problem:?}");
        let position = problems.position(place.start);
        let line = position.line.checked_sub(1).and_then(|line| lines.get(line));
        let columns = line.map_or(0, |line| line.chars().count() + 1);
        assert!((1..=columns).contains(&position.column), "{problem:?} at {position}");
    }
    for is_coloured in [false, true] {
        for piece in diagnostic::render(problems, is_coloured) {
            let shown = if is_coloured { without_colours(&piece) } else { piece };
            let bad = shown.chars().find(|c| is_invisible(*c) && *c != '\n');
            assert!(bad.is_none(), "{bad:?} in {shown:?}");
        }
    }
}

/// Takes out `ESC [ … m`, as the renderer writes it.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |plain, piece| {
        let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(piece.len());
        assert!(piece[end..].starts_with('m'), "another escape sequence than a colour: {piece:?}");
        plain + &piece[end + 1..]
    })
}
