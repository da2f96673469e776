//! What must not come back: looked up in the transaction that commits.

use sqlx::PgConnection;

use super::commit::Head;
use crate::delivery::Record;
use crate::store::StoreError;
use crate::store::guard::{Guard, Questions};
use crate::store::known::Known;

/// Looks up what is known about a batch, under the lock on `head`; and forgets the known contacts if some were deleted.
/// Nothing is looked up unless something was deleted not long ago.
pub(super) async fn read(
    connection: &mut PgConnection,
    head: &Head,
    records: &[Record],
    known: &mut Known,
) -> Result<Guard, StoreError> {
    known.see(head.generation);
    known.guard(head.guarded);
    let mut guard = Guard::default();
    if !head.guarded {
        return Ok(guard);
    }
    let Questions {
        people,
        keys,
        windows,
    } = Questions::about(records);
    // Planned each time: a plan from when the tables were small would read all of them.
    let rows = sqlx::query(
        "SELECT person AS dedupe_key, NULL::uuid AS window_key, erased_at AS received_at, NULL::bool AS erased \
         FROM erasures WHERE person = ANY($1) \
         UNION ALL \
         SELECT dedupe_key, window_key, received_at, erased \
         FROM tombstones WHERE dedupe_key = ANY($2) OR window_key = ANY($3)",
    )
    .persistent(false)
    .bind(Vec::from_iter(people))
    .bind(Vec::from_iter(keys))
    .bind(Vec::from_iter(windows))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        guard.add(row)?;
    }
    Ok(guard)
}
