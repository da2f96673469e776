//! The outcomes of the newest deliveries.

use super::words::reason;
use super::{Check, Facts};
use crate::delivery::Outcome;
use crate::i18n::Text;

/// How many are needed.
const PATTERN: usize = 3;

pub(super) fn check_outcomes(facts: &Facts) -> Check {
    const NAME: &str = "outcomes";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let deliveries = &known.recent.deliveries;
    if deliveries.is_empty() {
        return Check::without_deliveries(NAME);
    }
    let count = |outcome| {
        deliveries
            .iter()
            .filter(|one| one.outcome == outcome)
            .count()
    };
    let counts = Outcome::ALL.iter().filter(|outcome| count(**outcome) > 0);
    let counts = counts.map(|outcome| counted(*outcome, count(*outcome)));
    let about = |id| Text::new(id).with("count", deliveries.len());
    if deliveries.len() < PATTERN || count(Outcome::Ignored) < deliveries.len() {
        let observed = about("outcomes-seen").with("outcomes", Text::list(counts, ", "));
        return Check::ok(NAME, observed);
    }
    let newest = &deliveries[0];
    let reason = match &newest.reason {
        Some(words) => reason(newest.code.as_deref(), words),
        None => Text::new("no-message"),
    };
    Check::problem(NAME, about("outcomes-no-message").with("reason", reason))
}

fn counted(outcome: Outcome, count: usize) -> Text {
    let id = match outcome {
        Outcome::Stored => "outcomes-stored",
        Outcome::Duplicate => "outcomes-duplicate",
        Outcome::Ignored => "outcomes-ignored",
        Outcome::Quarantined => "outcomes-quarantined",
        Outcome::Spooled => "outcomes-spooled",
    };
    Text::new(id).with("count", count)
}
