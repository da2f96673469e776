//! Meta's verification of the URL. Chatrace does not need it.

use super::words::at;
use super::{Check, Facts, Status, misses};
use crate::sighting::Sight;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "handshake";
    let verified = facts.seen.all_of(Sight::Verified);
    let failed = facts.seen.all_of(Sight::Handshake);
    let last = |seen: &Option<crate::sighting::Sighting>| seen.as_ref().map(|seen| seen.last_at);
    match (last(&verified), last(&failed)) {
        (verified, Some(failed)) if verified.is_none_or(|verified| failed > verified) => {
            Check::new(
                NAME,
                Status::Warning,
                format!(
                    "Meta's handshake failed {}: {}.",
                    at(failed, facts.now),
                    misses::advice(Sight::Handshake)
                ),
                "Meta sends nothing to a URL that it could not verify. Chatrace does not need this.",
                misses::next_step(Sight::Handshake, facts),
            )
        }
        (Some(verified), _) => Check::ok(
            NAME,
            format!("Meta verified the URL {}.", at(verified, facts.now)),
            "Meta's own webhooks may come here.",
        ),
        (None, _) if facts.known.is_none() => Check::unknown(NAME),
        (None, _) if facts.handshake_expected => Check::ok(
            NAME,
            "Meta has not verified the URL yet.",
            "Only Meta's own webhooks need that.",
        ),
        (None, _) => Check::ok(
            NAME,
            "META_VERIFY_TOKEN is not set.",
            "Meta's own webhooks are not expected.",
        ),
    }
}
