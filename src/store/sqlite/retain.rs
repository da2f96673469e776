//! Deleting what is old, a few hundred rows in a transaction. Everything here writes in the transaction that is open.

use std::collections::BTreeSet;

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::commit::add_counters;
use crate::store::StoreError;
use crate::store::guard::tombstone_expiry;
use crate::store::query::hour_of;
use crate::store::retain::{PAGE, SWEPT, Walk};
use crate::store::upkeep::Expired;

pub(super) async fn step(
    connection: &mut SqliteConnection,
    until: jiff::Timestamp,
    now: jiff::Timestamp,
    after: i64,
) -> Result<Expired, StoreError> {
    // Messages have positions of their own here, so `hours` says nothing; but nothing comes late from a spool either.
    let rows = sqlx::query(
        "SELECT id, position, received_at, stored + duplicates + ignored + quarantined AS items, quarantined, \
           NULL AS last FROM deliveries WHERE position > ?1 ORDER BY position LIMIT ?2",
    )
    .bind(after)
    .bind(PAGE)
    .fetch_all(&mut *connection)
    .await?;
    let walk = Walk::over(&rows, until, after)?;
    let mut expired = walk.nothing();
    let mut people = BTreeSet::new();
    for delivery in &walk.doomed {
        let messages = delete(connection, *delivery, now, &mut people).await?;
        expired.messages += messages;
        expired.deliveries += 1;
    }
    for (channel, id) in people {
        expired.contacts += delete_contact(connection, &channel, &id, until).await?;
    }
    add_counters(connection, &walk.counters).await?;
    Ok(expired)
}

/// Deletes a delivery with its items and messages, and answers how many messages.
async fn delete(
    connection: &mut SqliteConnection,
    delivery: Uuid,
    now: jiff::Timestamp,
    people: &mut BTreeSet<(String, String)>,
) -> Result<u64, StoreError> {
    sqlx::query(
        "INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
         SELECT dedupe_key, window_key, received_at, 0, ?2 FROM messages WHERE delivery_id = ?1 \
         ON CONFLICT DO NOTHING",
    )
    .bind(delivery)
    .bind(tombstone_expiry(now).as_millisecond())
    .execute(&mut *connection)
    .await?;
    let messages: Vec<(String, String)> =
        sqlx::query_as("DELETE FROM messages WHERE delivery_id = ?1 RETURNING channel, contact_id")
            .bind(delivery)
            .fetch_all(&mut *connection)
            .await?;
    let count = messages.len() as u64;
    people.extend(messages);
    let items: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as("DELETE FROM items WHERE delivery_id = ?1 RETURNING channel, contact_id")
            .bind(delivery)
            .fetch_all(&mut *connection)
            .await?;
    people.extend(
        items
            .into_iter()
            .filter_map(|(channel, id)| channel.zip(id)),
    );
    sqlx::query("DELETE FROM deliveries WHERE id = ?1")
        .bind(delivery)
        .execute(&mut *connection)
        .await?;
    Ok(count)
}

/// Deletes a contact of whom nothing is left.
async fn delete_contact(
    connection: &mut SqliteConnection,
    channel: &str,
    id: &str,
    until: jiff::Timestamp,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "DELETE FROM contacts WHERE channel = ?1 AND id = ?2 AND first_seen < ?3 \
           AND NOT EXISTS (SELECT 1 FROM messages WHERE contact_id = ?2 AND channel = ?1) \
           AND NOT EXISTS (SELECT 1 FROM items WHERE contact_id = ?2 AND channel = ?1)",
    )
    .bind(channel)
    .bind(id)
    .bind(until.as_millisecond())
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if deleted > 0 {
        sqlx::query("DELETE FROM contact_aliases WHERE channel = ?1 AND contact_id = ?2")
            .bind(channel)
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(deleted)
}

/// Deletes what keeps deleted things away and is no longer needed, and the hours of which nothing is left.
pub(super) async fn sweep(
    connection: &mut SqliteConnection,
    until: Option<jiff::Timestamp>,
    now: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let swept = sqlx::query(
        "DELETE FROM tombstones WHERE dedupe_key IN \
           (SELECT dedupe_key FROM tombstones WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
    )
    .bind(now.as_millisecond())
    .bind(SWEPT)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM erasures WHERE expires_at < ?1")
        .bind(now.as_millisecond())
        .execute(&mut *connection)
        .await?;
    // The newest hour stays: it says when the newest message arrived, even if that is deleted.
    sqlx::query("DELETE FROM hours WHERE hour < ?1 AND hour < (SELECT max(hour) FROM hours)")
        .bind(until.map(hour_of))
        .execute(connection)
        .await?;
    Ok(swept.rows_affected() < SWEPT.unsigned_abs())
}
