//! Silence and its alerts in SQLite.

use jiff::Timestamp;
use sqlx::{Error, SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::store::columns::{self, Columns as _};
use crate::store::query::hour_of;
use crate::store::{Alert, Silence};

/// The newest arrival that `hours` knows. What the version before stored it does not know to the second: therefore the
/// beginning of the hour counts, and the message in the last position. (That version also left no hour behind when it
/// deleted all, but counters.)
pub(super) async fn last_message_at(pool: &SqlitePool) -> Result<Option<Timestamp>, Error> {
    sqlx::query(
        "SELECT max(at) AS at FROM ( \
           SELECT * FROM (SELECT coalesce(newest, hour * 3600000) AS at FROM hours ORDER BY hour DESC LIMIT 1) \
           UNION ALL \
           SELECT * FROM (SELECT received_at FROM messages ORDER BY position DESC LIMIT 1) \
           UNION ALL \
           SELECT max(hour) * 3600000 FROM counters \
             WHERE name = 'direction' AND hour > 0 AND NOT EXISTS (SELECT 1 FROM hours))",
    )
    .fetch_one(pool)
    .await?
    .optional_time("at")
}

/// When the newest delivery arrived: the beginning of its hour, and to the second only if it stands in the last position.
pub(super) async fn last_delivery_at(pool: &SqlitePool) -> Result<Option<Timestamp>, Error> {
    sqlx::query(
        "SELECT max(at) AS at FROM ( \
           SELECT * FROM (SELECT received_at AS at FROM deliveries ORDER BY position DESC LIMIT 1) \
           UNION ALL \
           SELECT max(hour) * 3600000 FROM counters WHERE name = 'delivery' AND hour > 0)",
    )
    .fetch_one(pool)
    .await?
    .optional_time("at")
}

pub(super) async fn messages_by_hour(
    pool: &SqlitePool,
    since: Timestamp,
) -> Result<Vec<(i64, i64)>, Error> {
    sqlx::query_as(
        "SELECT hour, sum(value) FROM counters WHERE hour >= ?1 AND name = 'direction' GROUP BY hour",
    )
    .bind(hour_of(since))
    .fetch_all(pool)
    .await
}

pub(super) async fn read(pool: &SqlitePool) -> Result<Silence, Error> {
    let row = sqlx::query("SELECT since, changes FROM silence")
        .fetch_one(pool)
        .await?;
    columns::silence(&row)
}

/// Runs within a transaction of the caller's.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    known: Silence,
    since: Option<Timestamp>,
    alert: Option<&Alert>,
) -> Result<bool, Error> {
    let changed =
        sqlx::query("UPDATE silence SET since = ?1, changes = changes + 1 WHERE changes = ?2")
            .bind(since.map(Timestamp::as_millisecond))
            .bind(known.changes)
            .execute(&mut *connection)
            .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(alert) = alert {
        sqlx::query(
            "INSERT INTO alerts (id, body, made_at, attempts, next_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(alert.id)
        .bind(&alert.body)
        .bind(alert.made_at.as_millisecond())
        .bind(alert.attempts)
        .bind(alert.next_at.as_millisecond())
        .execute(connection)
        .await?;
    }
    Ok(true)
}

pub(super) async fn alert(pool: &SqlitePool) -> Result<Option<Alert>, Error> {
    sqlx::query("SELECT * FROM alerts ORDER BY made_at LIMIT 1")
        .fetch_optional(pool)
        .await?
        .map(|row| columns::alert(&row))
        .transpose()
}

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    alert: &Alert,
    again_at: Timestamp,
) -> Result<bool, Error> {
    let claimed = sqlx::query(
        "UPDATE alerts SET attempts = attempts + 1, next_at = ?1 WHERE id = ?2 AND attempts = ?3",
    )
    .bind(again_at.as_millisecond())
    .bind(alert.id)
    .bind(alert.attempts)
    .execute(connection)
    .await?;
    Ok(claimed.rows_affected() > 0)
}

pub(super) async fn forget(connection: &mut SqliteConnection, id: Uuid) -> Result<(), Error> {
    sqlx::query("DELETE FROM alerts WHERE id = ?1")
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}
