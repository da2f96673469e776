//! Reading from Postgres.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{Error, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::silence;
use crate::delivery::Outcome;
use crate::message::Channel;
use crate::store::columns::{
    contact, counter, delivery_detail, delivery_summary, item, message, outline,
};
use crate::store::query::{
    ContactFilter, ContactSummary, DeliveryDetail, DeliveryFilter, DeliverySummary, MessageFilter,
    NEWEST_FIRST, Newest, Page, Snapshot, hour_of,
};
use crate::store::stretch::{Outline, SELECT_BEGINNINGS, SELECT_OUTLINES, Stretch};

/// The columns of a delivery without its body. A delivery may hold thousands of items, so each reason comes once.
const SUMMARY: &str = "SELECT position, id, received_at, method, content_type, octet_length(body)::bigint AS size, \
     shape, outcome, stored, duplicates, ignored, quarantined, \
     (SELECT json_agg(DISTINCT reason)::text FROM items WHERE delivery_id = deliveries.id AND reason IS NOT NULL) AS reasons";

pub(super) async fn snapshot(pool: &PgPool, since: Timestamp) -> Result<Snapshot, Error> {
    let counters =
        sqlx::query("SELECT hour, name, label, value FROM counters WHERE hour = 0 OR hour >= $1")
            .bind(hour_of(since))
            .fetch_all(pool)
            .await?;
    let last_message = sqlx::query("SELECT * FROM messages ORDER BY position DESC LIMIT 1")
        .fetch_optional(pool)
        .await?;
    let last_delivery = QueryBuilder::<Postgres>::new(SUMMARY)
        .push(" FROM deliveries ORDER BY position DESC LIMIT 1")
        .build()
        .fetch_optional(pool)
        .await?;
    let last_message_at = silence::last_message_at(pool).await?;
    let last_delivery_at = silence::last_delivery_at(pool).await?;
    Ok(Snapshot {
        counters: counters
            .iter()
            .filter_map(|row| counter(row).transpose())
            .collect::<Result<_, _>>()?,
        last_message: last_message.as_ref().map(message).transpose()?,
        last_delivery: last_delivery.as_ref().map(delivery_summary).transpose()?,
        last_message_at,
        last_delivery_at: last_delivery_at.max(last_message_at),
    })
}

pub(super) async fn newest(pool: &PgPool, limit: u32) -> Result<Newest, Error> {
    let messages = QueryBuilder::<Postgres>::new(SELECT_BEGINNINGS)
        .push(NEWEST_FIRST)
        .push_bind(i64::from(limit))
        .build()
        .fetch_all(pool)
        .await?;
    let deliveries = QueryBuilder::<Postgres>::new(SUMMARY)
        .push(" FROM deliveries")
        .push(NEWEST_FIRST)
        .push_bind(i64::from(limit))
        .build()
        .fetch_all(pool)
        .await?;
    Ok(Newest {
        messages: messages.iter().map(message).collect::<Result<_, _>>()?,
        deliveries: deliveries
            .iter()
            .map(delivery_summary)
            .collect::<Result<_, _>>()?,
    })
}

pub(super) async fn head(pool: &PgPool) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT position FROM head")
        .fetch_one(pool)
        .await
}

pub(super) async fn span(
    pool: &PgPool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Option<(i64, i64)>, Error> {
    let (first, last): (Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT min(first), max(last) FROM hours WHERE hour BETWEEN $1 AND $2")
            .bind(since.map_or(i64::MIN, hour_of))
            .bind(until.map_or(i64::MAX, hour_of))
            .fetch_one(pool)
            .await?;
    Ok(first.zip(last))
}

/// The statement for a page. Planned each time: which index is best depends on the values.
fn select(filter: &MessageFilter, page: Page) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(SELECT_OUTLINES);
    query
        .push(" WHERE position > ")
        .push_bind(page.after)
        .push(" AND position <= ")
        .push_bind(page.until);
    if let Some(contact_id) = &filter.contact_id {
        query
            .push(" AND contact_id = ")
            .push_bind(contact_id.clone());
    }
    // A partial index serves only a statement from which its condition follows, so this program's own words stand in
    // the statement itself.
    if let Some(kind) = filter.kind {
        query.push(" AND kind = '").push(kind).push("'");
    }
    if let Some(direction) = filter.direction {
        query.push(" AND direction = '").push(direction).push("'");
    }
    if let Some(channel) = &filter.channel {
        push_channel(&mut query, channel);
    }
    if let Some(since) = filter.since {
        query
            .push(" AND received_at >= ")
            .push_bind(since.to_sqlx());
    }
    if let Some(until) = filter.until {
        query.push(" AND received_at < ").push_bind(until.to_sqlx());
    }
    if let Some(text) = &filter.text {
        query
            .push(" AND body ILIKE ")
            .push_bind(MessageFilter::pattern(text));
    }
    query
        .push(" ORDER BY position LIMIT ")
        .push_bind(i64::from(page.limit));
    query
}

fn push_channel(query: &mut QueryBuilder<Postgres>, channel: &Channel) {
    if *channel == Channel::Instagram {
        query.push(" AND channel = 'instagram'");
    } else {
        query
            .push(" AND channel <> 'instagram' AND channel = ")
            .push_bind(channel.as_str().to_owned());
    }
}

pub(super) async fn messages(
    pool: &PgPool,
    filter: &MessageFilter,
    page: Page,
) -> Result<Stretch, Error> {
    let rows = select(filter, page)
        .build()
        .persistent(false)
        .fetch_all(pool)
        .await?;
    let outline = Outline::of(
        rows.iter().map(outline).collect::<Result<_, _>>()?,
        page.limit,
    );
    if outline.long().is_empty() {
        return Ok(outline.fill(Vec::new()));
    }
    let rows = sqlx::query("SELECT * FROM messages WHERE position = ANY($1)")
        .bind(outline.long())
        .fetch_all(pool)
        .await?;
    Ok(outline.fill(rows.iter().map(message).collect::<Result<_, _>>()?))
}

pub(super) async fn contacts(
    pool: &PgPool,
    filter: &ContactFilter,
    page: Page,
) -> Result<Vec<ContactSummary>, Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT position, id, channel, username, display_name, first_seen, \
           COALESCE(last_seen, first_seen) AS last_seen, messages \
         FROM contacts WHERE position > ",
    );
    query
        .push_bind(page.after)
        .push(" AND position <= ")
        .push_bind(page.until);
    if let Some(channel) = &filter.channel {
        push_channel(&mut query, channel);
    }
    query
        .push(" ORDER BY position LIMIT ")
        .push_bind(i64::from(page.limit));
    query
        .build()
        .persistent(false)
        .fetch_all(pool)
        .await?
        .iter()
        .map(contact)
        .collect()
}

pub(super) async fn deliveries(
    pool: &PgPool,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<DeliverySummary>, Error> {
    let mut query = QueryBuilder::<Postgres>::new(SUMMARY);
    query
        .push(" FROM deliveries WHERE position > ")
        .push_bind(page.after);
    query.push(" AND position <= ").push_bind(page.until);
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
    query
        .push(" ORDER BY position LIMIT ")
        .push_bind(i64::from(page.limit));
    query
        .build()
        .fetch_all(pool)
        .await?
        .iter()
        .map(delivery_summary)
        .collect()
}

pub(super) async fn delivery(pool: &PgPool, id: Uuid) -> Result<Option<DeliveryDetail>, Error> {
    let row = QueryBuilder::<Postgres>::new(SUMMARY)
        .push(", headers, body, is_query FROM deliveries WHERE id = ")
        .push_bind(id)
        .build()
        .fetch_optional(pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let items = sqlx::query(
        "SELECT item, outcome, code, reason, NULL::uuid AS message_id FROM items WHERE delivery_id = $1 \
         UNION ALL \
         SELECT item, 'stored', NULL, NULL, id FROM messages WHERE delivery_id = $1 \
         ORDER BY item",
    )
    .bind(id)
    .fetch_all(pool)
    .await?;
    let items = items.iter().map(item).collect::<Result<_, _>>()?;
    delivery_detail(&row, items).map(Some)
}
