//! Sentences about rejected requests: what came, and what to do about it.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::words::{counted, time};
use super::{Facts, Status};
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
) -> String {
    let described: Vec<_> = rejected
        .iter()
        .take(DESCRIBED)
        .map(|one| describe(one, since, facts.now))
        .collect();
    let more = match rejected.len().saturating_sub(DESCRIBED) {
        0 => String::new(),
        more => format!(
            ", and {} of rejected requests",
            counted(more as u64, "more kind")
        ),
    };
    let advice = rejected
        .first()
        .map_or("", |first| advice(first.reason, facts));
    format!("{}{more}: {advice}.", described.join(", "))
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
) -> String {
    let times = |thing| counted(u64::try_from(rejected.count).unwrap_or_default(), thing);
    let count = times("request");
    let method = rejected
        .sample
        .as_ref()
        .map_or("another method", |sample| sample.method.as_str());
    let what = match rejected.reason {
        RejectReason::WrongPath if rejected.path == RejectionLog::OTHER_PATHS => {
            format!("{count} hit other paths like the webhook's (404)")
        }
        RejectReason::WrongPath => format!("{count} hit {} (404)", rejected.path),
        RejectReason::ReadingPath => {
            let path = rejected
                .sample
                .as_ref()
                .map_or("a path", |sample| &sample.path);
            format!("{count} hit {path}, which is for reading (405)")
        }
        RejectReason::Redirected => {
            format!("{count} came as GET and without a body, after a redirect (405)")
        }
        RejectReason::Method => format!("{count} came with {method} (405)"),
        RejectReason::MissingSecret => format!("{count} came without a secret (401)"),
        RejectReason::WrongSecret => format!("{count} came with a wrong secret (401)"),
        RejectReason::BadSignature => {
            format!("{count} came with a signature that does not fit (401)")
        }
        RejectReason::Handshake => format!("{count} of Meta's handshake failed (403)"),
        RejectReason::Token => format!("{count} came without a valid token (401)"),
        RejectReason::Empty => format!("{count} came with an empty body (400)"),
        RejectReason::Incomplete => format!("{count} came with a body that broke off (400, 408)"),
        RejectReason::TooLarge => format!("{count} came with too large a body (413)"),
        RejectReason::Unreadable => {
            format!("{count} came with a body that is neither JSON nor a form (400)")
        }
        RejectReason::NotKept => format!("{count} could not be kept (503)"),
        RejectReason::Tls => format!("{} spoke TLS to the plain HTTP port", times("connection")),
        RejectReason::Verified => format!("{count} verified the URL"),
        RejectReason::Started => format!("{} began", times("process")),
    };
    match since {
        Some(since) if rejected.first_at <= since => {
            format!("{what}, the last at {}", time(rejected.last_at, now))
        }
        _ => what,
    }
}

/// What to do about it, as the end of a sentence.
pub(super) fn advice(reason: RejectReason, facts: &Facts) -> &'static str {
    match reason {
        RejectReason::WrongPath | RejectReason::ReadingPath => {
            "check the URL in the External API Request of your Chatrace flow"
        }
        RejectReason::Redirected => {
            "a redirect turned the POST into a GET: enter the final https URL in the External API Request"
        }
        RejectReason::Method => "choose the method POST in the External API Request",
        RejectReason::MissingSecret | RejectReason::WrongSecret if !facts.has_secret => {
            "set WEBHOOK_SECRET, restart this service, then add its value as the header `X-Webhook-Secret` to the \
             External API Request"
        }
        RejectReason::MissingSecret => {
            "add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the External API Request"
        }
        RejectReason::WrongSecret => {
            "the header `X-Webhook-Secret` of the External API Request must hold the value of WEBHOOK_SECRET"
        }
        RejectReason::BadSignature => {
            "META_APP_SECRET must be the secret of the Meta app that sends"
        }
        RejectReason::Handshake if !facts.handshake_expected => {
            "set META_VERIFY_TOKEN to the verify token that was given to Meta, and restart this service"
        }
        RejectReason::Handshake => {
            "the verify token given to Meta must be the value of META_VERIFY_TOKEN"
        }
        RejectReason::Token => "send the value of API_TOKEN as `Authorization: Bearer …`",
        RejectReason::Empty => {
            "choose raw JSON in the External API Request and paste the body template"
        }
        RejectReason::Incomplete => {
            "look at the proxy or the network between Chatrace and this server"
        }
        RejectReason::TooLarge => "raise MAX_BODY_BYTES if such bodies are expected",
        RejectReason::Unreadable => {
            "compare the body of the External API Request with the template"
        }
        RejectReason::NotKept => "look at the database, the spool and the disk",
        RejectReason::Tls => {
            "put a proxy or tunnel that ends TLS before this port, or give out a URL with http"
        }
        RejectReason::Verified | RejectReason::Started => "there is nothing to do",
    }
}

/// What the next step is, as a sentence of its own.
pub(super) fn next_step(reason: RejectReason, facts: &Facts) -> String {
    match reason {
        RejectReason::WrongPath | RejectReason::ReadingPath | RejectReason::Tls => format!(
            "Set the URL of the External API Request to {}; `chatrace-webhook setup` shows every setting.",
            facts.webhook
        ),
        RejectReason::MissingSecret | RejectReason::WrongSecret if !facts.has_secret => {
            "Make a secret and set WEBHOOK_SECRET: `chatrace-webhook setup` shows how, and where its header goes in \
             Chatrace. Until then only what Meta signed is let in."
                .to_owned()
        }
        RejectReason::MissingSecret => {
            "Add it in Chatrace, under the headers of the External API Request; the value is in .env, or \
             wherever this service gets its environment from.".to_owned()
        }
        RejectReason::WrongSecret => {
            "Copy the value of WEBHOOK_SECRET once more into the header of the External API Request. If WEBHOOK_SECRET \
             was changed, restart this service.".to_owned()
        }
        other => format!("{}.", super::words::upper_first(advice(other, facts))),
    }
}
