//! `GET /instagram/diagnosis`: why nothing arrives.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;

use super::AppState;
use super::error::TokenErrors;
use super::facts::{StoreFacts, facts, report};
use crate::diagnose::Report;

/// Says why nothing arrives, and what to do.
///
/// Shows the report; while the database is away, what can be told without it.
#[utoipa::path(
    get, path = "/instagram/diagnosis", operation_id = "showDiagnosis", tag = "operation", security(("apiToken" = [])),
    responses((status = 200, description = "The verdict, and everything that was looked at.", body = Report), TokenErrors)
)]
pub(super) async fn show(State(state): State<AppState>) -> Json<Report> {
    let now = Timestamp::now();
    let (stored, outside) = tokio::join!(StoreFacts::query(&state, now), state.inquiry.ask());
    Json(report(&facts(&state, &stored, now), Some(outside)))
}
