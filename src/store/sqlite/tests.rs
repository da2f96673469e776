//! What only SQLite's plans and an in-memory database can show.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};
use uuid::Uuid;

use super::messages::{head, hour_range, messages_of, page_index, select_sizes};
use super::open::MIGRATIONS;
use crate::message::{Channel, Direction, Kind, Message};
use crate::store::{
    MessageFilter, MessageReader, Order, PageRequest, Scan, StoreError, message_page,
};

/// A reader whose long messages are deleted each time after the sizes of a page were read.
#[derive(Debug)]
struct ErasingReader(SqlitePool);

#[async_trait::async_trait]
impl MessageReader for ErasingReader {
    async fn head(&self) -> Result<i64, StoreError> {
        Ok(head(&self.0).await?)
    }

    async fn hour_range(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(hour_range(&self.0, since, until).await?)
    }

    async fn messages(
        &self,
        filter: &MessageFilter,
        request: PageRequest,
    ) -> Result<Scan<Message>, StoreError> {
        let index = page_index(&self.0, filter, request).await?;
        sqlx::query("DELETE FROM messages WHERE position > ?1 AND length(body) > 4096")
            .bind(request.after)
            .execute(&self.0)
            .await?;
        Ok(messages_of(&self.0, filter, index, request).await?)
    }
}

#[tokio::test]
async fn a_reader_misses_nothing_while_messages_are_erased_between_two_statements() {
    // Which of the messages are long; a page has two, and a third tells whether there are more.
    for long in [&[1][..], &[2], &[3], &[1, 2, 3], &[1, 4, 7], &[7]] {
        let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
        MIGRATIONS.run(&pool).await.unwrap();
        for number in 1..=7_i64 {
            let size = if long.contains(&number) { 5000 } else { 5 };
            sqlx::query(
                "INSERT INTO messages (position, id, dedupe_key, delivery_id, item, channel, direction, kind, \
                   contact_id, body, sent_at, sent_at_source, received_at, shape, recovered) \
                 VALUES (?3, ?1, ?1, ?1, 0, 'instagram', 'inbound', 'text', '1', ?2, 0, 'arrival', 0, 'flat', 0)",
            )
            .bind(Uuid::from_u64_pair(0, number.unsigned_abs()))
            .bind("x".repeat(size))
            .bind(number)
            .execute(&pool)
            .await
            .unwrap();
        }
        sqlx::query("UPDATE head SET position = 7")
            .execute(&pool)
            .await
            .unwrap();
        let reader = ErasingReader(pool);
        let head = reader.head().await.unwrap();
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let filter = MessageFilter::default();
            let request = PageRequest {
                after,
                until: head,
                limit: 2,
                order: Order::Asc,
            };
            let page = message_page(&reader, &filter, request).await.unwrap();
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
async fn plan(filter: &MessageFilter, order: Order) -> String {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    MIGRATIONS.run(&pool).await.unwrap();
    let request = PageRequest {
        after: 90_000,
        until: 100_000,
        limit: 101,
        order,
    };
    let explain = format!(
        "EXPLAIN QUERY PLAN {}",
        select_sizes(filter, request).sql().as_str()
    );
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
    for order in [Order::Asc, Order::Desc] {
        assert_eq!(
            plan(&all, order).await,
            format!("SEARCH messages USING INTEGER PRIMARY KEY {range}")
        );
    }
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
        let expected = format!("SEARCH messages USING INDEX {index}position>? AND position<?)");
        for order in [Order::Asc, Order::Desc] {
            assert_eq!(plan(&filter, order).await, expected);
        }
    }
}
