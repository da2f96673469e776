//! `/instagram/webhook`: where deliveries come in.

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
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
use super::auth::{self, SECRET_PARAMETERS, Verdict};
use super::body::BodyError;
use super::error::{ApiError, DeliveryErrors, ErrorBody};
use crate::config::WebhookAuth;
use crate::delivery::{Delivery, Rejection};
use crate::diagnose::probe;
use crate::normalize::{self, encoding};
use crate::sighting::Sight;

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
        tracing::info!(delivery.id = %delivery.id, "📦 Full body: {}", one_line(&body));
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

/// With `META_APP_SECRET` alone.
const NO_SECRET_SET: &str = "Only what Meta signed is let in while WEBHOOK_SECRET is not set: set it, restart this service, then add its value as the header `X-Webhook-Secret` to the External API Request.";

/// Why a sender is not let in.
struct Refusal {
    reason: Rejection,
    error: ApiError,
}

fn authenticate(
    state: &AppState,
    parts: &Parts,
    query: &WebhookQuery,
    body: &[u8],
) -> Result<(), Refusal> {
    let has_secret = !state.config.auth.webhook_secrets.is_empty();
    let (reason, sentence) = match state.sender.judge(&parts.headers, &query.secrets, body) {
        Verdict::Allowed => return Ok(()),
        Verdict::Missing if !has_secret => (Rejection::MissingSecret, NO_SECRET_SET),
        Verdict::Wrong if !has_secret => (Rejection::WrongSecret, NO_SECRET_SET),
        Verdict::Missing => (
            Rejection::MissingSecret,
            "A secret is needed: add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the External API Request.",
        ),
        Verdict::Wrong => (
            Rejection::WrongSecret,
            "The secret is wrong: the External API Request must send the value of WEBHOOK_SECRET in `X-Webhook-Secret`.",
        ),
        Verdict::BadSignature => (
            Rejection::BadSignature,
            "The signature does not fit the body: META_APP_SECRET must be the secret of the app that sends.",
        ),
    };
    if state.config.auth.webhook_auth == WebhookAuth::Observe {
        tracing::warn!(
            reason = reason.as_str(),
            "WEBHOOK_AUTH=observe lets in a request that would be refused"
        );
        return Ok(());
    }
    Err(Refusal {
        reason,
        error: ApiError::Unauthorized(sentence.to_owned()),
    })
}

/// Meta's verification of the URL: the challenge comes back byte for byte if the token is right.
fn verify(state: &AppState, parts: &Parts, handshake: &Handshake) -> Result<Response, ApiError> {
    let token = state.config.meta.verify_token.as_ref();
    let fits = token
        .is_some_and(|token| auth::is_one_of(&handshake.verify_token, std::slice::from_ref(token)));
    if fits && handshake.subscribes {
        tracing::info!("Meta verified the webhook URL");
        state.observed.sighting(Sight::Verified, parts);
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return Ok((headers, Body::from(handshake.challenge.clone())).into_response());
    }
    let sentence = if token.is_none() {
        "META_VERIFY_TOKEN is not configured: set it to the verify token that was given to Meta."
    } else if fits {
        "`hub.mode` must be `subscribe`."
    } else {
        "The verify token is wrong: it must be the value of META_VERIFY_TOKEN."
    };
    state.observed.rejection(Rejection::Handshake, parts);
    Err(ApiError::Forbidden(sentence.to_owned()))
}

/// The query of a request at the webhook, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct WebhookQuery {
    /// The values of the parameters that authenticate.
    secrets: Vec<String>,
    /// Everything else, exactly as it came.
    rest: String,
    handshake: Option<Handshake>,
}

/// Meta's verification request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Handshake {
    /// `hub.mode` is `subscribe`, the only mode there is.
    subscribes: bool,
    verify_token: String,
    challenge: Vec<u8>,
}

impl WebhookQuery {
    fn read(query: Option<&str>) -> Self {
        let mut read = Self::default();
        let mut rest = Vec::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else {
                continue;
            };
            if SECRET_PARAMETERS
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
            {
                read.secrets
                    .extend((!value.is_empty()).then(|| value.into_owned()));
                continue;
            }
            match name.as_ref() {
                "hub.mode" => {
                    read.handshake.get_or_insert_default().subscribes = value == "subscribe";
                }
                "hub.verify_token" => {
                    read.handshake.get_or_insert_default().verify_token = value.into_owned();
                }
                "hub.challenge" => {
                    let raw = pair.split_once('=').map_or("", |(_, raw)| raw);
                    read.handshake.get_or_insert_default().challenge = percent_decoded(raw);
                }
                _ => rest.push(pair),
            }
        }
        read.rest = rest.join("&");
        read
    }
}

/// The bytes that a percent-encoded value stands for, even where they are not UTF-8.
fn percent_decoded(raw: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(&raw.replace('+', " ")).collect()
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

/// A text as a part of one line of the log, which nobody can end to write a line of their own.
fn one_line(text: &str) -> Cow<'_, str> {
    let ends_lines =
        |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    if !text.contains(ends_lines) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        if ends_lines(letter) {
            line.extend(letter.escape_debug());
        } else {
            line.push(letter);
        }
    }
    Cow::Owned(line)
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), text_of(headers, name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_authenticates_is_never_kept() {
        let query = WebhookQuery::read(Some("contact_id=1&token=s%201&text=a%20b&SECRET=x&auth="));
        assert_eq!(query.secrets, ["s 1", "x"]);
        assert_eq!(query.rest, "contact_id=1&text=a%20b");
        assert_eq!(query.handshake, None);
    }

    #[test]
    fn a_challenge_is_taken_byte_for_byte() {
        let query = WebhookQuery::read(Some(
            "hub.mode=subscribe&hub.verify_token=v&hub.challenge=a%2Bb%FF+c",
        ));
        let handshake = query.handshake.unwrap();
        assert_eq!(handshake.verify_token, "v");
        assert_eq!(handshake.challenge, b"a+b\xff c");
    }

    #[test]
    fn a_logged_body_is_one_line() {
        assert_eq!(one_line("{\"a\": \"é\\n\"}"), "{\"a\": \"é\\n\"}");
        assert_eq!(
            one_line("a\r\n2026 INFO\u{1b}[1m\u{85}\u{2028}b"),
            "a\\r\\n2026 INFO\\u{1b}[1m\\u{85}\\u{2028}b"
        );
    }

    #[test]
    fn nothing_left_is_nothing() {
        assert_eq!(WebhookQuery::read(Some("&&token=x")).rest, "");
        assert_eq!(WebhookQuery::read(None), WebhookQuery::default());
    }
}
