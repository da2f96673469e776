//! `/instagram/webhook`: where deliveries come in.

mod detached;
mod handshake;
mod keep;
mod probe;
mod query;
mod rejected;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use utoipa::ToSchema;

use super::AppState;
use super::error::{ApiError, DeliveryErrors, ErrorBody};
use super::sender::Content;
use crate::rejection::RejectReason;
use keep::{Accepted, keep};
use query::WebhookQuery;
use rejected::Rejected;

pub(super) use probe::{answer as probe_answer, answer_probes};

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
    let kept: Result<_, Rejected> = async {
        let query = WebhookQuery::parse(parts.uri.query());
        let credentials = state.sender.credentials(&parts.headers, &query.secrets);
        let is_trusted = credentials.have_valid_secret();
        let body = state.bodies.read(body, is_trusted).await?;
        let content = credentials.verify(Content::new(body, query.rest))?;
        if content.is_blank() {
            return Err(Rejected::new(RejectReason::Empty, ApiError::empty_body()));
        }
        keep(&state, &parts, content).await
    }
    .await;
    kept.map(Json)
        .map_err(|rejected| rejected.record(&state, &parts))
}

/// Answers Meta's handshake, says that the endpoint is live, or takes a delivery in the query
///
/// With `hub.*` parameters this is the handshake. With nothing but credentials the answer is that the endpoint is live.
/// Otherwise the query is a delivery, with the credentials and answers of POST; a signature does not authenticate it.
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
        DeliveryErrors,
    )
)]
pub(super) async fn receive_query(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let answer: Result<_, Rejected> = async {
        let query = WebhookQuery::parse(parts.uri.query());
        if let Some(handshake) = &query.handshake {
            return handshake::verify(&state, &parts, handshake);
        }
        if query.rest.is_empty() || parts.method == Method::HEAD {
            return Ok(Json(Live::ANSWER).into_response());
        }
        let credentials = state.sender.credentials(&parts.headers, &query.secrets);
        let content = credentials.verify(Content::new(Bytes::new(), query.rest))?;
        Ok(Json(keep(&state, &parts, content).await?).into_response())
    }
    .await;
    answer.map_err(|rejected| rejected.record(&state, &parts))
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
