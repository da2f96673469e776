//! Reading what is in quarantine.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::dialect::{KEEPS_PLANS, Pool};
use crate::delivery::Outcome;
use crate::store::maintenance::{PAGE_BYTES, QuarantinedDelivery};
use crate::store::model::QuarantineReason;
use crate::store::values::Time;

/// Of how many of the newest deliveries in quarantine the reasons are counted, and how many reasons are told.
const COUNTED: i64 = 200;
const TOLD: i64 = 50;

/// Why items of the newest deliveries in quarantine are there.
pub(in crate::store) async fn reasons(pool: &Pool) -> Result<Vec<QuarantineReason>, sqlx::Error> {
    sqlx::query_as(
        "WITH newest AS ( \
           SELECT id, position FROM deliveries WHERE quarantined > 0 ORDER BY position DESC LIMIT $1 \
         ), grouped AS ( \
           SELECT code, reason, count(*) AS count, max(newest.position) AS position \
           FROM newest JOIN items ON items.delivery_id = newest.id WHERE outcome = $2 GROUP BY code, reason \
         ) SELECT code, reason, count, id, received_at FROM grouped JOIN deliveries USING (position) \
         ORDER BY count DESC, position DESC LIMIT $3",
    )
    .persistent(KEEPS_PLANS)
    .bind(COUNTED)
    .bind(Outcome::Quarantined.as_str())
    .bind(TOLD)
    .fetch_all(pool)
    .await
}

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
