//! The rows of the spool.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow as _, Row as _, SqliteConnection};

use super::{SpoolDepth, Spooled};
use crate::delivery::Delivery;
use crate::store::headers_json;
use crate::store::rows::DeliveryRow;
use crate::store::values::Time;

/// Adds deliveries, and answers how many were not there, and the oldest.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    deliveries: &[&Delivery],
) -> Result<SpoolDepth, sqlx::Error> {
    let mut added = SpoolDepth::default();
    for delivery in deliveries {
        let done = sqlx::query(
            "INSERT INTO spool (id, received_at, method, content_type, headers, body, is_query) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )
        .bind(delivery.id)
        .bind(Time(delivery.received_at))
        .bind(delivery.method.as_str())
        .bind(delivery.content_type.as_deref())
        .bind(headers_json(delivery))
        .bind(delivery.body.as_ref())
        .bind(delivery.is_query)
        .execute(&mut *connection)
        .await?;
        added.deliveries += done.rows_affected();
        added.oldest = earlier(added.oldest, Some(delivery.received_at));
    }
    Ok(added)
}

/// Removes deliveries, and answers how many were there, and when the first of the others arrived. (Counting them all
/// each time would make draining many of them quadratic.)
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    positions: &[i64],
) -> Result<(u64, Option<Timestamp>), sqlx::Error> {
    // One statement for all: what a statement costs by itself is mostly the way to SQLite's thread and back.
    let removed =
        sqlx::query("DELETE FROM spool WHERE position IN (SELECT value FROM json_each(?1))")
            .bind(serde_json::json!(positions).to_string())
            .execute(&mut *connection)
            .await?
            .rows_affected();
    let oldest: Option<Time> =
        sqlx::query_scalar("SELECT received_at FROM spool ORDER BY position LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok((removed, oldest.map(Into::into)))
}

pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

pub(super) async fn read_depth(
    connection: &mut SqliteConnection,
) -> Result<SpoolDepth, sqlx::Error> {
    let (count, oldest): (i64, Option<Time>) =
        sqlx::query_as("SELECT count(*), min(received_at) FROM spool")
            .fetch_one(connection)
            .await?;
    Ok(SpoolDepth {
        deliveries: u64::try_from(count).unwrap_or_default(),
        oldest: oldest.map(Into::into),
    })
}

/// A delivery, if the row can be read as one.
pub(super) fn readable(row: &SqliteRow) -> Option<Spooled> {
    spooled(row)
        .inspect_err(|error| {
            let position: i64 = row.try_get("position").unwrap_or_default();
            tracing::error!(%error, position, "a row of the spool cannot be read; it is left where it is");
        })
        .ok()
}

pub(super) fn spooled(row: &SqliteRow) -> Result<Spooled, sqlx::Error> {
    Ok(Spooled {
        position: row.try_get("position")?,
        delivery: DeliveryRow::from_row(row)?.into(),
    })
}
