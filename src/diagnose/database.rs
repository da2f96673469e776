//! Whether the database answers, and has the tables of this version.

use super::facts::SpoolFacts;
use super::{Check, Facts};

pub(super) fn check_database(facts: &Facts) -> Check {
    const NAME: &str = "database";
    if facts.known.is_some() {
        return Check::ok(
            NAME,
            "The database answers.",
            "Messages are stored and can be read.",
        );
    }
    let (fate, meaning) = match facts.spool {
        SpoolFacts::On { refuses: false, .. } => (
            "deliveries wait on this machine's disk",
            "Nothing is lost. Messages cannot be read until the database is back.",
        ),
        _ => (
            "deliveries are refused with 503",
            "Chatrace hardly ever retries, so refused messages are lost.",
        ),
    };
    Check::problem(
        NAME,
        format!("The database is away ({}): {fate}.", facts.away),
        meaning,
        "Start the database, or make it reachable from this machine. The log contains the cause.",
    )
}

/// A database with missing migrations is not used at all, so a database that answers has them.
pub(super) fn check_migrations(facts: &Facts) -> Check {
    const NAME: &str = "migrations";
    if facts.known.is_some() {
        Check::ok(
            NAME,
            "The tables match this version.",
            "There is nothing to migrate.",
        )
    } else {
        Check::without_database(NAME)
    }
}
