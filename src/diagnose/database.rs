//! Whether the database answers, is whole, and has the tables of this version.

use super::facts::{DatabaseState, SpoolFacts};
use super::{Check, Facts};
use crate::i18n::Text;

pub(super) fn check_database(facts: &Facts) -> Check {
    const NAME: &str = "database";
    if facts.known.is_some() && facts.away.is_empty() && facts.damage.is_none() {
        if facts.is_log_pending {
            return Check::warning(NAME, Text::new("database-log-pending"));
        }
        return Check::ok(NAME, Text::new("database-answers"));
    }
    let problem = |id, cause: &str| Check::problem(NAME, Text::new(id).with("cause", cause));
    if let Some(damage) = &facts.damage {
        let is_file = facts.spool == SpoolFacts::Unneeded;
        let id = if is_file {
            "database-file-damaged"
        } else {
            "database-damaged"
        };
        return problem(id, damage);
    }
    if facts.database == DatabaseState::Takes {
        return problem("database-unreadable", &facts.away);
    }
    let is_there = facts.database == DatabaseState::Refuses
        || facts.known.is_some()
        || facts.spool == SpoolFacts::Unneeded;
    let is_spooled = matches!(facts.spool, SpoolFacts::On { refuses: false, .. });
    let id = match (is_there, is_spooled) {
        (true, true) if facts.known.is_some() => "database-takes-nothing-spooled",
        (true, true) => "database-takes-nothing-unread",
        (true, false) => "database-takes-nothing-refused",
        (false, true) => "database-away-spooled",
        (false, false) => "database-away-refused",
    };
    problem(id, &facts.away)
}

/// A database with missing migrations is not used at all, so a database that answers has them.
pub(super) fn check_migrations(facts: &Facts) -> Check {
    const NAME: &str = "migrations";
    if facts.known.is_some() {
        Check::ok(NAME, Text::new("migrations-done"))
    } else {
        Check::without_database(NAME)
    }
}
