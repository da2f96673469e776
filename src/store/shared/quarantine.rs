//! Reading what is in quarantine.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::dialect::{KEEPS_PLANS, Pool};
use crate::store::maintenance::{PAGE_BYTES, QuarantinedDelivery};
use crate::store::values::Time;

/// Deliveries with an item in quarantine, of those that arrived at `since` or later, if that is given.
pub(in crate::store) async fn in_quarantine(
    pool: &Pool,
    since: Option<Timestamp>,
    after: i64,
    limit: u32,
) -> Result<Vec<QuarantinedDelivery>, sqlx::Error> {
    page_of_quarantine(
        pool,
        "received_at >= coalesce($2, received_at)",
        since,
        after,
        limit,
    )
    .await
}

/// Whole deliveries with an item in quarantine that fit a condition on `$2`, behind a position: at most `limit` of
/// them, and at most [`PAGE_BYTES`] of bodies, but at least one if any waits. `octet_length` reads no body.
pub(in crate::store) async fn page_of_quarantine(
    pool: &Pool,
    condition: &str,
    time: Option<Timestamp>,
    after: i64,
    limit: u32,
) -> Result<Vec<QuarantinedDelivery>, sqlx::Error> {
    sqlx::query_as(AssertSqlSafe(format!(
        "WITH page AS ( \
           SELECT position, octet_length(body) AS size FROM deliveries \
           WHERE quarantined > 0 AND position > $1 AND {condition} ORDER BY position LIMIT $3 \
         ), fitting AS (SELECT position, size, sum(size) OVER (ORDER BY position) AS total FROM page) \
         SELECT position, id, received_at, method, content_type, headers, body, is_query FROM deliveries \
         WHERE position IN (SELECT position FROM fitting WHERE total <= $4 OR total = size) ORDER BY position"
    )))
    .persistent(KEEPS_PLANS)
    .bind(after)
    .bind(time.map(Time))
    .bind(i64::from(limit))
    .bind(PAGE_BYTES)
    .fetch_all(pool)
    .await
}
