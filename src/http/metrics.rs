//! `/metrics`: for Prometheus.

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use metrics::gauge;

use super::error::{ApiError, TokenErrors};
use super::secret::has_bearer;
use super::{AppState, refusals};
use crate::forward::{DestinationHealth, statuses};
use crate::telemetry;

/// Metrics of this process, for Prometheus
///
/// Needs a token only where `METRICS_TOKEN` is set.
#[utoipa::path(
    get, path = "/metrics", operation_id = "showMetrics", tag = "operation",
    security((), ("metricsToken" = [])),
    responses((status = 200, description = "The text format of Prometheus.", content_type = "text/plain", body = String,
        example = json!("# TYPE chatrace_deliveries_total counter\nchatrace_deliveries_total{outcome=\"stored\"} 1\n")), TokenErrors)
)]
pub(super) async fn show(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(token) = &state.config.auth.metrics_token
        && !has_bearer(request.headers(), std::slice::from_ref(token))
    {
        refusals::record_token(&state, &request.into_parts().0)?;
        return Err(ApiError::Unauthorized(
            "A token is needed: send the value of METRICS_TOKEN as `Authorization: Bearer …`."
                .to_owned(),
        ));
    }
    set_gauges(&state).await;
    let text = telemetry::metrics().map(metrics_exporter_prometheus::PrometheusHandle::render);
    let headers = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((headers, text.unwrap_or_default()).into_response())
}

/// States, as opposed to events, are looked up when somebody asks.
async fn set_gauges(state: &AppState) {
    gauge!("chatrace_queue_deliveries").set(count(state.ingest.queued()));
    gauge!("chatrace_start_timestamp_seconds").set(seconds(state.process.started_at));
    if let Some(fallback) = &state.fallback {
        let depth = fallback.spool().depth();
        let age = depth.oldest.map_or(0.0, |oldest| {
            state.clock.now().duration_since(oldest).as_secs_f64()
        });
        gauge!("chatrace_spool_deliveries").set(count(
            usize::try_from(depth.deliveries).unwrap_or(usize::MAX),
        ));
        gauge!("chatrace_spool_oldest_age_seconds").set(age);
    }
    set_forwarding_gauges(state).await;
    if let Some(last) = state.process.counts().last_delivery_at {
        gauge!("chatrace_last_delivery_timestamp_seconds").set(seconds(last));
    }
    // While the database is away the age keeps growing.
    let stored = state.store.last_message_at().await.unwrap_or_default();
    if let Some(last) = state.process.last_message_at(stored) {
        let age = state.clock.now().duration_since(last).as_secs_f64();
        gauge!("chatrace_last_message_age_seconds").set(age.max(0.0));
    }
}

/// They are left as they were while the database is away.
async fn set_forwarding_gauges(state: &AppState) {
    if state.config.destinations.is_empty() {
        return;
    }
    let all = statuses(state.store.as_ref(), &state.config.destinations).await;
    let now = state.clock.now();
    for status in all.unwrap_or_default() {
        let label = || status.state.name.clone();
        let number = |number: i64| count(usize::try_from(number).unwrap_or_default());
        let is_up = status.health() == DestinationHealth::Up;
        gauge!("chatrace_forward_up", "destination" => label()).set(f64::from(u8::from(is_up)));
        gauge!("chatrace_forward_backlog", "destination" => label())
            .set(number(status.backlog.count));
        gauge!("chatrace_forward_lag_seconds", "destination" => label()).set(status.lag(now));
        gauge!("chatrace_forward_retries", "destination" => label())
            .set(number(status.retries.waiting));
        gauge!("chatrace_forward_dead_letters", "destination" => label())
            .set(number(status.retries.dead));
        gauge!("chatrace_forward_expired", "destination" => label())
            .set(number(status.state.expired));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and no count comes near 2^53"
)]
fn count(count: usize) -> f64 {
    count as f64
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
