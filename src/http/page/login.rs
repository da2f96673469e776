//! The login, the logout, and the choice of a language.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::body::BodyError;
use super::super::error::ApiError;
use super::super::{AppState, refusals, secret};
use super::form::fields;
use super::frame::{Frame, locale_cookie};
use super::{redirect, refuse_forged, rendered, session};
use crate::i18n::Locale;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate {
    frame: Frame,
    problem: Option<String>,
}

/// The login form; `problem` is the message that says why the last login was refused.
pub(super) fn form(status: StatusCode, frame: Frame, problem: Option<&'static str>) -> Response {
    let problem = problem.map(|problem| frame.t(problem));
    rendered(status, &LoginTemplate { frame, problem })
}

/// A GET of a path that only accepts a form.
pub(super) async fn to_home() -> Response {
    redirect(".")
}

/// Opens a session for an API token.
pub(super) async fn log_in(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let frame = || {
        let mut frame = Frame::new(&state, &parts, false);
        frame.place = String::new();
        frame
    };
    let fields = match fields(&state, &parts, body).await {
        Ok(fields) => fields,
        Err(BodyError::TooLarge { .. }) => {
            return form(
                StatusCode::PAYLOAD_TOO_LARGE,
                frame(),
                Some("login-too-long"),
            );
        }
        Err(BodyError::Busy) => return ApiError::Busy.into_response(),
        Err(BodyError::Timeout | BodyError::Broken) => return ApiError::Timeout.into_response(),
    };
    let token = fields
        .get("token")
        .map(|token| token.trim())
        .unwrap_or_default();
    if !secret::is_one_of(token, &state.api_tokens) {
        if let Err(limited) = refusals::record_token(&state, &parts) {
            return limited.into_response();
        }
        return form(StatusCode::UNAUTHORIZED, frame(), Some("login-wrong"));
    }
    let is_secure = is_behind_tls(&state, &parts.headers);
    let cookie = session::cookie(&session::name(&state), token, state.clock.now(), is_secure);
    ([(header::SET_COOKIE, cookie)], redirect(".")).into_response()
}

/// Ends the session of this browser, unless another site requests it.
pub(super) async fn log_out(State(state): State<AppState>, parts: Parts) -> Response {
    let site = parts.headers.get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site") {
        return redirect(".");
    }
    if let Err(limited) = refuse_forged(&state, &parts) {
        return limited.into_response();
    }
    session::end(&state, &parts.headers).await;
    let cookie = session::no_cookie(&session::name(&state));
    ([(header::SET_COOKIE, cookie)], redirect(".")).into_response()
}

/// Keeps the language that was chosen, and goes back.
pub(super) async fn choose_language(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(fields) = fields(&state, &parts, body).await else {
        return redirect(".");
    };
    let back = fields
        .get("to")
        .map(String::as_str)
        .filter(|to| is_own(to))
        .unwrap_or(".");
    let back = if back.is_empty() { "." } else { back };
    match fields
        .get("locale")
        .and_then(|locale| Locale::named(locale))
    {
        Some(locale) => (
            [(header::SET_COOKIE, locale_cookie(locale))],
            redirect(back),
        )
            .into_response(),
        None => redirect(back),
    }
}

/// Whether an address is a view of this page, and not another site.
fn is_own(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default();
    path.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '-'))
        && !path.starts_with('/')
}

/// Whether a browser may send the cookie over TLS only: the public address says so, or the proxy next to the browser.
fn is_behind_tls(state: &AppState, headers: &HeaderMap) -> bool {
    let public = state.config.server.public_url.as_ref();
    let schemes = headers
        .get("x-forwarded-proto")
        .and_then(|value| value.to_str().ok());
    let first = schemes.and_then(|schemes| schemes.split(',').next());
    public.is_some_and(|url| url.scheme() == "https")
        || first.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_chosen_on_this_page_and_leads_nowhere_else() {
        for own in [
            "",
            "conversations",
            "conversation?channel=a&id=https://x",
            "deliveries/01a2-b",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "\\\\evil",
            "javascript:a",
            "../x",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }
}
