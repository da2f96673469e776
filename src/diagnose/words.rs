//! Times and numbers as the sentences of the checks need them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) use crate::text::upper_first;

/// A time in UTC: `14:02`, with its date if that is not today.
pub(super) fn time(time: Timestamp, now: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::UTC);
    let today = now.to_zoned(TimeZone::UTC).date();
    if time.date() == today {
        time.strftime("%H:%M").to_string()
    } else {
        time.strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// `at 14:02` or `on 2026-11-21 14:02`.
pub(super) fn at(when: Timestamp, now: Timestamp) -> String {
    let text = time(when, now);
    let word = if text.len() > 5 { "on" } else { "at" };
    format!("{word} {text}")
}

/// `1 request`, `2 requests`.
pub(super) fn counted(count: u64, thing: &str) -> String {
    match thing {
        _ if count == 1 => format!("1 {thing}"),
        "delivery" => format!("{count} deliveries"),
        "body" => format!("{count} bodies"),
        _ => format!("{count} {thing}s"),
    }
}

/// `the last delivery`, or `3 of the last 5 deliveries`.
pub(super) fn share(count: usize, of: usize) -> String {
    if of == 1 {
        "the last delivery".to_owned()
    } else {
        format!("{count} of the last {}", counted(of as u64, "delivery"))
    }
}

/// A length of time in its largest unit only.
pub(super) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    counted(count, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_date_when_it_is_not_today() {
        let now = "2026-11-22T16:00:00Z".parse().unwrap();
        assert_eq!(at("2026-11-22T14:02:59Z".parse().unwrap(), now), "at 14:02");
        assert_eq!(
            at("2026-11-21T23:59:00Z".parse().unwrap(), now),
            "on 2026-11-21 23:59"
        );
    }

    #[test]
    fn one_is_one_and_more_are_many() {
        assert_eq!(counted(1, "delivery"), "1 delivery");
        assert_eq!(counted(2, "delivery"), "2 deliveries");
        assert_eq!(counted(0, "day"), "0 days");
        assert_eq!(share(1, 1), "the last delivery");
        assert_eq!(share(2, 3), "2 of the last 3 deliveries");
    }
}
