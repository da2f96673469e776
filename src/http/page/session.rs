//! The session of a browser: a time and a signature, in a cookie.
//!
//! The server stores nothing, so a session is valid at every replica and across restarts. It is signed with the API
//! token of the login, and ends when that token is removed, or after [`LASTS`].

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::AppState;
use crate::crypto::{hmac_sha256, is_same};

/// The name of the cookie.
pub(in crate::http) const NAME: &str = "chatrace_webhook_session";
/// How long a session lasts.
const LASTS: SignedDuration = SignedDuration::from_hours(12);

/// The header that deletes the cookie.
pub(super) const NO_COOKIE: &str =
    "chatrace_webhook_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";

/// Whether a request has a valid session.
pub(in crate::http) fn is_open(state: &AppState, headers: &HeaderMap) -> bool {
    holds(headers, &state.api_tokens, state.clock.now())
}

/// The cookie of a new session for this token. With `is_secure`, browsers send it over TLS only.
pub(super) fn cookie(token: &str, now: Timestamp, is_secure: bool) -> String {
    let until = now.as_second() + LASTS.as_secs();
    let signature = URL_SAFE_NO_PAD.encode(signature(token, until));
    let secure = if is_secure { "; Secure" } else { "" };
    let lasts = LASTS.as_secs();
    format!("{NAME}={until}.{signature}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts}{secure}")
}

fn holds(headers: &HeaderMap, tokens: &[SecretString], now: Timestamp) -> bool {
    cookies(headers).any(|value| {
        let Some((until, given)) = value.split_once('.') else {
            return false;
        };
        let (Ok(until), Ok(given)) = (until.parse(), URL_SAFE_NO_PAD.decode(given)) else {
            return false;
        };
        let is_signed =
            |token: &SecretString| is_same(&signature(token.expose_secret(), until), &given);
        until > now.as_second() && tokens.iter().any(is_signed)
    })
}

/// The values of the cookies with this name. A browser may send several, and other cookies with any bytes.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='))
}

fn signature(token: &str, until: i64) -> [u8; 32] {
    let text = format!("session on the page until {until}");
    hmac_sha256(token.as_bytes(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn holds_at(cookie: &str, tokens: &[&str], now: Timestamp) -> bool {
        let tokens: Vec<_> = tokens
            .iter()
            .map(|token| SecretString::from(*token))
            .collect();
        let pair = cookie.split(';').next().unwrap();
        let line = [b"other=\xe9; ", pair.as_bytes()].concat();
        let headers = [(header::COOKIE, line.try_into().unwrap())];
        holds(&headers.into_iter().collect(), &tokens, now)
    }

    #[test]
    fn a_session_holds_for_its_token_and_its_time() {
        let cookie = cookie("old", now(), false);
        assert!(holds_at(&cookie, &["new", "old"], now()));
        assert!(!holds_at(&cookie, &["new"], now()), "the token was changed");
        let later = |seconds| now() + LASTS + SignedDuration::from_secs(seconds);
        assert!(holds_at(&cookie, &["old"], later(-1)));
        assert!(!holds_at(&cookie, &["old"], later(0)), "it is over");
    }

    #[test]
    fn nobody_can_lengthen_a_session_or_make_one() {
        let until = now().as_second() + LASTS.as_secs();
        let real = cookie("token", now(), false);
        let longer = real.replace(&until.to_string(), &(until + 1).to_string());
        for forged in [
            longer.as_str(),
            NO_COOKIE,
            "chatrace_webhook_session",
            "chatrace_webhook_session=.",
            "chatrace_webhook_session=9999999999.",
            "chatrace_webhook_session=9999999999.AAAA",
            "chatrace_webhook_session=-1.%",
        ] {
            assert!(!holds_at(forged, &["token"], now()), "{forged}");
        }
        assert!(holds_at(&real, &["token"], now()));
        assert!(!holds_at(&real, &[], now()));
    }

    #[test]
    fn no_script_reads_the_cookie_and_behind_tls_it_stays_there() {
        let plain = cookie("token", now(), false);
        assert!(plain.contains("; HttpOnly; SameSite=Lax;") && !plain.contains("Secure"));
        assert!(cookie("token", now(), true).ends_with("; Secure"));
        assert!(!plain.contains("token"));
    }
}
