//! Whether the database answers, and has the tables of this version.

use super::facts::SpoolFacts;
use super::{Check, Facts};

pub(super) fn check_database(facts: &Facts) -> Check {
    const NAME: &str = "database";
    if facts.known.is_some() && facts.away.is_empty() {
        return Check::ok(
            NAME,
            "The database answers.",
            "Messages are stored and can be read.",
        );
    }
    let (fate, meaning) = match (&facts.spool, &facts.known) {
        (SpoolFacts::On { refuses: false, .. }, None) => (
            "deliveries wait on this machine's disk",
            "Nothing is lost. Messages cannot be read until the database is back.",
        ),
        (SpoolFacts::On { refuses: false, .. }, Some(_)) => (
            "deliveries wait on this machine's disk",
            "Nothing is lost. New messages cannot be read until the database takes them.",
        ),
        _ => (
            "deliveries are refused with 503",
            "Chatrace hardly ever retries, so refused messages are lost.",
        ),
    };
    let (state, advice) = match &facts.known {
        None if facts.spool != SpoolFacts::Unneeded => (
            "is away",
            "Start the database, or make it reachable from this machine. The log contains the cause.",
        ),
        _ => (
            "takes nothing",
            "Correct what the cause names. The service tries again with the next delivery.",
        ),
    };
    Check::problem(
        NAME,
        format!("The database {state} ({}): {fate}.", facts.away),
        meaning,
        advice,
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
