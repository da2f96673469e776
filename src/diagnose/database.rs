//! Whether the database answers, is whole, and has the tables of this version.

use super::facts::{DatabaseState, SpoolFacts};
use super::{Check, Facts};

/// What to do about a damaged file of the embedded database.
pub(crate) const DAMAGED_FILE: &str = "Stop the service and copy the file. Then restore it from a backup, or save what can be read: `sqlite3 chatrace-webhook.db .recover | sqlite3 new.db`.";

pub(super) fn check_database(facts: &Facts) -> Check {
    const NAME: &str = "database";
    if facts.known.is_some() && facts.away.is_empty() && facts.damage.is_none() {
        if facts.is_log_pending {
            return Check::warning(
                NAME,
                "What was erased still stands in chatrace-webhook.db-wal: another program has the database open.",
                "Messages are stored and can be read. What was erased goes from that file when the other program ends.",
                "End the backup, or the `sqlite3`, that has the database open.",
            );
        }
        return Check::ok(
            NAME,
            "The database answers.",
            "Messages are stored and can be read.",
        );
    }
    if let Some(damage) = &facts.damage {
        return damaged(facts, damage);
    }
    if facts.database == DatabaseState::Takes {
        return Check::problem(
            NAME,
            format!(
                "The database cannot be read ({}): deliveries are stored.",
                facts.away
            ),
            "Nothing is lost. Messages cannot be read.",
            "Correct what the cause names.",
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
    let is_there = facts.database == DatabaseState::Refuses
        || facts.known.is_some()
        || facts.spool == SpoolFacts::Unneeded;
    let (state, advice) = if is_there {
        (
            "takes nothing",
            "Correct what the cause names. The service tries again with the next delivery.",
        )
    } else {
        (
            "is away",
            "Start the database, or make it reachable from this machine. The log contains the cause.",
        )
    };
    Check::problem(
        NAME,
        format!("The database {state} ({}): {fate}.", facts.away),
        meaning,
        advice,
    )
}

fn damaged(facts: &Facts, damage: &str) -> Check {
    let advice = match facts.spool {
        SpoolFacts::Unneeded => DAMAGED_FILE,
        _ => {
            "Restore the database from a backup. Find out what damaged it: usually a disk, or a copy that was not whole."
        }
    };
    Check::problem(
        "database",
        format!("The database is damaged ({damage})."),
        "What stands on the damaged pages cannot be read: readers skip it. What arrives may be refused.",
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
