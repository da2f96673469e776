//! Deliveries arrive, but always with the same message.

use super::words::counted;
use super::{Check, Facts, Status};
use crate::delivery::Outcome;

/// How many in a row make a pattern.
const PATTERN: usize = 3;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "duplicates";
    let Some(known) = &facts.known else {
        return Check::unknown(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::too_early(NAME, "deliveries");
    }
    let row = deliveries
        .iter()
        .take_while(|delivery| delivery.outcome == Outcome::Duplicate)
        .count();
    if row < PATTERN {
        return Check::ok(
            NAME,
            "The newest deliveries are not only duplicates.",
            "New messages are told apart from old ones.",
        );
    }
    Check::new(
        NAME,
        Status::Problem,
        format!(
            "The last {} are all duplicates of messages that are stored already.",
            counted(row as u64, "delivery")
        ),
        "The body sends the same message again and again: a constant id, time or text, or the flow runs in a loop.",
        "Compare the bodies under GET /instagram/deliveries?outcome=duplicate: `text` and `last_interaction` must be variables, not what was typed.",
    )
}
