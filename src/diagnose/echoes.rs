//! Messages arrive, but only those of the business itself.

use super::words::counted;
use super::{Check, Facts, Status};
use crate::message::Direction;

/// How many are needed.
const PATTERN: usize = 3;

pub(super) fn check_echoes(facts: &Facts) -> Check {
    const NAME: &str = "echoes";
    let Some(known) = &facts.known else {
        return Check::without_database(NAME);
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
            "Recent messages are not all from the business.",
            "Messages of customers arrive.",
        );
    }
    // A message to all customers at once may fill the list of recent ones.
    let status = if known.inbound == 0 {
        Status::Problem
    } else {
        Status::Warning
    };
    Check::new(
        NAME,
        status,
        format!(
            "The last {} are all outbound: no message of a customer arrives.",
            counted(messages.len() as u64, "message")
        ),
        "The flow or the Meta app reports only what the business sends.",
        "Put the External API Request behind a trigger on the customer's message (in Chatrace: Default Reply, or a keyword), or subscribe the Meta app to `messages`.",
    )
}
