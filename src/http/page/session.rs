//! The session of a browser: an id, a time and a signature, in a cookie.
//!
//! A session that is open is stored nowhere, so it is valid at every replica and across restarts. It is signed with the
//! API token of the login, and ends when that token is removed, or after [`LASTS`]. One that is logged out is in the
//! database until then.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::super::AppState;
use crate::crypto::{hmac_sha256, is_same};
use crate::time::new_id;

/// How the name of the cookie begins. The rest tells installations on the same host apart.
pub(in crate::http) const NAME: &str = "chatrace_webhook_session";
/// How long a session lasts.
const LASTS: SignedDuration = SignedDuration::from_hours(12);
/// How many cookies of a request are looked at.
const MOST_COOKIES: usize = 4;
/// How often it is looked whether another replica has ended a session, or its time has.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a logout waits for the database. After that it is written in the background.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(2);

/// The session of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Session {
    id: Uuid,
    until: Timestamp,
}

impl Session {
    /// The session of a request, if it is open.
    pub(in crate::http) async fn of(state: &AppState, headers: &HeaderMap) -> Option<Self> {
        for session in signed(headers, state) {
            if session.is_open(state).await {
                return Some(session);
            }
        }
        None
    }

    /// Waits until it is over, or logged out here or at another replica.
    pub(in crate::http) async fn ended(self, state: AppState) {
        let mut ended = state.ended_sessions.subscribe();
        while self.is_open(&state).await {
            timeout(CHECK_INTERVAL, ended.changed()).await.ok();
        }
    }

    /// The page must help while the database is away. Until it is back, only this replica's own logouts count.
    async fn is_open(self, state: &AppState) -> bool {
        if self.until <= state.clock.now() || state.ended_sessions.contains(self.id) {
            return false;
        }
        let is_ended = state.store.is_session_ended(self.id).await;
        !is_ended.unwrap_or(false)
    }

    /// Ends it: at once here, and in the database as soon as that is there.
    async fn end(self, state: &AppState) {
        let now = state.clock.now();
        state.ended_sessions.add(self.id, self.until, now);
        // A browser that hangs up does not keep it from being written.
        let written = tokio::spawn(self.write_end(state.clone()));
        timeout(LOGOUT_TIMEOUT, written).await.ok();
    }

    async fn write_end(self, state: AppState) {
        let soft = state.lifecycle.soft();
        loop {
            let now = state.clock.now();
            let Err(error) = state.store.end_session(self.id, self.until, now).await else {
                return;
            };
            tracing::warn!(%error, "a logout is not in the database yet: it is tried again");
            tokio::select! {
                () = sleep(CHECK_INTERVAL) => {}
                () = soft.cancelled() => return,
            }
        }
    }
}

/// Whether a request claims to have a session, and its signature is not right: somebody may be guessing the token.
pub(super) fn is_forged(state: &AppState, headers: &HeaderMap) -> bool {
    let claims = headers.get_all(header::COOKIE).into_iter();
    let mut claims = claims.map(HeaderValue::as_bytes).filter(|line| {
        let mut pairs = line.split(|byte| *byte == b';');
        pairs.any(|pair| pair.trim_ascii_start().starts_with(NAME.as_bytes()))
    });
    claims.next().is_some() && signed(headers, state).next().is_none()
}

/// Ends the sessions of a request.
pub(super) async fn end(state: &AppState, headers: &HeaderMap) {
    for session in signed(headers, state) {
        if session.is_open(state).await {
            session.end(state).await;
        }
    }
}

/// The header that opens a session for this token. With `is_secure`, browsers send it over TLS only.
pub(super) fn cookie(name: &str, token: &str, now: Timestamp, is_secure: bool) -> String {
    let (id, until) = (new_id(), now.as_second() + LASTS.as_secs());
    let signature = URL_SAFE_NO_PAD.encode(signature(token, id, until));
    let secure = if is_secure { "; Secure" } else { "" };
    let (id, lasts) = (id.simple(), LASTS.as_secs());
    // Without a path, it holds for the one below which a proxy serves the page.
    format!("{name}={until}.{id}.{signature}; HttpOnly; SameSite=Lax; Max-Age={lasts}{secure}")
}

/// The header that deletes the cookie.
pub(super) fn no_cookie(name: &str) -> String {
    format!("{name}=; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The name of the cookie of this installation. Browsers send cookies to every port of a host, so two installations on
/// one host need two names.
pub(super) fn name(state: &AppState) -> String {
    format!("{NAME}_{}", state.config.installation())
}

/// The sessions of a request whose signatures are right, open or not.
fn signed(headers: &HeaderMap, state: &AppState) -> impl Iterator<Item = Session> {
    let sessions: Vec<_> = signed_by(headers, &name(state), &state.api_tokens).collect();
    sessions.into_iter()
}

fn signed_by<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
    tokens: &'a [SecretString],
) -> impl Iterator<Item = Session> + 'a {
    let values = cookies_named(headers, name).take(MOST_COOKIES);
    values.filter_map(|value| {
        let mut parts = value.splitn(3, '.');
        let until = parts.next()?.parse().ok()?;
        let id = parts.next()?.parse().ok()?;
        let claimed = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        let is_signed =
            |token: &SecretString| is_same(&claimed, &signature(token.expose_secret(), id, until));
        let until_time = Timestamp::from_second(until).ok()?;
        tokens.iter().any(is_signed).then_some(Session {
            id,
            until: until_time,
        })
    })
}

/// The values of the cookies with this name. A browser may send several, and other cookies with any bytes.
pub(super) fn cookies_named<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| str::from_utf8(pair).ok())
        .filter_map(move |pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

fn signature(token: &str, id: Uuid, until: i64) -> [u8; 32] {
    let text = format!("session {id} on the page until {until}");
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
        let headers = headers.into_iter().collect();
        signed_by(&headers, NAME, &tokens).any(|session| session.until > now)
    }

    #[test]
    fn a_session_holds_for_its_token_and_its_time() {
        let cookie = cookie(NAME, "old", now(), false);
        assert!(holds_at(&cookie, &["new", "old"], now()));
        assert!(!holds_at(&cookie, &["new"], now()), "the token was changed");
        let later = |seconds| now() + LASTS + SignedDuration::from_secs(seconds);
        assert!(holds_at(&cookie, &["old"], later(-1)));
        assert!(!holds_at(&cookie, &["old"], later(0)), "it is over");
    }

    #[test]
    fn nobody_can_lengthen_a_session_or_make_one() {
        let until = now().as_second() + LASTS.as_secs();
        let real = cookie(NAME, "token", now(), false);
        let longer = real.replace(&until.to_string(), &(until + 1).to_string());
        let part = |cookie: &str, number| cookie.split('.').nth(number).map(str::to_owned).unwrap();
        let another = real.replace(
            &part(&real, 1),
            &part(&cookie(NAME, "token", now(), false), 1),
        );
        for forged in [
            longer.as_str(),
            another.as_str(),
            &no_cookie(NAME),
            "chatrace_webhook_session",
            "chatrace_webhook_session=.",
            "chatrace_webhook_session=9999999999.",
            "chatrace_webhook_session=9999999999.AAAA",
            "chatrace_webhook_session=9999999999.01a2040d6ba6760d9d75582afe0c4905.AAAA",
            "chatrace_webhook_session=99999999999999.01a2040d6ba6760d9d75582afe0c4905.AAAA",
            "chatrace_webhook_session=-1.%",
        ] {
            assert!(!holds_at(forged, &["token"], now()), "{forged}");
        }
        assert!(holds_at(&real, &["token"], now()));
        assert!(!holds_at(&real, &[], now()));
    }

    #[test]
    fn no_script_reads_the_cookie_and_behind_tls_it_stays_there() {
        let plain = cookie(NAME, "token", now(), false);
        assert!(plain.contains("; HttpOnly; SameSite=Lax;") && !plain.contains("Secure"));
        assert!(cookie(NAME, "token", now(), true).ends_with("; Secure"));
        assert!(!plain.contains("token"));
    }
}
