//! The outcomes of the newest deliveries.

use super::words::counted;
use super::{Check, Facts};
use crate::delivery::Outcome;

/// How many are needed.
const PATTERN: usize = 3;

pub(super) fn check_outcomes(facts: &Facts) -> Check {
    const NAME: &str = "outcomes";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::too_early(NAME, "deliveries");
    }
    let count = |outcome| {
        deliveries
            .iter()
            .filter(|one| one.outcome == outcome)
            .count()
    };
    let counts: Vec<_> = Outcome::ALL
        .iter()
        .filter(|outcome| count(**outcome) > 0)
        .map(|outcome| format!("{} {outcome}", count(*outcome)))
        .collect();
    let observed = format!(
        "Of the last {}: {}.",
        counted(deliveries.len() as u64, "delivery"),
        counts.join(", ")
    );
    if deliveries.len() < PATTERN || count(Outcome::Ignored) < deliveries.len() {
        return Check::ok(NAME, observed, "Messages in deliveries are stored.");
    }
    let reason = deliveries[0].reason.as_deref().unwrap_or("no message");
    Check::problem(
        NAME,
        format!(
            "The last {} contain no message. The newest: {reason}.",
            counted(deliveries.len() as u64, "delivery")
        ),
        "The flow sends events, but not what customers write.",
        "Run `chatrace-webhook setup` and compare the body of the External API Request with the template.",
    )
}
