//! `/healthz` and `/readyz`: for supervisors and load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;

/// The process is up. Nothing else is asked: a database that is away is no reason to kill it.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// A delivery could be kept now.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    let (status, word) = if state.lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else {
        match state.store.ready().await {
            Ok(()) => (StatusCode::OK, "ready"),
            Err(error) => {
                tracing::debug!(%error, "not ready");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database is unavailable",
                )
            }
        }
    };
    (status, Json(json!({ "status": word }))).into_response()
}
