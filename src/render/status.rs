//! What a host is, for people: each certificate with its dates, each endpoint with what it answers.

use time::OffsetDateTime;

use super::page::{CHANGED, PLAIN, Page, REMOVED, STRONG};
use super::words;
use crate::observed::{Answer, Found, Observed, Seen, Served};
use crate::pki::CertFacts;
use crate::plan::Plan;

/// The whole status.
pub fn status(plan: &Plan, observed: &Observed, now: OffsetDateTime) -> String {
    let mut page = Page::default();
    page.line(0, STRONG, &plan.host);
    page.gap();
    let ca = &observed.ca.certificate;
    add_certificate(&mut page, "ca", ca, ca.present().and_then(|bundle| bundle.first()).map(|ca| &ca.facts), now);
    let leaves = std::iter::once(("server".to_owned(), &observed.server.certificate))
        .chain(observed.clients.iter().map(|client| (format!("client.{}", client.name), &client.leaf.certificate)));
    for (name, seen) in leaves {
        add_certificate(&mut page, &name, seen, seen.present().map(|leaf| &leaf.facts), now);
    }
    for orphan in &observed.orphans {
        let facts = orphan.certificate.present().map(|leaf| &leaf.facts);
        let name = format!("client.{} (not in the manifest)", orphan.name);
        add_certificate(&mut page, &name, &orphan.certificate, facts, now);
    }
    for served in &observed.served {
        add_endpoint(&mut page, served);
    }
    let drift = match (plan.changes.len(), plan.refusals.len()) {
        (0, 0) if !plan.waiting.is_empty() => {
            format!("Signatures waited for: {}; `dockseal plan` says where.", plan.waiting.len())
        }
        (0, 0) => "In sync.".to_owned(),
        (changes, 0) => format!("Drift: {changes} changes; `dockseal plan` shows them."),
        _ => "Something stands in the way; `dockseal plan` says what.".to_owned(),
    };
    page.line(0, STRONG, &drift);
    page.into_text()
}

fn add_certificate<T>(page: &mut Page, name: &str, seen: &Seen<T>, facts: Option<&CertFacts>, now: OffsetDateTime) {
    page.line(0, STRONG, &format!("{name}  {}", seen.path.display()));
    match (&seen.found, facts) {
        (Found::Missing, _) => page.line(2, REMOVED, "missing"),
        (Found::Denied, _) => page.line(2, REMOVED, "may not be read"),
        (Found::Distrusted, _) => page.line(2, REMOVED, "not read: somebody else could change its folder"),
        (Found::Unusable(why), _) => page.line(2, REMOVED, why),
        (Found::Present(_), Some(facts)) => add_facts(page, facts, now),
        (Found::Present(_), None) => {}
    }
    page.gap();
}

fn add_facts(page: &mut Page, facts: &CertFacts, now: OffsetDateTime) {
    let mut field = |name: &str, value: &str| page.line(2, PLAIN, &format!("{name:<13}{value}"));
    field("subject", &facts.subject.to_string());
    if !facts.sans.is_empty() {
        field("SANs", &words::sans(&facts.sans));
    }
    field("serial", &facts.serial.to_string());
    field("SHA-256", &facts.fingerprint.to_string());
    let days = words::days_left(facts.not_after, now);
    let (style, left) = match days {
        ..0 => (REMOVED, "has ended".to_owned()),
        0..30 => (CHANGED, format!("{days} days left")),
        _ => (PLAIN, format!("{days} days left")),
    };
    page.line(2, style, &format!("{:<13}{}, {left}", "until", words::moment(facts.not_after)));
}

fn add_endpoint(page: &mut Page, served: &Served) {
    page.line(0, STRONG, &served.endpoint.to_string());
    if let Some(certificate) = served.certificate {
        page.line(2, PLAIN, &format!("{:<13}{certificate}", "serves"));
    }
    for trial in &served.trials {
        let answer = match &trial.answer {
            Answer::Admitted => "admitted".to_owned(),
            Answer::Refused(why) => format!("refused: {why}"),
            Answer::ServerNotTrusted(why) => format!("does not trust the server: {why}"),
            Answer::Silent(why) => format!("no answer: {why}"),
        };
        page.line(2, PLAIN, &format!("{}: {answer}", trial.caller));
    }
    page.gap();
}
