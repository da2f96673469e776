//! Whether messages have stopped.

use super::words::{counted, length, time};
use super::{Check, Facts};
use crate::config::SilenceAfter;
use crate::silence::Assessment;

pub(super) fn check_silence(facts: &Facts) -> Check {
    const NAME: &str = "silence";
    let Some(after) = facts.silence.after else {
        return Check::ok(
            NAME,
            "SILENCE_AFTER is not set.",
            "Nobody is alerted when messages stop.",
        );
    };
    let allowed = match after {
        SilenceAfter::Auto => "usual at this hour of the week".to_owned(),
        SilenceAfter::Fixed(limit) => format!("SILENCE_AFTER allows ({})", length(limit)),
    };
    let none_since = |since| format!("No message has arrived since {}", time(since, facts.now));
    let silent = |observed| {
        Check::problem(
            NAME,
            observed,
            "Messages have stopped.",
            "Send a message to the account, and check in Chatrace whether the flow runs and its External API Request succeeds.",
        )
    };
    match facts.silence.assessment {
        None if facts.known.is_none() => Check::without_database(NAME),
        None => Check::unknown(
            NAME,
            "Not checked yet.",
            "The service has just started.",
            "",
        ),
        Some(Assessment::NothingYet) => Check::ok(
            NAME,
            "There is no message yet.",
            "Silence cannot begin before the first message.",
        ),
        Some(Assessment::TooEarly { days }) => Check::ok(
            NAME,
            format!(
                "The usual rhythm of messages is not known yet: the history has {}, and a week is needed.",
                counted(u64::from(days), "day")
            ),
            "Until then, SILENCE_AFTER=auto sends no alert.",
        ),
        Some(Assessment::Usual) => Check::ok(
            NAME,
            format!("The last message is no older than {allowed}."),
            "Messages arrive as usual.",
        ),
        Some(Assessment::Silent { since } | Assessment::Unbroken { since })
            if facts.last_message_at > Some(since) =>
        {
            Check::ok(
                NAME,
                format!(
                    "A message has arrived after the silence since {}.",
                    time(since, facts.now)
                ),
                "Messages arrive again.",
            )
        }
        Some(Assessment::Silent { since }) => {
            silent(format!("{}: longer than {allowed}.", none_since(since)))
        }
        Some(Assessment::Unbroken { since }) => silent(format!(
            "{}, which was unusually long when the alert was sent.",
            none_since(since)
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diagnose::Status;
    use crate::diagnose::facts::SilenceFacts;

    fn checked(assessment: Assessment, last_message: &str) -> Check {
        check_silence(&Facts {
            now: "2026-11-22T16:00:00Z".parse().unwrap(),
            last_message_at: Some(last_message.parse().unwrap()),
            silence: SilenceFacts {
                after: Some(SilenceAfter::Fixed(Duration::from_hours(12))),
                assessment: Some(assessment),
            },
            ..Facts::default()
        })
    }

    #[test]
    fn a_message_ends_silence_before_the_next_assessment() {
        let since = "2026-11-22T10:00:00Z".parse().unwrap();
        for assessment in [Assessment::Silent { since }, Assessment::Unbroken { since }] {
            let status = |last| checked(assessment, last).status;
            assert_eq!(status("2026-11-22T10:00:00Z"), Status::Problem);
            assert_eq!(status("2026-11-22T15:59:59Z"), Status::Ok);
        }
    }

    #[test]
    fn a_raised_limit_is_not_reported_as_passed() {
        let since = "2026-11-22T10:00:00Z".parse().unwrap();
        let check = checked(Assessment::Unbroken { since }, "2026-11-22T10:00:00Z");
        assert_eq!(
            check.observed,
            "No message has arrived since 10:00, which was unusually long when the alert was sent."
        );
    }
}
