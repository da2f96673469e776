//! Deliveries that wait on this machine's disk for the database.

use jiff::SignedDuration;

use super::facts::SpoolFacts;
use super::words::length;
use super::{Check, Facts, Status};
use crate::i18n::Text;

/// How long deliveries may wait although the database answers.
const STUCK: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn check_spool(facts: &Facts) -> Check {
    const NAME: &str = "spool";
    let (deliveries, oldest) = match &facts.spool {
        SpoolFacts::Unneeded => return Check::ok(NAME, Text::new("spool-unneeded")),
        SpoolFacts::Off => return Check::warning(NAME, Text::new("spool-off")),
        SpoolFacts::On { refuses: true, .. } => {
            return Check::problem(NAME, Text::new("spool-refuses"));
        }
        SpoolFacts::Gone(cause) => {
            let observed = Text::new("spool-gone").with("cause", cause.as_str());
            return Check::problem(NAME, observed);
        }
        SpoolFacts::On {
            deliveries, oldest, ..
        } => (*deliveries, *oldest),
    };
    let Some(oldest) = oldest.filter(|_| deliveries > 0) else {
        return Check::ok(NAME, Text::new("spool-empty"));
    };
    let age = facts.now.duration_since(oldest);
    let (status, id) = match &facts.known {
        Some(_) if age > STUCK => (Status::Warning, "spool-stuck"),
        Some(_) => (Status::Ok, "spool-waits"),
        None => (Status::Warning, "spool-waits"),
    };
    let observed = Text::new(id)
        .with("count", deliveries)
        .with("length", length(age.unsigned_abs()));
    Check::new(NAME, status, observed)
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
