//! Around every request: its span, its metrics, and its line in the log.

use std::borrow::Cow;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};
use tracing::Instrument as _;

use super::webhook_path;
use crate::telemetry::traces::TraceSpan;
use crate::text::cut;

/// The longest method in the log, in characters. A client may send any word.
const LONGEST_METHOD: usize = 200;

/// Counts a request under the route that it matched, never under its path: scanners ask for any path.
pub(super) async fn track(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let span = request_span(&request);
    let route = route(&request).unwrap_or("none").to_owned();
    let method = match request.method().as_str() {
        method @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => method,
        _ => "other",
    };
    let method = method.to_owned();
    let trace = TraceSpan::of_request(&method, &route, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), began.elapsed().as_secs_f64());
    let duration_ms = (took * 10_000.0).round() / 10.0;
    tracing::debug!(parent: &span, route, status = status.as_u16(), duration_ms, "answered");
    trace.end(Some(status.as_u16()), status.is_server_error());
    let status = status.as_str().to_owned();
    histogram!("chatrace_http_request_seconds", "route" => route.clone(), "status" => status.clone()).record(took);
    counter!("chatrace_http_requests_total", "route" => route, "method" => method, "status" => status).increment(1);
    response
}

fn route(request: &Request) -> Option<&str> {
    let route = request.extensions().get::<MatchedPath>();
    route.map(MatchedPath::as_str)
}

/// The span of a request: never its query, which may hold a secret, nor those parts of a foreign path that may.
fn request_span(request: &Request) -> tracing::Span {
    let id = request.headers().get("x-request-id");
    let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let path = match route(request) {
        Some(route) => Cow::Borrowed(route),
        None => webhook_path::shown(request.uri().path()).into(),
    };
    let method = cut(request.method().as_str(), LONGEST_METHOD);
    tracing::info_span!("request", method = &*method, path = &*path, id)
}
