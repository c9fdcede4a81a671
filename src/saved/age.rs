//! How old a saved plan may be when it is carried out.

use time::{Duration, OffsetDateTime};

use super::SavedPlan;
use crate::render::words;

/// Who reviewed it longer ago than that has forgotten why.
const OLDEST: Duration = Duration::days(30);
/// Clocks differ.
const SKEW: Duration = Duration::minutes(5);

/// Why its time does not fit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// It is for later.
    #[error("it was made for {}, and this host's clock shows {}", words::moment(*.made), words::moment(*.now))]
    Future {
        /// The plan's time.
        made: OffsetDateTime,
        /// This host's.
        now: OffsetDateTime,
    },
    /// It is from long ago.
    #[error("it was made for {}: more than {} days ago", words::moment(*.made), OLDEST.whole_days())]
    TooOld {
        /// The plan's time.
        made: OffsetDateTime,
    },
}

impl AgeError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Future { .. } => "set the clock, or wait until then; or make a new plan",
            Self::TooOld { .. } => "make a new plan, and have it reviewed",
        }
    }
}

impl SavedPlan {
    /// Whether it may be carried out at that time, as far as its age goes.
    pub fn is_of_age(&self, now: OffsetDateTime) -> Result<(), AgeError> {
        let made = self.now;
        match now - made {
            age if age < -SKEW => Err(AgeError::Future { made, now }),
            age if age > OLDEST => Err(AgeError::TooOld { made }),
            _ => Ok(()),
        }
    }
}
