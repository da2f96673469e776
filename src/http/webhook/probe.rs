//! The layer in front of the webhook that answers the [`probe`]s of the diagnosis. A probe is no sender: it is never
//! kept or counted, not even one that was spoilt on its way or is meant for another installation.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use serde_json::json;
use tokio::time::timeout;

use super::query::WebhookQuery;
use super::rejected::Rejected;
use crate::http::AppState;
use crate::http::body::BodyError;
use crate::http::error::ApiError;
use crate::http::refusals;
use crate::http::sender::{Content, is_blank};
use crate::http::webhook_path;
use crate::probe::marked as probe;
use crate::rejection::RejectReason;

/// The answer to a probe, if these are the headers of one that is meant for this service.
fn answer(state: &AppState, headers: &HeaderMap) -> Option<String> {
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
    let (begin, rest, has_ended) = match blank_begin(&state, body).await {
        Ok(read) => read,
        Err(error) => return Rejected::from(error).record(&state, &parts).into_response(),
    };
    // Only an empty one: no header makes a message disappear.
    let is_probe = is_blank(&begin) && has_ended && query.rest.is_empty();
    let is_as_long = begin.len() == probe::BODY_LENGTH;
    if !is_probe || !parts.headers.contains_key(probe::HEADER) && !is_as_long {
        let body = Body::new(Resumed { begin, rest });
        return next.run(Request::from_parts(parts, body)).await;
    }
    let body = begin;
    let verified = credentials.verify(Content::Body(body));
    match (answer(&state, &parts.headers), verified) {
        (Some(probe), Ok(_)) => Json(json!({ "success": true, "probe": probe })).into_response(),
        // A probe may be caught on its way, and sent again with other secrets.
        (Some(_), Err(unverified))
            if unverified.reason != RejectReason::MissingSecret
                && let Err(limited) = refusals::count(&state, &parts) =>
        {
            limited.into_response()
        }
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
        // Its mark is a guess at the API token.
        (None, verified) if verified.is_err() || parts.headers.contains_key(probe::HEADER) => {
            let answer = verified.map_or_else(ApiError::from, |_| ApiError::empty_body());
            let counted = refusals::count(&state, &parts);
            counted.err().unwrap_or(answer).into_response()
        }
        (None, _) => ApiError::empty_body().into_response(),
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

/// Reads a body as long as it is blank, and not far beyond the length of a probe: what it read, the rest, and whether
/// there is none.
async fn blank_begin(state: &AppState, mut body: Body) -> Result<(Bytes, Body, bool), BodyError> {
    let reading = async {
        let mut begin = BytesMut::new();
        while is_blank(&begin) && begin.len() <= probe::BODY_LENGTH {
            let Some(frame) = body.frame().await else {
                return Ok((begin.freeze(), body, true));
            };
            let frame = frame.map_err(|_| BodyError::Broken)?;
            begin.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        }
        Ok((begin.freeze(), body, false))
    };
    let time = state.config.server.limits.body;
    timeout(time, reading)
        .await
        .unwrap_or(Err(BodyError::Timeout))
}

/// A body whose beginning was read already.
struct Resumed {
    begin: Bytes,
    rest: Body,
}

impl HttpBody for Resumed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.begin.is_empty() {
            return Pin::new(&mut self.rest).poll_frame(context);
        }
        let begin = std::mem::take(&mut self.begin);
        Poll::Ready(Some(Ok(Frame::data(begin))))
    }

    fn is_end_stream(&self) -> bool {
        self.begin.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (begin, rest) = (self.begin.len() as u64, self.rest.size_hint());
        let mut both = SizeHint::new();
        both.set_lower(begin + rest.lower());
        if let Some(upper) = rest.upper() {
            both.set_upper(begin + upper);
        }
        both
    }
}
