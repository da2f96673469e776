//! Silence and alerts. Each change says what it is based on, so that of several replicas one makes it.

use jiff::Timestamp;
use sqlx::Error;
use uuid::Uuid;

use super::dialect::{Connection, Pool};
use crate::message::Direction;
use crate::store::alerts::{Alert, AlertState, SilenceState};
use crate::store::counts::{Count, Counts, hour_of};
use crate::store::values::Time;

pub(in crate::store) async fn last_message_at(pool: &Pool) -> Result<Option<Timestamp>, Error> {
    let at: Option<Time> = sqlx::query_scalar("SELECT last_message_at FROM head")
        .fetch_one(pool)
        .await?;
    Ok(at.map(Into::into))
}

pub(in crate::store) async fn messages_by_hour(
    pool: &Pool,
    since: Timestamp,
) -> Result<Vec<(i64, i64)>, Error> {
    let hours: Vec<(i64, Counts)> =
        sqlx::query_as("SELECT hour, counts FROM hours WHERE hour >= $1 AND first IS NOT NULL")
            .bind(hour_of(since))
            .fetch_all(pool)
            .await?;
    let messages = |counts: &Counts| {
        let directions = Direction::ALL.iter();
        directions
            .map(|one| counts.get(Count::Direction(*one)))
            .sum()
    };
    Ok(hours
        .iter()
        .map(|(hour, counts)| (*hour, messages(counts)))
        .collect())
}

pub(in crate::store) async fn silence(pool: &Pool) -> Result<SilenceState, Error> {
    let (since, changes): (Option<Time>, i64) =
        sqlx::query_as("SELECT since, changes FROM silence")
            .fetch_one(pool)
            .await?;
    Ok(SilenceState {
        since: since.map(Into::into),
        changes,
    })
}

pub(in crate::store) async fn change_silence(
    connection: &mut Connection,
    known: SilenceState,
    since: Option<Timestamp>,
) -> Result<bool, Error> {
    let changed =
        sqlx::query("UPDATE silence SET since = $1, changes = changes + 1 WHERE changes = $2")
            .bind(since.map(Time))
            .bind(known.changes)
            .execute(connection)
            .await?;
    Ok(changed.rows_affected() > 0)
}

pub(in crate::store) async fn states(pool: &Pool) -> Result<Vec<AlertState>, Error> {
    let rows: Vec<(String, Option<Time>, i64)> =
        sqlx::query_as("SELECT subject, since, changes FROM alert_states")
            .fetch_all(pool)
            .await?;
    let state = |(subject, since, changes): (String, Option<Time>, i64)| AlertState {
        subject,
        since: since.map(Into::into),
        changes,
    };
    Ok(rows.into_iter().map(state).collect())
}

/// In the transaction that is open.
pub(in crate::store) async fn change_state(
    connection: &mut Connection,
    known: &AlertState,
    since: Option<Timestamp>,
    alert: &Alert,
) -> Result<bool, Error> {
    let changed = sqlx::query(
        "INSERT INTO alert_states (subject, since, changes) VALUES ($1, $2, 1) \
         ON CONFLICT (subject) DO UPDATE SET since = excluded.since, changes = alert_states.changes + 1 \
         WHERE alert_states.changes = $3",
    )
    .bind(&known.subject)
    .bind(since.map(Time))
    .bind(known.changes)
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO alerts (id, body, made_at, attempts, next_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(alert.id)
    .bind(&alert.body)
    .bind(Time(alert.made_at))
    .bind(alert.attempts)
    .bind(Time(alert.next_at))
    .execute(connection)
    .await?;
    Ok(true)
}

pub(in crate::store) async fn oldest(pool: &Pool) -> Result<Option<Alert>, Error> {
    sqlx::query_as("SELECT * FROM alerts ORDER BY made_at, id LIMIT 1")
        .fetch_optional(pool)
        .await
}

pub(in crate::store) async fn claim(
    connection: &mut Connection,
    alert: &Alert,
    until: Timestamp,
) -> Result<bool, Error> {
    let claimed = sqlx::query(
        "UPDATE alerts SET attempts = attempts + 1, next_at = $1 WHERE id = $2 AND attempts = $3",
    )
    .bind(Time(until))
    .bind(alert.id)
    .bind(alert.attempts)
    .execute(connection)
    .await?;
    Ok(claimed.rows_affected() > 0)
}

pub(in crate::store) async fn put_off(
    connection: &mut Connection,
    id: Uuid,
    next_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query("UPDATE alerts SET next_at = $2 WHERE id = $1")
        .bind(id)
        .bind(Time(next_at))
        .execute(connection)
        .await
        .map(drop)
}

pub(in crate::store) async fn forget(connection: &mut Connection, id: Uuid) -> Result<(), Error> {
    sqlx::query("DELETE FROM alerts WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}
