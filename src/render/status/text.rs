//! A status for people: each certificate with its dates, each endpoint with what it answers, then what the next run does.

use super::super::json::JsonRotation;
use super::super::page::{CHANGED, PLAIN, Page, REMOVED, STRONG};
use super::super::{text, words};
use super::{AnswerKind, CertificateFacts, CertificateStatus, EndpointStatus, Standing, Status, TrialStatus};

/// More changes than that are told by `dockseal plan` alone.
const SHOWN: usize = 10;

/// The whole status.
pub fn text(status: &Status) -> String {
    let mut page = Page::default();
    page.line(0, STRONG, &status.host);
    page.gap();
    add_certificate(&mut page, "ca", &status.ca);
    for facts in &status.also_trusted {
        page.line(0, STRONG, &format!("trusted too  {}", status.ca.path));
        add_facts(&mut page, facts);
        page.gap();
    }
    if let Some(rotation) = &status.rotation {
        add_rotation(&mut page, rotation);
    }
    add_certificate(&mut page, "server", &status.server);
    for client in &status.clients {
        add_certificate(&mut page, &name(client), client);
    }
    for orphan in &status.orphans {
        add_certificate(&mut page, &format!("{} (not in the manifest)", name(orphan)), orphan);
    }
    for endpoint in &status.endpoints {
        add_endpoint(&mut page, endpoint);
    }
    add_next_run(&mut page, status);
    page.into_text()
}

fn name(client: &CertificateStatus) -> String {
    format!("client.{}", client.name.as_deref().unwrap_or_default())
}

fn add_certificate(page: &mut Page, name: &str, status: &CertificateStatus) {
    page.line(0, STRONG, &format!("{name}  {}", status.path));
    match (status.standing, &status.why, &status.certificate) {
        (Standing::Missing, _, _) => page.line(2, REMOVED, "missing"),
        (_, Some(why), _) => page.line(2, REMOVED, why),
        (_, None, Some(facts)) => add_facts(page, facts),
        (_, None, None) => {}
    }
    if status.signed_by_ca == Some(false) {
        page.line(2, REMOVED, "this CA did not sign it");
    }
    if let Some(at) = status.renews_at {
        page.line(2, PLAIN, &format!("{:<13}{}", "renewed from", words::moment(at.0)));
    }
    if let Some(until) = status.old_accepted_until {
        let until = words::moment(until.0);
        page.line(
            2,
            CHANGED,
            &format!("{:<13}to be handed out again; the one before is accepted until {until}", "files"),
        );
    }
    if status.key_is_elsewhere {
        page.line(2, PLAIN, &format!("{:<13}{}", "key", "not on this host"));
    }
    page.gap();
}

fn add_facts(page: &mut Page, facts: &CertificateFacts) {
    let mut field = |name: &str, value: &str| page.line(2, PLAIN, &format!("{name:<13}{value}"));
    field("subject", &facts.subject);
    if !facts.sans.is_empty() {
        field("SANs", &facts.sans.join(", "));
    }
    field("serial", &facts.serial);
    field("SHA-256", &facts.sha256);
    let days = facts.days_left;
    let (style, left) = match days {
        ..0 => (REMOVED, "has ended".to_owned()),
        0..30 => (CHANGED, format!("{days} days left")),
        _ => (PLAIN, format!("{days} days left")),
    };
    page.line(2, style, &format!("{:<13}{}, {left}", "until", words::moment(facts.not_after.0)));
}

fn add_rotation(page: &mut Page, rotation: &JsonRotation) {
    let next = match rotation.phase {
        "introduced" => "the next CA is trusted too, and signs from",
        "switched" => "the CA before is trusted still, until",
        _ => "its replacement begins by itself at",
    };
    let line = format!("{:<13}{}; {next} {}", "generation", rotation.generation, rotation.due);
    page.line(2, PLAIN, &line);
    for holder in &rotation.holders {
        let line = format!(
            "{:<13}client {} may hold a certificate of the CA before, until {}",
            "", holder.client, holder.until
        );
        page.line(2, CHANGED, &line);
    }
    page.gap();
}

fn add_endpoint(page: &mut Page, status: &EndpointStatus) {
    page.line(0, STRONG, &status.endpoint);
    if let Some(certificate) = &status.serves {
        page.line(2, PLAIN, &format!("{:<13}{certificate}", "serves"));
    }
    if status.serves_disk == Some(false) {
        page.line(2, REMOVED, "that is not the server's certificate on the disk");
    }
    for trial in &status.trials {
        page.line(2, PLAIN, &format!("{}: {}", trial.caller, answer(trial)));
    }
    page.gap();
}

fn answer(trial: &TrialStatus) -> String {
    let why = trial.why.as_deref().unwrap_or_default();
    match trial.answer {
        AnswerKind::Admitted => "admitted".to_owned(),
        AnswerKind::Refused => format!("refused: {why}"),
        AnswerKind::ServerNotTrusted => format!("does not trust the server: {why}"),
        AnswerKind::Silent => format!("no answer: {why}"),
    }
}

fn add_next_run(page: &mut Page, status: &Status) {
    let next = &status.next_run;
    if !next.changes.is_empty() {
        page.line(0, STRONG, "next run:");
        for change in next.changes.iter().take(SHOWN) {
            let (sign, style) = (words::sign(change.action), text::style(change.action));
            let why = change.reason.as_ref().map(|reason| format!(": {}", reason.text)).unwrap_or_default();
            page.line(2, style, &format!("{sign} {}{why}", change.resource));
        }
        if let Some(more @ 1..) = next.changes.len().checked_sub(SHOWN) {
            page.line(2, PLAIN, &format!("and {more} more"));
        }
        page.gap();
    }
    for waiting in &status.waiting {
        let what = format!("{} is waiting for a signature: {}", waiting.resource, waiting.request);
        page.line(0, CHANGED, &what);
    }
    let drift = match (next.changes.len(), next.errors.len()) {
        (0, 0) if !status.waiting.is_empty() => "In sync, as far as it goes.".to_owned(),
        (0, 0) => "In sync.".to_owned(),
        (1, 0) => "Drift: 1 change; `dockseal plan` shows it.".to_owned(),
        (changes, 0) => format!("Drift: {changes} changes; `dockseal plan` shows them."),
        _ => "Something stands in the way; `dockseal plan` says what.".to_owned(),
    };
    page.line(0, STRONG, &drift);
}
