//! Meta's verification of the webhook URL.

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::query::Handshake;
use super::rejected::Rejected;
use crate::http::AppState;
use crate::http::error::ApiError;
use crate::http::secret::is_one_of;
use crate::rejection::RejectReason;

/// Returns the challenge, byte for byte, if the token is right.
pub(super) fn verify(
    state: &AppState,
    request: &Parts,
    handshake: &Handshake,
) -> Result<Response, Rejected> {
    let token = state.config.meta.verify_token.as_ref();
    let is_right =
        token.is_some_and(|token| is_one_of(&handshake.verify_token, std::slice::from_ref(token)));
    if is_right && handshake.subscribes {
        tracing::info!("Meta verified the webhook URL");
        state.process.record(RejectReason::Verified, None, request);
        let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        return Ok((headers, Body::from(handshake.challenge.clone())).into_response());
    }
    let sentence = if token.is_none() {
        "META_VERIFY_TOKEN is not configured: set it to the verify token that was given to Meta."
    } else if is_right {
        "`hub.mode` must be `subscribe`."
    } else {
        "The verify token is wrong: it must be the value of META_VERIFY_TOKEN."
    };
    Err(Rejected::new(
        RejectReason::Handshake,
        ApiError::Forbidden(sentence.to_owned()),
    ))
}
