//! `/healthz` and `/readyz`: for supervisors and load balancers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use crate::ingest::SubmitError;
use crate::store::SpoolDepth;
use crate::time::millis;
use crate::version::{COMMIT, VERSION};

/// Whether the process is up
///
/// The database is not asked: that it is away is no reason to kill the process.
#[utoipa::path(
    get, path = "/healthz", operation_id = "live", tag = "operation", security(()),
    responses((status = 200, description = "It is up.", body = Liveness))
)]
pub(super) async fn live() -> Json<Liveness> {
    Json(Liveness {
        status: "ok",
        version: VERSION,
        commit: COMMIT,
    })
}

/// That the process is up, and which it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Liveness {
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Of which commit it was built; `null` where that is not known.
    #[schema(required, example = "1c2a3f4b5d6e")]
    commit: Option<&'static str>,
}

/// Whether a delivery could be kept now
///
/// In the database or in the spool.
#[utoipa::path(
    get, path = "/readyz", operation_id = "ready", tag = "operation", security(()),
    responses(
        (status = 200, description = "Ready.", body = Readiness,
            example = json!({"status": "ready", "database": "ok", "spool": null, "warning": null})),
        (status = 503, description = "Nothing can be kept, or the service is stopping.", body = Readiness,
            example = json!({"status": "nothing can be kept", "database": "away", "spool": null, "warning": null})),
    )
)]
pub(super) async fn ready(State(state): State<AppState>) -> Response {
    let database = state.store.ready().await;
    if let Err(error) = &database {
        tracing::debug!(%error, "the database is not ready");
    }
    let fallback = state.fallback.as_ref();
    // A database that answers may still refuse to write: a standby, a missing right.
    let takes = database.is_ok() && fallback.is_none_or(|it| it.database_problem().is_none());
    let spools = fallback.map(|fallback| fallback.spool().check_files().is_ok());
    let refusal = state.ingest.refusal();
    let (status, word) = if state.lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping")
    } else if refusal.is_none() && (takes || spools == Some(true)) {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "nothing can be kept")
    };
    let is_damaged = state.store.health().damage.is_some();
    let warning = if spools == Some(false) {
        Some("the files of the spool were removed or replaced: restart the service")
    } else if state.spool_problem.is_some() {
        Some("the spool cannot be used: the diagnosis says why")
    } else {
        is_damaged.then_some("the database is damaged: the diagnosis says what to do")
    };
    let body = Readiness {
        status: word,
        database: match refusal {
            _ if is_damaged => "damaged",
            // It may answer and not write. With a spool, the refusal may be the spool's.
            Some(SubmitError::Full(_)) if fallback.is_none() => "full",
            Some(SubmitError::Unavailable(_)) if fallback.is_none() => "away",
            _ if takes => "ok",
            _ => "away",
        },
        spool: fallback.map(|fallback| SpoolView::from(fallback.spool().depth())),
        warning,
    };
    (status, Json(body)).into_response()
}

/// Whether a delivery could be kept.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// `ready`, `stopping` or `nothing can be kept`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `ok`, `full`, `damaged` or `away`.
    #[schema(example = "ok")]
    database: &'static str,
    /// What waits in the spool; `null` without one.
    #[schema(required)]
    spool: Option<SpoolView>,
    /// What does not stop deliveries, but needs somebody; `null` if nothing does.
    #[schema(required)]
    warning: Option<&'static str>,
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

impl From<SpoolDepth> for SpoolView {
    fn from(depth: SpoolDepth) -> Self {
        Self {
            deliveries: depth.deliveries,
            oldest: depth.oldest,
        }
    }
}
