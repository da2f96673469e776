//! Near misses in words: what came, and what that calls for.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use super::words::{counted, time};
use super::{Facts, Status};
use crate::sighting::{OTHER_PATHS, Sight, Sighting};

/// How long a near miss is worth a warning although deliveries have arrived since.
pub(super) const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// How many sorts of near misses are told in one sentence.
const TOLD: usize = 2;

/// The near misses since a time, the gravest first, and of those the latest.
pub(super) fn since(facts: &Facts, since: Option<Timestamp>) -> Vec<&Sighting> {
    let mut misses: Vec<_> = facts
        .seen
        .iter()
        .filter(|seen| seen.sight.is_miss() && since.is_none_or(|since| seen.last_at > since))
        .collect();
    misses.sort_by_key(|seen| Reverse((severity(seen, since), seen.last_at)));
    misses
}

/// What came, with what to do about the first: "3 requests hit /instagram/webhok (404): check the URL in …".
pub(super) fn sentence(misses: &[&Sighting], since: Option<Timestamp>, facts: &Facts) -> String {
    let told: Vec<_> = misses
        .iter()
        .take(TOLD)
        .map(|miss| told(miss, since, facts.now))
        .collect();
    let more = match misses.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(", and {} of near misses", counted(more as u64, "more sort")),
    };
    let advice = misses.first().map_or("", |miss| advice(miss.sight, facts));
    format!("{}{more}: {advice}.", told.join(", "))
}

/// How bad it is when nothing has arrived since. If everybody only looked, with a browser or a scanner, nothing is lost.
pub(super) fn severity(miss: &Sighting, since: Option<Timestamp>) -> Status {
    // `None` is less than any time.
    let sent = miss.sent_at.is_some() && miss.sent_at > since;
    match miss.sight {
        Sight::WrongPath | Sight::Method if !sent => Status::Warning,
        Sight::Tls => Status::Warning,
        _ => Status::Problem,
    }
}

/// "3 requests hit /instagram/webhok (404)", with the last time where others came before `since`.
pub(super) fn told(miss: &Sighting, since: Option<Timestamp>, now: Timestamp) -> String {
    let times = |thing| counted(u64::try_from(miss.count).unwrap_or_default(), thing);
    let count = times("request");
    let method = miss
        .sample
        .as_ref()
        .map_or("another method", |sample| sample.method.as_str());
    let what = match miss.sight {
        Sight::WrongPath if miss.path == OTHER_PATHS => {
            format!("{count} hit other paths like the webhook's (404)")
        }
        Sight::WrongPath => format!("{count} hit {} (404)", miss.path),
        Sight::ReadingPath => {
            let path = miss.sample.as_ref().map_or("a path", |sample| &sample.path);
            format!("{count} hit {path}, which is for reading (405)")
        }
        Sight::Method => format!("{count} came with {method} (405)"),
        Sight::MissingSecret => format!("{count} came without a secret (401)"),
        Sight::WrongSecret => format!("{count} came with a wrong secret (401)"),
        Sight::BadSignature => {
            format!("{count} came with a signature that does not fit (401)")
        }
        Sight::Handshake => format!("{count} of Meta's handshake failed (403)"),
        Sight::Empty => format!("{count} came with an empty body (400)"),
        Sight::Incomplete => format!("{count} came with a body that broke off (400, 408)"),
        Sight::TooLarge => format!("{count} came with too large a body (413)"),
        Sight::Unreadable => {
            format!("{count} came with a body that is neither JSON nor a form (400)")
        }
        Sight::NotKept => format!("{count} could not be kept (503)"),
        Sight::Tls => format!("{} spoke TLS to the plain HTTP port", times("connection")),
        Sight::Verified => format!("{count} verified the URL"),
        Sight::Started => format!("{} began", times("process")),
    };
    match since {
        Some(since) if miss.first_at <= since => {
            format!("{what}, the last at {}", time(miss.last_at, now))
        }
        _ => what,
    }
}

/// What to do about it, as the end of a sentence.
pub(super) fn advice(sight: Sight, facts: &Facts) -> &'static str {
    match sight {
        Sight::WrongPath | Sight::ReadingPath => {
            "check the URL in the External API Request of your Chatrace flow"
        }
        Sight::Method => "choose the method POST in the External API Request",
        Sight::MissingSecret | Sight::WrongSecret if !facts.has_secret => {
            "set WEBHOOK_SECRET, restart this service, then add its value as the header `X-Webhook-Secret` to the \
             External API Request"
        }
        Sight::MissingSecret => {
            "add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the External API Request"
        }
        Sight::WrongSecret => {
            "the header `X-Webhook-Secret` of the External API Request must hold the value of WEBHOOK_SECRET"
        }
        Sight::BadSignature => "META_APP_SECRET must be the secret of the Meta app that sends",
        Sight::Handshake if !facts.handshake_expected => {
            "set META_VERIFY_TOKEN to the verify token that was given to Meta, and restart this service"
        }
        Sight::Handshake => "the verify token given to Meta must be the value of META_VERIFY_TOKEN",
        Sight::Empty => "choose raw JSON in the External API Request and paste the body template",
        Sight::Incomplete => "look at the proxy or the network between Chatrace and this server",
        Sight::TooLarge => "raise MAX_BODY_BYTES if such bodies are expected",
        Sight::Unreadable => "compare the body of the External API Request with the template",
        Sight::NotKept => "look at the database, the spool and the disk",
        Sight::Tls => {
            "put a proxy or tunnel that ends TLS before this port, or give out a URL with http"
        }
        Sight::Verified | Sight::Started => "there is nothing to do",
    }
}

/// What the next step is, as a sentence of its own.
pub(super) fn next_step(sight: Sight, facts: &Facts) -> String {
    match sight {
        Sight::WrongPath | Sight::ReadingPath | Sight::Tls => format!(
            "Set the URL of the External API Request to {}; `chatrace-webhook setup` shows every setting.",
            facts.webhook
        ),
        Sight::MissingSecret | Sight::WrongSecret if !facts.has_secret => {
            "Make a secret and set WEBHOOK_SECRET: `chatrace-webhook setup` shows how, and where its header goes in \
             Chatrace. Until then only what Meta signed is let in."
                .to_owned()
        }
        Sight::MissingSecret => {
            "Add it in Chatrace, under the headers of the External API Request; the value stands in .env or wherever this \
             service has its environment from.".to_owned()
        }
        Sight::WrongSecret => {
            "Copy the value of WEBHOOK_SECRET once more into the header of the External API Request. If WEBHOOK_SECRET was \
             changed, restart this service.".to_owned()
        }
        other => format!("{}.", super::words::upper_first(advice(other, facts))),
    }
}
