//! Who is let in at the webhook, and Meta's question whether it is the right one.

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

use super::query::{Handshake, WebhookQuery};
use crate::config::WebhookAuth;
use crate::delivery::Rejection;
use crate::http::AppState;
use crate::http::auth::{self, Verdict};
use crate::http::error::ApiError;
use crate::sighting::Sight;

/// With `META_APP_SECRET` alone.
const NO_SECRET_SET: &str = "Only what Meta signed is let in while WEBHOOK_SECRET is not set: set it, restart this service, then add its value as the header `X-Webhook-Secret` to the External API Request.";

/// Why a sender is not let in.
pub(super) struct Refusal {
    pub(super) reason: Rejection,
    pub(super) error: ApiError,
}

/// Lets a sender in, or says why not.
pub(super) fn authenticate(
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
pub(super) fn verify(
    state: &AppState,
    parts: &Parts,
    handshake: &Handshake,
) -> Result<Response, ApiError> {
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
