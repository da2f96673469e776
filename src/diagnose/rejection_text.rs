//! Sentences about rejected requests: what came, and what to do about it.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::words::time;
use super::{Facts, Status};
use crate::i18n::Text;
use crate::rejection::{RejectReason, RejectedRequest, RejectionLog};

/// How long a rejected request is worth a warning although deliveries have arrived since.
pub(super) const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// How many kinds of rejected requests one sentence describes.
const DESCRIBED: usize = 2;

/// The rejected requests since a time, the worst first, and of those the latest.
pub(super) fn rejected_since(facts: &Facts, since: Option<Timestamp>) -> Vec<&RejectedRequest> {
    let mut rejected: Vec<_> = facts
        .rejected
        .iter()
        .filter(|one| {
            one.reason.may_lose_messages() && since.is_none_or(|since| one.last_at > since)
        })
        .collect();
    rejected.sort_by_key(|one| Reverse((severity(one, since), one.last_at)));
    rejected
}

/// What came, with what to do about the first: "3 requests hit /instagram/webhok (404): check the URL in …".
pub(super) fn sentence(
    rejected: &[&RejectedRequest],
    since: Option<Timestamp>,
    facts: &Facts,
) -> Text {
    let described = rejected.iter().take(DESCRIBED);
    let described = described.map(|one| describe(one, since, facts.now));
    let sentence = match rejected.len().saturating_sub(DESCRIBED) {
        0 => Text::new("rejected-first"),
        more => Text::new("rejected-first-and-more").with("more", more),
    };
    let advice = rejected.first().map(|first| advice(first.reason, facts));
    sentence
        .with("requests", Text::list(described, ", "))
        .with("advice", advice.unwrap_or_default())
}

/// How bad it is when nothing has arrived since. If everybody only looked, with a browser or a scanner, nothing is
/// lost.
pub(super) fn severity(rejected: &RejectedRequest, since: Option<Timestamp>) -> Status {
    // `None` is less than any time.
    let sent = rejected.sent_at.is_some() && rejected.sent_at > since;
    match rejected.reason {
        RejectReason::WrongPath | RejectReason::Method if !sent => Status::Warning,
        RejectReason::Tls => Status::Warning,
        _ => Status::Problem,
    }
}

/// "3 requests hit /instagram/webhok (404)", with the last time if there were others before `since`.
pub(super) fn describe(
    rejected: &RejectedRequest,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Text {
    let requests = what(rejected).with("count", rejected.count);
    match since {
        Some(since) if rejected.first_at <= since => Text::new("rejected-last-at")
            .with("requests", requests)
            .with("time", time(rejected.last_at, now)),
        _ => requests,
    }
}

/// What came, without how many.
fn what(rejected: &RejectedRequest) -> Text {
    let sample = rejected.sample.as_ref();
    Text::new(match rejected.reason {
        RejectReason::WrongPath if rejected.path == RejectionLog::OTHER_PATHS => {
            "rejected-other-paths"
        }
        RejectReason::WrongPath => {
            return Text::new("rejected-wrong-path").with("path", rejected.path.as_str());
        }
        RejectReason::ReadingPath => match sample {
            Some(sample) => {
                return Text::new("rejected-reading-path").with("path", sample.path.as_str());
            }
            None => "rejected-some-reading-path",
        },
        RejectReason::Redirected => "rejected-redirected",
        RejectReason::Method => match sample {
            Some(sample) => {
                return Text::new("rejected-method").with("method", sample.method.as_str());
            }
            None => "rejected-some-method",
        },
        RejectReason::MissingSecret => "rejected-missing-secret",
        RejectReason::WrongSecret => "rejected-wrong-secret",
        RejectReason::BadSignature => "rejected-bad-signature",
        RejectReason::Handshake => "rejected-handshake",
        RejectReason::Token => "rejected-token",
        RejectReason::Empty => "rejected-empty",
        RejectReason::Incomplete => "rejected-incomplete",
        RejectReason::TooLarge => "rejected-too-large",
        RejectReason::Unreadable => "rejected-unreadable",
        RejectReason::NotKept => "rejected-not-kept",
        RejectReason::Tls => "rejected-tls",
        RejectReason::Verified | RejectReason::Started => "requests",
    })
}

/// What to do about it, as the end of a sentence. The next step is an attribute of it.
pub(super) fn advice(reason: RejectReason, facts: &Facts) -> Text {
    let advice = match reason {
        RejectReason::WrongPath | RejectReason::ReadingPath => "advice-path",
        RejectReason::Redirected => "advice-redirected",
        RejectReason::Method => "advice-method",
        RejectReason::MissingSecret | RejectReason::WrongSecret if !facts.has_secret => {
            "advice-secret-unset"
        }
        RejectReason::MissingSecret => "advice-missing-secret",
        RejectReason::WrongSecret => "advice-wrong-secret",
        RejectReason::BadSignature => "advice-bad-signature",
        RejectReason::Handshake if !facts.handshake_expected => "advice-handshake-unset",
        RejectReason::Handshake => "advice-handshake",
        RejectReason::Token => "advice-token",
        RejectReason::Empty => "advice-empty",
        RejectReason::Incomplete => "advice-incomplete",
        RejectReason::TooLarge => "advice-too-large",
        RejectReason::Unreadable => "advice-unreadable",
        RejectReason::NotKept => "advice-not-kept",
        RejectReason::Tls => "advice-tls",
        RejectReason::Verified | RejectReason::Started => "advice-none",
    };
    Text::new(advice).with("webhook", facts.webhook.as_str())
}

/// What the next step is, as a sentence of its own.
pub(super) fn next_step(reason: RejectReason, facts: &Facts) -> Text {
    advice(reason, facts).attribute("next")
}
