//! Messages arrive, but only those of the business itself.

use super::{Check, Facts, Status};
use crate::i18n::Text;
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
        return Check::without_messages(NAME);
    }
    let all_outbound = messages
        .iter()
        .all(|message| message.direction == Direction::Outbound);
    if messages.len() < PATTERN || !all_outbound {
        return Check::ok(NAME, Text::new("echoes-few"));
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
        Text::new("echoes-only").with("count", messages.len()),
    )
}
