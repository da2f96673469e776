//! Bodies that were stored but not understood.

use jiff::SignedDuration;

use super::words::{at, counted};
use super::{Check, Facts, Status};
use crate::delivery::Outcome;

/// How long an old one is a warning.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check_quarantine(facts: &Facts) -> Check {
    const NAME: &str = "quarantine";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let Some(newest) = &known.recent.quarantine else {
        return Check::ok(
            NAME,
            "Nothing is in quarantine.",
            "Every body was understood.",
        );
    };
    let deliveries = &known.recent.deliveries;
    let goes_on = deliveries
        .first()
        .is_some_and(|one| one.outcome == Outcome::Quarantined);
    let status = if goes_on {
        Status::Problem
    } else if facts.now.duration_since(newest.received_at) < RECENT {
        Status::Warning
    } else {
        Status::Ok
    };
    let reason = newest
        .reason
        .as_deref()
        .unwrap_or("not understood")
        .trim_end_matches('.');
    Check::new(
        NAME,
        status,
        format!(
            "{} in quarantine, the newest {}: {reason}.",
            counted(u64::try_from(known.quarantined).unwrap_or_default(), "item"),
            at(newest.received_at, facts.now),
        ),
        "These bodies are stored as they arrived, but no messages were made from them.",
        format!(
            "Look at GET /instagram/deliveries/{} and compare its body with the template of `chatrace-webhook setup`.",
            newest.delivery_id
        ),
    )
}
