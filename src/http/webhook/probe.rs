//! The layer in front of the webhook that answers the [`probe`]s of the diagnosis. A probe is no sender: it is never
//! kept or counted, not even one that was spoilt on its way or is meant for another installation.

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::query::WebhookQuery;
use super::rejected::Rejected;
use crate::http::AppState;
use crate::http::error::ApiError;
use crate::http::sender::{Content, is_blank};
use crate::http::webhook_path;
use crate::probe::marked as probe;
use crate::rejection::RejectReason;

/// The answer to a probe, if these are the headers of one that is meant for this service.
pub(in crate::http) fn answer(state: &AppState, headers: &HeaderMap) -> Option<String> {
    let probe = headers.get(probe::HEADER)?.to_str().ok()?;
    probe::answer(probe, &state.api_tokens, state.clock.now())
}

/// Answers probes, and passes on every other request.
pub(in crate::http) async fn answer_probes(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    if !may_be_probe(&request) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let query = WebhookQuery::parse(parts.uri.query());
    let credentials = state.sender.credentials(&parts.headers, &query.secrets);
    let body = match state
        .bodies
        .read(body, credentials.have_valid_secret())
        .await
    {
        Ok(body) => body,
        Err(error) => {
            return Rejected::from(error).record(&state, &parts).into_response();
        }
    };
    // Only an empty one: no header makes a message disappear.
    let is_probe = is_blank(&body) && query.rest.is_empty();
    let is_as_long = body.len() == probe::BODY_LENGTH;
    if !is_probe || !parts.headers.contains_key(probe::HEADER) && !is_as_long {
        return next.run(Request::from_parts(parts, Body::from(body))).await;
    }
    let verified = credentials.verify(Content::Body(body));
    match (answer(&state, &parts.headers), verified) {
        (Some(probe), Ok(_)) => Json(json!({ "success": true, "probe": probe })).into_response(),
        (Some(probe), Err(unverified)) => {
            let secret = match unverified.reason {
                RejectReason::MissingSecret => "missing",
                _ => "wrong",
            };
            let error = "The probe came in without a valid secret.";
            let body =
                json!({ "success": false, "error": error, "probe": probe, "secret": secret });
            (StatusCode::UNAUTHORIZED, Json(body)).into_response()
        }
        (None, Err(unverified)) => ApiError::from(unverified).into_response(),
        (None, Ok(_)) => ApiError::empty_body().into_response(),
    }
}

/// Whether a request may turn out to be a probe when its body is read: it is marked, or as long as a probe, whose mark
/// a proxy may have dropped.
fn may_be_probe(request: &Request) -> bool {
    let length = request.body().size_hint().exact();
    webhook_path::sends(request.method())
        && (request.headers().contains_key(probe::HEADER)
            || length.is_none_or(|length| length == probe::BODY_LENGTH as u64))
}
