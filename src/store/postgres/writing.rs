//! What several kinds of writing transactions share.

use sqlx::PgConnection;

use super::commit::Column;
use crate::store::StoreError;
use crate::store::settle::{Counters, Hours};

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

/// Widens the stretches of positions of hours.
pub(super) async fn widen_hours(
    connection: &mut PgConnection,
    hours: &Hours,
) -> Result<(), StoreError> {
    let hours: Vec<_> = hours.0.iter().collect();
    let hours = Column(&hours);
    sqlx::query(
        "INSERT INTO hours AS old (hour, first, last) SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) \
         ON CONFLICT (hour) DO UPDATE \
           SET first = LEAST(old.first, EXCLUDED.first), last = GREATEST(old.last, EXCLUDED.last)",
    )
    .bind(hours.of(|(hour, _)| **hour))
    .bind(hours.of(|(_, (first, _))| *first))
    .bind(hours.of(|(_, (_, last))| *last))
    .execute(connection)
    .await?;
    Ok(())
}
