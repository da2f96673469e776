//! Deliveries that wait on this machine's disk for the database.

use jiff::SignedDuration;

use super::facts::SpoolFacts;
use super::words::{counted, length};
use super::{Check, Facts, Status};

/// How long deliveries may wait although the database answers.
const STUCK: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check_spool(facts: &Facts) -> Check {
    const NAME: &str = "spool";
    let (deliveries, oldest) = match &facts.spool {
        SpoolFacts::Unneeded => {
            return Check::ok(
                NAME,
                "The embedded database needs no spool.",
                "The database is on the same disk.",
            );
        }
        SpoolFacts::Off => {
            return Check::warning(
                NAME,
                "SPOOL=off: deliveries are refused while the database is away.",
                "Chatrace hardly ever retries, so refused messages are lost.",
                "Set SPOOL=on if DATA_DIR is on a disk that survives this replica.",
            );
        }
        SpoolFacts::On { refuses: true, .. } => {
            return Check::problem(
                NAME,
                "The spool cannot be written: deliveries are refused with 503.",
                "Chatrace hardly ever retries, so refused messages are lost.",
                "Free some space on the disk of DATA_DIR. The log contains the cause.",
            );
        }
        SpoolFacts::Gone(cause) => {
            return Check::problem(
                NAME,
                format!("The spool cannot be used: {cause}."),
                "Nothing is lost while the database is there. While it is away, deliveries are refused with 503.",
                "Correct what the cause names, and restart the service.",
            );
        }
        SpoolFacts::On {
            deliveries, oldest, ..
        } => (*deliveries, *oldest),
    };
    let Some(oldest) = oldest.filter(|_| deliveries > 0) else {
        return Check::ok(
            NAME,
            "The spool is empty.",
            "No delivery waits for the database.",
        );
    };
    let age = facts.now.duration_since(oldest);
    let observed = format!(
        "{} in the spool, the oldest for {}.",
        counted(deliveries, "delivery"),
        length(age.unsigned_abs())
    );
    if facts.known.is_some() && age > STUCK {
        return Check::warning(
            NAME,
            observed,
            "The database answers but does not accept them.",
            "The log contains the reason. They stay in the spool until the database accepts them.",
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
        "They are moved into the database when it is available again.",
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{Known, SpoolFacts};

    #[test]
    fn what_waits_while_the_database_answers_is_stuck() {
        let now = "2026-11-22T16:00:00Z".parse().unwrap();
        let facts = |since: &str, refuses| Facts {
            now,
            spool: SpoolFacts::On {
                deliveries: 3,
                oldest: Some(since.parse().unwrap()),
                refuses,
            },
            known: Some(Known::default()),
            ..Facts::default()
        };
        assert_eq!(
            check_spool(&facts("2026-11-22T15:59:00Z", false)).status,
            Status::Ok
        );
        let stuck = check_spool(&facts("2026-11-22T13:00:00Z", false));
        assert_eq!(stuck.status, Status::Warning);
        assert_eq!(
            stuck.observed,
            "3 deliveries in the spool, the oldest for 3 hours."
        );
        assert_eq!(
            check_spool(&facts("2026-11-22T15:59:00Z", true)).status,
            Status::Problem
        );
    }
}
