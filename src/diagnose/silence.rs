//! Whether it is unusually quiet.

use super::facts::length;
use super::words::{counted, time};
use super::{Check, Facts, Status};
use crate::config::SilenceAfter;
use crate::silence::Judgment;

pub(super) fn check(facts: &Facts) -> Check {
    const NAME: &str = "silence";
    let Some(after) = facts.silence.after else {
        return Check::ok(
            NAME,
            "SILENCE_AFTER is not set.",
            "Nobody is told when messages cease to come.",
        );
    };
    let allowed = match after {
        SilenceAfter::Auto => "is usual at this hour of the week".to_owned(),
        SilenceAfter::Fixed(limit) => format!("SILENCE_AFTER allows ({})", length(limit)),
    };
    match facts.silence.judgment {
        None if facts.known.is_none() => Check::unknown(NAME),
        None => Check::new(
            NAME,
            Status::Unknown,
            "Nobody has looked yet.",
            "The service has just started.",
            "",
        ),
        Some(Judgment::NothingYet) => Check::ok(
            NAME,
            "There is no message yet.",
            "There is nothing that could cease.",
        ),
        Some(Judgment::TooEarly { days }) => Check::ok(
            NAME,
            format!(
                "The rhythm of messages is not known yet: the history has {}, and a week is needed.",
                counted(u64::from(days), "day")
            ),
            "Until then SILENCE_AFTER=auto does not alarm.",
        ),
        Some(Judgment::Usual) => Check::ok(
            NAME,
            format!("The last message is no older than {allowed}."),
            "Messages come as they should.",
        ),
        Some(Judgment::Silent { since }) => Check::new(
            NAME,
            Status::Problem,
            format!(
                "No message has arrived since {}: longer than {allowed}.",
                time(since, facts.now)
            ),
            "Messages have ceased to come.",
            "Send a message to the account, and see in Chatrace whether the flow runs and its External API Request succeeds.",
        ),
    }
}
