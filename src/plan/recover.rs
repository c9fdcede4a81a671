//! The unit that undoes an interrupted change before dockerd starts: wanted, unless the manifest says otherwise.

use std::fmt::Write as _;
use std::path::Path;

use super::Draft;
use super::change::{Action, After, Change};
use super::reason::Reason;
use super::resource::Resource;
use crate::desired::{Desired, JOURNAL, OWN_FOLDER};
use crate::observed::{Found, Observed};

/// Compares. Whether a file of it is written or goes.
pub fn compare(desired: &Desired, observed: &Observed, draft: &mut Draft) -> bool {
    let seen = &observed.unit.recover;
    draft.refuse_in_the_way(seen);
    let wanted = desired.unit.recover.then(|| text(desired, &observed.program));
    let (action, before, reason) = match (&seen.found, &wanted) {
        (Found::Missing, None) | (Found::Denied | Found::Distrusted, _) => return false,
        (Found::Unusable(_), _) if seen.attributes.is_none() => return false,
        (Found::Missing, Some(_)) => (Action::Create, None, Reason::Missing),
        (Found::Present(found), Some(wanted)) if found == wanted => return false,
        (Found::Present(found), Some(_)) => (Action::Update, Some(found.clone()), Reason::TextDiffers),
        (Found::Unusable(why), Some(_)) => (Action::Update, None, Reason::Unreadable { why: why.clone() }),
        (Found::Present(_) | Found::Unusable(_), None) => (Action::Delete, None, Reason::RecoverSwitchedOff),
    };
    draft.changes.push(Change::of(
        seen,
        Resource::RecoverUnit,
        action,
        vec![reason],
        wanted.map_or(After::Gone, |after| After::Text { before, after }),
    ));
    true
}

/// It costs nothing where there is no journal. Its folders have to be mounted, and dockerd waits for it.
fn text(desired: &Desired, program: &str) -> String {
    let mut text = format!(
        "# Written by dockseal; changes are overwritten.\n\
         [Unit]\n\
         Description=Put the Docker host back after an interrupted change by dockseal\n\
         ConditionPathExists={JOURNAL}\n",
    );
    let daemon_json = desired.layout.daemon_json();
    let own = [Path::new(OWN_FOLDER), daemon_json.parent().unwrap_or(Path::new("/"))].map(Path::to_owned);
    for folder in own.into_iter().chain(desired.layout.folders()) {
        let _ = writeln!(text, "RequiresMountsFor={}", quoted(&folder));
    }
    let _ = write!(
        text,
        "Before={}\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={program} recover --boot\n",
        desired.unit.name
    );
    text
}

/// As one word of a unit file (systemd.syntax(7)), with `%` that begins no specifier.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    if text.contains([' ', '\t', '\'', '"']) { format!("\"{text}\"") } else { text }
}
