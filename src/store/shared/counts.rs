//! Adds to the counts what maintenance changes.

use sqlx::AssertSqlSafe;

use super::dialect::{Connection, sum_of_counts};
use crate::store::counts::CountChanges;
use crate::store::plan::HourRanges;

/// Adds to the counts of all time and of each hour, in the transaction that is open.
pub(in crate::store) async fn add(
    connection: &mut Connection,
    changes: &CountChanges,
) -> Result<(), sqlx::Error> {
    add_with_ranges(connection, changes, &HourRanges::default()).await
}

/// The same, with the positions of new messages.
pub(in crate::store) async fn add_with_ranges(
    connection: &mut Connection,
    changes: &CountChanges,
    ranges: &HourRanges,
) -> Result<(), sqlx::Error> {
    if changes.hours.is_empty() {
        return Ok(());
    }
    let head = format!(
        "UPDATE head SET counts = {}",
        sum_of_counts("head.counts", "$1")
    );
    sqlx::query(AssertSqlSafe(head))
        .bind(changes.total.clone())
        .execute(&mut *connection)
        .await?;
    let sum = sum_of_counts("old.counts", "excluded.counts");
    let hour_row = format!(
        "INSERT INTO hours AS old (hour, first, last, counts) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (hour) DO UPDATE SET counts = {sum}, \
           first = CASE WHEN excluded.first > old.first OR excluded.first IS NULL \
             THEN old.first ELSE excluded.first END, \
           last = CASE WHEN excluded.last < old.last OR excluded.last IS NULL \
             THEN old.last ELSE excluded.last END"
    );
    for (hour, counts) in &changes.hours {
        let range = ranges.0.get(hour);
        sqlx::query(AssertSqlSafe(hour_row.clone()))
            .bind(hour)
            .bind(range.map(|range| range.first))
            .bind(range.map(|range| range.last))
            .bind(counts.clone())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
