//! A manifest's problems as text: the code, one `file:line:column`, the line with a caret, what to write instead.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::manifest::{Problem, Problems};

/// A line is shown up to so many bytes before and after where the fault begins: one line may be the whole file.
const WINDOW: usize = 1000;

/// Every problem, and their number at the end, piece by piece: a thousand reports at once would take tens of megabytes.
/// With `is_coloured`, ANSI escape sequences are in the text; without, none is, whatever the file holds.
pub fn render(problems: &Problems, is_coloured: bool) -> impl Iterator<Item = String> {
    let renderer = if is_coloured { Renderer::styled() } else { Renderer::plain() };
    let name = problems.name();
    let reports = problems.iter().map(move |problem| {
        let mut text = renderer.render(&[report(problems, problem, name)]);
        text.push_str("\n\n");
        text
    });
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    let more = if problems.has_more() { " and more" } else { "" };
    reports.chain(std::iter::once(format!("{name}: {count} problem{plural}{more}\n")))
}

fn report<'a>(problems: &'a Problems, problem: &'a Problem, name: &'a str) -> Group<'a> {
    let title = Level::ERROR.primary_title(problem.message.as_str()).id(problem.code.as_str());
    let position = problems.position(problem.place.start);
    let origin = Origin::path(name).line(position.line).char_column(position.column);
    let mut group = if problems.text().is_empty() {
        title.element(Origin::path(name))
    } else {
        let line = Line::new(problems.text(), &problem.place);
        let snippet = Snippet::source(line.text).line_start(position.line);
        let snippet = snippet.annotation(AnnotationKind::Primary.span(line.fault));
        // The snippet takes its column from the text that it is given, which is the whole line but for very long ones.
        if line.is_cut { title.element(origin).element(snippet) } else { title.element(snippet.path(name)) }
    };
    if let Some((place, what)) = &problem.related {
        let line = problems.position(place.start).line;
        group = group.element(Level::NOTE.message(format!("{what}: line {line}")));
    }
    match &problem.hint {
        Some(hint) => group.element(Level::HELP.message(hint.as_str())),
        None => group,
    }
}

/// The line on which a fault begins, cut to what is near.
struct Line<'t> {
    text: &'t str,
    /// The part of the fault that is on it.
    fault: Range<usize>,
    /// Whether something is missing at its beginning.
    is_cut: bool,
}

impl<'t> Line<'t> {
    fn new(text: &'t str, place: &Range<usize>) -> Self {
        let at = place.start.min(text.len());
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let start = boundary(text, line_start.max(at.saturating_sub(WINDOW)));
        let end = boundary(text, at + WINDOW);
        let end = text[at..end].find(['\r', '\n']).map_or(end, |length| at + length);
        let fault = at - start..place.end.clamp(at, end) - start;
        Self { text: &text[start..end], fault, is_cut: start > line_start }
    }
}

/// The first character boundary from `at` on.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
