//! What must not come back: looked up in the transaction that commits.

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::commit::Head;
use crate::delivery::Record;
use crate::store::StoreError;
use crate::store::guard::{Guard, Questions};

/// Looks up what is known about a batch. Nothing is looked up unless something was deleted not long ago.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    head: &Head,
    records: &[Record],
) -> Result<Guard, StoreError> {
    let mut guard = Guard::default();
    if !head.guarded {
        return Ok(guard);
    }
    let questions = Questions::about(records);
    for (statement, keys) in [
        (
            "SELECT person AS dedupe_key, NULL AS window_key, erased_at AS received_at, NULL AS erased \
             FROM erasures WHERE person = ?1",
            questions.people,
        ),
        (
            "SELECT * FROM tombstones WHERE dedupe_key = ?1",
            questions.keys,
        ),
        (
            "SELECT * FROM tombstones WHERE window_key = ?1",
            questions.windows,
        ),
    ] {
        for key in keys {
            add(connection, &mut guard, statement, key).await?;
        }
    }
    Ok(guard)
}

async fn add(
    connection: &mut SqliteConnection,
    guard: &mut Guard,
    statement: &'static str,
    key: Uuid,
) -> Result<(), StoreError> {
    let rows = sqlx::query(statement)
        .bind(key)
        .fetch_all(connection)
        .await?;
    for row in &rows {
        guard.add(row)?;
    }
    Ok(())
}
