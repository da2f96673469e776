//! What waits on this machine's disk for the database.

use jiff::SignedDuration;

use super::facts::{self, length};
use super::words::counted;
use super::{Check, Facts, Status};

/// How long something may wait although the database is there.
const STUCK: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "spool";
    let (deliveries, oldest) = match facts.spool {
        facts::Spool::Unneeded => {
            return Check::ok(
                NAME,
                "The embedded database needs no spool.",
                "It is on the same disk.",
            );
        }
        facts::Spool::Off => {
            return Check::new(
                NAME,
                Status::Warning,
                "SPOOL=off: deliveries are refused while the database is away.",
                "Chatrace hardly tries again: what is refused is lost.",
                "Set SPOOL=on where DATA_DIR is on a disk that survives this replica.",
            );
        }
        facts::Spool::On { refuses: true, .. } => {
            return Check::new(
                NAME,
                Status::Problem,
                "The spool cannot be written: deliveries are refused with 503.",
                "Chatrace hardly tries again: what is refused is lost.",
                "Make room on the disk of DATA_DIR, and see the log for the cause.",
            );
        }
        facts::Spool::On {
            deliveries, oldest, ..
        } => (deliveries, oldest),
    };
    let Some(oldest) = oldest.filter(|_| deliveries > 0) else {
        return Check::ok(
            NAME,
            "The spool is empty.",
            "Nothing waits for the database.",
        );
    };
    let age = facts.now.duration_since(oldest);
    let observed = format!(
        "{} in the spool, the oldest for {}.",
        counted(deliveries, "delivery"),
        length(age.unsigned_abs())
    );
    if facts.known.is_some() && age > STUCK {
        return Check::new(
            NAME,
            Status::Warning,
            observed,
            "The database is there and does not take them.",
            "See the log for the reason; they stay until the database takes them.",
        );
    }
    Check::new(
        NAME,
        if facts.known.is_some() {
            Status::Ok
        } else {
            Status::Warning
        },
        observed,
        "They are moved into the database when it is back.",
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{Known, Spool};

    #[test]
    fn what_waits_beside_a_database_that_is_there_is_stuck() {
        let now = "2026-11-22T16:00:00Z".parse().unwrap();
        let facts = |since: &str, refuses| Facts {
            now,
            spool: Spool::On {
                deliveries: 3,
                oldest: Some(since.parse().unwrap()),
                refuses,
            },
            known: Some(Known::default()),
            ..Facts::default()
        };
        assert_eq!(
            check(&facts("2026-11-22T15:59:00Z", false)).status,
            Status::Ok
        );
        let stuck = check(&facts("2026-11-22T13:00:00Z", false));
        assert_eq!(stuck.status, Status::Warning);
        assert_eq!(
            stuck.observed,
            "3 deliveries in the spool, the oldest for 3 hours."
        );
        assert_eq!(
            check(&facts("2026-11-22T15:59:00Z", true)).status,
            Status::Problem
        );
    }
}
