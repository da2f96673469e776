//! Whether the database is there, and as this version needs it.

use super::facts::Spool;
use super::{Check, Facts, Status};

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "database";
    if facts.known.is_some() {
        return Check::ok(
            NAME,
            "The database answers.",
            "Messages are stored and can be read.",
        );
    }
    let (fate, meaning) = match facts.spool {
        Spool::On { refuses: false, .. } => (
            "deliveries are kept on this machine's disk",
            "Nothing is lost. Messages cannot be read until the database is back.",
        ),
        _ => (
            "deliveries are refused with 503",
            "Chatrace hardly tries again: what is refused is lost.",
        ),
    };
    Check::new(
        NAME,
        Status::Problem,
        format!("The database is away ({}): {fate}.", facts.away),
        meaning,
        "Start the database, or make it reachable from this machine; the log has the cause.",
    )
}

/// A database with missing migrations is not used at all, so one that answers has them.
pub(super) fn migrations(facts: &Facts) -> Check {
    const NAME: &str = "migrations";
    if facts.known.is_some() {
        Check::ok(
            NAME,
            "The tables are those of this version.",
            "There is nothing to migrate.",
        )
    } else {
        Check::unknown(NAME)
    }
}
