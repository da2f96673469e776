//! Silence: no message for longer than is usual.
//!
//! Whether there is silence is a pure function of the time, the last message and the rhythm of the last weeks
//! ([`judge`]). The [`Watch`] asks it again and again, and lets all replicas agree in the database, so that one of them
//! says it once, in the log and to `ALERT_URL`. Silence ends with the next message, and with nothing else.

mod alert;
mod rhythm;
mod watch;

use jiff::Timestamp;

pub use alert::Alerter;
pub use rhythm::Rhythm;
pub use watch::Watch;

use crate::config::SilenceAfter;

/// How many messages must be missing before their absence says something: so many come by chance not at all about once
/// in 160 000 times.
const MISSING: f64 = 12.0;
/// How many days of history are needed to know a rhythm.
const WEEK: u32 = 7;

/// What there is to say about the time since the last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgment {
    /// There has never been a message.
    NothingYet,
    /// The rhythm is not known yet.
    TooEarly {
        /// How many days of history there are.
        days: u32,
    },
    /// It is no longer than usual.
    Usual,
    /// It is longer.
    Silent {
        /// When the last message arrived.
        since: Timestamp,
    },
    /// It was longer when silence began, and no message has come since; by itself it would not be longer now.
    Unbroken {
        /// When the last message arrived.
        since: Timestamp,
    },
}

/// Judges the time since the last message.
pub fn judge(
    after: SilenceAfter,
    now: Timestamp,
    last: Option<Timestamp>,
    rhythm: &Rhythm,
) -> Judgment {
    let Some(last) = last else {
        return Judgment::NothingYet;
    };
    let too_long = match after {
        SilenceAfter::Fixed(limit) => now.duration_since(last).as_secs_f64() > limit.as_secs_f64(),
        SilenceAfter::Auto => match rhythm.days(now) {
            days @ 0..WEEK => return Judgment::TooEarly { days },
            _ => rhythm.expected(last, now) >= MISSING,
        },
    };
    if too_long {
        Judgment::Silent { since: last }
    } else {
        Judgment::Usual
    }
}

/// What has to change, if anything: whether there is silence now, and since which message.
fn change(silent_since: Option<Timestamp>, judgment: Judgment, last: Option<Timestamp>) -> Change {
    match (silent_since, judgment) {
        (None, Judgment::Silent { since }) => Change::Begins { since },
        // That the rhythm is forgotten in the meantime is no reason to be at ease.
        (Some(since), _) => match last {
            Some(message) if message > since => Change::Ends { since, message },
            _ => Change::Nothing,
        },
        (None, _) => Change::Nothing,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Begins {
        since: Timestamp,
    },
    Ends {
        since: Timestamp,
        message: Timestamp,
    },
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
        let judge = |now, last| judge(after, at(now), last, &Rhythm::default());
        assert_eq!(judge(100, None), Judgment::NothingYet);
        assert_eq!(judge(100, Some(at(40))), Judgment::Usual);
        assert_eq!(judge(101, Some(at(40))), Judgment::Silent { since: at(40) });
    }

    #[test]
    fn silence_begins_once_and_only_a_message_ends_it() {
        let silent = Judgment::Silent { since: at(40) };
        let begins = Change::Begins { since: at(40) };
        assert_eq!(change(None, silent, Some(at(40))), begins);
        assert_eq!(change(Some(at(40)), silent, Some(at(40))), Change::Nothing);
        assert_eq!(
            change(Some(at(40)), Judgment::Usual, Some(at(40))),
            Change::Nothing
        );
        assert_eq!(
            change(Some(at(40)), Judgment::Usual, Some(at(200))),
            Change::Ends {
                since: at(40),
                message: at(200)
            }
        );
        assert_eq!(
            change(None, Judgment::Usual, Some(at(200))),
            Change::Nothing
        );
    }
}
