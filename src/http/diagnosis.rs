//! `GET /instagram/diagnosis`: why nothing arrives.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};

use super::AppState;
use super::error::TokenErrors;
use super::facts::{StoreFacts, facts, report};
use crate::diagnose::Report;
use crate::i18n::Locale;

/// Why nothing arrives, and what to do
///
/// While the database is away, the report contains what is known without it. In English, or in the language that
/// `Accept-Language` prefers, if that is Russian.
#[utoipa::path(
    get, path = "/instagram/diagnosis", operation_id = "showDiagnosis", tag = "operation", security(("apiToken" = [])),
    responses((status = 200, description = "The verdict, and every check.", body = Report), TokenErrors)
)]
pub(super) async fn show(State(state): State<AppState>, headers: HeaderMap) -> Json<Report> {
    let locale = headers.get(header::ACCEPT_LANGUAGE);
    let locale = locale.and_then(|value| Locale::accepted(value.to_str().ok()?));
    let now = state.clock.now();
    let (stored, external) = tokio::join!(StoreFacts::query(&state, now), state.prober.ask());
    let report = report(&facts(&state, &stored, now), Some(external));
    Json(report.in_locale(locale.unwrap_or_default()))
}
