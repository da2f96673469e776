//! Many open pages that look at the same thing, and fetch it at the same moment, cost one of them.
//!
//! A page that is fetched once more by its script says so, and after which tick it was told of a change. What is made
//! for it is given to all others who ask for the same view, in the same language and time zone. Nothing on a page
//! depends on the session.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use super::super::AppState;
use super::super::error::ApiError;
use super::super::view_cache::{MadeView, ViewKey};
use super::session::Session;

/// The header with which the script says that it fetches a page once more: the number of the tick, or nothing.
const LIVE: &str = "x-live";
/// The headers that a view depends on.
const VARIES: [&str; 5] = [
    "accept-language",
    "host",
    "x-forwarded-proto",
    "x-forwarded-host",
    "cookie",
];

/// The key of a request; the cookies without the session.
fn key(parts: &Parts) -> ViewKey {
    let varies = VARIES.iter().map(|name| {
        let values = parts.headers.get_all(*name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let pairs = texts.flat_map(|text| text.split(';').map(str::trim));
        let kept: Vec<_> = pairs
            .filter(|pair| !pair.starts_with(super::COOKIE))
            .collect();
        kept.join(";")
    });
    std::iter::once(parts.uri.to_string())
        .chain(varies)
        .collect()
}

/// Answers a page that is fetched once more: with what another one has just got, and only if it is another one than
/// the browser has.
pub(super) async fn share(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if request.method() != Method::GET || !request.headers().contains_key(LIVE) {
        return Ok(next.run(request).await);
    }
    if Session::of(&state, request.headers()).await.is_none() {
        return Ok(next.run(request).await);
    }
    let (parts, body) = request.into_parts();
    let known = parts.headers.get(header::IF_NONE_MATCH).cloned();
    let told = parts
        .headers
        .get(LIVE)
        .and_then(|value| value.to_str().ok());
    let told = told.and_then(|tick| tick.parse().ok());
    let view = state.views.get(key(&parts), told);
    let making = || async { make(next.run(Request::from_parts(parts, body)).await).await };
    let made = view.get_or_try_init(making).await?;
    let mut headers = made.headers.clone();
    headers.remove(header::CONTENT_LENGTH);
    if known.is_some() && known.as_ref() == headers.get(header::ETAG) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((made.status, headers, Body::from(made.html.clone())).into_response())
}

async fn make(response: Response) -> Result<MadeView, ApiError> {
    let (parts, body) = response.into_parts();
    let html = body.collect().await.map_err(|error| {
        tracing::error!(%error, "a page cannot be made");
        ApiError::Internal
    })?;
    let (html, mut headers) = (html.to_bytes(), parts.headers);
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&html)[..16]));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(MadeView {
        status: parts.status,
        headers,
        html,
    })
}
