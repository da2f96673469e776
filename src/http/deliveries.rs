//! `GET /instagram/deliveries`: what arrived, and its outcome.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::AppState;
use super::cursor::{List, page_limit};
use super::error::{ApiError, Gone, NotFound, ReadErrors};
use super::extract::{Path, Query, parsed};
use crate::delivery::{Delivery, Outcome};
use crate::message::Shape;
use crate::normalize;
use crate::store::{
    DeliveryDetail, DeliveryFilter, DeliverySummary, ItemSummary, Order, PageRequest, Scan,
};
use crate::time::millis;

/// Which deliveries, and from where.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDeliveries {
    /// Only deliveries after this cursor: the `nextCursor` of the last page. By default, from the beginning.
    #[param(example = "d4", pattern = "^(d[0-9]{1,18})?$")]
    pub(super) after: Option<String>,
    /// Only deliveries before this cursor. With `order=desc`, the `nextCursor` of the last page goes here.
    #[param(example = "d9", pattern = "^(d[0-9]{1,18})?$")]
    pub(super) before: Option<String>,
    /// `asc`: oldest first; `desc`: newest first.
    #[serde(default)]
    #[param(inline, default = "asc")]
    pub(super) order: Order,
    /// The size of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<u32>,
    /// Only deliveries with this outcome. `quarantined`: with any item in quarantine, whatever the delivery's own
    /// outcome.
    #[serde(default, deserialize_with = "listed")]
    #[param(inline, value_type = Option<Listed>)]
    pub(super) outcome: Option<Outcome>,
}

/// The outcomes of deliveries in the list.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "a description of what `listed` takes")]
enum Listed {
    Stored,
    Duplicate,
    Quarantined,
    Ignored,
}

fn listed<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Outcome>, D::Error> {
    parsed(value, |name| {
        match Outcome::named(name) {
        Some(Outcome::Spooled) => Err(
            "spooled deliveries are not in the list: `gauges.spool` in GET /instagram/stats has their number at this \
             replica, and GET /instagram/deliveries/{id} shows one"
                .to_owned(),
        ),
        Some(outcome) => Ok(outcome),
        None => Err("must be stored, duplicate, quarantined or ignored".to_owned()),
    }
    })
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryPage {
    pub(super) deliveries: Vec<DeliveryView>,
    #[schema(example = "d4")]
    pub(super) next_cursor: String,
    pub(super) caught_up: bool,
    /// How many positions were skipped because the database is damaged there. Left out if none were.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12, nullable = false)]
    unreadable: Option<i64>,
}

/// A delivery as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "01a2040d-e01c-7054-9ed9-d06a90483f9d", "receivedAt": "2026-11-22T16:19:07.933Z", "method": "POST",
    "contentType": "application/json", "size": 55, "outcome": "stored", "shape": "flat", "reasons": [], "stored": 1,
    "duplicates": 0, "ignored": 0, "quarantined": 0
}))]
pub(super) struct DeliveryView {
    pub(super) id: Uuid,
    #[serde(with = "millis")]
    pub(super) received_at: Timestamp,
    pub(super) method: String,
    #[schema(required)]
    pub(super) content_type: Option<String>,
    pub(super) size: i64,
    pub(super) outcome: Outcome,
    pub(super) shape: Shape,
    /// Why items of it are not stored: each sentence once, at most five.
    pub(super) reasons: Vec<String>,
    pub(super) stored: u32,
    pub(super) duplicates: u32,
    pub(super) ignored: u32,
    pub(super) quarantined: u32,
}

impl From<DeliverySummary> for DeliveryView {
    fn from(summary: DeliverySummary) -> Self {
        let receipt = summary.receipt;
        Self {
            id: receipt.delivery_id,
            received_at: summary.received_at,
            method: summary.method,
            content_type: summary.content_type,
            size: summary.size,
            outcome: receipt.outcome,
            shape: summary.shape,
            reasons: summary.reasons,
            stored: receipt.stored,
            duplicates: receipt.duplicates,
            ignored: receipt.ignored,
            quarantined: receipt.quarantined,
        }
    }
}

/// A delivery with its headers, items and body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailView {
    #[serde(flatten)]
    delivery: DeliveryView,
    /// Whether body and headers were erased together with a person.
    erased: bool,
    headers: BTreeMap<String, String>,
    items: Vec<ItemView>,
    /// The body as text, decompressed, with credentials redacted. The exact bytes are at `…/raw`.
    body: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemView {
    position: i32,
    outcome: Outcome,
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    reason: Option<String>,
    #[schema(required)]
    message_id: Option<Uuid>,
}

impl From<ItemSummary> for ItemView {
    fn from(item: ItemSummary) -> Self {
        Self {
            position: item.item,
            outcome: item.outcome,
            code: item.code,
            reason: item.reason,
            message_id: item.message_id,
        }
    }
}

/// Deliveries, oldest or newest first
///
/// Every accepted request, whatever its outcome, in the order in which they were committed. Spooled deliveries are not
/// in this list.
#[utoipa::path(
    get, path = "/instagram/deliveries", operation_id = "listDeliveries", tag = "deliveries",
    params(ListDeliveries), security(("apiToken" = [])),
    responses((status = 200, description = "A page of deliveries.", body = DeliveryPage), ReadErrors)
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListDeliveries>,
) -> Result<Json<DeliveryPage>, ApiError> {
    page(&state, query).await.map(Json)
}

/// The page that is asked for.
pub(super) async fn page(
    state: &AppState,
    query: ListDeliveries,
) -> Result<DeliveryPage, ApiError> {
    let after = List::Deliveries.position("after", query.after.as_deref())?;
    let after = after.unwrap_or_default();
    let before = List::Deliveries.position("before", query.before.as_deref())?;
    if before.is_some_and(|before| before <= after) {
        let sentence = "`before` must be a later cursor than `after`.";
        return Err(ApiError::BadRequest(sentence.to_owned()));
    }
    let filter = DeliveryFilter {
        outcome: query.outcome,
    };
    let page = PageRequest {
        after,
        until: before.map_or(i64::MAX, |before| before - 1),
        limit: page_limit(query.limit)?,
        order: query.order,
    };
    let Scan {
        rows,
        cut,
        unreadable,
    } = state.store.deliveries(&filter, page).await?;
    let last = rows.last().map(|delivery| delivery.position);
    let reached = cut.or(last).or(before).unwrap_or(after);
    Ok(DeliveryPage {
        deliveries: rows.into_iter().map(DeliveryView::from).collect(),
        next_cursor: List::Deliveries.cursor(reached),
        caught_up: cut.is_none(),
        unreadable: (unreadable > 0).then_some(unreadable),
    })
}

/// One delivery
///
/// A delivery in the spool of this replica has the outcome `spooled`: its items are not known yet.
#[utoipa::path(
    get, path = "/instagram/deliveries/{id}", operation_id = "showDelivery", tag = "deliveries",
    params(("id" = Uuid, Path, description = "The id of a delivery.")), security(("apiToken" = [])),
    responses(
        (status = 200, description = "The delivery.", body = DetailView, example = json!({
            "id": "01a2040d-e01c-7054-9ed9-d06a90483f9d", "receivedAt": "2026-11-22T16:19:07.933Z", "method": "POST",
            "contentType": "application/json", "size": 55, "outcome": "stored", "shape": "flat", "reasons": [],
            "stored": 1, "duplicates": 0, "ignored": 0, "quarantined": 0, "erased": false,
            "headers": {"content-type": "application/json", "user-agent": "curl/7.88.1"},
            "items": [{
                "position": 0, "outcome": "stored", "code": null, "reason": null,
                "messageId": "01a2040d-e01d-75a0-af92-8e01cb497301"
            }],
            "body": "{\"contact_id\":\"12345\",\"full_name\":\"Ana\",\"text\":\"hello\"}"
        })),
        ReadErrors, NotFound,
    )
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<DetailView>, ApiError> {
    let DeliveryDetail {
        delivery,
        summary,
        items,
    } = find(&state, &id).await?;
    let Readable { headers, body } = readable(&state, &delivery);
    Ok(Json(DetailView {
        delivery: summary.into(),
        erased: delivery.is_erased(),
        body,
        headers,
        items: items.into_iter().map(ItemView::from).collect(),
    }))
}

/// A delivery as people may see it: as text, without credentials.
pub(super) struct Readable {
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

pub(super) fn readable(state: &AppState, delivery: &Delivery) -> Readable {
    let redact = |text: &str| state.redactor.redact(text);
    let headers = delivery.headers.iter();
    Readable {
        headers: headers
            .map(|(name, value)| (name.clone(), redact(value)))
            .collect(),
        body: redact(&normalize::readable_text(delivery)),
    }
}

/// The exact bytes of a delivery
///
/// As they arrived, with nothing redacted. They come from outside, so browsers must not show them as a page.
#[utoipa::path(
    get, path = "/instagram/deliveries/{id}/raw", operation_id = "rawDelivery", tag = "deliveries",
    params(("id" = Uuid, Path, description = "The id of a delivery.")), security(("apiToken" = []), ("session" = [])),
    responses(
        (status = 200, description = "The body, or the query of a delivery without a body.", content_type = "application/octet-stream",
            headers(("content-disposition" = String, description = "`attachment`, with the id as its name.")),
            example = json!("{\"contact_id\":\"12345\",\"full_name\":\"Ana\",\"text\":\"hello\"}")),
        ReadErrors, NotFound, Gone,
    )
)]
pub(super) async fn raw(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let detail = find(&state, &id).await?;
    if detail.delivery.is_erased() {
        return Err(ApiError::Gone(
            "The body was erased together with a person.".to_owned(),
        ));
    }
    let disposition = format!("attachment; filename=\"{}\"", detail.delivery.id);
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
    ];
    Ok((headers, detail.delivery.body).into_response())
}

/// A delivery from the database, or from the spool if it is not in the database or the database is away.
pub(super) async fn find(state: &AppState, id: &str) -> Result<DeliveryDetail, ApiError> {
    let id = id
        .parse()
        .map_err(|_| ApiError::BadRequest("The id of a delivery must be a UUID.".to_owned()))?;
    let stored = state.store.delivery(id).await;
    if let Ok(Some(detail)) = stored {
        return Ok(detail);
    }
    if let Some(fallback) = &state.fallback
        && let Some(delivery) = fallback.spool().find(id).await?
    {
        return Ok(DeliveryDetail::spooled(delivery));
    }
    stored?.ok_or_else(|| ApiError::NotFound("There is no delivery with this id.".to_owned()))
}
