//! What the statistics and the diagnosis look at.

use jiff::Timestamp;
use sqlx::Error;

use super::deliveries;
use super::dialect::{KEEPS_PLANS, Pool};
use super::rejections;
use crate::delivery::Outcome;
use crate::store::counts::{Counts, hour_of};
use crate::store::model::{RECENT, Recent, Snapshot};
use crate::store::rows::DeliveryRow;
use crate::store::values::Time;

/// Up to how many bytes a body is looked at. A template is far shorter.
const SHORT: i64 = 16 * 1024;

/// The totals, and the counts of the hours from `since`.
pub(in crate::store) async fn snapshot(pool: &Pool, since: Timestamp) -> Result<Snapshot, Error> {
    let hours: Vec<(i64, Counts)> =
        sqlx::query_as("SELECT hour, counts FROM hours WHERE hour >= $1")
            .bind(hour_of(since))
            .fetch_all(pool)
            .await?;
    let (total, contacts, last_message_at, last_delivery_at): (_, _, Option<Time>, Option<Time>) =
        sqlx::query_as(
            "SELECT head.counts, rollup.contacts, last_message_at, last_delivery_at FROM head, rollup",
        )
        .fetch_one(pool)
        .await?;
    Ok(Snapshot {
        total,
        hours: hours.into_iter().collect(),
        contacts,
        last_message: super::messages::newest(pool, 1).await?.pop(),
        last_delivery: deliveries::newest(pool, 1).await?.pop(),
        last_message_at: last_message_at.map(Into::into),
        last_delivery_at: last_delivery_at.map(Into::into),
    })
}

/// What the diagnosis looks at.
pub(in crate::store) async fn recent(pool: &Pool) -> Result<Recent, Error> {
    let deliveries = sqlx::query_as(
        "SELECT received_at, outcome, \
           (SELECT code FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS code, \
           (SELECT reason FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS reason \
         FROM deliveries ORDER BY position DESC LIMIT $1",
    )
    .persistent(KEEPS_PLANS)
    .bind(RECENT)
    .fetch_all(pool)
    .await?;
    let messages = sqlx::query_as(
        "SELECT received_at, sent_at, sent_at_source, direction, shape FROM messages ORDER BY position DESC LIMIT $1",
    )
    .persistent(KEEPS_PLANS)
    .bind(RECENT)
    .fetch_all(pool)
    .await?;
    let bodies: Vec<DeliveryRow> = sqlx::query_as(
        "SELECT id, received_at, method, content_type, headers, body, is_query FROM deliveries \
         WHERE position IN (SELECT position FROM deliveries ORDER BY position DESC LIMIT $1) \
           AND octet_length(body) BETWEEN 1 AND $2 ORDER BY position DESC",
    )
    .persistent(KEEPS_PLANS)
    .bind(RECENT)
    .bind(SHORT)
    .fetch_all(pool)
    .await?;
    let quarantine = sqlx::query_as(
        "SELECT id, received_at, (SELECT code FROM items \
           WHERE delivery_id = deliveries.id AND outcome = $1 ORDER BY item LIMIT 1) AS code, \
           (SELECT reason FROM items \
           WHERE delivery_id = deliveries.id AND outcome = $1 ORDER BY item LIMIT 1) AS reason \
         FROM deliveries WHERE quarantined > 0 ORDER BY position DESC LIMIT 1",
    )
    .persistent(KEEPS_PLANS)
    .bind(Outcome::Quarantined.as_str())
    .fetch_optional(pool)
    .await?;
    let oldest: Option<Time> =
        sqlx::query_scalar("SELECT received_at FROM deliveries ORDER BY position LIMIT 1")
            .persistent(KEEPS_PLANS)
            .fetch_optional(pool)
            .await?;
    Ok(Recent {
        deliveries,
        messages,
        bodies: bodies.into_iter().map(Into::into).collect(),
        quarantine,
        oldest_delivery_at: oldest.map(Into::into),
        rejected: rejections::all(pool).await?,
    })
}
