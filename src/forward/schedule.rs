//! When a refused event is tried again, and when a destination that is down.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use jiff::{SignedDuration, Timestamp};

/// The pauses behind each attempt, about three days in all: those that Standard Webhooks gives as an example.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];
/// By how much a pause may be longer, so that what was refused together does not come again together.
const JITTER: f64 = 0.1;

/// When something is tried again that was tried so often. `None`: not any more. A destination may ask for more time.
pub(super) fn next_attempt(
    attempts: i32,
    now: Timestamp,
    retry_after: Option<Duration>,
) -> Option<Timestamp> {
    let number = usize::try_from(attempts).unwrap_or_default().max(1);
    let pause = PAUSES
        .get(number - 1)?
        .mul_f64(1.0 + JITTER * fastrand::f64());
    let asked = retry_after.and_then(|asked| SignedDuration::try_from(asked).ok());
    now.checked_add(pause.max(asked.unwrap_or_default())).ok()
}

/// The same for an alert, which is of use only soon: at most five minutes later, and as long as somebody tries.
pub(crate) fn next_alert(
    attempts: i32,
    now: Timestamp,
    retry_after: Option<Duration>,
) -> Option<Timestamp> {
    next_attempt(attempts.min(2), now, retry_after)
}

/// The pauses between probes of a destination that is down: 1 s at first, 15 s at most.
pub(super) fn probe_pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(1))
        // The jitter adds up to as much again.
        .with_max_delay(Duration::from_millis(7_500))
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_tried_for_about_three_days() {
        let mut now = Timestamp::UNIX_EPOCH;
        let mut attempts = 1;
        while let Some(next) = next_attempt(attempts, now, None) {
            assert!(next > now);
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(attempts, 10);
        let hours = now.as_second() / 3_600;
        assert!((75..84).contains(&hours), "{hours}");
    }

    #[test]
    fn a_destination_may_ask_for_more_time_and_not_for_less() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |asked| next_attempt(1, now, Some(Duration::from_secs(asked))).unwrap();
        assert_eq!(after(60).as_second(), 60);
        assert!(after(1).as_second() >= 5);
    }

    #[test]
    fn probes_are_at_most_fifteen_seconds_apart() {
        let pauses: Vec<_> = probe_pauses().take(50).collect();
        assert!(pauses[0] < Duration::from_secs(2), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(15)));
    }
}
