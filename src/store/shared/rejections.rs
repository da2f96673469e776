//! Rejected requests: the few rows there are.

use sqlx::Error;

use super::dialect::{Connection, Pool};
use crate::rejection::{RejectedRequest, RejectionLog};
use crate::store::rows::RejectedRow;
use crate::store::values::Time;

pub(in crate::store) async fn all(pool: &Pool) -> Result<Vec<RejectedRequest>, Error> {
    let rows: Vec<RejectedRow> = sqlx::query_as("SELECT * FROM rejected_requests")
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().filter_map(RejectedRow::known).collect())
}

/// Adds to the rows as [`RejectionLog`] does, in the transaction that is open, and writes those that changed.
pub(in crate::store) async fn add(
    connection: &mut Connection,
    seen: &[RejectedRequest],
) -> Result<(), Error> {
    let rows: Vec<RejectedRow> = sqlx::query_as("SELECT * FROM rejected_requests")
        .fetch_all(&mut *connection)
        .await?;
    let before: RejectionLog = rows.into_iter().filter_map(RejectedRow::known).collect();
    let mut after = before.clone();
    for rejected in seen {
        after.add(rejected.clone());
    }
    let (changed, gone) = after.changes(&before);
    for rejected in gone {
        sqlx::query("DELETE FROM rejected_requests WHERE reason = $1 AND path = $2")
            .bind(rejected.reason.as_str())
            .bind(&rejected.path)
            .execute(&mut *connection)
            .await?;
    }
    for rejected in changed {
        sqlx::query(
            "INSERT INTO rejected_requests (reason, path, count, first_at, last_at, sent_at, sample) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (reason, path) DO UPDATE SET count = excluded.count, first_at = excluded.first_at, \
               last_at = excluded.last_at, sent_at = excluded.sent_at, sample = excluded.sample",
        )
        .bind(rejected.reason.as_str())
        .bind(&rejected.path)
        .bind(rejected.count)
        .bind(Time(rejected.first_at))
        .bind(Time(rejected.last_at))
        .bind(rejected.sent_at.map(Time))
        .bind(rejected.sample.as_ref().map(|sample| serde_json::json!(sample).to_string()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
