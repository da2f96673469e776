//! `GET /` and below: the page, for a browser and an API token.
//!
//! All HTML is made on the server, so that there is one place where foreign text is escaped. Every view has an address
//! of its own and works without a script; the script fetches it again when something has happened. Links are relative:
//! a proxy may serve the page below a path.

mod assets;
mod body;
mod charts;
mod conversations;
mod deliveries;
mod form;
mod forwarding;
mod frame;
mod live;
mod login;
mod messages;
mod overview;
mod session;
mod setup;
mod shared_views;
mod source;
mod words;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use super::error::ApiError;
use super::server::EndsWithSlash;
use super::{AppState, refusals, unknown_path};
use crate::i18n::Text;
use frame::Frame;

pub(super) use session::{NAME as COOKIE, Session};

/// The query that asks for the external checks.
const EXTERNAL: &str = "outside";

/// Only this service's own files are loaded or run, whatever a message contains.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The page, and what belongs to it.
pub(super) fn routes(state: &AppState) -> Router<AppState> {
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        // A POST here was probably meant for the webhook.
        .route("/", get(overview::show).fallback(unknown_path::not_found))
        .route("/conversations", get(conversations::list))
        .route("/conversation", get(conversations::show))
        .route(
            "/erase",
            get(conversations::ask_to_erase).post(conversations::erase),
        )
        .route("/messages", get(messages::list))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}", get(deliveries::show))
        .route("/deliveries/{id}/read-again", post(deliveries::read_again))
        .route("/quarantine", get(deliveries::quarantine))
        .route("/quarantine/read-again", post(deliveries::read_all_again))
        .route("/forwarding", get(forwarding::show))
        .route("/forwarding/{name}/{action}", post(forwarding::act))
        .route("/setup", get(setup::show))
        .route("/live", get(live::follow))
        .route("/login", get(login::to_home).post(login::log_in))
        .route("/logout", get(login::to_home).post(login::log_out))
        .route(
            "/language",
            get(login::to_home).post(login::choose_language),
        )
        .route_layer(middleware::from_fn_with_state(
            state.clone(),
            shared_views::share,
        ))
        .route_layer(middleware::from_fn(without_slash))
        .merge(assets::routes())
        .layer(
            ServiceBuilder::new()
                .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
                .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
                .layer(fixed(header::CACHE_CONTROL, "no-store")),
        )
}

/// The frame of a page, for a request with a session.
impl FromRequestParts<AppState> for Frame {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        enter(state, parts).await
    }
}

/// Lets a request with a session in. Any other gets the login.
async fn enter(state: &AppState, parts: &Parts) -> Result<Frame, Response> {
    refuse_forged(state, parts).map_err(ApiError::into_response)?;
    let has_session = Session::of(state, &parts.headers).await.is_some();
    let frame = Frame::new(state, parts, has_session);
    let query = parts.uri.query();
    if has_session {
        Ok(frame)
    } else if parts.uri.path() != "/" {
        Err(redirect(frame.home()))
    } else if query.is_none_or(|query| query == EXTERNAL || query.starts_with("chart=")) {
        Err(login::form(StatusCode::OK, frame, None))
    } else {
        // It may be a message sent without the path. A sender must not mistake the login form for a receipt.
        Err(unknown_path::nothing_here(true).into_response())
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
    let Ok(place) = HeaderValue::from_str(place) else {
        return ApiError::Internal.into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// To the page that shows what came of something, so that to load it again does not do it again.
fn done(frame: &Frame, path: &str, result: &Text) -> Response {
    redirect(&frame.with_result(path, result))
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

#[derive(Template)]
#[template(path = "failure.html")]
struct FailureTemplate {
    frame: Frame,
    sentence: String,
}

/// Why a page cannot be shown.
fn failure(frame: Frame, error: &ApiError) -> Response {
    let sentence = error.sentence();
    rendered(error.status(), &FailureTemplate { frame, sentence })
}

fn render(template: &impl Template) -> Response {
    rendered(StatusCode::OK, template)
}

fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            ApiError::Internal.into_response()
        }
    }
}
