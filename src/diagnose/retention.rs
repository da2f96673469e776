//! Whether old deliveries are deleted.

use jiff::SignedDuration;

use super::words::at;
use super::{Check, Facts};
use crate::i18n::Text;
use crate::store::agreed_time;

/// How late a deletion may be.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check_retention(facts: &Facts) -> Check {
    const NAME: &str = "retention";
    let Some(days) = facts.retention_days else {
        return Check::ok(NAME, Text::new("retention-off"));
    };
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let running = facts.now.duration_since(facts.started_at);
    let limit = SignedDuration::from_hours(24 * i64::from(days)) + SLACK;
    let is_late = |oldest| facts.now.duration_since(oldest) > limit;
    let Some(oldest) = known.recent.oldest_delivery_at.filter(|at| is_late(*at)) else {
        return Check::ok(NAME, Text::new("retention-done").with("days", days));
    };
    let is_in_doubt = agreed_time(facts.now, facts.last_delivery_at, running) < facts.now;
    let id = if is_in_doubt {
        "retention-in-doubt"
    } else {
        "retention-late"
    };
    let observed = Text::new(id)
        .with("at", at(oldest, facts.now))
        .with("days", days);
    Check::warning(NAME, observed)
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
