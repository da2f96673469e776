//! `/instagram/webhook`: where deliveries come in.

mod detached;
mod handshake;
mod keep;
mod probe;
mod query;
mod rejected;

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use utoipa::ToSchema;

use super::body::ReadBody;
use super::error::{ApiError, DeliveryErrors, ErrorBody};
use super::secret::bearer;
use super::sender::Content;
use super::{AppState, refusals};
use crate::rejection::RejectReason;
use keep::{Accepted, keep};
use rejected::Rejected;

pub(super) use probe::answer_probes;
pub(super) use query::WebhookQuery;

/// Takes a delivery
///
/// Answers when it is kept, in the database or in the spool. Takes any body: JSON whatever the content type says,
/// forms, multipart, compressed bodies. Valid JSON is answered 200, understood or not. With an empty body, the
/// parameters of the query are the delivery.
///
/// Without `WEBHOOK_SECRET` and `META_APP_SECRET` anybody may send; otherwise one valid credential suffices.
#[utoipa::path(
    method(post, put, patch), path = "/instagram/webhook", operation_id = "receive", tag = "webhook",
    security(
        (), ("secretHeader" = []), ("secretBearer" = []), ("secretToken" = []), ("secretSecret" = []),
        ("secretAuth" = []), ("signature" = []),
    ),
    request_body(description = "Whatever the owner of the flow chose to send.", content(
        (Value = "application/json", example = json!({"contact_id": "12345", "full_name": "Ana", "text": "hello"})),
        (Value = "application/x-www-form-urlencoded", example = json!({"contact_id": "12345", "text": "hello"})),
        (Value = "multipart/form-data", example = json!({"contact_id": "12345", "text": "hello"})),
        (String = "text/plain", example = json!("{\"contact_id\":\"12345\",\"text\":\"hello\"}")),
    )),
    responses((status = 200, description = "Kept, in the database or in the spool.", body = Accepted), DeliveryErrors)
)]
pub(super) async fn receive(
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Accepted>, ApiError> {
    let (parts, body) = request.into_parts();
    let kept = receive_body(&state, &parts, body).await;
    kept.map(Json)
        .map_err(|rejected| rejected.record(&state, &parts))
}

async fn receive_body(state: &AppState, parts: &Parts, body: Body) -> Result<Accepted, Rejected> {
    let query = WebhookQuery::parse(parts.uri.query());
    let credentials = state.sender.credentials(&parts.headers, &query.secrets);
    if let Some(unverified) = credentials.refuse_whatever_comes() {
        if !refusals::are_too_many(state, parts) {
            state.bodies.drain(parts, body).await;
        }
        return Err(unverified.into());
    }
    let is_trusted = credentials.have_valid_secret();
    let ReadBody { bytes, room } = state.bodies.read(parts, body, is_trusted).await?;
    let content = credentials.verify(Content::new(bytes, query.rest))?;
    if content.is_blank() {
        return Err(Rejected::new(RejectReason::Empty, ApiError::empty_body()));
    }
    keep(state, parts, content, room, is_trusted).await
}

/// Answers Meta's handshake, says that the endpoint is live, or takes a delivery in the query
///
/// With `hub.*` parameters this is the handshake. With nothing but credentials in the query the answer is that the
/// endpoint is live. Otherwise the query is a delivery, with the credentials and answers of POST; a signature does not
/// authenticate it. A GET with a body is taken like a POST. Without query and body, but with a content type or a secret
/// in a header, it was a POST that a redirect turned into a GET.
#[utoipa::path(
    get, path = "/instagram/webhook", operation_id = "receiveQuery", tag = "webhook",
    security(
        (), ("secretHeader" = []), ("secretBearer" = []), ("secretToken" = []), ("secretSecret" = []),
        ("secretAuth" = []),
    ),
    params(
        ("hub.mode" = Option<String>, Query, description = "`subscribe`", example = "subscribe"),
        ("hub.verify_token" = Option<String>, Query, description = "The META_VERIFY_TOKEN."),
        ("hub.challenge" = Option<String>, Query, description = "Comes back in the answer.", example = "1158201444"),
        ("contact_id" = Option<String>, Query, description = "Of a delivery. Other keys are read as in a body.", example = "12345"),
        ("text" = Option<String>, Query, description = "Of a delivery.", example = "hello"),
    ),
    responses(
        (status = 200, description = "Kept; or the endpoint is live; or, in plain text, the challenge.", content(
            (QueryAnswer = "application/json"),
            (String = "text/plain", example = json!("1158201444")),
        )),
        (status = 403, description = "The verify token is wrong or not configured.", body = ErrorBody),
        (status = 405, description = "A redirect turned a POST into this GET.", body = ErrorBody),
        DeliveryErrors,
    )
)]
pub(super) async fn receive_query(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let answer: Result<_, Rejected> = async {
        if !body.is_end_stream() {
            // Unusual, but a sender of a body means it.
            return Ok(Json(receive_body(&state, &parts, body).await?).into_response());
        }
        let query = WebhookQuery::parse(parts.uri.query());
        if let Some(handshake) = &query.handshake {
            return handshake::verify(&state, &parts, handshake);
        }
        if parts.method == Method::HEAD {
            return Ok(Json(Live::ANSWER).into_response());
        }
        if parts.uri.query().is_none_or(str::is_empty) && was_post(&parts.headers) {
            return Err(Rejected::new(
                RejectReason::Redirected,
                ApiError::Redirected,
            ));
        }
        if query.rest.is_empty() {
            return Ok(Json(Live::ANSWER).into_response());
        }
        let credentials = state.sender.credentials(&parts.headers, &query.secrets);
        let is_trusted = credentials.have_valid_secret();
        let content = credentials.verify(Content::new(Bytes::new(), query.rest))?;
        let accepted = keep(&state, &parts, content, None, is_trusted).await?;
        Ok(Json(accepted).into_response())
    }
    .await;
    answer.map_err(|rejected| rejected.record(&state, &parts))
}

/// Whether a GET without a query was a POST before a redirect: it has what only a sender sends. Whether a secret is
/// valid must not matter, or the answer would tell who guesses.
fn was_post(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_TYPE)
        || headers.contains_key("x-webhook-secret")
        || bearer(headers).is_some()
}

/// Rejects other methods.
pub(super) async fn reject_method(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let rejected = Rejected::new(RejectReason::Method, ApiError::MethodNotAllowed);
    let mut response = rejected.record(&state, &parts).into_response();
    let allowed = HeaderValue::from_static("POST, PUT, PATCH, GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// The answer to a request that only looks whether the endpoint is there.
#[derive(Debug, serde::Serialize, ToSchema)]
struct Live {
    success: bool,
    message: &'static str,
}

impl Live {
    const ANSWER: Self = Self {
        success: true,
        message: "This endpoint is live. Send messages here with POST: see the README for the body template.",
    };
}

/// The JSON answers to a query.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a description of what `receive_query` answers")]
enum QueryAnswer {
    Accepted(Accepted),
    Live(Live),
}
