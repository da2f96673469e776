//! `GET /instagram/diagnosis`: why nothing arrives.

use axum::Json;
use axum::extract::State;

use super::AppState;
use super::error::TokenErrors;
use super::facts::{StoreFacts, facts, report};
use crate::diagnose::Report;

/// Why nothing arrives, and what to do
///
/// While the database is away, the report contains what is known without it.
#[utoipa::path(
    get, path = "/instagram/diagnosis", operation_id = "showDiagnosis", tag = "operation", security(("apiToken" = [])),
    responses((status = 200, description = "The verdict, and every check.", body = Report), TokenErrors)
)]
pub(super) async fn show(State(state): State<AppState>) -> Json<Report> {
    let now = state.clock.now();
    let (stored, external) = tokio::join!(StoreFacts::query(&state, now), state.prober.ask());
    Json(report(&facts(&state, &stored, now), Some(external)))
}
