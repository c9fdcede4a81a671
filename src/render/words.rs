//! Reasons, notes and refusals in words.

use time::OffsetDateTime;

use super::{elsewhere, trust};
use crate::observed::unit::Origin;
use crate::pki::San;
use crate::plan::{Action, Moment, Reason, Refusal};

/// `2027-11-22 02:10:13 UTC`
pub fn moment(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let (date, (hour, minute, second)) = (at.date(), at.time().as_hms());
    format!("{date} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `2027-11-22T02:10:13Z`
pub fn rfc3339(at: OffsetDateTime) -> String {
    moment(at).replacen(' ', "T", 1).replace(" UTC", "Z")
}

/// Whole days from `now`, downwards.
pub fn days_left(until: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (until - now).whole_seconds().div_euclid(86_400)
}

/// What a certificate does that is signed elsewhere; then which file is to be signed, and where its certificate goes.
pub const WAITS: &str = "is waiting for a signature";
/// Before the request.
pub const TO_SIGN: &str = "to sign";
/// Before the certificate.
pub const PUT_AT: &str = "put it at";

/// The sign of what happens to a thing.
pub fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Reload | Action::Restart => "!",
    }
}

/// The word that programs read.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Reload => "reload",
        Action::Restart => "restart",
    }
}

/// `DNS:a, IP:10.0.0.1`
pub fn sans(sans: &[San]) -> String {
    sans.iter().map(San::to_string).collect::<Vec<_>>().join(", ")
}

/// A reason as the end of a sentence about its resource.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Missing => "it is missing".to_owned(),
        Reason::KeyMissing => "its key is missing".to_owned(),
        Reason::Unreadable { why } => format!("it {why}"),
        Reason::SubjectDiffers { found, wanted } => format!("its subject is {found}, not {wanted}"),
        Reason::SansDiffer { added, removed } => {
            let parts = [("lacks", added), ("has beyond the manifest", removed)];
            let parts = parts.iter().filter(|(_, names)| !names.is_empty());
            let parts: Vec<String> = parts.map(|(verb, names)| format!("{verb} {}", sans(names))).collect();
            format!("it {}", parts.join(" and "))
        }
        Reason::KeyAlgorithmDiffers { found: Some(found), wanted } => format!("its key is {found}, not {wanted}"),
        Reason::KeyAlgorithmDiffers { found: None, wanted } => format!("its key is not {wanted}"),
        Reason::StateAbsent => "the manifest says `state: absent`".to_owned(),
        Reason::RecoverSwitchedOff => "the manifest says `recover: false`".to_owned(),
        Reason::UsageDiffers => "its key usage does not fit".to_owned(),
        Reason::LeafIsCa => "it says that it is a CA".to_owned(),
        Reason::ExpiresSoon { at } => format!("it ends soon, at {}", moment(at.0)),
        Reason::Expired { at } => format!("it ended at {}", moment(at.0)),
        Reason::NotYetValid { from } => format!("it begins only at {}", moment(from.0)),
        Reason::OutlivesCa { ca_until } => format!("it outlives its CA, which ends at {}", moment(ca_until.0)),
        Reason::IssuerChanged => "this CA did not sign it".to_owned(),
        Reason::CaIntroduced { generation, ca_until: None } => {
            format!("the CA of generation {generation} is trusted too from now on; it signs later")
        }
        Reason::CaIntroduced { generation, ca_until: Some(until) } => format!(
            "it ends at {}: the CA of generation {generation} is trusted too from now on, and signs later",
            moment(until.0)
        ),
        Reason::CaSwitched { generation } => format!("the CA of generation {generation} signs from now on"),
        Reason::CaRetired => "a CA that signs no more is trusted no more".to_owned(),
        Reason::CaCutOff { generation } => format!("the CA of generation {generation} alone is trusted from now on"),
        Reason::KeyMismatch => "its key file holds another key".to_owned(),
        Reason::RequestDiffers => "its request bears another key".to_owned(),
        Reason::CopyDiffers => "it is not what ca.pem holds".to_owned(),
        Reason::ModeDiffers { found, wanted } => format!("its mode is {found:04o}, not {wanted:04o}"),
        Reason::OwnerDiffers { uid } => format!("it belongs to user {uid}"),
        Reason::NotInManifest { accepted_until } => not_in_manifest(*accepted_until),
        Reason::GoesWithClient => "it goes with its client".to_owned(),
        Reason::Answered => "its certificate has come".to_owned(),
        Reason::NotAwaited => "no certificate is waited for with it".to_owned(),
        Reason::CaHandedIn => "the CA's certificate has come".to_owned(),
        Reason::SubjectOfCa => "its subject is the CA's: OpenSSL would take it for self-signed".to_owned(),
        Reason::KeysDiffer { keys } if keys.len() == 1 => format!("its key {} differs", keys.join("")),
        Reason::KeysDiffer { keys } => format!("its keys {} differ", keys.join(", ")),
        Reason::TextDiffers => "its text differs".to_owned(),
        Reason::UnitNotLoaded => "systemd has loaded another ExecStart than the files give".to_owned(),
        Reason::ReadAtStart { resource: what } => format!("dockerd reads {what} when it starts"),
        Reason::ReadOnReload { keys } => format!("dockerd takes in {} on SIGHUP", keys.join(", ")),
        Reason::ServiceFailed { active } => format!("it is wanted, and is {active}"),
        Reason::ServedDiffers { endpoint, served } => {
            format!("{endpoint} serves another certificate than the one on disk: {served}")
        }
        Reason::EndpointSilent { endpoint, error } => format!("{endpoint} does not answer: {error}"),
        Reason::EndpointOpen { endpoint } => format!("{endpoint} still answers"),
        Reason::NameRefused { endpoint, name, error } => format!("{endpoint} does not verify as {name}: {error}"),
        Reason::CallerRefused { endpoint, caller, error } => format!("{endpoint} does not admit {caller}: {error}"),
        Reason::StrangerAdmitted { endpoint, stranger } => format!("{endpoint} admits {stranger}"),
    }
}

fn not_in_manifest(accepted_until: Option<Moment>) -> String {
    let gone = "the manifest no longer names this client";
    match accepted_until {
        Some(until) => format!(
            "{gone}; dockerd would still accept its certificate until {}: only another CA cuts it off sooner (ca.rotate, or apply --now-cut-off)",
            moment(until.0)
        ),
        None => format!("{gone}; its certificate is none of this CA's"),
    }
}

pub fn place(origin: &Origin) -> String {
    match &origin.variable {
        Some(variable) => format!("{}:{} (${variable})", origin.path.display(), origin.line),
        None => format!("{}:{}", origin.path.display(), origin.line),
    }
}

/// At most ten names.
pub fn listed(names: &[String]) -> String {
    let count = names.len();
    let shown = names.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let more = if count > 10 { ", …" } else { "" };
    let noun = if count == 1 { "container" } else { "containers" };
    format!("{count} running {noun}: {shown}{more}")
}

/// A refusal as a sentence, and what to do about it.
pub fn refusal(refusal: &Refusal) -> (String, String) {
    match refusal {
        Refusal::Distrusted(distrust) => trust::distrust(distrust),
        Refusal::WouldOpen { flag, origin } => (
            format!(
                "{} says {flag} without --tlsverify: without the drop-in, whoever reaches it would be root",
                place(origin)
            ),
            "take the flag out there first".to_owned(),
        ),
        Refusal::Exposed { path, how, owner, mode } => trust::exposed(path, *how, *owner, *mode),
        Refusal::NotAFile { path, what } => {
            (format!("{} {what}", path.display()), "put a regular file in its place, or remove it".to_owned())
        }
        Refusal::Denied { path } => (format!("{} may not be read", path.display()), "run as root".to_owned()),
        Refusal::DaemonJson { path, error } => {
            let blank = if error.place().is_some() { "" } else { " " };
            let hint = error.hint().unwrap_or("mend it, or begin anew with {}");
            (format!("{}:{blank}{error}", path.display()), format!("nothing is written over it; {hint}"))
        }
        Refusal::Unusable { path, why } => {
            (format!("{} {why}", path.display()), "it is never replaced: restore it from a copy, or mend it".to_owned())
        }
        Refusal::CaLost { path, orphaned } => (
            format!("{} and its key are gone, yet certificates are here: {}", path.display(), orphaned.display()),
            "restore both from a copy; or, to begin with a new CA, remove the certificates too".to_owned(),
        ),
        Refusal::CaKeyMissing { path } => (
            format!("{} is missing, and something has to be signed", path.display()),
            "restore it from a copy".to_owned(),
        ),
        Refusal::CaKeyMismatch { key, certificate } => (
            format!("{} is not the key of {}", key.display(), certificate.display()),
            "restore the pair from a copy".to_owned(),
        ),
        Refusal::NoPassphrase { key } => (
            format!("{} is encrypted, something has to be signed, and the manifest names no passphrase", key.display()),
            "set ca.passphrase to {file: …}, {env: …} or {credential: …}".to_owned(),
        ),
        Refusal::CaSubjectDiffers { path, found, wanted } => (
            format!("the subject of {} is {found}, and the manifest says {wanted}", path.display()),
            "a CA is never replaced in passing: make ca.common_name and ca.subject fit".to_owned(),
        ),
        Refusal::CaKeyAlgorithmDiffers { path, found, wanted } => {
            let found = found.map_or("of another kind", |algorithm| algorithm.name());
            (
                format!("the key of {} is {found}, and the manifest says {wanted}", path.display()),
                "a CA is never replaced in passing: make ca.key fit".to_owned(),
            )
        }
        Refusal::NotACa { path } => (
            format!("{} is not the certificate of a CA", path.display()),
            "it needs basicConstraints CA:TRUE and, if it has keyUsage, keyCertSign".to_owned(),
        ),
        Refusal::CaNotValid { path, from, until } => (
            format!("{} is valid from {} to {}, not now", path.display(), moment(*from), moment(*until)),
            "check this host's clock; a CA that has ended is replaced, and every client with it, by: dockseal apply --now-cut-off"
                .to_owned(),
        ),
        Refusal::ClockTooEarly { now } => (
            format!("this host's clock shows {}: a CA made now would have ended before it is used", moment(*now)),
            "set the clock, then run this again".to_owned(),
        ),
        Refusal::CaElsewhere => elsewhere::not_here(),
        Refusal::HandedIn { path, why, reasons } => elsewhere::handed_in(path, why, reasons),
        Refusal::NoCaYet { path, ca } => elsewhere::no_ca(path, ca),
        Refusal::RequestMissing { client, path } => elsewhere::request_missing(client, path),
        Refusal::Unit { why, hint } => (why.clone(), (*hint).to_owned()),
        Refusal::OtherConfigFile { flag, origin } => (
            format!("{} has dockerd read another file: {flag}", place(origin)),
            "move that file's settings to /etc/docker/daemon.json and take the flag out".to_owned(),
        ),
        Refusal::FlagConflict { key, flag, origin } => (
            format!("{} sets {flag}, and daemon.json sets `{key}`: dockerd would not start", place(origin)),
            format!("take the flag out there, or `{key}` out of daemon.json"),
        ),
        Refusal::Overridden { origin } => (
            format!("{} sorts after the drop-in and sets ExecStart", place(origin)),
            "give systemd.drop_in a name that sorts after it, or remove its ExecStart".to_owned(),
        ),
        Refusal::UnitDisagrees { files, systemd } => (
            format!("the unit's files give `{files}`, and systemd has loaded `{systemd}`"),
            "run `systemctl daemon-reload`; if it stays so, please report it".to_owned(),
        ),
        Refusal::NoSocketUnit { socket } => (
            format!("`fd://` needs {socket}, which this host does not have"),
            "use unix:///var/run/docker.sock in daemon.hosts".to_owned(),
        ),
        Refusal::ContainersWouldStop { names } => (
            format!("a restart of dockerd would stop {}", listed(names)),
            "set daemon.live-restore to true, or allow it: --allow-restart".to_owned(),
        ),
        Refusal::ContainersUnknown { why } => (
            format!("whether a restart would stop containers is unknown: {why}"),
            "run as root; or allow the restart whatever stops: --allow-restart".to_owned(),
        ),
        Refusal::LiveRestoreInSwarm => (
            "dockerd refuses live-restore on a node of a swarm".to_owned(),
            "take live-restore out of the manifest".to_owned(),
        ),
    }
}
