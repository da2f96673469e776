//! The requests of the last day that did not become deliveries, by reason.

use super::words::time;
use super::{Check, Facts, rejection_text};
use crate::i18n::Text;
use crate::rejection::RejectedRequest;

pub(super) fn check_rejections(facts: &Facts) -> Check {
    const NAME: &str = "near_misses";
    let yesterday = facts.now.checked_sub(rejection_text::RECENT).ok();
    let recent = rejection_text::rejected_since(facts, yesterday);
    if recent.is_empty() {
        return if facts.known.is_none() {
            Check::without_database(NAME)
        } else {
            Check::ok(NAME, Text::new("near-misses-none"))
        };
    }
    let is_over = facts
        .last_message_at
        .is_some_and(|message| recent.iter().all(|one| one.last_at < message));
    // They are counted as long as they go on, which may be longer than a day.
    let began = recent.iter().map(|one| one.first_at).min();
    let began = began.filter(|began| yesterday.is_some_and(|yesterday| *began <= yesterday));
    let observed = match (began, is_over) {
        (None, false) => Text::new("near-misses-today"),
        (None, true) => Text::new("near-misses-today-but-messages"),
        (Some(began), false) => Text::new("near-misses-since").with("time", time(began, facts.now)),
        (Some(began), true) => {
            Text::new("near-misses-since-but-messages").with("time", time(began, facts.now))
        }
    };
    let described = recent
        .iter()
        .map(|one| rejection_text::describe(one, Some(one.first_at), facts.now));
    let observed = observed.with("requests", Text::list(described, "; "));
    let next_step = rejection_text::next_step(recent[0].reason, facts);
    let next_step = if is_over {
        Text::new("near-misses-fixed").with("next", next_step)
    } else {
        next_step
    };
    Check::warning(NAME, with_newest(observed, recent[0])).with_next(next_step)
}

/// Adds the newest request that sent something, or else the newest, if there is a sample of it.
fn with_newest(observed: Text, rejected: &RejectedRequest) -> Text {
    let Some(sample) = &rejected.sample else {
        return observed;
    };
    let mut texts = vec![format!("{} {}", sample.method, sample.path)];
    texts.extend(sample.content_type.clone());
    texts.extend(sample.user_agent.clone());
    let which = match rejected.sent_at {
        Some(sent) if sent < rejected.last_at => "near-misses-newest-sent",
        _ => "near-misses-newest",
    };
    Text::new(which)
        .with("observed", observed)
        .with("sample", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Status;
    use crate::rejection::RejectReason;

    #[test]
    fn a_rejected_request_is_a_warning_for_a_day() {
        let seen = "2026-11-22T12:00:00Z".parse().unwrap();
        let facts = |now: &str| Facts {
            now: now.parse().unwrap(),
            rejected: [RejectedRequest::once(RejectReason::Tls, seen, None)]
                .into_iter()
                .collect(),
            ..Facts::default()
        };
        let today = check_rejections(&facts("2026-11-22T13:00:00Z"));
        assert_eq!(today.status, Status::Warning);
        assert!(
            today
                .observed
                .contains("1 connection spoke TLS to the plain HTTP port"),
            "{}",
            today.observed
        );
        assert!(
            today
                .observed
                .starts_with("In the last 24 hours 1 connection")
        );
        let fixed = Facts {
            last_message_at: Some("2026-11-22T12:30:00Z".parse().unwrap()),
            ..facts("2026-11-22T13:00:00Z")
        };
        let fixed = check_rejections(&fixed);
        assert_eq!(fixed.status, Status::Warning, "another flow may still miss");
        assert!(
            fixed
                .observed
                .starts_with("Messages arrive, but in the last 24 hours 1 connection"),
            "{}",
            fixed.observed
        );
        assert_eq!(
            check_rejections(&facts("2026-11-23T13:00:00Z")).status,
            Status::Ok
        );
    }

    #[test]
    fn what_goes_on_for_days_is_not_counted_as_of_today() {
        let seen =
            |time: &str| RejectedRequest::once(RejectReason::Tls, time.parse().unwrap(), None);
        let facts = Facts {
            now: "2026-11-22T13:00:00Z".parse().unwrap(),
            rejected: [
                seen("2026-11-10T12:00:00Z"),
                seen("2026-11-20T12:00:00Z"),
                seen("2026-11-21T10:00:00Z"),
                seen("2026-11-22T08:00:00Z"),
            ]
            .into_iter()
            .collect(),
            ..Facts::default()
        };
        assert_eq!(
            check_rejections(&facts).observed,
            "Since 2026-11-20 12:00 3 connections spoke TLS to the plain HTTP port, the last at 08:00."
        );
    }
}
