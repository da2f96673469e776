//! Near misses in Postgres, and what the diagnosis looks at.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{Connection as _, Error, PgPool};

use crate::rejection::{RejectedRequest, RejectionLog};
use crate::store::columns::{Columns as _, quarantine, recent_delivery, recent_message, sighting};
use crate::store::query::{RECENT, Recent};

/// The lock lets replicas add one after the other, and readers go on. It is local to the transaction, as are the limits.
const BEGIN: &str = "BEGIN; \
     SET LOCAL statement_timeout = '3s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '3s'; \
     LOCK TABLE sightings IN SHARE ROW EXCLUSIVE MODE";

/// Reads the few rows there are, adds to them as [`RejectionLog`] does, and writes those that changed.
pub(super) async fn remember(pool: &PgPool, seen: &[RejectedRequest]) -> Result<(), Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin_with(BEGIN).await?;
    let rows = sqlx::query("SELECT * FROM sightings")
        .fetch_all(&mut *transaction)
        .await?;
    let before = tally(&rows)?;
    let mut after = before.clone();
    for sighting in seen {
        after.add(sighting.clone());
    }
    let (changed, gone) = after.changes(&before);
    for sighting in gone {
        sqlx::query("DELETE FROM sightings WHERE sight = $1 AND path = $2")
            .bind(sighting.reason.as_str())
            .bind(&sighting.path)
            .execute(&mut *transaction)
            .await?;
    }
    for sighting in changed {
        sqlx::query(
            "INSERT INTO sightings (sight, path, count, first_at, last_at, sent_at, sample) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (sight, path) DO UPDATE SET count = EXCLUDED.count, first_at = EXCLUDED.first_at, \
               last_at = EXCLUDED.last_at, sent_at = EXCLUDED.sent_at, sample = EXCLUDED.sample",
        )
        .bind(sighting.reason.as_str())
        .bind(&sighting.path)
        .bind(sighting.count)
        .bind(sighting.first_at.to_sqlx())
        .bind(sighting.last_at.to_sqlx())
        .bind(sighting.sent_at.map(Timestamp::to_sqlx))
        .bind(sighting.sample.as_ref().map(|sample| serde_json::json!(sample).to_string()))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

pub(super) async fn recent(pool: &PgPool) -> Result<Recent, Error> {
    let deliveries = sqlx::query(
        "SELECT received_at, outcome, \
           (SELECT code FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS code, \
           (SELECT reason FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS reason \
         FROM deliveries ORDER BY position DESC LIMIT $1",
    )
    .bind(RECENT)
    .fetch_all(pool)
    .await?;
    let messages = sqlx::query(
        "SELECT received_at, sent_at, sent_at_source, direction, shape FROM messages ORDER BY position DESC LIMIT $1",
    )
    .bind(RECENT)
    .fetch_all(pool)
    .await?;
    let in_quarantine = sqlx::query(
        "SELECT id, received_at, (SELECT reason FROM items WHERE delivery_id = deliveries.id AND outcome = 'quarantined' \
           ORDER BY item LIMIT 1) AS reason \
         FROM deliveries WHERE quarantined > 0 ORDER BY position DESC LIMIT 1",
    )
    .fetch_optional(pool)
    .await?;
    let oldest = sqlx::query("SELECT received_at FROM deliveries ORDER BY position LIMIT 1")
        .fetch_optional(pool)
        .await?;
    let sightings = sqlx::query("SELECT * FROM sightings")
        .fetch_all(pool)
        .await?;
    Ok(Recent {
        deliveries: deliveries
            .iter()
            .map(recent_delivery)
            .collect::<Result<_, _>>()?,
        messages: messages
            .iter()
            .map(recent_message)
            .collect::<Result<_, _>>()?,
        quarantine: in_quarantine.as_ref().map(quarantine).transpose()?,
        oldest_delivery_at: oldest.map(|row| row.time("received_at")).transpose()?,
        sightings: tally(&sightings)?.into_iter().collect(),
    })
}

fn tally(rows: &[sqlx::postgres::PgRow]) -> Result<RejectionLog, Error> {
    rows.iter()
        .filter_map(|row| sighting(row).transpose())
        .collect()
}
