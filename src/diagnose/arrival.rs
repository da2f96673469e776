//! Does anything arrive at all? If not, the rejected requests say why.

use super::words::{at, time};
use super::{Check, Facts, rejection_text};
use crate::i18n::Text;
use crate::rejection::RejectReason;

pub(super) const NAME: &str = "arrival";

pub(super) fn check_arrival(facts: &Facts) -> Check {
    let rejected: Vec<_> = rejection_text::rejected_since(facts, facts.last_delivery_at)
        .into_iter()
        // Unreadable bodies are kept, and other checks report them. While the database is away, that is why nothing is
        // kept.
        .filter(|one| match one.reason {
            RejectReason::Unreadable => false,
            RejectReason::NotKept => facts.known.is_some(),
            _ => true,
        })
        .collect();
    let is_reached = rejected
        .iter()
        .any(|one| one.reason == RejectReason::NotKept);
    let nothing = |reached, not_reached| Text::new(if is_reached { reached } else { not_reached });
    match facts.last_delivery_at {
        // Without the database it is unknown whether anything arrived before.
        None if facts.known.is_none() => Check::without_database(NAME),
        None if rejected.is_empty() => nothing_yet(facts),
        None => Check::problem(
            NAME,
            nothing("arrival-not-kept", "arrival-rejected")
                .with("rejected", rejection_text::sentence(&rejected, None, facts)),
        )
        .with_next(rejection_text::next_step(rejected[0].reason, facts)),
        Some(last) if rejected.is_empty() => {
            let (observed, when) = match facts.last_message_at {
                Some(message) => ("arrival-message", message),
                // Only the database knows whether it held a message.
                None if facts.known.is_none() => ("arrival-delivery", last),
                None => ("arrival-delivery-only", last),
            };
            Check::ok(NAME, Text::new(observed).with("at", at(when, facts.now)))
        }
        Some(last) => Check::new(
            NAME,
            rejection_text::severity(rejected[0], Some(last)),
            nothing("arrival-not-kept-since", "arrival-rejected-since")
                .with("time", time(last, facts.now))
                .with(
                    "rejected",
                    rejection_text::sentence(&rejected, Some(last), facts),
                ),
        )
        .with_next(rejection_text::next_step(rejected[0].reason, facts)),
    }
}

fn nothing_yet(facts: &Facts) -> Check {
    let started = facts.rejected.all_of(RejectReason::Started);
    let first = started.map_or(facts.started_at, |started| started.first_at);
    let observed = Text::new("arrival-never").with("at", at(first, facts.now));
    Check::problem(NAME, observed)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::diagnose::Status;
    use crate::rejection::{RejectedRequest, RejectionLog, RequestSample};

    fn at(time: &str) -> Timestamp {
        format!("2026-11-22T{time}:00Z").parse().unwrap()
    }

    fn rejected(reason: RejectReason, method: &str, path: &str, time: &str) -> RejectedRequest {
        let sample = RequestSample {
            method: method.to_owned(),
            path: path.to_owned(),
            content_type: None,
            user_agent: None,
        };
        RejectedRequest::once(reason, at(time), Some(sample))
    }

    fn facts(last: Option<&str>, seen: Vec<RejectedRequest>) -> Facts {
        Facts {
            now: at("16:00"),
            last_delivery_at: last.map(at),
            last_message_at: last.map(at),
            rejected: seen.into_iter().collect::<RejectionLog>(),
            ..Facts::default()
        }
    }

    #[test]
    fn a_wrong_path_since_the_last_delivery_is_told_with_it() {
        let typo = || {
            rejected(
                RejectReason::WrongPath,
                "POST",
                "/instagram/webhok",
                "15:00",
            )
        };
        let check = check_arrival(&facts(Some("14:02"), vec![typo(), typo(), typo()]));
        assert_eq!(check.status, Status::Problem);
        assert_eq!(
            check.observed,
            "Nothing has reached this server since 14:02. 3 requests hit /instagram/webhok (404): check the URL in \
             the External API Request of your Chatrace flow."
        );
    }

    #[test]
    fn what_missed_before_the_last_delivery_is_over() {
        let check = check_arrival(&facts(
            Some("14:02"),
            vec![rejected(
                RejectReason::WrongSecret,
                "POST",
                "/instagram/webhook",
                "14:01",
            )],
        ));
        assert_eq!(check.status, Status::Ok);
        assert_eq!(check.observed, "The last message arrived at 14:02.");
    }

    #[test]
    fn who_only_looks_is_no_problem() {
        let check = check_arrival(&facts(
            Some("14:02"),
            vec![rejected(
                RejectReason::WrongPath,
                "GET",
                "/webhook",
                "15:00",
            )],
        ));
        assert_eq!(check.status, Status::Warning);
    }

    #[test]
    fn who_looks_at_what_was_sent_wrong_does_not_hide_it() {
        let sent = || {
            rejected(
                RejectReason::WrongPath,
                "POST",
                "/instagram/webhok",
                "15:00",
            )
        };
        let looked = || rejected(RejectReason::WrongPath, "GET", "/instagram/webhok", "15:30");
        let seen = vec![sent(), looked()];
        assert_eq!(
            check_arrival(&facts(Some("14:02"), seen)).status,
            Status::Problem
        );
        // What was sent before the last delivery is over.
        let seen = vec![sent(), looked()];
        assert_eq!(
            check_arrival(&facts(Some("15:10"), seen)).status,
            Status::Warning
        );
    }

    #[test]
    fn a_flow_with_a_wrong_method_is_a_loss_and_a_monitor_is_none() {
        let status = |method| {
            let seen = vec![rejected(
                RejectReason::Method,
                method,
                "/instagram/webhook",
                "15:00",
            )];
            check_arrival(&facts(Some("14:02"), seen)).status
        };
        assert_eq!(status("DELETE"), Status::Problem);
        assert_eq!(status("OPTIONS"), Status::Warning);
    }

    #[test]
    fn a_scanner_does_not_hide_what_misses() {
        let check = check_arrival(&facts(
            Some("14:02"),
            vec![
                rejected(
                    RejectReason::WrongPath,
                    "POST",
                    "/instagram/webhok",
                    "15:00",
                ),
                RejectedRequest::once(RejectReason::Tls, at("15:30"), None),
            ],
        ));
        assert_eq!(check.status, Status::Problem);
        assert!(
            check
                .observed
                .contains("1 request hit /instagram/webhok (404), 1 connection spoke TLS"),
            "{}",
            check.observed
        );
    }

    #[test]
    fn of_what_began_before_only_the_last_time_is_told() {
        let early = rejected(RejectReason::Empty, "POST", "/instagram/webhook", "13:00");
        let late = rejected(RejectReason::Empty, "POST", "/instagram/webhook", "15:30");
        let check = check_arrival(&facts(Some("14:02"), vec![early, late]));
        assert!(
            check.observed.contains(
                "2 requests came with an empty body (400), the last at 15:30: choose raw JSON"
            ),
            "{}",
            check.observed
        );
    }

    #[test]
    fn when_nothing_ever_came_the_next_step_is_the_setup() {
        let check = check_arrival(&facts(
            None,
            vec![RejectedRequest::once(
                RejectReason::Started,
                at("12:00"),
                None,
            )],
        ));
        assert_eq!(check.status, Status::Problem);
        assert_eq!(
            check.observed,
            "Nothing has reached this server since it first started at 12:00: add an External API Request to your \
             Chatrace flow."
        );
    }

    #[test]
    fn what_could_not_be_kept_has_reached_this_server() {
        let not_kept = || rejected(RejectReason::NotKept, "POST", "/instagram/webhook", "15:00");
        let there = facts(Some("14:02"), vec![not_kept()]);
        assert!(
            check_arrival(&there).observed.starts_with(
                "Nothing has been kept since 14:02. 1 request could not be kept (503)"
            ),
            "{}",
            check_arrival(&there).observed
        );
        // That the database is away says all of it.
        let away = Facts {
            known: None,
            ..there
        };
        assert_eq!(check_arrival(&away).status, Status::Ok);
    }

    #[test]
    fn without_the_database_nothing_is_claimed() {
        let facts = Facts {
            known: None,
            ..facts(None, vec![])
        };
        assert_eq!(check_arrival(&facts).status, Status::Unknown);
    }
}
