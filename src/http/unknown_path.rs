//! Answers to requests that match no route, and to those that were probably meant for the webhook.

use axum::extract::{Request, State};
use axum::http::request::Parts;

use super::error::ApiError;
use super::secret::bearer;
use super::{AppState, WEBHOOK_PATH, webhook_path};
use crate::probe::marked as probe;
use crate::rejection::RejectReason;

/// Answers a path that does not exist.
pub(super) async fn not_found(State(state): State<AppState>, request: Request) -> ApiError {
    let (parts, _) = request.into_parts();
    nothing_here(note_if_for_webhook(&state, RejectReason::WrongPath, &parts))
}

/// Says that the path does not exist and, if the webhook was probably meant, what the webhook's path is.
pub(super) fn nothing_here(means_webhook: bool) -> ApiError {
    let hint = if means_webhook {
        format!(
            " Messages are received at POST {WEBHOOK_PATH}: check the URL in the External API Request."
        )
    } else {
        String::new()
    };
    ApiError::NotFound(format!("There is nothing at this path.{hint}"))
}

/// Answers a path that has other methods. A request that sends something there may have been meant for the webhook.
pub(super) async fn method_not_allowed(
    State(state): State<AppState>,
    request: Request,
) -> ApiError {
    let (parts, _) = request.into_parts();
    if webhook_path::sends(&parts.method) {
        note_if_for_webhook(&state, RejectReason::ReadingPath, &parts);
    }
    ApiError::MethodNotAllowed
}

/// Notes a request whose path resembles the webhook's; `true` if it does. Who looks with a token is a reader, and a
/// probe is the diagnosis's: neither was meant for the webhook. Whether the token or the probe is valid must not
/// matter, or the answer would tell who guesses.
fn note_if_for_webhook(state: &AppState, reason: RejectReason, request: &Parts) -> bool {
    let reads = !webhook_path::sends(&request.method) && bearer(&request.headers).is_some();
    let for_webhook = webhook_path::is_resembled_by(&request.method, request.uri.path())
        && !reads
        && !request.headers.contains_key(probe::HEADER);
    if for_webhook {
        state.process.record(reason, None, request);
        if state.process.may_log(reason) {
            tracing::warn!(
                path = webhook_path::shown(request.uri.path()),
                "🚫 A request missed the webhook: its path resembles {WEBHOOK_PATH}"
            );
        }
    }
    for_webhook
}
