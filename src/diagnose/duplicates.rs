//! Deliveries arrive, but always with the same message.

use super::{Check, Facts};
use crate::delivery::Outcome;
use crate::i18n::Text;

/// How many in a row are a problem.
const PATTERN: usize = 3;

pub(super) fn check_duplicates(facts: &Facts) -> Check {
    const NAME: &str = "duplicates";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::without_deliveries(NAME);
    }
    let row = deliveries
        .iter()
        .take_while(|delivery| delivery.outcome == Outcome::Duplicate)
        .count();
    if row < PATTERN {
        return Check::ok(NAME, Text::new("duplicates-few"));
    }
    Check::problem(NAME, Text::new("duplicates-only").with("count", row))
}
