//! `POST …/reprocess`: reads quarantined deliveries again with the current normalizer.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::cursor::{List, page_limit};
use super::deliveries::find;
use super::error::{ApiError, NotFound, ReadErrors};
use super::extract::{Path, Query, moment};
use crate::filter::Moment;
use crate::maintenance::{Part, ReprocessTotals, Reprocessed, reprocess, reprocess_one};
use crate::store::Mode;

/// How to reprocess one delivery.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReprocessDelivery {
    /// Only count, without changing anything.
    #[serde(default)]
    dry_run: bool,
}

/// Which deliveries in quarantine.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReprocessQuarantine {
    /// The `nextCursor` of the last request. By default, from the beginning.
    #[param(example = "d2", pattern = "^(d[0-9]{1,18})?$")]
    after: Option<String>,
    /// The maximum number of deliveries.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only deliveries that arrived at this time or later: as in RFC 3339, a date (its beginning in UTC), or how long
    /// ago (`30m`, `12h`, `7d`, `2w`).
    #[serde(default, deserialize_with = "moment")]
    #[param(value_type = Option<String>, example = "2026-07-09T14:56:00Z")]
    since: Option<Moment>,
    /// Only count, without changing anything.
    #[serde(default)]
    dry_run: bool,
}

/// The outcomes of one delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OneView {
    success: bool,
    #[serde(flatten)]
    counts: ReprocessTotals,
}

/// The outcomes of these deliveries, and where the next ones begin.
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

/// Reads one delivery again
///
/// Without an item in quarantine, nothing happens.
#[utoipa::path(
    post, path = "/instagram/deliveries/{id}/reprocess", operation_id = "reprocessDelivery", tag = "deliveries",
    params(("id" = Uuid, Path, description = "The id of a delivery."), ReprocessDelivery), security(("apiToken" = [])),
    responses((status = 200, description = "The new outcomes.", body = OneView), ReadErrors, NotFound)
)]
pub(super) async fn one(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<ReprocessDelivery>,
) -> Result<Json<OneView>, ApiError> {
    let counts = delivery(&state, &id, mode(query.dry_run)).await?;
    Ok(Json(OneView {
        success: true,
        counts,
    }))
}

/// Reads one delivery again.
pub(super) async fn delivery(
    state: &AppState,
    id: &str,
    mode: Mode,
) -> Result<ReprocessTotals, ApiError> {
    let detail = find(state, id).await?;
    let counts = if detail.summary.receipt.quarantined > 0 {
        reprocess_one(
            state.store.as_ref(),
            &state.config.normalizer,
            detail.delivery,
            mode,
        )
        .await?
    } else {
        ReprocessTotals::default()
    };
    if mode == Mode::Real {
        announce(state, &counts);
    }
    Ok(counts)
}

/// Reads quarantined deliveries again, oldest first
#[utoipa::path(
    post, path = "/instagram/quarantine/reprocess", operation_id = "reprocessQuarantine", tag = "deliveries",
    params(ReprocessQuarantine), security(("apiToken" = [])),
    responses((status = 200, description = "The new outcomes, and where the next deliveries begin.", body = PartView), ReadErrors)
)]
pub(super) async fn quarantine(
    State(state): State<AppState>,
    Query(query): Query<ReprocessQuarantine>,
) -> Result<Json<PartView>, ApiError> {
    let part = Part {
        since: query.since.map(|since| since.resolve(state.clock.now())),
        after: List::Deliveries
            .position("after", query.after.as_deref())?
            .unwrap_or_default(),
        limit: page_limit(query.limit)?,
        mode: mode(query.dry_run),
    };
    let done = self::part(&state, part).await?;
    Ok(Json(PartView {
        success: true,
        counts: done.counts,
        next_cursor: List::Deliveries.cursor(done.after),
        caught_up: done.caught_up,
    }))
}

/// Reads a part of the quarantine again.
pub(super) async fn part(state: &AppState, part: Part) -> Result<Reprocessed, ApiError> {
    let done = reprocess(state.store.as_ref(), &state.config.normalizer, part).await?;
    if part.mode == Mode::Real {
        announce(state, &done.counts);
    }
    Ok(done)
}

fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Real }
}

/// Wakes readers who wait for messages, and logs the outcomes.
fn announce(state: &AppState, counts: &ReprocessTotals) {
    if counts.stored > 0 {
        state.commits.announce();
    }
    if counts.deliveries > 0 {
        tracing::info!(
            deliveries = counts.deliveries,
            stored = counts.stored,
            quarantined = counts.quarantined_after,
            "reprocessed quarantined deliveries"
        );
    }
}
