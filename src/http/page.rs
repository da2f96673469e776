//! `GET /`: the operator's page, for a browser and an API token. It only shows things.
//!
//! All HTML is made on the server, so that there is one place where foreign text is escaped. A script fetches the page
//! again when something has happened. Links are relative: a proxy may serve the page below a path.

mod assets;
mod session;
mod view;

use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use super::body::BodyError;
use super::error::ApiError;
use super::extract::Path;
use super::server::EndsWithSlash;
use super::{AppState, deliveries, refusals, secret, stats, unknown_path};

pub(super) use session::{NAME as COOKIE, Session};

/// The largest form of a login, in bytes.
const LARGEST_FORM: usize = 8 * 1024;
/// How long a login may take to arrive.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How many of the newest messages and deliveries are shown.
const SHOWN: u32 = 50;

/// The query that asks for the external checks.
const EXTERNAL: &str = "outside";

/// Only this service's own files are loaded or run, whatever a message contains.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The page, and what belongs to it.
pub(super) fn routes() -> Router<AppState> {
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        // A POST here was probably meant for the webhook.
        .route("/", get(home).fallback(unknown_path::not_found))
        .route("/login", get(to_home).post(log_in))
        .route("/logout", get(to_home).post(log_out))
        .route("/deliveries/{id}", get(delivery))
        .route_layer(middleware::from_fn(without_slash))
        .merge(assets::routes())
        .layer(
            ServiceBuilder::new()
                .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
                .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
                .layer(fixed(header::CACHE_CONTROL, "no-store")),
        )
}

/// A request with a session.
struct LoggedIn;

impl FromRequestParts<AppState> for LoggedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let query = parts.uri.query();
        refuse_forged(state, parts).map_err(ApiError::into_response)?;
        if Session::of(state, &parts.headers).await.is_some() {
            Ok(Self)
        } else if parts.uri.path() != "/" {
            Err(redirect(".."))
        } else if query.is_none_or(|query| query == EXTERNAL) {
            Err(view::login(StatusCode::OK, None))
        } else {
            // It may be a message sent without the path. A sender must not mistake the login form for a receipt.
            Err(unknown_path::nothing_here(true).into_response())
        }
    }
}

/// Counts a forged session like a wrong token. The answer, if there were too many.
fn refuse_forged(state: &AppState, parts: &Parts) -> Result<(), ApiError> {
    if session::is_forged(state, &parts.headers) {
        refusals::record_token(state, parts)?;
    }
    Ok(())
}

/// To another page; `place` is relative to the path of the request.
fn redirect(place: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// Redirects browsers to the path without a slash at its end, since relative links depend on it.
async fn without_slash(request: Request, next: Next) -> Response {
    let is_behind = request.extensions().get::<EndsWithSlash>().is_some();
    if is_behind && request.method() == Method::GET {
        let path = request.uri().path();
        let last = path.rsplit('/').next().unwrap_or_default();
        return redirect(&format!("../{last}"));
    }
    next.run(request).await
}

/// A GET of a path that only accepts a form.
async fn to_home() -> Response {
    redirect(".")
}

/// The page itself. With `?outside`, the external checks run first.
async fn home(State(state): State<AppState>, RawQuery(query): RawQuery, _: LoggedIn) -> Response {
    let external = match query.as_deref() {
        Some(EXTERNAL) => Some(state.prober.ask().await),
        _ => state.prober.known(),
    };
    let look = stats::look(&state, external).await;
    // A database that is away is asked only once.
    let newest = if look.stats.degraded {
        None
    } else {
        state.store.newest(SHOWN).await.ok()
    };
    view::home(&state, &look, newest.as_ref())
}

/// One delivery: its body and its outcome.
async fn delivery(
    State(state): State<AppState>,
    _: LoggedIn,
    id: Result<Path<String>, ApiError>,
) -> Response {
    let found = match id {
        Ok(Path(id)) => deliveries::find(&state, &id).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(found) => {
            let readable = deliveries::readable(&state, &found.delivery);
            view::delivery(&state, &found, &readable)
        }
        Err(error) => view::failure(&error),
    }
}

/// Opens a session for an API token.
async fn log_in(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let reading = state
        .bodies
        .read_form(&parts, body, LARGEST_FORM, LOGIN_TIMEOUT);
    let form = match reading.await {
        Ok(form) => form.bytes,
        Err(BodyError::TooLarge { .. }) => {
            let problem = "This is longer than any API token.";
            return view::login(StatusCode::PAYLOAD_TOO_LARGE, Some(problem));
        }
        Err(BodyError::Busy) => return ApiError::Busy.into_response(),
        Err(BodyError::Timeout | BodyError::Broken) => return ApiError::Timeout.into_response(),
    };
    let token = form_urlencoded::parse(&form)
        .find(|(name, _)| name == "token")
        .map_or_else(String::new, |(_, token)| token.trim().to_owned());
    if !secret::is_one_of(&token, &state.api_tokens) {
        if let Err(limited) = refusals::record_token(&state, &parts) {
            return limited.into_response();
        }
        return view::login(
            StatusCode::UNAUTHORIZED,
            Some(
                "This is not the API token. Find API_TOKEN in .env or in the environment of the service.",
            ),
        );
    }
    let is_secure = is_behind_tls(&state, &parts.headers);
    let cookie = session::cookie(&token, state.clock.now(), is_secure);
    ([(header::SET_COOKIE, cookie)], redirect(".")).into_response()
}

/// Ends the session of this browser, unless another site requests it.
async fn log_out(State(state): State<AppState>, parts: Parts) -> Response {
    let site = parts.headers.get("sec-fetch-site");
    if site.is_some_and(|site| site == "cross-site") {
        return redirect(".");
    }
    if let Err(limited) = refuse_forged(&state, &parts) {
        return limited.into_response();
    }
    session::end(&state, &parts.headers).await;
    ([(header::SET_COOKIE, session::NO_COOKIE)], redirect(".")).into_response()
}

/// Whether the browser used TLS, as a proxy says. The first value is from the proxy next to the browser. A client that
/// forges it only gets a cookie that its own browser does not send. Where no proxy says it, `PUBLIC_URL` does.
fn is_behind_tls(state: &AppState, headers: &HeaderMap) -> bool {
    let Some(schemes) = headers.get("x-forwarded-proto") else {
        let public = state.config.server.public_url.as_ref();
        return public.is_some_and(|url| url.scheme() == "https");
    };
    let first = schemes
        .to_str()
        .ok()
        .and_then(|text| text.split(',').next());
    first.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}
