//! Whether old deliveries are deleted.

use jiff::SignedDuration;

use super::words::{at, counted};
use super::{Check, Facts};
use crate::store::agreed_time;

/// How late a deletion may be.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check_retention(facts: &Facts) -> Check {
    const NAME: &str = "retention";
    let Some(days) = facts.retention_days else {
        return Check::ok(NAME, "RETENTION_DAYS is not set.", "Everything is kept.");
    };
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let running = facts.now.duration_since(facts.started_at);
    let limit = SignedDuration::from_hours(24 * i64::from(days)) + SLACK;
    match known.recent.oldest_delivery_at {
        Some(oldest)
            if facts.now.duration_since(oldest) > limit
                && agreed_time(facts.now, facts.last_delivery_at, running) < facts.now =>
        {
            Check::warning(
                NAME,
                format!(
                    "The oldest delivery arrived {}, although RETENTION_DAYS is {days}; the newest one is more than a \
                     day old as well.",
                    at(oldest, facts.now)
                ),
                "The clock of this machine may be ahead, so only what is old by the newest delivery too is deleted.",
                "Correct the clock if it is wrong. If it is right, the rest goes as the service runs on.",
            )
        }
        Some(oldest) if facts.now.duration_since(oldest) > limit => Check::warning(
            NAME,
            format!(
                "The oldest delivery arrived {}, although RETENTION_DAYS is {days}.",
                at(oldest, facts.now)
            ),
            "Deliveries that should be deleted are still there.",
            "The log contains the reason why they are not deleted.",
        ),
        _ => Check::ok(
            NAME,
            format!("Nothing is older than {}.", counted(u64::from(days), "day")),
            "Older deliveries are deleted.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Status;
    use crate::diagnose::facts::Known;
    use crate::store::Recent;

    #[test]
    fn what_is_kept_too_long_is_a_warning() {
        let facts = |oldest: &str| Facts {
            now: "2026-11-22T16:00:00Z".parse().unwrap(),
            retention_days: Some(7),
            known: Some(Known {
                recent: Recent {
                    oldest_delivery_at: Some(oldest.parse().unwrap()),
                    ..Recent::default()
                },
                ..Known::default()
            }),
            ..Facts::default()
        };
        assert_eq!(
            check_retention(&facts("2026-11-16T00:00:00Z")).status,
            Status::Ok
        );
        assert_eq!(
            check_retention(&facts("2026-11-01T00:00:00Z")).status,
            Status::Warning
        );
    }
}
