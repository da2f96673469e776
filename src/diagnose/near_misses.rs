//! Who came near the webhook without becoming a delivery, by sort.

use jiff::SignedDuration;

use super::{Check, Facts, Status, misses};
use crate::sighting::Sighting;

/// How long a near miss is worth a warning although deliveries have arrived since.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "near_misses";
    let recent = misses::since(facts, facts.now.checked_sub(RECENT).ok());
    if recent.is_empty() {
        return if facts.known.is_none() {
            Check::unknown(NAME)
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
    Check::new(
        NAME,
        Status::Warning,
        format!(
            "In the last 24 hours: {}.{}",
            told.join("; "),
            sample(recent[0])
        ),
        "What was in these requests is not stored.",
        misses::next_step(recent[0].sight, facts),
    )
}

/// The newest request, as far as there is a sample of it.
fn sample(miss: &Sighting) -> String {
    let Some(sample) = &miss.sample else {
        return String::new();
    };
    let mut texts = vec![format!("{} {}", sample.method, sample.path)];
    texts.extend(sample.content_type.clone());
    texts.extend(sample.user_agent.clone());
    format!(" The last: {}.", texts.join(", "))
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
        assert_eq!(check(&facts("2026-11-23T13:00:00Z")).status, Status::Ok);
    }
}
