//! Reprocesses deliveries, in one transaction for several. Everything here writes in the transaction that is open and
//! has rolled up to the head.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::commit::{look_up, write_items, write_messages};
use super::dialect::{Connection, KEEPS_PLANS, ids, is_in};
use super::{counts, erase};
use crate::delivery::{Outcome, Record};
use crate::store::maintenance::ReprocessedDelivery;
use crate::store::plan::HourRanges;
use crate::store::reprocess::{Changes, CurrentOutcomes, open_items};
use crate::store::values::{Name, Time};
use crate::store::{Attempt, StoreError};

pub(in crate::store) async fn reprocess(
    connection: &mut Connection,
    records: &[Record],
    window: Duration,
) -> Result<Vec<ReprocessedDelivery>, StoreError> {
    let current = current_outcomes(connection, records).await?;
    let mut existing = look_up(connection, records, Attempt::Spooled, window).await?;
    existing.receipts.clear();
    let screened = existing.suppression.screen(records, window);
    let open = open_items(&screened, &current);
    let changes = Changes::new(&open, &current, &existing, window);
    let before = position(connection).await?;
    let mut ranges = HourRanges::default();
    for (position, message) in (before + 1..).zip(&changes.messages) {
        ranges.add(message.delivery.received_at, position);
    }
    write_messages(connection, before, &changes.messages).await?;
    let new = changes.messages.len() + changes.items.len();
    sqlx::query(
        "UPDATE head SET position = position + $1, \
           last_message_at = CASE WHEN $2 > last_message_at OR last_message_at IS NULL \
             THEN $2 ELSE last_message_at END",
    )
    .bind(i64::try_from(new).unwrap_or(i64::MAX))
    .bind(
        changes
            .messages
            .iter()
            .map(|message| message.delivery.received_at)
            .max()
            .map(Time),
    )
    .execute(&mut *connection)
    .await?;
    // Whatever was in quarantine is read anew, as a message or as an item.
    let reprocessed = changes.deliveries.iter();
    let reprocessed: Vec<_> = reprocessed
        .map(|(receipt, _)| receipt.delivery_id)
        .collect();
    sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM items WHERE delivery_id {} AND outcome = 'quarantined'",
        is_in(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(&reprocessed))
    .execute(&mut *connection)
    .await?;
    let behind = before + i64::try_from(changes.messages.len()).unwrap_or(i64::MAX);
    write_items(connection, behind, &changes.items).await?;
    for (receipt, shape) in &changes.deliveries {
        let count = |items: u32| i32::try_from(items).unwrap_or(i32::MAX);
        sqlx::query(
            "UPDATE deliveries SET shape = $2, outcome = $3, stored = $4, duplicates = $5, ignored = $6, \
               quarantined = $7 WHERE id = $1",
        )
        .persistent(KEEPS_PLANS)
        .bind(receipt.delivery_id)
        .bind(shape.as_str())
        .bind(receipt.outcome.as_str())
        .bind(count(receipt.stored))
        .bind(count(receipt.duplicates))
        .bind(count(receipt.ignored))
        .bind(count(receipt.quarantined))
        .execute(&mut *connection)
        .await?;
    }
    counts::add_with_ranges(connection, &changes.counts, &ranges).await?;
    let erased = open.iter().filter(|record| record.delivery.is_erased());
    let erased: Vec<_> = erased.map(|record| record.delivery.id).collect();
    erase::redact(connection, &erased).await?;
    Ok(changes.reprocessed)
}

async fn position(connection: &mut Connection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT position FROM head")
        .fetch_one(connection)
        .await
}

/// What became of the items of those deliveries that have something in quarantine.
async fn current_outcomes(
    connection: &mut Connection,
    records: &[Record],
) -> Result<CurrentOutcomes, StoreError> {
    let deliveries: Vec<_> = records.iter().map(|record| record.delivery.id).collect();
    let rows: Vec<(Uuid, i32, Name<Outcome>)> = sqlx::query_as(AssertSqlSafe(format!(
        "WITH open AS (SELECT id FROM deliveries WHERE id {} AND quarantined > 0) \
         SELECT delivery_id, item, outcome FROM items WHERE delivery_id IN (SELECT id FROM open) \
         UNION ALL \
         SELECT delivery_id, item, 'stored' FROM messages WHERE delivery_id IN (SELECT id FROM open)",
        is_in(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(&deliveries))
    .fetch_all(connection)
    .await?;
    let mut current = CurrentOutcomes::new();
    for (delivery, item, outcome) in rows {
        current
            .entry(delivery)
            .or_default()
            .insert(item, outcome.into());
    }
    Ok(current)
}
