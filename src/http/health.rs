//! `/healthz` and `/readyz`: for supervisors and load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::AppState;
use crate::message::millis;
use crate::store::Depth;

/// The process is up. Nothing else is asked: a database that is away is no reason to kill it.
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// A delivery could be kept now: in the database, or in the spool.
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    let database = state.store.ready().await;
    if let Err(error) = &database {
        tracing::debug!(%error, "the database is not ready");
    }
    let (status, word) = if state.lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if !state.ingest.refuses() && (database.is_ok() || state.ingest.spool_depth().is_some())
    {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "nothing can be kept")
    };
    let body = json!({
        "status": word,
        "database": if database.is_ok() { "ok" } else { "away" },
        "spool": state.ingest.spool_depth().map(SpoolView::from),
    });
    (status, Json(body)).into_response()
}

/// What waits in the spool of this process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpoolView {
    deliveries: u64,
    #[serde(with = "millis::option")]
    oldest: Option<Timestamp>,
}

impl From<Depth> for SpoolView {
    fn from(depth: Depth) -> Self {
        Self {
            deliveries: depth.deliveries,
            oldest: depth.oldest,
        }
    }
}
