//! What destinations refused while they accepted others.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Error};

use super::dialect::{Connection, KEEPS_PLANS, Pool, is_in_numbers, numbers};
use crate::store::forward::{ForwardRetry, RetryCounts, RetryRow};
use crate::store::rows::all;
use crate::store::values::Time;

/// Keeps what was refused, and counts it the first time.
pub(in crate::store) async fn save_retry(
    connection: &mut Connection,
    name: &str,
    retry: &ForwardRetry,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO forward_retries (position, destination, id, attempts, first_at, next_at, failure) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (position, destination) DO UPDATE SET \
           attempts = excluded.attempts, next_at = excluded.next_at, failure = excluded.failure",
    )
    .bind(retry.position)
    .bind(name)
    .bind(retry.id)
    .bind(retry.attempts)
    .bind(Time(retry.first_at))
    .bind(retry.next_at.map(Time))
    .bind(retry.failure.to_json())
    .execute(&mut *connection)
    .await?;
    if retry.attempts == 1 {
        sqlx::query("UPDATE destinations SET refused = refused + 1 WHERE name = $1")
            .bind(name)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Forgets what was refused: it is accepted, or gone.
pub(in crate::store) async fn end_retry(
    connection: &mut Connection,
    name: &str,
    position: i64,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM forward_retries WHERE position = $1 AND destination = $2")
        .bind(position)
        .bind(name)
        .execute(connection)
        .await
        .map(drop)
}

/// Forgets those at some positions, and answers how many there were.
pub(in crate::store) async fn delete_at(
    connection: &mut Connection,
    name: &str,
    positions: &[i64],
) -> Result<i64, Error> {
    let these = is_in_numbers(1);
    let done = sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM forward_retries WHERE position {these} AND destination = $2"
    )))
    .persistent(KEEPS_PLANS)
    .bind(numbers(positions))
    .bind(name)
    .execute(connection)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Those whose time has come, oldest first.
pub(in crate::store) async fn due_retries(
    pool: &Pool,
    name: &str,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<ForwardRetry>, Error> {
    let rows: Vec<RetryRow> = sqlx::query_as(
        "SELECT * FROM forward_retries WHERE destination = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3",
    )
    .persistent(KEEPS_PLANS)
    .bind(name)
    .bind(Time(now))
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    Ok(all(rows))
}

/// Dead letters behind a position, in order.
pub(in crate::store) async fn dead_letters(
    pool: &Pool,
    name: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<ForwardRetry>, Error> {
    let rows: Vec<RetryRow> = sqlx::query_as(
        "SELECT * FROM forward_retries WHERE destination = $1 AND next_at IS NULL AND position > $2 \
         ORDER BY position LIMIT $3",
    )
    .persistent(KEEPS_PLANS)
    .bind(name)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    Ok(all(rows))
}

/// Lets dead letters be tried again from the beginning of the schedule, as many as there may be rows.
pub(in crate::store) async fn revive(
    connection: &mut Connection,
    name: &str,
    now: Timestamp,
    limit: i64,
) -> Result<u64, Error> {
    let done = sqlx::query(
        "UPDATE forward_retries SET next_at = $2, attempts = 1 WHERE destination = $1 AND position IN ( \
           SELECT position FROM forward_retries WHERE destination = $1 AND next_at IS NULL ORDER BY position LIMIT $3)",
    )
    .persistent(KEEPS_PLANS)
    .bind(name)
    .bind(Time(now))
    .bind(limit)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

pub(in crate::store) async fn retry_counts(pool: &Pool, name: &str) -> Result<RetryCounts, Error> {
    let (waiting, dead, next_at): (i64, i64, Option<Time>) = sqlx::query_as(
        "SELECT count(next_at), count(*) - count(next_at), min(next_at) FROM forward_retries WHERE destination = $1",
    )
    .persistent(KEEPS_PLANS)
    .bind(name)
    .fetch_one(pool)
    .await?;
    Ok(RetryCounts {
        waiting,
        dead,
        next_at: next_at.map(Into::into),
    })
}
