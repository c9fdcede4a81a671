//! A plan in one sentence.

use crate::plan::{Action, DaemonStep, Plan};

/// `Plan: 3 to create, 1 to replace, docker.service restarts.` The unit stands there as it is given.
pub fn summary(plan: &Plan, unit: &str) -> String {
    let count = |action| plan.changes.iter().filter(|change| change.action == action).count();
    let counts = [
        (count(Action::Create), "to create"),
        (count(Action::Update), "to change"),
        (count(Action::Replace), "to replace"),
        (count(Action::Delete), "to delete"),
    ];
    let mut parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, verb)| format!("{count} {verb}")).collect();
    match &plan.activation.daemon {
        DaemonStep::Restart { live_restore_first: Some(_), .. } => {
            parts.push(format!("{unit} reloads (live-restore), then restarts"));
        }
        DaemonStep::Restart { .. } => parts.push(format!("{unit} restarts")),
        DaemonStep::Reload => parts.push(format!("{unit} reloads")),
        DaemonStep::Stay if plan.activation.daemon_reload && !plan.changes.is_empty() => {
            parts.push("systemd reads its units again".to_owned());
        }
        DaemonStep::Stay => {}
    }
    if !plan.waiting.is_empty() {
        let (count, s) = (plan.waiting.len(), if plan.waiting.len() == 1 { "" } else { "s" });
        parts.push(format!("waiting for {count} signature{s}"));
    }
    match (plan.refusals.is_empty(), parts.is_empty()) {
        (true, true) => "In sync: nothing to do.".to_owned(),
        (true, false) => format!("Plan: {}.", parts.join(", ")),
        (false, _) => "Nothing is changed while an error stands.".to_owned(),
    }
}
