//! Which wrong paths resemble the webhook's, and how foreign paths are shown: only those parts that are known words, or
//! nearly, so that a secret in a path is never repeated.

use std::fmt::Write as _;

use axum::http::{Method, Uri};

use crate::delivery::WEBHOOK_PATH;

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
/// Shown instead of any other part.
const HIDDEN: &str = "…";
/// How many parts of a path are shown.
const PARTS: usize = 6;
/// Words from this length on may be misspelt by this many letters. Shorter words resemble too many others.
const LONG_WORD: usize = 7;
const MISSPELT: usize = 2;

/// Whether a request to this path, which does not exist, may have been meant for the webhook. A POST to the root may:
/// then the path was forgotten.
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

/// The webhook's own address, for one that is it but for blanks and doubled slashes: what people paste has both.
pub(super) fn corrected(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("%20") && !path.contains("//") {
        return None;
    }
    let parts = path.split('/').map(|part| part.replace("%20", ""));
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    if parts.join("/") != WEBHOOK_PATH.trim_start_matches('/') {
        return None;
    }
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    format!("{WEBHOOK_PATH}{query}").parse().ok()
}

/// Whether requests with this method bring something.
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

/// A part of a path as people read it: percent-decoded, on one line, and cut to the length of a long word.
fn readable(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(64)
        .collect()
}

/// Whether a part is this word, apart from case and a few letters.
fn is_nearly(part: &str, word: &str) -> bool {
    let part = part.to_lowercase();
    part == word || word.len() >= LONG_WORD && strsim::osa_distance(&part, word) <= MISSPELT
}

/// The telling word inside a part.
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
    fn blanks_and_doubled_slashes_in_the_webhooks_path_do_no_harm() {
        let corrected = |uri: &str| corrected(&uri.parse().unwrap()).map(|uri| uri.to_string());
        for wrong in [
            "/instagram/webhook%20?token=s%20",
            "//instagram/webhook?token=s%20",
            "/instagram//webhook/%20?token=s%20",
            "/%20instagram/%20webhook?token=s%20",
        ] {
            let right = Some("/instagram/webhook?token=s%20".to_owned());
            assert_eq!(corrected(wrong), right, "{wrong}");
        }
        for other in [
            "/instagram/webhook",
            "/instagram//messages",
            "/instagram/contacts/a%20b",
        ] {
            assert_eq!(corrected(other), None, "{other}");
        }
    }

    #[test]
    fn usual_mistakes_resemble_the_webhook() {
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
    fn paths_of_scanners_do_not_resemble_the_webhook() {
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
    fn a_shown_path_is_short_whatever_comes() {
        let long = "/instagram".repeat(5_000);
        assert!(shown(&long).len() < 100);
        assert!(shown(&"/%F0%9F%92%A9webhook".repeat(500)).chars().count() < 100);
    }
}
