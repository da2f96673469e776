//! What several kinds of writing transactions share.

use sqlx::PgConnection;

use crate::store::StoreError;
use crate::store::settle::Counters;

/// Adds to the counters.
pub(super) async fn add_counters(
    connection: &mut PgConnection,
    counters: &Counters<'_>,
) -> Result<(), StoreError> {
    let counters: Vec<_> = counters.0.iter().collect();
    let counters = Column(&counters);
    sqlx::query(
        "INSERT INTO counters AS old (hour, name, label, value) \
         SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::bigint[]) \
         ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value",
    )
    .bind(counters.of(|((hour, _, _), _)| *hour))
    .bind(counters.of(|((_, name, _), _)| name.as_str()))
    .bind(counters.of(|((_, _, label), _)| *label))
    .bind(counters.of(|(_, value)| **value))
    .execute(connection)
    .await?;
    Ok(())
}

/// Rows, of which a statement takes one column at a time. Simple, and slow for many columns: commits hand over `rows`.
pub(super) struct Column<'a, T>(pub(super) &'a [T]);

impl<'a, T> Column<'a, T> {
    pub(super) fn of<V>(&self, value: impl Fn(&'a T) -> V) -> Vec<V> {
        self.0.iter().map(value).collect()
    }
}
