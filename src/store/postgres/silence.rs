//! Silence and its alerts in Postgres. Each change says what it is based on, so that of several replicas one makes it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{Error, PgPool};
use uuid::Uuid;

use crate::store::columns::{self, Columns as _};
use crate::store::query::hour_of;
use crate::store::{Alert, Silence};

/// The newest arrival that `hours` knows. What replicas of the version before store it does not know to the second:
/// therefore the beginning of the hour counts, and the message in the last position. (Those also leave no hour behind
/// when they delete all, but counters.)
pub(super) async fn last_message_at(pool: &PgPool) -> Result<Option<Timestamp>, Error> {
    sqlx::query(
        "SELECT GREATEST( \
           (SELECT COALESCE(newest, to_timestamp(hour * 3600)) FROM hours ORDER BY hour DESC LIMIT 1), \
           (SELECT received_at FROM messages ORDER BY position DESC LIMIT 1), \
           (SELECT to_timestamp(max(hour) * 3600) FROM counters \
             WHERE name = 'direction' AND hour > 0 AND NOT EXISTS (SELECT FROM hours))) AS at",
    )
    .fetch_one(pool)
    .await?
    .optional_time("at")
}

/// When the newest delivery arrived: the beginning of its hour, and to the second only if it stands in the last position.
pub(super) async fn last_delivery_at(pool: &PgPool) -> Result<Option<Timestamp>, Error> {
    sqlx::query(
        "SELECT GREATEST( \
           (SELECT received_at FROM deliveries ORDER BY position DESC LIMIT 1), \
           (SELECT to_timestamp(max(hour) * 3600) FROM counters WHERE name = 'delivery' AND hour > 0)) AS at",
    )
    .fetch_one(pool)
    .await?
    .optional_time("at")
}

pub(super) async fn messages_by_hour(
    pool: &PgPool,
    since: Timestamp,
) -> Result<Vec<(i64, i64)>, Error> {
    sqlx::query_as(
        "SELECT hour, sum(value)::bigint FROM counters WHERE hour >= $1 AND name = 'direction' GROUP BY hour",
    )
    .bind(hour_of(since))
    .fetch_all(pool)
    .await
}

pub(super) async fn read(pool: &PgPool) -> Result<Silence, Error> {
    let row = sqlx::query("SELECT since, changes FROM silence")
        .fetch_one(pool)
        .await?;
    columns::silence(&row)
}

pub(super) async fn change(
    pool: &PgPool,
    known: Silence,
    since: Option<Timestamp>,
    alert: Option<&Alert>,
) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    let changed =
        sqlx::query("UPDATE silence SET since = $1, changes = changes + 1 WHERE changes = $2")
            .bind(since.map(jiff_sqlx::ToSqlx::to_sqlx))
            .bind(known.changes)
            .execute(&mut *transaction)
            .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(alert) = alert {
        sqlx::query(
            "INSERT INTO alerts (id, body, made_at, attempts, next_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(alert.id)
        .bind(&alert.body)
        .bind(alert.made_at.to_sqlx())
        .bind(alert.attempts)
        .bind(alert.next_at.to_sqlx())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn alert(pool: &PgPool) -> Result<Option<Alert>, Error> {
    sqlx::query("SELECT * FROM alerts ORDER BY made_at LIMIT 1")
        .fetch_optional(pool)
        .await?
        .map(|row| columns::alert(&row))
        .transpose()
}

pub(super) async fn claim(
    pool: &PgPool,
    alert: &Alert,
    again_at: Timestamp,
) -> Result<bool, Error> {
    let claimed = sqlx::query(
        "UPDATE alerts SET attempts = attempts + 1, next_at = $1 WHERE id = $2 AND attempts = $3",
    )
    .bind(again_at.to_sqlx())
    .bind(alert.id)
    .bind(alert.attempts)
    .execute(pool)
    .await?;
    Ok(claimed.rows_affected() > 0)
}

pub(super) async fn forget(pool: &PgPool, id: Uuid) -> Result<(), Error> {
    sqlx::query("DELETE FROM alerts WHERE id = $1")
        .bind(id)
        .execute(pool)
        .await
        .map(drop)
}
