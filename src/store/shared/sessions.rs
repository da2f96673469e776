//! Sessions of the page that were logged out.

use jiff::Timestamp;
use sqlx::Error;
use uuid::Uuid;

use super::dialect::{Connection, Pool};
use crate::store::values::Time;

pub(in crate::store) async fn is_ended(pool: &Pool, id: Uuid) -> Result<bool, Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE id = $1)")
        .bind(id)
        .fetch_one(pool)
        .await
}

/// In the transaction that is open. Those that are over by themselves are no longer needed.
pub(in crate::store) async fn end(
    connection: &mut Connection,
    id: Uuid,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    sqlx::query("DELETE FROM ended_sessions WHERE expires_at < $1")
        .bind(Time(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO ended_sessions (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(Time(until))
    .execute(connection)
    .await
    .map(drop)
}
