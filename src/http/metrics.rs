//! `/metrics`: for Prometheus.

mod gauges;
mod labels;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::client_address::is_local;
use super::error::{ApiError, TokenErrors};
use super::secret::has_bearer;
use super::{AppState, refusals};
use crate::telemetry;

pub(super) use labels::begin_at_zero;

/// Metrics of this process, for Prometheus
///
/// With `METRICS_TOKEN` it needs that token. Without it, it answers requests from this machine that no proxy passed on.
/// With `METRICS_ADDRESS` it is served there instead.
#[utoipa::path(
    get, path = "/metrics", operation_id = "showMetrics", tag = "operation",
    security((), ("metricsToken" = [])),
    responses((status = 200, description = "The text format of Prometheus.", content_type = "text/plain", body = String,
        example = json!("# TYPE chatrace_deliveries_total counter\nchatrace_deliveries_total{outcome=\"stored\"} 1\n")), TokenErrors)
)]
pub(super) async fn show(
    State(state): State<AppState>,
    own_address: Option<Extension<OwnAddress>>,
    request: Request,
) -> Result<Response, ApiError> {
    let request = request.into_parts().0;
    if let Some(sentence) = refusal(&state, own_address.is_some(), &request) {
        refusals::record_token(&state, &request)?;
        return Err(ApiError::Unauthorized(sentence.to_owned()));
    }
    gauges::set(&state).await;
    let text = telemetry::metrics().map(metrics_exporter_prometheus::PrometheusHandle::render);
    let headers = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((headers, text.unwrap_or_default()).into_response())
}

/// Marks requests to `METRICS_ADDRESS`.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnAddress;

/// Why somebody may not read the metrics.
fn refusal(state: &AppState, at_own_address: bool, request: &Parts) -> Option<&'static str> {
    let config = &state.config;
    if config.server.metrics_address.is_some() && !at_own_address {
        return Some("The metrics are served at METRICS_ADDRESS.");
    }
    match &config.auth.metrics_token {
        Some(token) if has_bearer(&request.headers, std::slice::from_ref(token)) => None,
        Some(_) => {
            Some("A token is needed: send the value of METRICS_TOKEN as `Authorization: Bearer …`.")
        }
        None if at_own_address || is_local(request, &config.server.trusted_proxies) => None,
        None => Some(
            "The metrics are for this machine alone: set METRICS_TOKEN, or METRICS_ADDRESS for a port of their own.",
        ),
    }
}

/// What `METRICS_ADDRESS` serves.
pub fn router(state: AppState) -> Router {
    let router = OpenApiRouter::new().routes(routes!(show));
    Router::from(router)
        .layer(Extension(OwnAddress))
        .with_state(state)
}
