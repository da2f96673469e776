//! Reading from SQLite.

use jiff::Timestamp;
use sqlx::{Error, QueryBuilder, Sqlite, SqlitePool};
use uuid::Uuid;

use super::silence;
use crate::delivery::Outcome;
use crate::message::{Channel, Direction, Kind};
use crate::store::columns::{
    contact, counter, delivery_detail, delivery_summary, item, message, outline,
};
use crate::store::query::{
    ContactFilter, ContactSummary, DeliveryDetail, DeliveryFilter, DeliverySummary, MessageFilter,
    NEWEST_FIRST, Newest, Page, Snapshot, hour_of,
};
use crate::store::stretch::{Outline, SELECT_BEGINNINGS, SELECT_OUTLINES, Stretch};

/// The columns of a delivery without its body. A delivery may hold thousands of items, so each reason comes once.
const SUMMARY: &str = "SELECT position, id, received_at, method, content_type, length(body) AS size, \
     shape, outcome, stored, duplicates, ignored, quarantined, \
     (SELECT json_group_array(DISTINCT reason) FROM items WHERE delivery_id = deliveries.id AND reason IS NOT NULL) AS reasons";

pub(super) async fn snapshot(pool: &SqlitePool, since: Timestamp) -> Result<Snapshot, Error> {
    let counters =
        sqlx::query("SELECT hour, name, label, value FROM counters WHERE hour = 0 OR hour >= ?1")
            .bind(hour_of(since))
            .fetch_all(pool)
            .await?;
    let last_message = sqlx::query("SELECT * FROM messages ORDER BY position DESC LIMIT 1")
        .fetch_optional(pool)
        .await?;
    let last_delivery = QueryBuilder::<Sqlite>::new(SUMMARY)
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

pub(super) async fn newest(pool: &SqlitePool, limit: u32) -> Result<Newest, Error> {
    let messages = QueryBuilder::<Sqlite>::new(SELECT_BEGINNINGS)
        .push(NEWEST_FIRST)
        .push_bind(i64::from(limit))
        .build()
        .fetch_all(pool)
        .await?;
    let deliveries = QueryBuilder::<Sqlite>::new(SUMMARY)
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

pub(super) async fn head(pool: &SqlitePool) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM messages")
        .fetch_one(pool)
        .await
}

pub(super) async fn span(
    pool: &SqlitePool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Result<Option<(i64, i64)>, Error> {
    let (first, last): (Option<i64>, Option<i64>) =
        sqlx::query_as("SELECT min(first), max(last) FROM hours WHERE hour BETWEEN ?1 AND ?2")
            .bind(since.map_or(i64::MIN, hour_of))
            .bind(until.map_or(i64::MAX, hour_of))
            .fetch_one(pool)
            .await?;
    Ok(first.zip(last))
}

/// The statement for a page. A partial index serves only a statement that repeats its condition.
fn select(filter: &MessageFilter, page: Page) -> QueryBuilder<Sqlite> {
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
    if let Some(kind) = filter.kind {
        query.push(" AND kind = ").push_bind(kind.as_str());
        if kind != Kind::Text {
            query.push(" AND kind <> 'text'");
        }
    }
    if let Some(direction) = filter.direction {
        query
            .push(" AND direction = ")
            .push_bind(direction.as_str());
        if direction != Direction::Inbound {
            query.push(" AND direction <> 'inbound'");
        }
    }
    if let Some(channel) = &filter.channel {
        push_channel(&mut query, channel);
    }
    if let Some(since) = filter.since {
        query
            .push(" AND received_at >= ")
            .push_bind(since.as_millisecond());
    }
    if let Some(until) = filter.until {
        query
            .push(" AND received_at < ")
            .push_bind(until.as_millisecond());
    }
    if let Some(text) = &filter.text {
        query
            .push(" AND body LIKE ")
            .push_bind(MessageFilter::pattern(text))
            .push(r" ESCAPE '\'");
    }
    query
        .push(" ORDER BY position LIMIT ")
        .push_bind(i64::from(page.limit));
    query
}

fn push_channel(query: &mut QueryBuilder<Sqlite>, channel: &Channel) {
    query
        .push(" AND channel = ")
        .push_bind(channel.as_str().to_owned());
    if *channel != Channel::Instagram {
        query.push(" AND channel <> 'instagram'");
    }
}

pub(super) async fn messages(
    pool: &SqlitePool,
    filter: &MessageFilter,
    page: Page,
) -> Result<Stretch, Error> {
    let outline = outlined(pool, filter, page).await?;
    whole(pool, outline).await
}

/// The first statement of a page.
async fn outlined(pool: &SqlitePool, filter: &MessageFilter, page: Page) -> Result<Outline, Error> {
    let rows = select(filter, page).build().fetch_all(pool).await?;
    let rows = rows.iter().map(outline).collect::<Result<_, _>>()?;
    Ok(Outline::of(rows, page.limit))
}

/// The page, with the long ones as they are now: what was deleted since the first statement is left out.
async fn whole(pool: &SqlitePool, outline: Outline) -> Result<Stretch, Error> {
    let mut long = Vec::with_capacity(outline.long().len());
    for position in outline.long() {
        let row = sqlx::query("SELECT * FROM messages WHERE position = ?1")
            .bind(position)
            .fetch_optional(pool)
            .await?;
        long.extend(row.as_ref().map(message).transpose()?);
    }
    Ok(outline.fill(long))
}

pub(super) async fn contacts(
    pool: &SqlitePool,
    filter: &ContactFilter,
    page: Page,
) -> Result<Vec<ContactSummary>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
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
        .fetch_all(pool)
        .await?
        .iter()
        .map(contact)
        .collect()
}

pub(super) async fn deliveries(
    pool: &SqlitePool,
    filter: &DeliveryFilter,
    page: Page,
) -> Result<Vec<DeliverySummary>, Error> {
    let mut query = QueryBuilder::<Sqlite>::new(SUMMARY);
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

pub(super) async fn delivery(pool: &SqlitePool, id: Uuid) -> Result<Option<DeliveryDetail>, Error> {
    let row = QueryBuilder::<Sqlite>::new(SUMMARY)
        .push(", headers, body, is_query FROM deliveries WHERE id = ")
        .push_bind(id)
        .build()
        .fetch_optional(pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let items = sqlx::query(
        "SELECT item, outcome, code, reason, NULL AS message_id FROM items WHERE delivery_id = ?1 \
         UNION ALL \
         SELECT item, 'stored', NULL, NULL, id FROM messages WHERE delivery_id = ?1 \
         ORDER BY item",
    )
    .bind(id)
    .fetch_all(pool)
    .await?;
    let items = items.iter().map(item).collect::<Result<_, _>>()?;
    delivery_detail(&row, items).map(Some)
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Row as _};

    use super::*;
    use crate::store::{Feed, StoreError, slice};

    /// A feed whose long messages are deleted each time after the outline of a page was read.
    #[derive(Debug)]
    struct Erasing(SqlitePool);

    #[async_trait::async_trait]
    impl Feed for Erasing {
        async fn head(&self) -> Result<i64, StoreError> {
            Ok(head(&self.0).await?)
        }

        async fn span(
            &self,
            since: Option<Timestamp>,
            until: Option<Timestamp>,
        ) -> Result<Option<(i64, i64)>, StoreError> {
            Ok(span(&self.0, since, until).await?)
        }

        async fn messages(
            &self,
            filter: &MessageFilter,
            page: Page,
        ) -> Result<Stretch, StoreError> {
            let outline = outlined(&self.0, filter, page).await?;
            sqlx::query("DELETE FROM messages WHERE position > ?1 AND length(body) > 4096")
                .bind(page.after)
                .execute(&self.0)
                .await?;
            Ok(whole(&self.0, outline).await?)
        }
    }

    #[tokio::test]
    async fn a_reader_misses_nothing_while_messages_are_erased_between_two_statements() {
        // Which of the messages are long; a page has two, and a third tells whether there are more.
        for long in [&[1][..], &[2], &[3], &[1, 2, 3], &[1, 4, 7], &[7]] {
            let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
            super::super::MIGRATIONS.run(&pool).await.unwrap();
            for number in 1..=7_i64 {
                let size = if long.contains(&number) { 5000 } else { 5 };
                sqlx::query(
                    "INSERT INTO messages (id, dedupe_key, delivery_id, item, channel, direction, kind, contact_id, \
                       body, sent_at, sent_at_source, received_at, shape, recovered) \
                     VALUES (?1, ?1, ?1, 0, 'instagram', 'inbound', 'text', '1', ?2, 0, 'arrival', 0, 'flat', 0)",
                )
                .bind(Uuid::from_u64_pair(0, number.unsigned_abs()))
                .bind("x".repeat(size))
                .execute(&pool)
                .await
                .unwrap();
            }
            let feed = Erasing(pool);
            let head = feed.head().await.unwrap();
            let (mut seen, mut after) = (Vec::new(), 0);
            loop {
                let filter = MessageFilter::default();
                let page = slice(&feed, &filter, after, head, 2).await.unwrap();
                seen.extend(page.messages.iter().map(|message| message.position));
                after = page.last;
                if page.caught_up {
                    break;
                }
            }
            let expected: Vec<_> = (1..=7).filter(|number| !long.contains(number)).collect();
            assert_eq!(seen, expected, "without {long:?}");
        }
    }

    /// How SQLite would read a page.
    async fn plan(filter: &MessageFilter) -> String {
        let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
        super::super::MIGRATIONS.run(&pool).await.unwrap();
        let page = Page {
            after: 90_000,
            until: 100_000,
            limit: 101,
        };
        let explain = format!("EXPLAIN QUERY PLAN {}", select(filter, page).sql().as_str());
        let steps = sqlx::query(AssertSqlSafe(explain))
            .fetch_all(&pool)
            .await
            .unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        steps.join("\n")
    }

    #[tokio::test]
    async fn each_filter_has_an_index_that_is_used() {
        let all = MessageFilter::default();
        let range = "(rowid>? AND rowid<?)";
        assert_eq!(
            plan(&all).await,
            format!("SEARCH messages USING INTEGER PRIMARY KEY {range}")
        );
        let of = |contact: &str| Some(contact.to_owned());
        for (filter, index) in [
            (
                MessageFilter {
                    contact_id: of("1"),
                    ..all.clone()
                },
                "messages_by_contact (contact_id=? AND ",
            ),
            (
                MessageFilter {
                    kind: Some(Kind::Media),
                    ..all.clone()
                },
                "messages_by_kind (kind=? AND ",
            ),
            (
                MessageFilter {
                    direction: Some(Direction::Outbound),
                    ..all.clone()
                },
                "messages_by_direction (direction=? AND ",
            ),
            (
                MessageFilter {
                    channel: Some(Channel::Other("viber".to_owned())),
                    ..all.clone()
                },
                "messages_by_channel (channel=? AND ",
            ),
        ] {
            let plan = plan(&filter).await;
            let expected = format!("SEARCH messages USING INDEX {index}position>? AND position<?)");
            assert_eq!(plan, expected);
        }
    }
}
