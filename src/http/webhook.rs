//! `/instagram/webhook`: where deliveries come in.

mod admission;
mod query;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::{Timestamp, Unit};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AppState;
use super::auth::Verdict;
use super::body::BodyError;
use super::error::{ApiError, DeliveryErrors, ErrorBody};
use crate::config::WebhookAuth;
use crate::delivery::{Delivery, Rejection};
use crate::normalize::{self, encoding};
use crate::probe::marked as probe;
use crate::sighting::Sight;
use crate::text::log_line;
use admission::{authenticate, verify};
use query::WebhookQuery;

/// The headers that are kept with a delivery; none of them can be a credential of this service.
const KEPT_HEADERS: [&str; 8] = [
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-forwarded-for",
    "x-hub-signature-256",
    "x-user-id",
];

/// Takes a delivery
///
/// Answers when it is kept. Any body is taken: JSON whatever the content type says, forms, multipart, compressed ones.
/// Valid JSON is answered 200, understood or not. An empty body with parameters in the query is a delivery in the query.
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
    responses((status = 200, description = "It is kept.", body = Answer), DeliveryErrors)
)]
pub(super) async fn receive(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let limit = state.config.server.max_body_bytes;
    let query = WebhookQuery::read(parts.uri.query());
    let is_trusted = !state.sender.is_open()
        && state.sender.judge(&parts.headers, &query.secrets, b"") == Verdict::Allowed;
    let body = match state.bodies.read(body, is_trusted).await {
        Ok(body) => body,
        Err(error) => {
            let (reason, error) = match error {
                BodyError::TooLarge => (Rejection::TooLarge, ApiError::TooLarge(limit)),
                BodyError::Timeout => (Rejection::Incomplete, ApiError::Timeout),
                BodyError::Busy => {
                    // It says nothing about the next message, which is no large body: the service stays ready.
                    let cause = "too many large bodies come in at once";
                    state.observed.not_kept(cause, &parts);
                    return Err(ApiError::Busy);
                }
                BodyError::Broken => (
                    Rejection::Incomplete,
                    ApiError::BadRequest("The body did not arrive whole.".to_owned()),
                ),
            };
            state.observed.rejection(reason, &parts);
            return Err(error);
        }
    };
    let blank = body.iter().all(u8::is_ascii_whitespace);
    // Only where there is nothing to keep: no header makes a message disappear.
    if blank
        && query.rest.is_empty()
        && let Some(probe) = probe_answer(&state, &parts.headers)
    {
        let verdict = state.sender.judge(&parts.headers, &query.secrets, &body);
        return Ok(answer_probe(&state, verdict, &probe));
    }
    // One that was spoilt on its way, or is meant for another installation, is no near miss either.
    let is_probe = blank && query.rest.is_empty() && resembles_probe(&parts.headers, &body);
    authenticate(&state, &parts, &query, &body).map_err(|refusal| {
        if !is_probe {
            state.observed.rejection(refusal.reason, &parts);
        }
        refusal.error
    })?;
    if blank && query.rest.is_empty() {
        if !is_probe {
            state.observed.rejection(Rejection::Empty, &parts);
        }
        return Err(ApiError::BadRequest(
            "The body is empty: choose raw JSON in the External API Request and paste the body template of the README."
                .to_owned(),
        ));
    }
    if blank {
        return keep_query(&state, &parts, query).await;
    }
    let content_encoding = parts
        .headers
        .get(header::CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let unpacked = match encoding::decode(&body, content_encoding, limit) {
        Ok(unpacked) => unpacked.len(),
        Err(encoding::DecodeError::TooLarge) => {
            state.observed.rejection(Rejection::TooLarge, &parts);
            return Err(ApiError::TooLarge(limit));
        }
        // Then it is read as it is.
        Err(_) => body.len(),
    };
    keep(&state, &parts, body, unpacked, false).await
}

/// Answers Meta's handshake, says that the endpoint lives, or takes a delivery in the query
///
/// With `hub.*` parameters it is the handshake; with nothing but credentials a sign of life; otherwise the query is a
/// delivery, with the credentials and answers of POST.
#[utoipa::path(
    get, path = "/instagram/webhook", operation_id = "receiveQuery", tag = "webhook",
    security(
        (), ("secretHeader" = []), ("secretBearer" = []), ("secretToken" = []), ("secretSecret" = []),
        ("secretAuth" = []),
    ),
    params(
        ("hub.mode" = Option<String>, Query, description = "`subscribe`", example = "subscribe"),
        ("hub.verify_token" = Option<String>, Query, description = "The META_VERIFY_TOKEN."),
        ("hub.challenge" = Option<String>, Query, description = "What Meta wants to hear.", example = "1158201444"),
        ("contact_id" = Option<String>, Query, description = "Of a delivery; other keys are read as in a body.", example = "12345"),
        ("text" = Option<String>, Query, description = "Of a delivery.", example = "hello"),
    ),
    responses(
        (status = 200, description = "It is kept; or the endpoint lives; or, in plain text, the challenge.", content(
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
    let query = WebhookQuery::read(parts.uri.query());
    if let Some(handshake) = &query.handshake {
        return verify(&state, &parts, handshake);
    }
    if query.rest.is_empty() || parts.method == Method::HEAD {
        return Ok(Json(Live {
            success: true,
            message: "This endpoint is live. Send messages here with POST: see the README for the body template.",
        })
        .into_response());
    }
    authenticate(&state, &parts, &query, b"").map_err(|refusal| {
        state.observed.rejection(refusal.reason, &parts);
        refusal.error
    })?;
    keep_query(&state, &parts, query).await
}

/// Refuses other methods.
pub(super) async fn refuse_method(State(state): State<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    state.observed.rejection(Rejection::Method, &parts);
    let mut response = ApiError::MethodNotAllowed.into_response();
    response.headers_mut().insert(
        header::ALLOW,
        header::HeaderValue::from_static("POST, PUT, PATCH, GET, HEAD"),
    );
    response
}

/// The answer to a [`probe`] of the diagnosis, if the request is one.
pub(super) fn probe_answer(state: &AppState, headers: &HeaderMap) -> Option<String> {
    let probe = headers.get(probe::HEADER)?.to_str().ok()?;
    probe::answer(probe, &state.api_tokens, Timestamp::now())
}

/// Whether a request without anything in it is a probe, although it cannot be answered: a proxy dropped its header, or it
/// is meant for another installation.
fn resembles_probe(headers: &HeaderMap, blanks: &[u8]) -> bool {
    headers.contains_key(probe::HEADER) || blanks == probe::BODY
}

/// Says what would have become of a sender with these credentials. A probe is no sender: nothing is kept or counted.
fn answer_probe(state: &AppState, verdict: Verdict, probe: &str) -> Response {
    let observes = state.config.auth.webhook_auth == WebhookAuth::Observe;
    if observes || verdict == Verdict::Allowed {
        return Json(json!({ "success": true, "probe": probe })).into_response();
    }
    let secret = if verdict == Verdict::Missing {
        "missing"
    } else {
        "wrong"
    };
    let body = json!({ "success": false, "error": "The probe came in without a valid secret.", "probe": probe, "secret": secret });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// Keeps a delivery that stands in the query.
async fn keep_query(
    state: &AppState,
    parts: &Parts,
    query: WebhookQuery,
) -> Result<Response, ApiError> {
    let length = query.rest.len();
    keep(state, parts, query.rest.into(), length, true).await
}

/// Hands a delivery, of so many bytes without its content encoding, to ingest and answers when it is durable.
async fn keep(
    state: &AppState,
    parts: &Parts,
    body: Bytes,
    unpacked: usize,
    is_query: bool,
) -> Result<Response, ApiError> {
    let delivery = Delivery {
        id: Uuid::now_v7(),
        received_at: now(),
        method: parts.method.as_str().to_owned(),
        content_type: text_of(&parts.headers, "content-type"),
        headers: kept_headers(&parts.headers),
        body,
        is_query,
    };
    tracing::info!(delivery.id = %delivery.id, bytes = delivery.body.len(), "📨 Received webhook from Instagram/Chatrace");
    if state.config.telemetry.bodies {
        let body = state.redactor.redact(&normalize::readable_text(&delivery));
        tracing::info!(delivery.id = %delivery.id, "📦 Full body: {}", log_line(&body));
    }
    let arrived = delivery.received_at;
    match state.ingest.submit(delivery, unpacked).await {
        Ok(accepted) => {
            state.observed.delivery(&accepted.receipt, arrived);
            if let Some(defect) = accepted.defect {
                state.observed.sighting(Sight::Unreadable, parts);
                return Err(ApiError::Unreadable {
                    defect,
                    delivery_id: accepted.receipt.delivery_id,
                });
            }
            Ok(Json(Answer {
                success: true,
                receipt: accepted.receipt,
            })
            .into_response())
        }
        Err(error) => {
            state.observed.not_kept(&error.to_string(), parts);
            Err(error.into())
        }
    }
}

/// The answer to a delivery that is kept. It never has the keys `messages` or `actions`: Chatrace would execute them.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    success: bool,
    #[serde(flatten)]
    receipt: crate::delivery::Receipt,
}

/// The answer to somebody who looks whether there is anything.
#[derive(Debug, serde::Serialize, ToSchema)]
struct Live {
    success: bool,
    message: &'static str,
}

/// What a query is answered.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a description of what `receive_query` makes")]
enum QueryAnswer {
    Kept(Answer),
    Live(Live),
}

/// The time to the millisecond, which is what every backend keeps.
fn now() -> Timestamp {
    Timestamp::now()
        .round(Unit::Millisecond)
        .unwrap_or_default()
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text_of(headers, name)?)))
        .collect()
}
