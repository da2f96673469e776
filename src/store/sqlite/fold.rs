//! Counting messages for their contacts, behind the writer's back.

use sqlx::SqliteConnection;

use super::Writing;
use crate::store::{FOLD_STEP, StoreError};

/// Counts the next step; see [`Store::fold`](crate::store::Store::fold).
pub(super) async fn fold(writing: &mut Writing) -> Result<i64, StoreError> {
    // No transaction where there is nothing to do.
    let (after, until) = step(writing.idle().await).await?;
    if until <= after {
        return Ok(0);
    }
    let counted = count(writing.begin().await?, after, until).await;
    writing.end(counted).await
}

/// The watermark, and up to where to count next.
async fn step(connection: &mut SqliteConnection) -> Result<(i64, i64), StoreError> {
    let (after, head): (i64, i64) = sqlx::query_as(
        "SELECT position, (SELECT coalesce(max(position), 0) FROM messages) FROM folded",
    )
    .fetch_one(connection)
    .await?;
    Ok((after, head.min(after.saturating_add(FOLD_STEP))))
}

async fn count(
    connection: &mut SqliteConnection,
    after: i64,
    until: i64,
) -> Result<i64, StoreError> {
    sqlx::query(
        "UPDATE contacts SET messages = contacts.messages + new.messages, \
           last_seen = max(coalesce(contacts.last_seen, 0), new.last_seen) \
         FROM (SELECT channel, contact_id, count(*) AS messages, max(received_at) AS last_seen FROM messages \
               WHERE position > ?1 AND position <= ?2 GROUP BY channel, contact_id) AS new \
         WHERE contacts.channel = new.channel AND contacts.id = new.contact_id",
    )
    .bind(after)
    .bind(until)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE folded SET position = ?1")
        .bind(until)
        .execute(connection)
        .await?;
    Ok(until - after)
}
