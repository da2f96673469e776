//! Whether the bodies that arrive are those that were declared.

use super::{Check, Facts};
use crate::i18n::Text;

/// How many bodies of a kind are needed before a template is advised.
const PATTERN: usize = 3;

pub(super) fn check_template(facts: &Facts) -> Check {
    const NAME: &str = "template";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let bodies = &known.bodies;
    if known.recent.deliveries.is_empty() {
        return Check::without_deliveries(NAME);
    }
    let counted = |id, count| Text::new(id).with("count", count).with("of", bodies.recent);
    if !bodies.is_template_declared {
        return if bodies.doubtful < PATTERN {
            Check::ok(NAME, Text::new("template-not-needed"))
        } else {
            Check::warning(NAME, counted("template-advised", bodies.doubtful))
        };
    }
    match bodies.newest_unknown {
        None => Check::ok(NAME, Text::new("template-matched")),
        Some(newest) => {
            let observed = counted("template-unmatched", bodies.unknown);
            Check::warning(NAME, observed.with("delivery", newest.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::delivery::Outcome;
    use crate::diagnose::Status;
    use crate::diagnose::facts::{Known, RecentBodies};
    use crate::store::{Recent, RecentDelivery};

    fn check(bodies: RecentBodies) -> Check {
        check_template(&Facts {
            known: Some(Known {
                bodies,
                recent: Recent {
                    deliveries: vec![RecentDelivery {
                        received_at: Timestamp::UNIX_EPOCH,
                        outcome: Outcome::Stored,
                        code: None,
                        reason: None,
                    }],
                    ..Recent::default()
                },
                ..Known::default()
            }),
            ..Facts::default()
        })
    }

    #[test]
    fn bodies_that_match_no_declared_template_are_counted() {
        let declared = RecentBodies {
            is_template_declared: true,
            recent: 20,
            ..RecentBodies::default()
        };
        assert_eq!(check(declared).status, Status::Ok);
        let found = check(RecentBodies {
            unknown: 12,
            newest_unknown: Some(Uuid::nil()),
            ..declared
        });
        assert_eq!(found.status, Status::Warning);
        assert_eq!(
            found.observed,
            "12 of the last 20 bodies match no declared template."
        );
    }

    #[test]
    fn a_template_is_advised_only_where_bodies_need_one() {
        let doubtful = |doubtful| RecentBodies {
            recent: 20,
            unknown: 20,
            doubtful,
            newest_unknown: Some(Uuid::nil()),
            ..RecentBodies::default()
        };
        assert_eq!(check(doubtful(2)).status, Status::Ok);
        assert_eq!(
            check(doubtful(3)).observed,
            "3 of the last 20 bodies had to be repaired, or could not be read for certain."
        );
    }
}
