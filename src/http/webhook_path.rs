//! Which wrong paths resemble the webhook's, and how a foreign path is shown: only in those of its parts that are known
//! words, or nearly. A secret that somebody put into a path is thus never repeated.

use std::fmt::Write as _;

use axum::http::Method;

/// The words that make a path resemble the webhook's.
const TELLING: [&str; 9] = [
    "instagram",
    "webhook",
    "webhooks",
    "hook",
    "hooks",
    "chatrace",
    "callback",
    "insta",
    "ig",
];
/// Further words that are shown.
const HARMLESS: [&str; 15] = [
    "api",
    "v1",
    "v2",
    "v3",
    "public",
    "app",
    "meta",
    "messages",
    "message",
    "stats",
    "receive",
    "http:",
    "https:",
    "post",
    "index.php",
];
/// What is shown of a part that is none of them.
const HIDDEN: &str = "…";
/// How many parts of a path are shown.
const PARTS: usize = 6;
/// Words of this length may be misspelt, by this many letters. Shorter ones are near to too many others.
const LONG_WORD: usize = 7;
const MISSPELT: usize = 2;

/// Whether a request to this path, at which there is nothing, may have been meant for the webhook. A POST to the root
/// may: then somebody forgot the path.
pub(super) fn is_resembled_by(method: &Method, path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    if parts.peek().is_none() {
        return sends(method);
    }
    parts.take(PARTS).any(|part| {
        let part = readable(part);
        TELLING.iter().any(|word| is_nearly(&part, word)) || contained(&part).is_some()
    })
}

/// Whether a request with this method brings something.
pub(super) fn sends(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// The path as it can be shown to anybody. Its length is bounded.
pub(super) fn shown(path: &str) -> String {
    let mut shown = String::new();
    let mut parts = path.split('/').skip(1);
    for part in parts.by_ref().take(PARTS) {
        shown.push('/');
        let part = readable(part);
        if part.is_empty()
            || TELLING
                .iter()
                .chain(&HARMLESS)
                .any(|word| is_nearly(&part, word))
        {
            shown.push_str(&part);
        } else if let Some(word) = contained(&part) {
            write!(shown, "{HIDDEN}{word}{HIDDEN}").ok();
        } else {
            shown.push_str(HIDDEN);
        }
    }
    if parts.next().is_some() {
        shown.push('/');
        shown.push_str(HIDDEN);
    }
    if shown.is_empty() {
        shown.push('/');
    }
    shown
}

/// A part of a path as a person reads it: percent-decoded, on one line. Longer than any word it is cut.
fn readable(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(64)
        .collect()
}

/// Whether a part is this word, give or take a few letters and its case.
fn is_nearly(part: &str, word: &str) -> bool {
    let part = part.to_lowercase();
    part == word || word.len() >= LONG_WORD && strsim::osa_distance(&part, word) <= MISSPELT
}

/// The telling word that is within a part.
fn contained(part: &str) -> Option<&'static str> {
    let part = part.to_lowercase();
    ["webhook", "instagram", "chatrace"]
        .into_iter()
        .find(|word| part.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_get_wrong_resembles_the_webhook() {
        for path in [
            "/instagram/webhok",
            "/instagram/webhooks",
            "/instgram/webhook",
            "/Instagram/Webhook",
            "//instagram/webhook",
            "/instagram//webhook",
            "/api/instagram/webhook",
            "/instagram/webhook/extra",
            "/instagram/webhook.php",
            "/instagram/webhook%20",
            "/https://shop.example/instagram/webhook",
            "/webhook",
            "/instagram",
            "/hook",
            "/chatrace",
            "/",
        ] {
            assert!(is_resembled_by(&Method::POST, path), "{path}");
        }
        assert!(!is_resembled_by(&Method::GET, "/"), "browsers ask for it");
    }

    #[test]
    fn what_scanners_ask_for_does_not() {
        for path in [
            "/wp-login.php",
            "/.env",
            "/admin",
            "/api/v1/users",
            "/favicon.ico",
            "/robots.txt",
            "/books",
            "/look",
            "/cgi-bin/luci",
        ] {
            assert!(!is_resembled_by(&Method::POST, path), "{path}");
        }
    }

    #[test]
    fn a_typo_is_shown_and_a_secret_is_not() {
        assert_eq!(shown("/instagram/webhok"), "/instagram/webhok");
        assert_eq!(shown("//Instagram/Webhook"), "//Instagram/Webhook");
        assert_eq!(
            shown("/api/instagram/webhook%20"),
            "/api/instagram/webhook "
        );
        assert_eq!(shown("/instagram/webhook/canary-1"), "/instagram/webhook/…");
        assert_eq!(shown("/canary/instagram/webhook"), "/…/instagram/webhook");
        assert_eq!(shown("/webhook-canary"), "/…webhook…");
        assert_eq!(shown("/canary%0Awebhook%1b"), "/…webhook…");
        assert_eq!(shown("/"), "/");
    }

    #[test]
    fn what_is_shown_is_short_whatever_comes() {
        let long = "/instagram".repeat(5_000);
        assert!(shown(&long).len() < 100);
        assert!(shown(&"/%F0%9F%92%A9webhook".repeat(500)).chars().count() < 100);
    }
}
