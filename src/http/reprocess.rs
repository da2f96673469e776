//! `POST …/reprocess`: reading quarantine again with today's normalizer.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::cursor::{List, page_limit};
use super::deliveries::find;
use super::error::{ApiError, NotFound, ReadErrors};
use super::extract::{Path, Query, moment};
use crate::maintenance::{Part, ReprocessTotals, reprocess, reprocess_one};
use crate::store::Mode;

/// How one delivery is read again.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReprocessDelivery {
    /// Whether only to count, and to change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Which part of the quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReprocessQuarantine {
    /// The `nextCursor` of the last part; without it, from the beginning.
    #[param(example = "d2", pattern = "^(d[0-9]{1,18})?$")]
    after: Option<String>,
    /// How many deliveries at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only what arrived at this time or later.
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, format = DateTime, example = "2026-07-09T14:56:00Z")]
    since: Option<Timestamp>,
    /// Whether only to count, and to change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// What came of one delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneView {
    success: bool,
    #[serde(flatten)]
    counts: ReprocessTotals,
}

/// What came of a part of the quarantine, and where the next part begins.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartView {
    success: bool,
    #[serde(flatten)]
    counts: ReprocessTotals,
    #[schema(example = "d2")]
    next_cursor: String,
    caught_up: bool,
}

/// Reads one delivery again. Where nothing is in quarantine, nothing happens.
#[utoipa::path(
    post, path = "/instagram/deliveries/{id}/reprocess", operation_id = "reprocessDelivery", tag = "deliveries",
    params(("id" = Uuid, Path, description = "The id of a delivery."), ReprocessDelivery), security(("apiToken" = [])),
    responses((status = 200, description = "What came of it.", body = OneView), ReadErrors, NotFound)
)]
pub(super) async fn one(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<ReprocessDelivery>,
) -> Result<Json<OneView>, ApiError> {
    let detail = find(&state, &id).await?;
    let mode = mode(query.dry_run);
    let counts = if detail.summary.receipt.quarantined > 0 {
        reprocess_one(state.store.as_ref(), detail.delivery, mode).await?
    } else {
        ReprocessTotals::default()
    };
    if mode == Mode::Real {
        announce(&state, &counts);
    }
    Ok(Json(OneView {
        success: true,
        counts,
    }))
}

/// Reads a part of the quarantine again, oldest first.
#[utoipa::path(
    post, path = "/instagram/quarantine/reprocess", operation_id = "reprocessQuarantine", tag = "deliveries",
    params(ReprocessQuarantine), security(("apiToken" = [])),
    responses((status = 200, description = "What came of this part, and where the next one begins.", body = PartView), ReadErrors)
)]
pub(super) async fn quarantine(
    State(state): State<AppState>,
    Query(query): Query<ReprocessQuarantine>,
) -> Result<Json<PartView>, ApiError> {
    let part = Part {
        since: query.since,
        after: List::Deliveries.position(query.after.as_deref())?,
        limit: page_limit(query.limit)?,
        mode: mode(query.dry_run),
    };
    let done = reprocess(state.store.as_ref(), part).await?;
    if part.mode == Mode::Real {
        announce(&state, &done.counts);
    }
    Ok(Json(PartView {
        success: true,
        counts: done.counts,
        next_cursor: List::Deliveries.cursor(done.after),
        caught_up: done.caught_up,
    }))
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Real }
}

/// Wakes those who wait for messages, and says it in the log.
fn announce(state: &AppState, counts: &ReprocessTotals) {
    if counts.stored > 0 {
        state.commits.announce();
    }
    if counts.deliveries > 0 {
        tracing::info!(
            deliveries = counts.deliveries,
            stored = counts.stored,
            quarantined = counts.quarantined_after,
            "read quarantine again"
        );
    }
}
