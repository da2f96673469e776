//! Deliveries arrive, but always with the same message.

use super::words::counted;
use super::{Check, Facts};
use crate::delivery::Outcome;

/// How many in a row are a problem.
const PATTERN: usize = 3;

pub(super) fn check_duplicates(facts: &Facts) -> Check {
    const NAME: &str = "duplicates";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
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
            "The newest deliveries are not all duplicates.",
            "New messages are recognised.",
        );
    }
    Check::problem(
        NAME,
        format!(
            "The last {} are all duplicates of stored messages.",
            counted(row as u64, "delivery")
        ),
        "The flow sends the same message again and again: it has a constant id, time or text, or runs in a loop.",
        "Compare the bodies under GET /instagram/deliveries?outcome=duplicate: `text` and `last_interaction` must be variables, not typed text.",
    )
}
