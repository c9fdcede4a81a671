//! What the fuzz targets need to see of what a run leaves for the next one.
#![allow(clippy::panic, clippy::missing_panics_doc, reason = "a failure is what a fuzzer looks for")]

use serde_json::json;

use super::journal;
use super::previous::Previous;

/// A journal. What is understood of it is all that counts: written anew it says the same.
pub fn journal(bytes: &[u8]) {
    let Ok(found) = journal::parse(bytes) else { return };
    found.unit();
    let Some(heading) = &found.heading else { return assert!(bytes.is_empty()) };
    let written = |heading: &journal::Heading, made: &[crate::host::Step], phase: &journal::Phase<'_>| {
        json!({"format": "dockseal.journal/1", "heading": heading, "made": made, "phase": phase}).to_string()
    };
    let text = written(heading, &found.made, &found.phase);
    match journal::parse(text.as_bytes()) {
        Ok(journal::Interrupted { heading: Some(heading), made, phase }) => {
            assert_eq!(written(&heading, &made, &phase), text);
        }
        Ok(_) => panic!("the heading is lost: {text}"),
        Err(error) => panic!("what was written can't be read: {error}\n{text}"),
    }
}

/// What a rollback brings back: written anew, line by line, it says the same.
pub fn previous(bytes: &[u8]) {
    let Ok(found) = Previous::parse(bytes) else { return };
    let text = written(&found);
    match Previous::parse(text.as_bytes()) {
        Ok(again) => assert_eq!(written(&again), text),
        Err(error) => panic!("what was written can't be read: {error}"),
    }
}

fn written(previous: &Previous) -> String {
    let files = previous.files.iter().map(|file| json!(file).to_string());
    std::iter::once(json!(previous.header).to_string()).chain(files).collect::<Vec<_>>().join("\n")
}
