//! Deleting what is old, a few hundred rows in a transaction, by one replica at a time.

use jiff_sqlx::ToSqlx as _;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::commit::BEGIN;
use super::writing::add_counters;
use crate::store::StoreError;
use crate::store::columns::Columns as _;
use crate::store::guard::tombstone_expiry;
use crate::store::query::hour_of;
use crate::store::retain::{PAGE, SWEPT, Walk};
use crate::store::upkeep::Expired;

pub(super) async fn step(
    connection: &mut PgConnection,
    until: jiff::Timestamp,
    now: jiff::Timestamp,
    after: i64,
) -> Result<Expired, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;
    // The first step of a run needs that no other replica is at it; each step says again that this one is.
    let claimed = sqlx::query(
        "UPDATE head SET retained_at = $1 WHERE $2 > 0 OR retained_at IS NULL \
           OR retained_at NOT BETWEEN $1 - interval '5 minutes' AND $1 + interval '5 minutes'",
    )
    .bind(now.to_sqlx())
    .bind(after)
    .execute(&mut *connection)
    .await?;
    if claimed.rows_affected() == 0 {
        transaction.rollback().await?;
        return Ok(Expired {
            busy: true,
            ..Expired::default()
        });
    }
    let rows = sqlx::query(
        "SELECT id, position, received_at, stored + duplicates + ignored + quarantined AS items, quarantined, \
           (SELECT max(last) FROM hours WHERE hour <= $2) AS last FROM deliveries \
         WHERE position > $1 ORDER BY position LIMIT $3",
    )
    .bind(after)
    .bind(hour_of(until))
    .bind(PAGE)
    .fetch_all(&mut *connection)
    .await?;
    let walk = Walk::over(&rows, until, after)?;
    if walk.doomed.is_empty() {
        transaction.rollback().await?;
        return Ok(walk.nothing());
    }
    let people = delete(connection, &walk.doomed, now).await?;
    let contacts = delete_contacts(connection, &people.contacts, until).await?;
    add_counters(connection, &walk.counters).await?;
    let guarded =
        "UPDATE head SET generation = generation + $1, guarded_until = GREATEST(guarded_until, $2)";
    sqlx::query(guarded)
        .bind(i64::from(contacts > 0))
        .bind(tombstone_expiry(now).to_sqlx())
        .execute(connection)
        .await?;
    transaction.commit().await?;
    Ok(Expired {
        deliveries: walk.doomed.len() as u64,
        messages: people.messages,
        contacts,
        ..walk.nothing()
    })
}

/// The people of what was deleted.
struct People {
    messages: u64,
    contacts: (Vec<String>, Vec<String>),
}

/// Deletes deliveries with their items and messages.
async fn delete(
    connection: &mut PgConnection,
    deliveries: &[Uuid],
    now: jiff::Timestamp,
) -> Result<People, StoreError> {
    let rows = sqlx::query(
        "WITH gone AS ( \
           DELETE FROM messages WHERE delivery_id = ANY($1) \
           RETURNING dedupe_key, window_key, received_at, channel, contact_id \
         ), buried AS ( \
           INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
           SELECT dedupe_key, window_key, received_at, false, $2 FROM gone ON CONFLICT DO NOTHING \
         ), gone_items AS ( \
           DELETE FROM items WHERE delivery_id = ANY($1) RETURNING channel, contact_id \
         ), gone_deliveries AS ( \
           DELETE FROM deliveries WHERE id = ANY($1) \
         ) \
         SELECT channel, contact_id, true AS is_message FROM gone \
         UNION ALL \
         SELECT channel, contact_id, false FROM gone_items WHERE contact_id IS NOT NULL",
    )
    .persistent(false)
    .bind(deliveries)
    .bind(tombstone_expiry(now).to_sqlx())
    .fetch_all(connection)
    .await?;
    let mut people = People {
        messages: 0,
        contacts: (Vec::new(), Vec::new()),
    };
    for row in &rows {
        people.messages += u64::from(row.flag("is_message")?);
        people.contacts.0.push(row.text("channel")?);
        people.contacts.1.push(row.text("contact_id")?);
    }
    Ok(people)
}

/// Deletes those of the contacts of whom nothing is left.
async fn delete_contacts(
    connection: &mut PgConnection,
    (channels, ids): &(Vec<String>, Vec<String>),
    until: jiff::Timestamp,
) -> Result<u64, StoreError> {
    let deleted = sqlx::query(
        "WITH gone AS ( \
           DELETE FROM contacts WHERE (channel, id) IN (SELECT * FROM UNNEST($1::text[], $2::text[])) \
             AND first_seen < $3 \
             AND NOT EXISTS (SELECT FROM messages WHERE contact_id = contacts.id AND channel = contacts.channel) \
             AND NOT EXISTS (SELECT FROM items WHERE contact_id = contacts.id AND channel = contacts.channel) \
           RETURNING channel, id \
         ), gone_aliases AS ( \
           DELETE FROM contact_aliases WHERE (channel, contact_id) IN (SELECT channel, id FROM gone) \
         ) \
         SELECT FROM gone",
    )
    .persistent(false)
    .bind(channels)
    .bind(ids)
    .bind(until.to_sqlx())
    .fetch_all(connection)
    .await?;
    Ok(deleted.len() as u64)
}

/// Deletes what keeps deleted things away and is no longer needed, and the hours of which nothing is left.
pub(super) async fn sweep(
    connection: &mut PgConnection,
    until: Option<jiff::Timestamp>,
    now: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;
    let swept = sqlx::query(
        "DELETE FROM tombstones WHERE dedupe_key IN \
           (SELECT dedupe_key FROM tombstones WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    )
    .bind(now.to_sqlx())
    .bind(SWEPT)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM erasures WHERE expires_at < $1")
        .bind(now.to_sqlx())
        .execute(&mut *connection)
        .await?;
    // The newest hour stays: it says when the newest message arrived, even if that is deleted.
    sqlx::query("DELETE FROM hours WHERE hour < $1 AND hour < (SELECT max(hour) FROM hours)")
        .bind(until.map(hour_of))
        .execute(connection)
        .await?;
    transaction.commit().await?;
    Ok(swept.rows_affected() < SWEPT.unsigned_abs())
}
