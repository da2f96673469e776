//! `GET /`: the operator's page, for whoever has a browser and an API token. It shows, and changes nothing.
//!
//! Everything is made on the server, so that there is one place where foreign text becomes HTML; a script only fetches
//! the page again when something has happened. Links are relative: the page may stand below a path of a proxy.

mod assets;
mod session;
mod view;

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use jiff::Timestamp;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use super::body::Bodies;
use super::extract::Path;
use super::{AppState, auth, deliveries, stats};
use crate::normalize;

pub(super) use session::{NAME as COOKIE, is_open as has_session};

/// The largest form of a login, in bytes.
const LARGEST_FORM: usize = 8 * 1024;
/// How long a login may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Nothing but what is this service's own is loaded or run, whatever a message says.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// The page, and what belongs to it.
pub(super) fn routes() -> Router<AppState> {
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        // Who sends something to this path means the webhook.
        .route("/", get(home).fallback(super::not_found))
        .route("/login", get(to_home).post(log_in))
        .route("/logout", get(to_home).post(log_out))
        .route("/deliveries/{id}", get(delivery))
        .merge(assets::routes())
        .layer(
            ServiceBuilder::new()
                .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
                .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
                .layer(fixed(header::CACHE_CONTROL, "no-store")),
        )
}

/// Somebody with a session.
struct Reader;

impl FromRequestParts<AppState> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        if has_session(state, &parts.headers) {
            Ok(Self)
        } else if parts.uri.path() == "/" {
            Err(view::login(StatusCode::OK, None))
        } else {
            Err(redirect(".."))
        }
    }
}

/// To another page; `place` is relative to the path of the request.
fn redirect(place: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// For those who ask for the path that a form was sent to.
async fn to_home() -> Response {
    redirect(".")
}

/// The page itself. With `?outside`, the public address and Chatrace's API are asked before.
async fn home(State(state): State<AppState>, RawQuery(query): RawQuery, _: Reader) -> Response {
    if query.as_deref() == Some("outside") {
        state.inquiry.ask().await;
        return redirect(".");
    }
    let look = stats::look(&state).await;
    let latest = view::Latest::read(&state, look.last_delivery).await;
    view::home(&state, &look, &latest)
}

/// One delivery: what stood in it, and what became of it.
async fn delivery(State(state): State<AppState>, _: Reader, Path(id): Path<String>) -> Response {
    match deliveries::find(&state, &id).await {
        Ok(found) => {
            let body = normalize::readable_text(&found.delivery);
            view::delivery(&state, &found, &state.redactor.redact(&body))
        }
        Err(error) => view::failure(&error),
    }
}

/// Opens a session for an API token.
async fn log_in(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bodies = Bodies::new(LARGEST_FORM, PATIENCE);
    let form = bodies.read(body, true).await.unwrap_or_default();
    let token = form_urlencoded::parse(&form)
        .find(|(name, _)| name == "token")
        .map_or_else(String::new, |(_, token)| token.trim().to_owned());
    if !auth::is_one_of(&token, &state.api_tokens) {
        tracing::warn!("🚫 Somebody tried to log in to the page with a wrong token");
        return view::login(
            StatusCode::UNAUTHORIZED,
            Some(
                "This is not the API token. Look for API_TOKEN in .env or in the environment of the service.",
            ),
        );
    }
    let cookie = session::cookie(&token, Timestamp::now(), came_by_tls(&parts.headers));
    ([(header::SET_COOKIE, cookie)], redirect(".")).into_response()
}

/// Ends the session in this browser.
async fn log_out() -> Response {
    ([(header::SET_COOKIE, session::NO_COOKIE)], redirect(".")).into_response()
}

/// Whether a proxy says so. Who forges this gets a cookie that the own browser does not send.
fn came_by_tls(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}
