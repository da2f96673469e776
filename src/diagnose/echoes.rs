//! Messages arrive, but only those of the business itself.

use super::words::counted;
use super::{Check, Facts, Status};
use crate::message::Direction;

/// How many make a pattern.
const PATTERN: usize = 3;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "echoes";
    let Some(known) = &facts.known else {
        return Check::unknown(NAME);
    };
    let messages = &known.recent.messages;
    if messages.is_empty() {
        return Check::too_early(NAME, "messages");
    }
    let all_outbound = messages
        .iter()
        .all(|message| message.direction == Direction::Outbound);
    if messages.len() < PATTERN || !all_outbound {
        return Check::ok(
            NAME,
            "Recent messages are not only the business's own.",
            "What customers write arrives.",
        );
    }
    // Somebody who writes to all customers at once may fill the recent ones.
    let status = if known.inbound == 0 {
        Status::Problem
    } else {
        Status::Warning
    };
    Check::new(
        NAME,
        status,
        format!(
            "The last {} are all outbound: deliveries arrive, but nothing that a customer wrote.",
            counted(messages.len() as u64, "message")
        ),
        "The flow, or Meta's app, reports only what the business sends.",
        "Put the External API Request behind a trigger on the customer's message (in Chatrace: Default Reply, or a keyword), or subscribe the Meta app to `messages`.",
    )
}
