//! Rejected requests: the few rows there are.

use sqlx::Error;

use super::dialect::{Connection, Pool};
use crate::sighting::{Sighting, Tally};
use crate::store::rows::RejectedRow;
use crate::store::values::Time;

pub(in crate::store) async fn all(pool: &Pool) -> Result<Vec<Sighting>, Error> {
    let rows: Vec<RejectedRow> = sqlx::query_as("SELECT * FROM rejected_requests")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().filter_map(RejectedRow::known).collect())
}

/// Adds to the rows as [`Tally`] does, in the transaction that is open, and writes those that changed.
pub(in crate::store) async fn add(
    connection: &mut Connection,
    seen: &[Sighting],
) -> Result<(), Error> {
    let rows: Vec<RejectedRow> = sqlx::query_as("SELECT * FROM rejected_requests")
        .fetch_all(&mut *connection)
        .await?;
    let before: Tally = rows.into_iter().filter_map(RejectedRow::known).collect();
    let mut after = before.clone();
    for sighting in seen {
        after.add(sighting.clone());
    }
    let (changed, gone) = after.changes(&before);
    for sighting in gone {
        sqlx::query("DELETE FROM rejected_requests WHERE reason = $1 AND path = $2")
            .bind(sighting.sight.as_str())
            .bind(&sighting.path)
            .execute(&mut *connection)
            .await?;
    }
    for sighting in changed {
        sqlx::query(
            "INSERT INTO rejected_requests (reason, path, count, first_at, last_at, sent_at, sample) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (reason, path) DO UPDATE SET count = excluded.count, first_at = excluded.first_at, \
               last_at = excluded.last_at, sent_at = excluded.sent_at, sample = excluded.sample",
        )
        .bind(sighting.sight.as_str())
        .bind(&sighting.path)
        .bind(sighting.count)
        .bind(Time(sighting.first_at))
        .bind(Time(sighting.last_at))
        .bind(sighting.sent_at.map(Time))
        .bind(sighting.sample.as_ref().map(|sample| serde_json::json!(sample).to_string()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
