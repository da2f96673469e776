//! Who came near the webhook without becoming a delivery, by sort.

use super::words::{time, upper_first};
use super::{Check, Facts, Status, misses};
use crate::sighting::Sighting;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "near_misses";
    let yesterday = facts.now.checked_sub(misses::RECENT).ok();
    let recent = misses::since(facts, yesterday);
    if recent.is_empty() {
        return if facts.known.is_none() {
            Check::without_database(NAME)
        } else {
            Check::ok(
                NAME,
                "No request missed the webhook in the last 24 hours.",
                "Nobody is sent away.",
            )
        };
    }
    let told: Vec<_> = recent
        .iter()
        .map(|miss| misses::told(miss, Some(miss.first_at), facts.now))
        .collect();
    // They are counted as long as they go on, which may be for longer than a day.
    let began = recent.iter().map(|miss| miss.first_at).min();
    let when = match began {
        Some(began) if yesterday.is_some_and(|yesterday| began <= yesterday) => {
            format!("since {}", time(began, facts.now))
        }
        _ => "in the last 24 hours".to_owned(),
    };
    let told = format!("{when} {}", told.join("; "));
    let next_step = misses::next_step(recent[0].sight, facts);
    let over = facts
        .last_message_at
        .is_some_and(|message| recent.iter().all(|miss| miss.last_at < message));
    let (observed, next_step) = if over {
        (
            format!("Messages arrive, but {told}."),
            format!(
                "If that was before something was mended, there is nothing to do: it is told for a day. Otherwise some \
                 messages are still lost. {next_step}"
            ),
        )
    } else {
        (format!("{}.", upper_first(&told)), next_step)
    };
    Check::new(
        NAME,
        Status::Warning,
        format!("{observed}{}", sample(recent[0])),
        "What was in these requests is not stored as messages.",
        next_step,
    )
}

/// The newest request of the gravest sort that sent something, or else the newest, as far as there is a sample of it.
fn sample(miss: &Sighting) -> String {
    let Some(sample) = &miss.sample else {
        return String::new();
    };
    let mut texts = vec![format!("{} {}", sample.method, sample.path)];
    texts.extend(sample.content_type.clone());
    texts.extend(sample.user_agent.clone());
    let which = match miss.sent_at {
        Some(sent) if sent < miss.last_at => "newest that sent something",
        _ => "newest",
    };
    format!(" The {which} was {}.", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::Sight;

    #[test]
    fn a_near_miss_is_a_warning_for_a_day() {
        let seen = "2026-11-22T12:00:00Z".parse().unwrap();
        let facts = |now: &str| Facts {
            now: now.parse().unwrap(),
            seen: [Sighting::once(Sight::Tls, seen, None)]
                .into_iter()
                .collect(),
            ..Facts::default()
        };
        let today = check(&facts("2026-11-22T13:00:00Z"));
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
        let mended = Facts {
            last_message_at: Some("2026-11-22T12:30:00Z".parse().unwrap()),
            ..facts("2026-11-22T13:00:00Z")
        };
        let mended = check(&mended);
        assert_eq!(
            mended.status,
            Status::Warning,
            "another flow may still miss"
        );
        assert!(
            mended
                .observed
                .starts_with("Messages arrive, but in the last 24 hours 1 connection"),
            "{}",
            mended.observed
        );
        assert_eq!(check(&facts("2026-11-23T13:00:00Z")).status, Status::Ok);
    }

    #[test]
    fn what_goes_on_for_days_is_not_counted_as_of_today() {
        let seen = |time: &str| Sighting::once(Sight::Tls, time.parse().unwrap(), None);
        let facts = Facts {
            now: "2026-11-22T13:00:00Z".parse().unwrap(),
            seen: [
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
            check(&facts).observed,
            "Since 2026-11-20 12:00 3 connections spoke TLS to the plain HTTP port, the last at 08:00."
        );
    }
}
