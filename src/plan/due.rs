//! What a plan makes is counted from the time that it was made for. Carried out later, some of it may be near its end by
//! then: a plan of that later time would replace it at once.

use time::OffsetDateTime;

use super::change::{After, Issue};
use super::note::Note;
use super::resource::Resource;
use super::{Plan, rotation};
use crate::desired::Desired;
use crate::pki::Role;

impl Plan {
    /// The first thing of this plan, made for `now`, that would be due again by `then`, and since when.
    pub fn due_again(
        &self,
        desired: &Desired,
        now: OffsetDateTime,
        then: OffsetDateTime,
    ) -> Option<(Resource, OffsetDateTime)> {
        let of_issues = self.changes.iter().filter_map(|change| match &change.after {
            After::Certificate(issue) => Some((change.resource.clone(), due(issue, desired, now))),
            After::Bundle(bundle) => {
                let of_new = bundle.new.as_ref().map(|issue| due(issue, desired, now));
                Some((change.resource.clone(), of_new.into_iter().chain(self.next_step()).min()?))
            }
            _ => None,
        });
        of_issues.filter(|(_, due)| *due <= then).min_by_key(|(_, due)| *due)
    }

    /// Of a CA's replacement, as the notes say it.
    fn next_step(&self) -> Option<OffsetDateTime> {
        self.notes.iter().find_map(|note| match note {
            Note::CaIntroduced { switches: at, .. } | Note::CaSwitched { retires: at, .. } => Some(*at),
            _ => None,
        })
    }
}

fn due(issue: &Issue, desired: &Desired, now: OffsetDateTime) -> OffsetDateTime {
    let lifetime = issue.not_after - now;
    if issue.spec.role == Role::Ca {
        issue.not_after - rotation::lead(desired, lifetime)
    } else if lifetime < issue.spec.valid_for {
        // The CA's end is its own: a later one would end no later.
        issue.not_after
    } else {
        issue.spec.renewal.due(now, issue.not_after)
    }
}
