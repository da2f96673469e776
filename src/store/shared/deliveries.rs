//! Reading deliveries.

use sqlx::{AssertSqlSafe, Error, QueryBuilder};
use uuid::Uuid;

use super::dialect::{Database, KEEPS_PLANS, LIST_OF_REASONS, Pool};
use super::messages::{push_end, push_range, up_to_head};
use crate::delivery::{Delivery, Outcome};
use crate::store::filter::{DeliveryFilter, PageRequest};
use crate::store::model::{DeliveryDetail, DeliverySummary, ItemSummary};
use crate::store::page::{Scan, around_damage, fitting, one_more};
use crate::store::rows::DeliveryRow;

/// The columns of a delivery without its body. A delivery may hold thousands of items, so of its first hundred only
/// the first five reasons come, each once.
fn summary() -> String {
    format!(
        "SELECT position, id, received_at, method, content_type, CAST(octet_length(body) AS bigint) AS size, \
           shape, outcome, stored, duplicates, ignored, quarantined, (SELECT {LIST_OF_REASONS} FROM ( \
             SELECT reason, min(item) AS first FROM ( \
               SELECT item, reason FROM items WHERE delivery_id = deliveries.id AND reason IS NOT NULL \
               ORDER BY item LIMIT 100) AS beginning \
             GROUP BY reason ORDER BY first LIMIT 5) AS few) AS reasons"
    )
}

pub(in crate::store) async fn page(
    pool: &Pool,
    filter: &DeliveryFilter,
    request: PageRequest,
) -> Result<Scan<DeliverySummary>, Error> {
    let request = up_to_head(pool, request).await?;
    around_damage(request, |request| rows(pool, filter, request)).await
}

async fn rows(
    pool: &Pool,
    filter: &DeliveryFilter,
    request: PageRequest,
) -> Result<Scan<DeliverySummary>, Error> {
    let mut query = QueryBuilder::<Database>::new(summary());
    query.push(" FROM deliveries WHERE ");
    push_range(&mut query, "position", request);
    match filter.outcome {
        None => {}
        Some(Outcome::Quarantined) => {
            query.push(" AND quarantined > 0");
        }
        Some(Outcome::Stored) => {
            query.push(" AND outcome = 'stored'");
        }
        // The second condition lets the planner use the partial index.
        Some(outcome) => {
            query
                .push(" AND outcome = ")
                .push_bind(outcome.as_str())
                .push(" AND outcome <> 'stored'");
        }
    }
    push_end(&mut query, "position", one_more(request));
    let rows = query.build_query_as().persistent(KEEPS_PLANS).fetch(pool);
    fitting(rows, request.limit).await
}

pub(in crate::store) async fn newest(
    pool: &Pool,
    limit: u32,
) -> Result<Vec<DeliverySummary>, Error> {
    let statement = format!(
        "{} FROM deliveries ORDER BY position DESC LIMIT $1",
        summary()
    );
    sqlx::query_as(AssertSqlSafe(statement))
        .persistent(KEEPS_PLANS)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await
}

/// A delivery whole, but for its items.
#[derive(sqlx::FromRow)]
struct WholeRow {
    #[sqlx(flatten)]
    summary: DeliverySummary,
    #[sqlx(flatten, try_from = "DeliveryRow")]
    delivery: Delivery,
}

pub(in crate::store) async fn find(pool: &Pool, id: Uuid) -> Result<Option<DeliveryDetail>, Error> {
    let statement = format!(
        "{}, headers, body, is_query FROM deliveries WHERE id = $1",
        summary()
    );
    let row: Option<WholeRow> = sqlx::query_as(AssertSqlSafe(statement))
        .persistent(KEEPS_PLANS)
        .bind(id)
        .fetch_optional(pool)
        .await?;
    let Some(WholeRow { summary, delivery }) = row else {
        return Ok(None);
    };
    let items: Vec<ItemSummary> = sqlx::query_as(
        "SELECT item, outcome, code, reason, CAST(NULL AS uuid) AS message_id FROM items WHERE delivery_id = $1 \
         UNION ALL \
         SELECT item, 'stored', NULL, NULL, id FROM messages WHERE delivery_id = $1 \
         ORDER BY item",
    )
    .persistent(KEEPS_PLANS)
    .bind(id)
    .fetch_all(pool)
    .await?;
    Ok(Some(DeliveryDetail {
        delivery,
        summary,
        items,
    }))
}
