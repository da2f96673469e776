//! Whether the bodies that arrive are those that were declared.

use super::words::counted;
use super::{Check, Facts, Status};

/// How many bodies of a kind are needed before a template is advised.
const PATTERN: usize = 3;

pub(super) fn check_template(facts: &Facts) -> Check {
    const NAME: &str = "template";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
    };
    let bodies = &known.bodies;
    if known.recent.deliveries.is_empty() {
        return Check::too_early(NAME, "deliveries");
    }
    if !bodies.is_template_declared {
        if bodies.doubtful < PATTERN {
            return Check::ok(
                NAME,
                "No BODY_TEMPLATE is declared, and recent bodies need none.",
                "The recommended body is known without.",
            );
        }
        return Check::new(
            NAME,
            Status::Warning,
            format!(
                "{} of the last {} had to be repaired, or could not be read for certain.",
                bodies.doubtful,
                counted(bodies.recent as u64, "body"),
            ),
            "What a customer types can break such a body.",
            "Declare the body as BODY_TEMPLATE, exactly as you typed it in Chatrace: then nothing a customer types can break it.",
        );
    }
    let Some(newest) = bodies.newest_unknown else {
        return Check::ok(
            NAME,
            "Recent bodies match a declared template.",
            "Nothing a customer types can change who wrote.",
        );
    };
    Check::new(
        NAME,
        Status::Warning,
        format!(
            "{} of the last {} match no declared template.",
            bodies.unknown,
            counted(bodies.recent as u64, "body"),
        ),
        "They are read without a template, as far as that is safe.",
        format!(
            "Compare the body of GET /instagram/deliveries/{newest} with BODY_TEMPLATE: its keys, and all that stands \
             between the placeholders. Correct BODY_TEMPLATE, or declare a second body as BODY_TEMPLATE_2."
        ),
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::delivery::Outcome;
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
