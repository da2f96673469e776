//! What the time since the last message means.

use jiff::Timestamp;

use super::Rhythm;
use crate::config::SilenceAfter;

/// How many messages must be missing to be an alarm. If so many are usual, none arrives by chance once in 160,000
/// times.
const MISSING: f64 = 12.0;
/// How many days of history are needed to know a rhythm.
const WEEK: u32 = 7;

/// What the time since the last message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assessment {
    /// There has never been a message.
    NothingYet,
    /// The rhythm is not known yet.
    TooEarly {
        /// How many days of history there are.
        days: u32,
    },
    /// It is as long as usual.
    Usual,
    /// It is longer than usual.
    Silent {
        /// When the last message arrived.
        since: Timestamp,
    },
    /// It was longer when silence began, and no message has arrived since; now it would not count as longer.
    Unbroken {
        /// When the last message arrived.
        since: Timestamp,
    },
}

/// Assesses the time since the last message.
pub fn assess(
    after: SilenceAfter,
    now: Timestamp,
    last: Option<Timestamp>,
    rhythm: &Rhythm,
) -> Assessment {
    let Some(last) = last else {
        return Assessment::NothingYet;
    };
    let too_long = match after {
        SilenceAfter::Fixed(limit) => now.duration_since(last).as_secs_f64() > limit.as_secs_f64(),
        SilenceAfter::Auto => match rhythm.days(now) {
            days @ 0..WEEK => return Assessment::TooEarly { days },
            _ => rhythm.expected(last, now) >= MISSING,
        },
    };
    if too_long {
        Assessment::Silent { since: last }
    } else {
        Assessment::Usual
    }
}

/// Whether silence begins or ends.
pub(super) fn change(
    silent_since: Option<Timestamp>,
    assessment: Assessment,
    last: Option<Timestamp>,
) -> Change {
    match (silent_since, assessment) {
        (None, Assessment::Silent { since }) => Change::Begins { since },
        // The rhythm may change meanwhile: only a message ends silence.
        (Some(since), _) => match last {
            Some(message) if message > since => Change::Ends { since },
            _ => Change::Nothing,
        },
        (None, _) => Change::Nothing,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Begins { since: Timestamp },
    Ends { since: Timestamp },
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        // A Monday, 00:00.
        Timestamp::from_second(1_700_438_400 + seconds).unwrap()
    }

    #[test]
    fn a_fixed_time_is_a_fixed_time() {
        let after = SilenceAfter::Fixed(Duration::from_mins(1));
        let assess = |now, last| assess(after, at(now), last, &Rhythm::default());
        assert_eq!(assess(100, None), Assessment::NothingYet);
        assert_eq!(assess(100, Some(at(40))), Assessment::Usual);
        assert_eq!(
            assess(101, Some(at(40))),
            Assessment::Silent { since: at(40) }
        );
    }

    #[test]
    fn silence_begins_once_and_only_a_message_ends_it() {
        let silent = Assessment::Silent { since: at(40) };
        let begins = Change::Begins { since: at(40) };
        assert_eq!(change(None, silent, Some(at(40))), begins);
        assert_eq!(change(Some(at(40)), silent, Some(at(40))), Change::Nothing);
        assert_eq!(
            change(Some(at(40)), Assessment::Usual, Some(at(40))),
            Change::Nothing
        );
        assert_eq!(
            change(Some(at(40)), Assessment::Usual, Some(at(200))),
            Change::Ends { since: at(40) }
        );
        assert_eq!(
            change(None, Assessment::Usual, Some(at(200))),
            Change::Nothing
        );
    }
}
