//! Requests without a valid credential: how they are counted, and from when on they are limited.

use std::net::IpAddr;

use axum::http::request::Parts;

use super::AppState;
use super::client_address::client_address;
use super::error::ApiError;
use crate::rejection::RejectReason;

/// Counts a request that is refused. The answer, if there were too many from its address.
pub(super) fn count(state: &AppState, request: &Parts) -> Result<(), ApiError> {
    let counted = state.refusal_limit.count(address(state, request));
    counted.map_err(ApiError::TooManyRefused)
}

/// Whether the next refused request of this client is one too many.
pub(super) fn are_too_many(state: &AppState, request: &Parts) -> bool {
    state.refusal_limit.is_reached(address(state, request))
}

/// Records a request for reading whose token is wrong or missing; its answer, if there were too many of its address.
pub(super) fn record_token(state: &AppState, request: &Parts) -> Result<(), ApiError> {
    let counted = count(state, request);
    match counted {
        Ok(()) => state.process.record(RejectReason::Token, None, request),
        Err(_) => state.process.record_limited(RejectReason::Token),
    }
    counted
}

fn address(state: &AppState, request: &Parts) -> IpAddr {
    client_address(request, &state.config.server.trusted_proxies)
}
