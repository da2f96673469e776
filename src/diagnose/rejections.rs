//! The requests of the last day that did not become deliveries, by reason.

use super::words::{time, upper_first};
use super::{Check, Facts, Status, rejection_text};
use crate::rejection::RejectedRequest;

pub(super) fn check_rejections(facts: &Facts) -> Check {
    const NAME: &str = "near_misses";
    let yesterday = facts.now.checked_sub(rejection_text::RECENT).ok();
    let recent = rejection_text::rejected_since(facts, yesterday);
    if recent.is_empty() {
        return if facts.known.is_none() {
            Check::without_database(NAME)
        } else {
            Check::ok(
                NAME,
                "No request missed the webhook in the last 24 hours.",
                "No request was rejected.",
            )
        };
    }
    let descriptions: Vec<_> = recent
        .iter()
        .map(|one| rejection_text::describe(one, Some(one.first_at), facts.now))
        .collect();
    // They are counted as long as they go on, which may be longer than a day.
    let began = recent.iter().map(|one| one.first_at).min();
    let when = match began {
        Some(began) if yesterday.is_some_and(|yesterday| began <= yesterday) => {
            format!("since {}", time(began, facts.now))
        }
        _ => "in the last 24 hours".to_owned(),
    };
    let described = format!("{when} {}", descriptions.join("; "));
    let next_step = rejection_text::next_step(recent[0].reason, facts);
    let over = facts
        .last_message_at
        .is_some_and(|message| recent.iter().all(|one| one.last_at < message));
    let (observed, next_step) = if over {
        (
            format!("Messages arrive, but {described}."),
            format!(
                "If you have fixed this since, ignore it: it clears after 24 hours. Otherwise some messages are still \
                 lost. {next_step}"
            ),
        )
    } else {
        (format!("{}.", upper_first(&described)), next_step)
    };
    Check::new(
        NAME,
        Status::Warning,
        format!("{observed}{}", newest(recent[0])),
        "What was in these requests is not stored as messages.",
        next_step,
    )
}

/// The newest request that sent something, or else the newest, if there is a sample of it.
fn newest(rejected: &RejectedRequest) -> String {
    let Some(sample) = &rejected.sample else {
        return String::new();
    };
    let mut texts = vec![format!("{} {}", sample.method, sample.path)];
    texts.extend(sample.content_type.clone());
    texts.extend(sample.user_agent.clone());
    let which = match rejected.sent_at {
        Some(sent) if sent < rejected.last_at => "newest that sent something",
        _ => "newest",
    };
    format!(" The {which} was {}.", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
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
