//! Near misses in SQLite, and what the diagnosis looks at.

use jiff::Timestamp;
use sqlx::{Error, SqliteConnection, SqlitePool};

use crate::rejection::{RejectedRequest, RejectionLog};
use crate::store::columns::{Columns as _, quarantine, recent_delivery, recent_message, sighting};
use crate::store::query::{RECENT, Recent};

/// Reads the few rows there are, adds to them as [`RejectionLog`] does, and writes those that changed. Runs within a
/// transaction of the caller's.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    seen: &[RejectedRequest],
) -> Result<(), Error> {
    let rows = sqlx::query("SELECT * FROM sightings")
        .fetch_all(&mut *connection)
        .await?;
    let before = tally(&rows)?;
    let mut after = before.clone();
    for sighting in seen {
        after.add(sighting.clone());
    }
    let (changed, gone) = after.changes(&before);
    for sighting in gone {
        sqlx::query("DELETE FROM sightings WHERE sight = ?1 AND path = ?2")
            .bind(sighting.reason.as_str())
            .bind(&sighting.path)
            .execute(&mut *connection)
            .await?;
    }
    for sighting in changed {
        sqlx::query(
            "INSERT INTO sightings (sight, path, count, first_at, last_at, sent_at, sample) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (sight, path) DO UPDATE SET count = EXCLUDED.count, first_at = EXCLUDED.first_at, \
               last_at = EXCLUDED.last_at, sent_at = EXCLUDED.sent_at, sample = EXCLUDED.sample",
        )
        .bind(sighting.reason.as_str())
        .bind(&sighting.path)
        .bind(sighting.count)
        .bind(sighting.first_at.as_millisecond())
        .bind(sighting.last_at.as_millisecond())
        .bind(sighting.sent_at.map(Timestamp::as_millisecond))
        .bind(sighting.sample.as_ref().map(|sample| serde_json::json!(sample).to_string()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn recent(pool: &SqlitePool) -> Result<Recent, Error> {
    let deliveries = sqlx::query(
        "SELECT received_at, outcome, \
           (SELECT code FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS code, \
           (SELECT reason FROM items WHERE delivery_id = deliveries.id ORDER BY item LIMIT 1) AS reason \
         FROM deliveries ORDER BY position DESC LIMIT ?1",
    )
    .bind(RECENT)
    .fetch_all(pool)
    .await?;
    let messages = sqlx::query(
        "SELECT received_at, sent_at, sent_at_source, direction, shape FROM messages ORDER BY position DESC LIMIT ?1",
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

fn tally(rows: &[sqlx::sqlite::SqliteRow]) -> Result<RejectionLog, Error> {
    rows.iter()
        .filter_map(|row| sighting(row).transpose())
        .collect()
}
