//! What a plan by the imported manifest still changes, each difference with the reason why it can't stay: the comments
//! above the manifest.

use super::certificates::{CaKey, Seal};
use super::found::{Said, Told};
use crate::pki::San;
use crate::plan::{Action, Change, Plan, Reason, Refusal, Resource};
use crate::render::words;

/// How wide a comment gets, in characters.
const WIDTH: usize = 110;

/// The comments above a manifest for a host that was sealed in some way.
pub fn head(plan: &Plan, told: &Told, seal: &Seal, remarks: &[String]) -> Vec<String> {
    let mut lines = Lines::default();
    lines.add("", "yaml-language-server: $schema=manifest.schema.json");
    lines.blank();
    lines.add("", "How this host is sealed, as `dockseal import` found it. Nothing was changed.");
    if seal.is_guessed {
        lines.add("", "Nothing on the host tells dockerd to use these certificates: they were found by their names.");
    }
    if told.speaks_tls() && !told.verifies() {
        lines.add(
            "",
            "dockerd speaks TLS without `tlsverify: true`: Engines before 20.10 let in anybody who can reach the port.",
        );
    }
    if plan.host == "localhost" {
        lines.add(
            "",
            "`host` is localhost: another name would take another certificate, as this one has no other name.",
        );
    }
    missing_key(plan, seal, &mut lines);
    differences(plan, told, seal, &mut lines);
    refusals(plan, &mut lines);
    if !remarks.is_empty() {
        lines.blank();
        lines.add("", "What needs a person's eye:");
        for remark in remarks {
            lines.add("- ", remark);
        }
    }
    lines.0
}

/// The comments above a manifest for a host without TLS.
pub fn fresh(told: &Told) -> Vec<String> {
    let mut lines = Lines::default();
    lines.add(
        "",
        "`dockseal import` found no TLS on this host. This is a manifest to begin with: give the host its name, the",
    );
    lines.add("", "addresses that clients use, and a name for each client.");
    let tcp: Vec<&Said> = told.hosts().iter().filter(|said| !is_local(&said.value)).collect();
    for said in &tcp {
        lines.add(
            "",
            &format!(
                "dockerd listens on {} without TLS ({}): whoever reaches it is root here. With this manifest it no longer does.",
                said.value, said.by
            ),
        );
    }
    lines.0
}

fn is_local(host: &str) -> bool {
    host.trim().starts_with("fd://") || host.trim().starts_with("unix://")
}

fn missing_key(plan: &Plan, seal: &Seal, lines: &mut Lines) {
    let (Some(_), path) = (&seal.ca, seal.ca_path.display()) else { return };
    match &seal.ca_key {
        None => {
            let needed = plan.refusals.iter().any(|refusal| matches!(refusal, Refusal::CaKeyMissing { .. }));
            let when = if needed {
                "Bring it to this host, to `files.ca_key`, or nothing can be signed."
            } else {
                "Nothing needs it today; before a certificate is renewed, or a client is added, bring it to `files.ca_key`."
            };
            lines.blank();
            lines.add("", &format!("The key of the CA ({path}) was not found. {when}"));
        }
        Some(CaKey { why_unusable: Some(why), path, .. }) => {
            lines.blank();
            lines.add("", &format!("{why}. The manifest names {} for it, which nothing needs today.", path.display()));
        }
        Some(key) if key.is_encrypted => {
            lines.blank();
            lines.add(
                "",
                &format!(
                    "{} is encrypted, so nothing tells whether it is the key of {path}. Set `ca.passphrase` before something \
                     has to be signed.",
                    key.path.display()
                ),
            );
        }
        Some(_) => {}
    }
}

fn differences(plan: &Plan, told: &Told, seal: &Seal, lines: &mut Lines) {
    lines.blank();
    if plan.changes.is_empty() {
        return lines.add("", "`dockseal plan` shows no difference.");
    }
    lines.add("", "What `dockseal plan` shows with it, and why:");
    for change in &plan.changes {
        lines.blank();
        lines.0.push(format!("  {} {}  {}", symbol(change.action), change.resource, change.path.display()));
        for reason in &*change.reasons {
            lines.add("      ", &words::reason(reason));
        }
        for why in why(change, told, seal) {
            lines.add("      ", &why);
        }
    }
}

fn symbol(action: Action) -> char {
    match action {
        Action::Create => '+',
        Action::Update => '~',
        Action::Replace => '±',
        Action::Delete => '-',
        Action::Reload | Action::Restart => '!',
    }
}

fn refusals(plan: &Plan, lines: &mut Lines) {
    if plan.refusals.is_empty() {
        return;
    }
    lines.blank();
    lines.add("", "What has to be put right before anything can be applied:");
    for refusal in &plan.refusals {
        let (why, hint) = words::refusal(refusal);
        lines.add("- ", &format!("{why}; {hint}"));
    }
}

/// Why this can't be left as it is.
fn why(change: &Change, told: &Told, seal: &Seal) -> Vec<String> {
    let mut why: Vec<String> = Vec::new();
    match &change.resource {
        Resource::ServerCertificate => {
            why.extend(change.reasons.iter().filter_map(|reason| of_server(reason, seal)));
        }
        Resource::ClientCertificate(_) => {
            why.extend(change.reasons.iter().filter_map(of_client));
            let has_ended = change.reasons.iter().any(|reason| matches!(reason, Reason::Expired { .. }));
            if change.action == Action::Replace && !has_ended {
                why.push("Hand the new files out; the old ones stay good until their end.".to_owned());
            }
        }
        Resource::ClientCa(_) if change.action == Action::Create => {
            why.push("The docker CLI looks for it beside cert.pem and key.pem.".to_owned());
        }
        Resource::DaemonJson => why.extend(of_daemon_json(told)),
        Resource::DropIn => why.extend(of_drop_in(told)),
        Resource::RecoverUnit => {
            why.push(
                "It heals an apply that was cut short, at boot; `systemd: {recover: false}` leaves it out.".to_owned(),
            );
        }
        Resource::CaKey | Resource::CaNextKey | Resource::CaOldKey | Resource::ServerKey | Resource::ClientKey(_) => {
            why.push("A private key is for its owner alone; the key itself stays.".to_owned());
        }
        // By what an import prints, nothing is signed elsewhere.
        Resource::Request(_)
        | Resource::RequestKey(_)
        | Resource::HandedIn(_)
        | Resource::CaCertificate
        | Resource::ClientCa(_)
        | Resource::ClientOldCertificate(_)
        | Resource::Service => {}
    }
    why
}

fn of_server(reason: &Reason, seal: &Seal) -> Option<String> {
    let has_sans = seal.server.as_ref().is_some_and(|server| !server.facts.sans.is_empty());
    Some(match reason {
        Reason::SansDiffer { .. } if !has_sans => {
            "It names the host in its common name alone, which clients of Go 1.15 and later refuse.".to_owned()
        }
        Reason::SansDiffer { removed, .. } if removed.iter().any(|san| matches!(san, San::Dns(_) | San::Other(_))) => {
            "The manifest holds names and addresses of this one host alone: no wildcards, no other kinds.".to_owned()
        }
        Reason::UsageDiffers => {
            "It lacks extendedKeyUsage serverAuth, or keyUsage digitalSignature: strict clients refuse it.".to_owned()
        }
        Reason::IssuerChanged => {
            "Another CA signed it. Clients that trust that one will need the ca.pem of this one.".to_owned()
        }
        Reason::KeyAlgorithmDiffers { .. } => "Its key is of a kind that the manifest has no word for.".to_owned(),
        _ => return None,
    })
}

fn of_client(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::UsageDiffers => {
            "It lacks extendedKeyUsage clientAuth, or allows to pose as a server beside it: with it, its holder could pass \
             for this host."
                .to_owned()
        }
        Reason::KeyAlgorithmDiffers { .. } => "Its key is of a kind that the manifest has no word for.".to_owned(),
        _ => return None,
    })
}

fn of_daemon_json(told: &Told) -> Vec<String> {
    let mut why = Vec::new();
    if !told.verifies() {
        why.push("`tlsverify: true` has every Engine refuse callers without a certificate.".to_owned());
    }
    why.extend(moving(told).map(|moving| format!("What the unit says by flags moves here: {moving}.")));
    why
}

fn of_drop_in(told: &Told) -> Vec<String> {
    let moving = moving(told);
    vec![match moving {
        Some(moving) => format!("It repeats dockerd's line without what daemon.json says from now on: {moving}."),
        None if !told.has_unit => {
            "There is no docker.service on this host: it holds the line of Docker's own packages.".to_owned()
        }
        None => {
            "It repeats dockerd's line as it is, so that later changes of the unit bring no conflict with daemon.json. \
                 dockerd need not restart for it."
                .to_owned()
        }
    }]
}

/// The flags that move, by the places where they stand.
fn moving(told: &Told) -> Option<String> {
    let mut places: Vec<(&str, Vec<String>)> = Vec::new();
    for said in &told.moving {
        let flag = format!("`{}`", said.value);
        match places.last_mut().filter(|(place, _)| *place == said.by) {
            Some((_, flags)) => flags.push(flag),
            None => places.push((&said.by, vec![flag])),
        }
    }
    let moving: Vec<String> = places.iter().map(|(place, flags)| format!("{} of {place}", flags.join(", "))).collect();
    (!moving.is_empty()).then(|| moving.join(", "))
}

/// Lines of limited width.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn blank(&mut self) {
        if self.0.last().is_some_and(|last| !last.is_empty()) {
            self.0.push(String::new());
        }
    }

    /// Breaks between words; further lines are set in below the first.
    fn add(&mut self, lead: &str, text: &str) {
        let mut line = lead.to_owned();
        let indent = " ".repeat(lead.chars().count());
        let mut is_empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.0.push(std::mem::replace(&mut line, indent.clone()));
                is_empty = true;
            }
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
            is_empty = false;
        }
        self.0.push(line);
    }
}
