//! Meta's verification of the URL. Chatrace does not need it.

use super::words::at;
use super::{Check, Facts, rejection_text};
use crate::i18n::Text;
use crate::rejection::RejectReason;

pub(super) fn check_handshake(facts: &Facts) -> Check {
    const NAME: &str = "handshake";
    let verified = facts.rejected.all_of(RejectReason::Verified);
    let yesterday = facts.now.checked_sub(rejection_text::RECENT).ok();
    let failed = facts.rejected.all_of(RejectReason::Handshake);
    // A single attempt, perhaps by a scanner, is not a warning forever.
    let failed = failed.filter(|failed| yesterday.is_none_or(|since| failed.last_at > since));
    let last =
        |seen: &Option<crate::rejection::RejectedRequest>| seen.as_ref().map(|seen| seen.last_at);
    match (last(&verified), last(&failed)) {
        (verified, Some(failed)) if verified.is_none_or(|verified| failed > verified) => {
            let advice = rejection_text::advice(RejectReason::Handshake, facts);
            let next_step = rejection_text::next_step(RejectReason::Handshake, facts);
            let observed = Text::new("handshake-failed")
                .with("at", at(failed, facts.now))
                .with("advice", advice);
            Check::warning(NAME, observed).with_next(next_step)
        }
        (Some(verified), _) => Check::ok(
            NAME,
            Text::new("handshake-verified").with("at", at(verified, facts.now)),
        ),
        (None, _) if facts.known.is_none() => Check::without_database(NAME),
        (None, _) if facts.handshake_expected => Check::ok(NAME, Text::new("handshake-not-yet")),
        (None, _) => Check::ok(NAME, Text::new("handshake-unset")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Status;
    use crate::rejection::RejectedRequest;

    fn facts(now: &str, handshake_expected: bool) -> Facts {
        let failed = "2026-11-22T12:00:00Z".parse().unwrap();
        Facts {
            now: now.parse().unwrap(),
            handshake_expected,
            rejected: [RejectedRequest::once(RejectReason::Handshake, failed, None)]
                .into_iter()
                .collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn a_failed_handshake_is_a_warning_for_a_day() {
        let status = |now| check_handshake(&facts(now, true)).status;
        assert_eq!(status("2026-11-22T13:00:00Z"), Status::Warning);
        assert_eq!(status("2026-11-23T13:00:00Z"), Status::Ok);
    }

    #[test]
    fn a_token_that_is_not_set_is_to_be_set_and_not_to_be_compared() {
        let unset = check_handshake(&facts("2026-11-22T13:00:00Z", false));
        assert!(
            unset.observed.contains("set META_VERIFY_TOKEN to"),
            "{unset:?}"
        );
        let set = check_handshake(&facts("2026-11-22T13:00:00Z", true));
        assert!(
            set.observed
                .contains("must be the value of META_VERIFY_TOKEN"),
            "{set:?}"
        );
    }
}
