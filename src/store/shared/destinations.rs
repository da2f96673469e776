//! Destinations, their leases and cursors. None of this is a part of the ledger, so it is written beside it: not behind
//! the lock of `head`.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Error};
use uuid::Uuid;

use super::dialect::{Connection, Database, IS_SHARED, KEEPS_PLANS, NOW, in_millis};
use crate::store::forward::{
    AttemptFailure, DestinationRow, DestinationState, ForwardProgress, ForwardedContent,
};
use crate::store::rows::all;
use crate::store::values::Time;

/// Adds a destination that is seen for the first time, and notes what it gets.
pub(in crate::store) async fn declare(
    connection: &mut Connection,
    name: &str,
    content: &ForwardedContent,
    cursor: i64,
) -> Result<(), Error> {
    let (content, filter) = content.columns();
    let free = if IS_SHARED {
        ""
    } else {
        // A lease is that of a process that is no more.
        ", lease = NULL, leased_until = NULL"
    };
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO destinations (name, content, filter, cursor) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET content = excluded.content, filter = excluded.filter{free}"
    )))
    .bind(name)
    .bind(content)
    .bind(filter)
    .bind(cursor)
    .execute(connection)
    .await
    .map(drop)
}

/// Every destination, by name.
pub(in crate::store) async fn every(
    executor: impl sqlx::Executor<'_, Database = Database>,
) -> Result<Vec<DestinationState>, Error> {
    let rows: Vec<DestinationRow> = sqlx::query_as("SELECT * FROM destinations ORDER BY name")
        .fetch_all(executor)
        .await?;
    Ok(all(rows))
}

/// Counts what was deleted before a destination got it.
pub(in crate::store) async fn add_expired(
    connection: &mut Connection,
    name: &str,
    expired: i64,
) -> Result<(), Error> {
    if expired > 0 {
        sqlx::query("UPDATE destinations SET expired = expired + $2 WHERE name = $1")
            .bind(name)
            .bind(expired)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Takes the lease, if nobody else has it.
pub(in crate::store) async fn take_lease(
    connection: &mut Connection,
    name: &str,
    lease: Uuid,
    length: i64,
) -> Result<Option<DestinationState>, Error> {
    let until = in_millis(3);
    let row: Option<DestinationRow> = sqlx::query_as(AssertSqlSafe(format!(
        "UPDATE destinations SET lease = $2, leased_until = {until} \
         WHERE name = $1 AND (leased_until IS NULL OR leased_until < {NOW} OR lease = $2) RETURNING *"
    )))
    .persistent(KEEPS_PLANS)
    .bind(name)
    .bind(lease)
    .bind(length)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Into::into))
}

/// Renews the lease and saves the progress. `None`: another process has the lease. Else whether it is paused.
pub(in crate::store) async fn save_progress(
    connection: &mut Connection,
    name: &str,
    lease: Uuid,
    length: i64,
    progress: &ForwardProgress,
) -> Result<Option<bool>, Error> {
    let until = in_millis(3);
    sqlx::query_scalar(AssertSqlSafe(format!(
        "UPDATE destinations SET leased_until = {until}, cursor = $4, forwarded = $5, \
           failing_since = $6, failure = $7, last_success_at = $8 \
         WHERE name = $1 AND lease = $2 RETURNING paused_at IS NOT NULL"
    )))
    .persistent(KEEPS_PLANS)
    .bind(name)
    .bind(lease)
    .bind(length)
    .bind(progress.cursor)
    .bind(progress.forwarded)
    .bind(progress.failing_since.map(Time))
    .bind(progress.failure.as_ref().map(AttemptFailure::to_json))
    .bind(progress.last_success_at.map(Time))
    .fetch_optional(connection)
    .await
}

pub(in crate::store) async fn release_lease(
    connection: &mut Connection,
    name: &str,
    lease: Uuid,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE destinations SET lease = NULL, leased_until = NULL WHERE name = $1 AND lease = $2",
    )
    .bind(name)
    .bind(lease)
    .execute(connection)
    .await
    .map(drop)
}

/// Pauses a destination for a reason, or resumes it. `false`: there is none with this name.
pub(in crate::store) async fn pause(
    connection: &mut Connection,
    name: &str,
    pause: Option<(&str, Timestamp)>,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "UPDATE destinations SET paused_at = CASE WHEN $2 IS NULL THEN NULL ELSE coalesce(paused_at, $2) END, \
           pause_reason = $3 WHERE name = $1",
    )
    .bind(name)
    .bind(pause.map(|(_, at)| Time(at)))
    .bind(pause.map(|(reason, _)| reason))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets a destination and everything that it has not got.
pub(in crate::store) async fn forget(
    connection: &mut Connection,
    name: &str,
) -> Result<bool, Error> {
    for statement in [
        "DELETE FROM forward_retries WHERE destination = $1",
        "DELETE FROM forward_replays WHERE destination = $1",
    ] {
        sqlx::query(statement)
            .bind(name)
            .execute(&mut *connection)
            .await?;
    }
    let done = sqlx::query("DELETE FROM destinations WHERE name = $1")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
