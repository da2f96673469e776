//! Whether messages have stopped.

use super::words::{length, time};
use super::{Check, Facts};
use crate::config::SilenceAfter;
use crate::i18n::Text;
use crate::silence::Assessment;

pub(super) fn check_silence(facts: &Facts) -> Check {
    const NAME: &str = "silence";
    let Some(after) = facts.silence.after else {
        return Check::ok(NAME, Text::new("silence-not-watched"));
    };
    let allowed = match after {
        SilenceAfter::Auto => Text::new("silence-usual"),
        SilenceAfter::Fixed(limit) => Text::new("silence-limit").with("length", length(limit)),
    };
    let since_when = |id, since| Text::new(id).with("time", time(since, facts.now));
    match facts.silence.assessment {
        None if facts.known.is_none() => Check::without_database(NAME),
        None => Check::unknown(NAME, Text::new("silence-not-checked")),
        Some(Assessment::NothingYet) => Check::ok(NAME, Text::new("silence-no-message")),
        Some(Assessment::TooEarly { days }) => {
            Check::ok(NAME, Text::new("silence-too-early").with("count", days))
        }
        Some(Assessment::Usual) => {
            Check::ok(NAME, Text::new("silence-none").with("allowed", allowed))
        }
        Some(Assessment::Silent { since } | Assessment::Unbroken { since })
            if facts.last_message_at > Some(since) =>
        {
            Check::ok(NAME, since_when("silence-over", since))
        }
        Some(Assessment::Silent { since }) => {
            let observed = since_when("silence-now", since);
            Check::problem(NAME, observed.with("allowed", allowed))
        }
        Some(Assessment::Unbroken { since }) => {
            Check::problem(NAME, since_when("silence-alerted", since))
        }
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
