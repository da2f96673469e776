//! Whether the times in bodies fit the clock of this machine.

use std::time::Duration;

use super::words::length;
use super::{Check, Facts};
use crate::i18n::Text;
use crate::message::{SentAtSource, Shape};
use crate::store::RecentMessage;

/// How many messages with a time of their own are needed.
const PATTERN: usize = 3;
/// Milliseconds that a message may seem to come from the future.
const AHEAD: i64 = 2 * 60 * 1000;
/// Milliseconds that a message may be late.
const BEHIND: i64 = 60 * 60 * 1000;

pub(super) fn check_clock(facts: &Facts) -> Check {
    const NAME: &str = "clock";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    if known.recent.messages.is_empty() {
        return Check::without_messages(NAME);
    }
    let mut skews: Vec<_> = known.recent.messages.iter().filter_map(skew).collect();
    if skews.len() < PATTERN {
        return Check::ok(NAME, Text::new("clock-too-few"));
    }
    skews.sort_unstable();
    let median = skews[skews.len() / 2];
    let off = length(Duration::from_millis(median.unsigned_abs()));
    let observed = if median > AHEAD {
        "clock-behind"
    } else if median < -BEHIND {
        "clock-ahead"
    } else {
        return Check::ok(NAME, Text::new("clock-fits"));
    };
    Check::warning(NAME, Text::new(observed).with("length", off))
}

/// How far the time in the body is ahead of the arrival, in milliseconds. Transcripts contain old messages.
fn skew(message: &RecentMessage) -> Option<i64> {
    (message.sent_at_source != SentAtSource::Arrival && message.shape != Shape::ChatHistory)
        .then(|| message.sent_at.as_millisecond() - message.received_at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::diagnose::Status;
    use crate::diagnose::facts::Known;
    use crate::message::Direction;
    use crate::store::Recent;

    fn observed(skews: &[i64]) -> (Status, String) {
        let messages = skews.iter().map(|skew| RecentMessage {
            received_at: Timestamp::from_second(1_800_000_000).unwrap(),
            sent_at: Timestamp::from_second(1_800_000_000 + skew).unwrap(),
            sent_at_source: SentAtSource::Message,
            direction: Direction::Inbound,
            shape: Shape::Flat,
        });
        let facts = Facts {
            known: Some(Known {
                recent: Recent {
                    messages: messages.collect(),
                    ..Recent::default()
                },
                ..Known::default()
            }),
            ..Facts::default()
        };
        let check = check_clock(&facts);
        (check.status, check.observed.to_string())
    }

    #[test]
    fn the_median_counts_and_not_a_single_late_message() {
        assert_eq!(observed(&[0, -2, -90_000]).0, Status::Ok);
        assert_eq!(observed(&[-90_000, -90_000]).0, Status::Ok);
        assert_eq!(
            observed(&[-10_801, -10_800, -10_799]),
            (
                Status::Warning,
                "Messages seem to be sent 3 hours before they arrive.".to_owned()
            )
        );
        assert_eq!(
            observed(&[600, 600, 601]),
            (
                Status::Warning,
                "Messages seem to be sent 10 minutes after they arrive.".to_owned()
            )
        );
    }
}
