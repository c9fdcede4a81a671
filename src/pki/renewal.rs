//! When a certificate is issued anew before its end. Pure: its dates and the policy give the moment, whoever asks and
//! however often.

use time::{Duration, OffsetDateTime};

/// The longest time before the end where the manifest is silent.
const AT_MOST: Duration = Duration::days(30);
/// No more of a lifetime than this part is given up for spreading.
const SPREAD_PART: i32 = 10;
const THIRD: i32 = 3;
const HALF: i32 = 2;

/// How a certificate is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// How long before the end; `None`: a third of the lifetime, at most 30 days.
    pub before: Option<Duration>,
    /// How much earlier still, so that the hosts of a fleet do not all renew in one hour.
    pub early: Duration,
    /// Whether the key stays.
    pub reuses_key: bool,
}

impl Renewal {
    /// From then on a certificate with these dates is to be renewed. It is the certificate's own lifetime that counts,
    /// not the one that a new one would have: a manifest that asks for longer ones renews nothing at once.
    pub fn due(&self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> OffsetDateTime {
        let lifetime = not_after - not_before;
        let third = lifetime / THIRD;
        // As long as the lifetime, it would have every run renew.
        let before = self.before.filter(|before| *before < lifetime).unwrap_or_else(|| third.min(AT_MOST));
        let early = self.early.min(lifetime / SPREAD_PART).min((lifetime - before) / HALF);
        not_after - before - early
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2027-01-01 00:00 UTC);

    fn due(renewal: Renewal, days: i64) -> i64 {
        (renewal.due(START, START + Duration::days(days)) - START).whole_days()
    }

    #[test]
    fn a_third_of_the_lifetime_and_at_most_30_days_before_the_end() {
        assert_eq!(due(Renewal::default(), 365), 335);
        assert_eq!(due(Renewal::default(), 90), 60);
        assert_eq!(due(Renewal::default(), 30), 20);
    }

    #[test]
    fn a_span_that_is_given_counts() {
        let renewal = Renewal { before: Some(Duration::days(45)), ..Renewal::default() };
        assert_eq!(due(renewal, 365), 320);
        // A CA near its end has cut this one short.
        assert_eq!(due(renewal, 30), 20);
    }

    #[test]
    fn spreading_renews_earlier_never_later_and_gives_up_a_tenth_at_most() {
        let spread = |days| Renewal { early: Duration::days(days), ..Renewal::default() };
        assert_eq!(due(spread(2), 365), 333);
        assert_eq!(due(spread(300), 365), 335 - 37);
        assert_eq!(due(spread(300), 30), 17);
        let nearly = Renewal { before: Some(Duration::days(9)), early: Duration::days(9), reuses_key: false };
        assert_eq!((nearly.due(START, START + Duration::days(10)) - START).whole_hours(), 12);
    }

    /// Every policy, run daily at the same hour: never a day with a certificate that has ended, none renewed twice, none
    /// sooner than policy says.
    #[test]
    fn years_of_daily_runs_leave_no_gap_and_renew_nothing_twice() {
        let (mut days, mut renewals) = (0, 0);
        for lifetime in [3, 7, 30, 90, 365, 825] {
            for before in [None, Some(1), Some(lifetime / 2), Some(lifetime - 1)] {
                for early in [0, 1, 3, 60] {
                    let before = before.map(Duration::days);
                    let renewal = Renewal { before, early: Duration::days(early), reuses_key: false };
                    let lifetime = Duration::days(lifetime);
                    let mut issued = START;
                    for day in 1..=3 * 365 {
                        let now = START + Duration::days(day);
                        assert!(now < issued + lifetime, "{renewal:?}, {lifetime}: a gap on day {day}");
                        if now >= renewal.due(issued, issued + lifetime) {
                            assert!(now > issued, "{renewal:?}, {lifetime}: twice on day {day}");
                            issued = now;
                            renewals += 1;
                            assert!(now < renewal.due(issued, issued + lifetime), "{renewal:?}: due when it is new");
                        }
                        days += 1;
                    }
                }
            }
        }
        println!("{days} days, {renewals} renewals");
        assert!(renewals > 1000);
    }
}
