//! `GET /instagram/deliveries`: what arrived, and what became of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::ApiError;
use super::extract::Query;
use crate::delivery::Outcome;
use crate::message::{Shape, millis};
use crate::normalize;
use crate::store::{DeliveryDetail, DeliveryFilter, DeliverySummary, ItemSummary, Page};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListDeliveries {
    after: Option<String>,
    limit: Option<u32>,
    outcome: Option<Outcome>,
}

/// A page of deliveries, oldest first.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryPage {
    deliveries: Vec<DeliveryView>,
    next_cursor: String,
    caught_up: bool,
}

/// A delivery as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryView {
    id: Uuid,
    #[serde(with = "millis")]
    received_at: Timestamp,
    method: String,
    content_type: Option<String>,
    size: i64,
    outcome: Outcome,
    shape: Shape,
    reasons: Vec<String>,
    stored: u32,
    duplicates: u32,
    ignored: u32,
    quarantined: u32,
}

impl From<DeliverySummary> for DeliveryView {
    fn from(summary: DeliverySummary) -> Self {
        let DeliverySummary {
            position: _,
            received_at,
            method,
            content_type,
            size,
            shape,
            receipt,
            reasons,
        } = summary;
        Self {
            id: receipt.delivery_id,
            received_at,
            method,
            content_type,
            size,
            outcome: receipt.outcome,
            shape,
            reasons,
            stored: receipt.stored,
            duplicates: receipt.duplicates,
            ignored: receipt.ignored,
            quarantined: receipt.quarantined,
        }
    }
}

/// A delivery with everything that is known of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Whether body and headers were erased together with a person in them.
    erased: bool,
    headers: BTreeMap<String, String>,
    items: Vec<ItemView>,
    /// The body as text, decompressed, credentials redacted. The exact octets are at `…/raw`.
    body: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    position: i32,
    outcome: Outcome,
    code: Option<String>,
    reason: Option<String>,
    message_id: Option<Uuid>,
}

impl From<ItemSummary> for ItemView {
    fn from(item: ItemSummary) -> Self {
        let ItemSummary {
            item: position,
            outcome,
            code,
            reason,
            message_id,
        } = item;
        Self {
            position,
            outcome,
            code,
            reason,
            message_id,
        }
    }
}

/// Lists deliveries in commit order.
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListDeliveries>,
) -> Result<Json<DeliveryPage>, ApiError> {
    let after = List::Deliveries.position(query.after.as_deref())?;
    let limit = page_limit(query.limit)?;
    let filter = DeliveryFilter {
        outcome: query.outcome,
    };
    let mut deliveries = state
        .store
        .deliveries(
            &filter,
            Page {
                after,
                until: i64::MAX,
                limit: limit + 1,
            },
        )
        .await?;
    let caught_up = deliveries.len() <= limit as usize;
    deliveries.truncate(limit as usize);
    let last = deliveries
        .last()
        .map_or(after, |delivery| delivery.position);
    Ok(Json(DeliveryPage {
        deliveries: deliveries.into_iter().map(DeliveryView::from).collect(),
        next_cursor: List::Deliveries.cursor(last),
        caught_up,
    }))
}

/// Shows one delivery; one that waits in this process's spool as `spooled`, with what will be read from it still open.
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<DetailView>, ApiError> {
    let DeliveryDetail {
        delivery,
        summary,
        items,
    } = find(&state, &id).await?;
    Ok(Json(DetailView {
        delivery: summary.into(),
        erased: delivery.is_erased(),
        body: state.redactor.redact(&normalize::readable_text(&delivery)),
        headers: delivery.headers.into_iter().collect(),
        items: items.into_iter().map(ItemView::from).collect(),
    }))
}

/// Gives the exact octets of a delivery. They are foreign: no browser may take them for a page.
pub(super) async fn raw(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let detail = find(&state, &id).await?;
    if detail.delivery.is_erased() {
        return Err(ApiError::Gone(
            "The body was erased together with a person in it.".to_owned(),
        ));
    }
    let disposition = format!("attachment; filename=\"{}\"", detail.delivery.id);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
    ];
    Ok((headers, detail.delivery.body).into_response())
}

/// A delivery wherever it is: the spool is asked when the database does not have it, or is away.
pub(super) async fn find(state: &AppState, id: &str) -> Result<DeliveryDetail, ApiError> {
    let id = id
        .parse()
        .map_err(|_| ApiError::BadRequest("The id of a delivery is a UUID.".to_owned()))?;
    let stored = state.store.delivery(id).await;
    if let Ok(Some(detail)) = stored {
        return Ok(detail);
    }
    if let Some(delivery) = state.ingest.spooled(id).await? {
        return Ok(DeliveryDetail::spooled(delivery));
    }
    stored?.ok_or_else(|| ApiError::NotFound("There is no delivery with this id.".to_owned()))
}
