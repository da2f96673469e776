//! Counting messages for their contacts, behind the writer's back.

use sqlx::{Error, PgPool};

use crate::store::FOLD_STEP;

/// The limits are far below the time that a commit waits for a lock: a replica that hangs here must not cost another one
/// its commit. What is lost with the server's memory is counted again.
const BEGIN: &str = "SET LOCAL statement_timeout = '1s'; \
     SET LOCAL idle_in_transaction_session_timeout = '1s'; \
     SET LOCAL synchronous_commit = off";

/// Counts the next step; see [`Store::fold`](crate::store::Store::fold).
///
/// It waits for nobody, so it can have no part in a deadlock: when a contact is being written it fails at once, and is
/// tried again later. One replica counts at a time; the others find the watermark locked.
pub(super) async fn fold(pool: &PgPool) -> Result<i64, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::raw_sql(BEGIN).execute(&mut *transaction).await?;
    let watermark: Option<i64> =
        sqlx::query_scalar("SELECT position FROM folded FOR UPDATE SKIP LOCKED")
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(after) = watermark else {
        return Ok(0);
    };
    let head: i64 = sqlx::query_scalar("SELECT position FROM head")
        .fetch_one(&mut *transaction)
        .await?;
    let until = head.min(after.saturating_add(FOLD_STEP));
    if until <= after {
        return Ok(0);
    }
    sqlx::query(
        "SELECT FROM contacts WHERE (channel, id) IN \
           (SELECT channel, contact_id FROM messages WHERE position > $1 AND position <= $2) \
         FOR UPDATE NOWAIT",
    )
    .persistent(false)
    .bind(after)
    .bind(until)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE contacts SET messages = contacts.messages + new.messages, \
           last_seen = GREATEST(contacts.last_seen, new.last_seen) \
         FROM (SELECT channel, contact_id, count(*) AS messages, max(received_at) AS last_seen FROM messages \
               WHERE position > $1 AND position <= $2 GROUP BY channel, contact_id) AS new \
         WHERE contacts.channel = new.channel AND contacts.id = new.contact_id",
    )
    .persistent(false)
    .bind(after)
    .bind(until)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE folded SET position = $1")
        .bind(until)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(until - after)
}
