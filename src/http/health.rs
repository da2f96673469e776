//! `/healthz` and `/readyz`: for supervisors and load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::AppState;
use crate::store::Depth;
use crate::time::millis;

/// Whether the process is up
///
/// Nothing else is asked: a database that is away is no reason to kill it.
#[utoipa::path(
    get, path = "/healthz", operation_id = "live", tag = "operation", security(()),
    responses((status = 200, description = "It is.", body = Object, example = json!({"status": "ok"})))
)]
pub(super) async fn live() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether a delivery could be kept now
///
/// In the database, or in the spool.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "operation", security(()),
    responses(
        (status = 200, description = "It could.", body = Readiness,
            example = json!({"status": "ready", "database": "ok", "spool": null})),
        (status = 503, description = "It could not, or the service stops.", body = Readiness,
            example = json!({"status": "nothing can be kept", "database": "away", "spool": null})),
    )
)]
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
    let body = Readiness {
        status: word,
        database: if database.is_ok() { "ok" } else { "away" },
        spool: state.ingest.spool_depth().map(SpoolView::from),
    };
    (status, Json(body)).into_response()
}

/// Whether a delivery could be kept.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// `ready`, `stopping` or `nothing can be kept`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `ok` or `away`.
    #[schema(example = "ok")]
    database: &'static str,
    /// What waits in the spool; `null` without one.
    #[schema(required)]
    spool: Option<SpoolView>,
}

/// What waits in the spool of this process.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SpoolView {
    pub(super) deliveries: u64,
    #[serde(with = "millis::option")]
    #[schema(required)]
    pub(super) oldest: Option<Timestamp>,
}

impl From<Depth> for SpoolView {
    fn from(depth: Depth) -> Self {
        Self {
            deliveries: depth.deliveries,
            oldest: depth.oldest,
        }
    }
}
