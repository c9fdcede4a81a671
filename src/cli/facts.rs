//! Where a plan's facts come from: the host that this runs on or another root, or what was observed on a host elsewhere.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::arguments::Plan as Arguments;
use super::session::Session;
use super::{say, say_error};
use crate::apply;
use crate::desired::Desired;
use crate::host;
use crate::manifest::RestartPolicy;
use crate::observed::facts::{Facts, Lack, MOST_BYTES};
use crate::observed::{ObserveError, Observed, ServiceFacts};
use crate::plan::{DaemonStep, Note, Plan};
use crate::render::{Page, text};
use crate::saved::Flags;

/// A plan, and what is known of how it came about.
pub struct Compared {
    /// What differs.
    pub plan: Plan,
    /// For when it was made.
    pub now: OffsetDateTime,
    /// Whether nothing on the host was hidden from who looked at it.
    pub by_root: bool,
    /// The root where an interrupted run left its journal.
    pub interrupted: Option<PathBuf>,
    /// The host itself, where it is this one.
    pub here: Option<(Session, Observed)>,
}

/// Observes and compares, or reads and compares; why it can't be done has been told where there is nothing.
pub fn compare(arguments: &Arguments) -> Option<Compared> {
    match (&arguments.from, &arguments.facts) {
        (Some(old), _) => imagined(arguments, old),
        (None, Some(facts)) => recalled(arguments, facts),
        (None, None) => observed(arguments),
    }
}

fn observed(arguments: &Arguments) -> Option<Compared> {
    let mut session = Session::open(&arguments.target, arguments.now, false)?;
    if !session.takes(flags(arguments)) {
        return None;
    }
    let (observed, plan) = session.compare().map_err(|error| say_error(&error.to_string(), None)).ok()?;
    let interrupted = apply::is_interrupted(&session.root).then(|| observed.root.clone());
    let by_root = host::effective_user() == 0;
    Some(Compared { plan, now: session.now, by_root, interrupted, here: Some((session, observed)) })
}

fn flags(arguments: &Arguments) -> Flags {
    arguments.rotation.flags(&arguments.keys, arguments.allow_restart)
}

/// What the manifest and the arguments ask of a host that is not here.
fn wanted(arguments: &Arguments) -> Option<(Desired, OffsetDateTime)> {
    let (mut desired, now) = Session::wanted(&arguments.target.file, arguments.now)?;
    Session::shape(&mut desired, flags(arguments)).then_some((desired, now))
}

/// The problems of both manifests are told in one run.
fn imagined(arguments: &Arguments, old: &Path) -> Option<Compared> {
    let old = Session::wanted(old, arguments.now);
    let (new, now) = wanted(arguments)?;
    let plan = Plan::between(&old?.0, &new, now);
    Some(Compared { plan, now, by_root: true, interrupted: None, here: None })
}

fn recalled(arguments: &Arguments, file: &Path) -> Option<Compared> {
    let manifest = &arguments.target.file;
    let (desired, now) = wanted(arguments)?;
    let facts = read(file)?;
    if facts.host.host != desired.host {
        let mut page = Page::default();
        let what = format!("the facts are those of {}, the manifest is that of {}", facts.host.host, desired.host);
        text::add_note_text(&mut page, &what);
        say(page);
    }
    let plan = match recall(&facts, &desired, now) {
        Ok(plan) => plan,
        Err(error) => {
            let hint = match &error {
                ObserveError::Lack(_) => Some(format!(
                    "on the host, run `dockseal observe {} > facts.json` with this manifest, and plan with that",
                    manifest.display()
                )),
                _ => None,
            };
            say_error(&error.to_string(), hint.as_deref());
            return None;
        }
    };
    let host = facts.host;
    Some(Compared { plan, now, by_root: host.by_root, interrupted: host.interrupted.then_some(host.root), here: None })
}

fn read(file: &Path) -> Option<Facts> {
    let say_of = |why: &str, hint: Option<&str>| say_error(&format!("{}: {why}", file.display()), hint);
    let text = host::read_input(file, MOST_BYTES).map_err(|error| say_of(&error.to_string(), None)).ok()?;
    Facts::parse(&text).map_err(|error| say_of(&error.to_string(), error.hint().as_deref())).ok()
}

/// The plan that would be made on the host that these facts are of.
fn recall(facts: &Facts, desired: &Desired, now: OffsetDateTime) -> Result<Plan, ObserveError> {
    let (mut observed, served) = Observed::recall(facts, desired)?;
    let mut plan = Plan::new(desired, &observed, now);
    if hears_endpoints(desired, &observed, &plan) {
        observed.served = served?;
        plan = Plan::new(desired, &observed, now);
    }
    if plan.concerns_containers() && observed.is_dockerd_running() {
        let containers = facts.host.containers.clone();
        observed.containers = Some(containers.ok_or_else(|| Lack { what: "which containers run".to_owned() })?);
        plan = Plan::new(desired, &observed, now);
    }
    Ok(plan)
}

/// Whether what endpoints answer has a say: only where nothing else calls for a restart, and one is not forbidden.
fn hears_endpoints(desired: &Desired, observed: &Observed, plan: &Plan) -> bool {
    let is_wanted = observed.service().is_some_and(ServiceFacts::is_wanted);
    is_wanted
        && desired.unit.restart != RestartPolicy::Never
        && !matches!(plan.activation.daemon, DaemonStep::Restart { .. })
        && !plan.notes.contains(&Note::NotSealedYet)
}
