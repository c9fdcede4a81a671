//! A plan for programs: `dockseal.plan/1`, whose schema is checked in as `schema/plan.schema.json`.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::{diff, notes, words};
use crate::pki::CertFacts;
use crate::plan::{
    After, Change, DaemonStep, Intake, Issue, IssueKey, Phase, Plan, Reason, Refusal, Rotation, Waiting,
};
use crate::visible::{is_invisible, rewritten};

/// The format's name and version. A new field leaves it as it is; a field that goes or changes its meaning does not.
const FORMAT: &str = "dockseal.plan/1";

/// What `dockseal plan --format json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "Dockseal plan, format 1")]
pub struct JsonPlan<'a> {
    /// `dockseal.plan/1`
    #[schemars(extend("const" = FORMAT))]
    format: &'static str,
    /// The host's DNS name.
    host: String,
    /// In the order in which they are made; empty where the host is in sync.
    changes: Vec<JsonChange<'a>>,
    /// What dockerd does to take the changes in; null: nothing.
    restart: Option<JsonRestart>,
    /// What stands in the way. While there is one, apply changes nothing.
    errors: Vec<JsonError>,
    /// What a person should know.
    notes: Vec<String>,
    /// How far the CA's replacement is before this plan; null where there is no CA yet.
    rotation: Option<JsonRotation<'a>>,
    /// What has to be signed elsewhere before this host can go on.
    waiting: Vec<JsonWaiting>,
}

/// A certificate that is signed elsewhere and has not come yet.
#[derive(Serialize, JsonSchema)]
pub struct JsonWaiting {
    /// `server.certificate`, `client.NAME.certificate`
    pub resource: String,
    /// The PKCS#10 request to sign, on the host.
    pub request: String,
    /// Where the certificate is expected.
    certificate: String,
}

#[derive(Serialize, JsonSchema)]
struct JsonChange<'a> {
    /// `ca.certificate`, `client.NAME.certificate`, `daemon.json`, `unit.drop-in`, `service` …
    resource: String,
    /// What happens to it.
    #[schemars(extend("enum" = ["create", "update", "replace", "delete", "reload", "restart"]))]
    action: &'static str,
    /// The file on the host; for the service, its unit.
    path: String,
    /// Why; at least one.
    #[schemars(length(min = 1))]
    reasons: Vec<JsonReason<'a>>,
    /// A unified diff, for texts.
    diff: Option<String>,
    /// What is issued, for certificates.
    certificate: Option<JsonIssue>,
}

/// The facts, and the sentence that the text form has.
#[derive(Serialize, JsonSchema)]
pub struct JsonReason<'a> {
    #[serde(flatten)]
    reason: &'a Reason,
    /// For people: its wording may change.
    pub text: String,
}

#[derive(Serialize, JsonSchema)]
struct JsonIssue {
    /// The whole subject.
    subject: String,
    /// `DNS:…`, `IP:…`
    sans: Vec<String>,
    /// Key algorithm; null where a request brings the key.
    key: Option<String>,
    /// RFC 3339, UTC.
    not_after: String,
    /// It has to be handed out again: until then, RFC 3339, dockerd accepts what it replaces. Null where nobody holds that.
    old_accepted_until: Option<String>,
    /// The certificate that it replaces; null where there was none.
    replaces: Option<JsonReplaced>,
}

/// What is there before.
#[derive(Serialize, JsonSchema)]
struct JsonReplaced {
    /// The whole subject.
    subject: String,
    /// `DNS:…`, `IP:…`
    sans: Vec<String>,
    /// Key algorithm; null for a kind that the manifest has no word for.
    key: Option<String>,
    /// RFC 3339, UTC.
    not_after: String,
}

#[derive(Serialize, JsonSchema)]
struct JsonRestart {
    /// `docker.service`
    unit: String,
    /// What systemd is asked for.
    #[schemars(extend("enum" = ["reload", "restart"]))]
    action: &'static str,
    /// live-restore is switched on by SIGHUP before the restart, so that containers survive it.
    live_restore_first: bool,
}

/// How far the CA's replacement is.
#[derive(Serialize, JsonSchema)]
pub struct JsonRotation<'a> {
    /// Of the CA that signs; the first is 1.
    pub generation: u32,
    /// Whether one CA is trusted, the next one too, or the one before still.
    #[schemars(extend("enum" = ["steady", "introduced", "switched"]))]
    pub phase: &'static str,
    /// When the next step is due, RFC 3339; of a steady CA, when its replacement begins by itself.
    pub due: String,
    /// Clients that may hold a certificate of a CA that will be trusted no more.
    pub holders: Vec<JsonHolder<'a>>,
}

/// A client that may hold a certificate that will be refused.
#[derive(Serialize, JsonSchema)]
pub struct JsonHolder<'a> {
    /// Its name in the manifest.
    pub client: &'a str,
    /// The end of that certificate, RFC 3339.
    pub until: String,
}

/// What stands in the way.
#[derive(Serialize, JsonSchema)]
pub struct JsonError {
    /// What is wrong, where.
    message: String,
    /// What to do.
    hint: String,
}

/// Pretty, with a newline at the end.
pub fn plan(plan: &Plan) -> String {
    let json = JsonPlan {
        format: FORMAT,
        host: plan.host.clone(),
        changes: plan.changes.iter().map(change).collect(),
        restart: restart(plan),
        errors: plan.refusals.iter().map(JsonError::new).collect(),
        notes: plan.notes.iter().map(notes::note).collect(),
        waiting: plan.waiting.iter().map(waiting).collect(),
        rotation: plan.rotation.as_ref().map(rotation),
    };
    pretty(&json)
}

/// Pretty, with a newline at the end, and nothing in it that a terminal obeys.
pub fn pretty(value: &impl Serialize) -> String {
    // These types have string keys and finite numbers alone, so that this can't fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut shown = harmless(&text);
    shown.push('\n');
    shown
}

/// JSON itself asks for escapes of the first 32 characters alone; a terminal obeys others too. They can stand in strings
/// only.
pub(super) fn harmless(json: &str) -> String {
    rewritten(
        json,
        |c| is_invisible(c) && c != '\n',
        |c, shown| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String can't fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        },
    )
}

fn restart(plan: &Plan) -> Option<JsonRestart> {
    let (action, live_restore_first) = match &plan.activation.daemon {
        DaemonStep::Stay => return None,
        DaemonStep::Reload => ("reload", false),
        DaemonStep::Restart { live_restore_first, .. } => ("restart", live_restore_first.is_some()),
    };
    Some(JsonRestart { unit: plan.activation.unit.clone(), action, live_restore_first })
}

fn change(change: &Change) -> JsonChange<'_> {
    let path = change.path.display().to_string();
    let (diff, certificate) = match &change.after {
        After::Text { before, after } => (Some(diff::unified(&path, before.as_deref(), after)), None),
        After::Certificate(issue) => (None, Some(certificate(issue))),
        After::HandedIn(intake) => (None, Some(handed_in(intake))),
        After::Bundle(bundle) => (None, bundle.new.as_ref().map(certificate)),
        _ => (None, None),
    };
    JsonChange {
        resource: change.resource.to_string(),
        action: words::action(change.action),
        path,
        reasons: change.reasons.iter().map(JsonReason::new).collect(),
        diff,
        certificate,
    }
}

pub fn waiting(waiting: &Waiting) -> JsonWaiting {
    JsonWaiting {
        resource: waiting.resource.to_string(),
        request: waiting.request.display().to_string(),
        certificate: waiting.certificate.display().to_string(),
    }
}

fn handed_in(intake: &Intake) -> JsonIssue {
    let facts = &intake.certificate.facts;
    JsonIssue {
        subject: facts.subject.to_string(),
        sans: facts.sans.iter().map(ToString::to_string).collect(),
        key: intake.key.as_ref().and(facts.public_key.algorithm).map(|algorithm| algorithm.to_string()),
        old_accepted_until: intake.keeps_old.as_ref().map(|old| words::rfc3339(old.accepted_until)),
        not_after: words::rfc3339(facts.not_after),
        replaces: intake.before.as_deref().map(replaced),
    }
}

fn replaced(facts: &CertFacts) -> JsonReplaced {
    JsonReplaced {
        subject: facts.subject.to_string(),
        sans: facts.sans.iter().map(ToString::to_string).collect(),
        key: facts.public_key.algorithm.map(|algorithm| algorithm.to_string()),
        not_after: words::rfc3339(facts.not_after),
    }
}

fn certificate(issue: &Issue) -> JsonIssue {
    JsonIssue {
        subject: issue.spec.subject.to_string(),
        sans: issue.spec.sans.iter().map(ToString::to_string).collect(),
        key: (!matches!(issue.key, IssueKey::Request(_))).then(|| issue.spec.key.to_string()),
        not_after: words::rfc3339(issue.not_after),
        old_accepted_until: issue.keeps_old.as_ref().map(|old| words::rfc3339(old.accepted_until)),
        replaces: issue.before.as_deref().map(replaced),
    }
}

/// For programs.
pub(super) fn rotation(rotation: &Rotation) -> JsonRotation<'_> {
    let holders = rotation.holders.iter();
    JsonRotation {
        generation: rotation.generation,
        phase: match rotation.phase {
            Phase::Steady => "steady",
            Phase::Introduced { .. } => "introduced",
            Phase::Switched => "switched",
        },
        due: words::rfc3339(rotation.due),
        holders: holders.map(|(client, until)| JsonHolder { client, until: words::rfc3339(*until) }).collect(),
    }
}

impl<'a> JsonReason<'a> {
    /// With its sentence.
    pub fn new(reason: &'a Reason) -> Self {
        Self { reason, text: words::reason(reason) }
    }
}

impl JsonError {
    /// In words.
    pub fn new(refusal: &Refusal) -> Self {
        let (message, hint) = words::refusal(refusal);
        Self { message, hint }
    }
}
