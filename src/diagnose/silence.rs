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
    let none_since = |since| format!("No message has arrived since {}", time(since, facts.now));
    let silent = |observed| {
        Check::new(
            NAME,
            Status::Problem,
            observed,
            "Messages have ceased to come.",
            "Send a message to the account, and see in Chatrace whether the flow runs and its External API Request succeeds.",
        )
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
        Some(Judgment::Silent { since } | Judgment::Unbroken { since })
            if facts.last_message_at > Some(since) =>
        {
            Check::ok(
                NAME,
                format!(
                    "A message has arrived after the silence since {}.",
                    time(since, facts.now)
                ),
                "Messages come again.",
            )
        }
        Some(Judgment::Silent { since }) => {
            silent(format!("{}: longer than {allowed}.", none_since(since)))
        }
        Some(Judgment::Unbroken { since }) => silent(format!(
            "{}, which was unusually long when it was told.",
            none_since(since)
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diagnose::facts::Silence;

    fn checked(judgment: Judgment, last_message: &str) -> Check {
        check(&Facts {
            now: "2026-11-22T16:00:00Z".parse().unwrap(),
            last_message_at: Some(last_message.parse().unwrap()),
            silence: Silence {
                after: Some(SilenceAfter::Fixed(Duration::from_hours(12))),
                judgment: Some(judgment),
            },
            ..Facts::default()
        })
    }

    #[test]
    fn a_message_ends_silence_before_anybody_has_judged_again() {
        let since = "2026-11-22T10:00:00Z".parse().unwrap();
        for judgment in [Judgment::Silent { since }, Judgment::Unbroken { since }] {
            let status = |last| checked(judgment, last).status;
            assert_eq!(status("2026-11-22T10:00:00Z"), Status::Problem);
            assert_eq!(status("2026-11-22T15:59:59Z"), Status::Ok);
        }
    }

    #[test]
    fn a_limit_that_was_raised_is_not_said_to_be_passed() {
        let since = "2026-11-22T10:00:00Z".parse().unwrap();
        let check = checked(Judgment::Unbroken { since }, "2026-11-22T10:00:00Z");
        assert_eq!(
            check.observed,
            "No message has arrived since 10:00, which was unusually long when it was told."
        );
    }
}
