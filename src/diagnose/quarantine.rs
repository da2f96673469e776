//! Bodies that were stored but not understood.

use jiff::SignedDuration;

use super::words::{at, reason};
use super::{Check, Facts, Status};
use crate::delivery::Outcome;
use crate::i18n::Text;

/// How long an old one is a warning.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check_quarantine(facts: &Facts) -> Check {
    const NAME: &str = "quarantine";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let Some(newest) = &known.recent.quarantine else {
        return Check::ok(NAME, Text::new("quarantine-none"));
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
    let reason = match &newest.reason {
        Some(words) => reason(newest.code.as_deref(), words.trim_end_matches('.')),
        None => Text::new("not-understood"),
    };
    let observed = Text::new("quarantine-holds")
        .with("count", known.quarantined)
        .with("at", at(newest.received_at, facts.now))
        .with("reason", reason)
        .with("delivery", newest.delivery_id.to_string());
    Check::new(NAME, status, observed)
}
