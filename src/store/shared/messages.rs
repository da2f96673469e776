//! Reading messages.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Error, QueryBuilder};
use uuid::Uuid;

use super::dialect::{Database, KEEPS_PLANS, MATCHES, Pool, is_in_numbers, numbers};
use crate::message::{Channel, Direction, Kind, Message};
use crate::store::counts::hour_of;
use crate::store::filter::{MessageFilter, Order, PageRequest, pattern};
use crate::store::page::{PageIndex, Scan, around_damage};
use crate::store::rows::{MessageRow, all};
use crate::store::values::Time;

/// How messages begin: see [`MessageFilter::is_shortened`].
const BEGINNINGS: &str = "SELECT id, position, channel, direction, kind, external_id, contact_id, sender_id, \
       recipient_id, username, display_name, reply_to, sent_at, sent_at_source, received_at, delivery_id, shape, \
       recovered, substr(body, 1, 1000) AS body, \
       CASE WHEN octet_length(attachments) <= 4096 THEN attachments END AS attachments, \
       CASE WHEN octet_length(payload) <= 4096 THEN payload END AS payload \
     FROM messages";

pub(in crate::store) async fn head(pool: &Pool) -> Result<i64, Error> {
    sqlx::query_scalar("SELECT position FROM head")
        .fetch_one(pool)
        .await
}

pub(in crate::store) async fn hour_range(
    pool: &Pool,
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

pub(in crate::store) async fn page(
    pool: &Pool,
    filter: &MessageFilter,
    request: PageRequest,
) -> Result<Scan<Message>, Error> {
    around_damage(request, |request| async move {
        let index = page_index(pool, filter, request).await?;
        messages_of(pool, filter, index, request).await
    })
    .await
}

/// The first statement of a page: which messages fit.
pub(in crate::store) async fn page_index(
    pool: &Pool,
    filter: &MessageFilter,
    request: PageRequest,
) -> Result<PageIndex, Error> {
    let sizes: Vec<(i64, i64)> = select_sizes(filter, request)
        .build_query_as()
        // Planned each time: which index is best depends on the values.
        .persistent(false)
        .fetch_all(pool)
        .await?;
    Ok(PageIndex::new(&sizes, request.limit))
}

/// Positions and sizes. `octet_length` reads no text.
pub(in crate::store) fn select_sizes(
    filter: &MessageFilter,
    request: PageRequest,
) -> QueryBuilder<Database> {
    let size = if filter.is_shortened {
        "0"
    } else {
        "coalesce(octet_length(body), 0) + coalesce(octet_length(attachments), 0) + coalesce(octet_length(payload), 0)"
    };
    let mut query = QueryBuilder::<Database>::new(format!(
        "SELECT position, CAST({size} AS bigint) FROM messages WHERE "
    ));
    push_range(&mut query, "position", request);
    push_conditions(&mut query, filter);
    push_end(&mut query, "position", request);
    query
}

/// The second statement of a page: the messages. One that is missing was deleted meanwhile.
pub(in crate::store) async fn messages_of(
    pool: &Pool,
    filter: &MessageFilter,
    index: PageIndex,
    request: PageRequest,
) -> Result<Scan<Message>, Error> {
    let PageIndex { positions, cut } = index;
    if positions.is_empty() {
        return Ok(Scan {
            rows: Vec::new(),
            cut,
            unreadable: 0,
        });
    }
    let select = if filter.is_shortened {
        BEGINNINGS
    } else {
        "SELECT * FROM messages"
    };
    let messages: Vec<MessageRow> = sqlx::query_as(AssertSqlSafe(format!(
        "{select} WHERE position {} ORDER BY position{}",
        is_in_numbers(1),
        direction(request)
    )))
    .persistent(KEEPS_PLANS)
    .bind(numbers(&positions))
    .fetch_all(pool)
    .await?;
    Ok(Scan {
        rows: all(messages),
        cut,
        unreadable: 0,
    })
}

/// The condition that a column with positions is in the range.
pub(in crate::store) fn push_range(
    query: &mut QueryBuilder<Database>,
    column: &str,
    request: PageRequest,
) {
    query
        .push(format_args!("{column} > "))
        .push_bind(request.after)
        .push(format_args!(" AND {column} <= "))
        .push_bind(request.until);
}

/// The end of a statement that lists by a column with positions.
pub(in crate::store) fn push_end(
    query: &mut QueryBuilder<Database>,
    column: &str,
    request: PageRequest,
) {
    let direction = direction(request);
    query
        .push(format_args!(" ORDER BY {column}{direction} LIMIT "))
        .push_bind(i64::from(request.limit));
}

fn direction(request: PageRequest) -> &'static str {
    match request.order {
        Order::Asc => "",
        Order::Desc => " DESC",
    }
}

/// The same request, that ends where the ledger does.
pub(in crate::store) async fn up_to_head(
    pool: &Pool,
    request: PageRequest,
) -> Result<PageRequest, Error> {
    let until = request.until.min(head(pool).await?);
    Ok(PageRequest { until, ..request })
}

/// A partial index serves only a statement that says its condition, so that and this program's own words are in the
/// statement itself.
fn push_conditions(query: &mut QueryBuilder<Database>, filter: &MessageFilter) {
    if let Some(contact_id) = &filter.contact_id {
        query
            .push(" AND contact_id = ")
            .push_bind(contact_id.clone());
    }
    if let Some(kind) = filter.kind {
        query.push(" AND kind = '").push(kind).push("'");
        if kind != Kind::Text {
            query.push(" AND kind <> 'text'");
        }
    }
    if let Some(direction) = filter.direction {
        query.push(" AND direction = '").push(direction).push("'");
        if direction != Direction::Inbound {
            query.push(" AND direction <> 'inbound'");
        }
    }
    if let Some(channel) = &filter.channel {
        push_channel(query, channel);
    }
    if let Some(since) = filter.since {
        query.push(" AND received_at >= ").push_bind(Time(since));
    }
    if let Some(until) = filter.until {
        query.push(" AND received_at < ").push_bind(Time(until));
    }
    if let Some(text) = &filter.text {
        query
            .push(format_args!(" AND body {MATCHES} "))
            .push_bind(pattern(text));
    }
}

pub(in crate::store) fn push_channel(query: &mut QueryBuilder<Database>, channel: &Channel) {
    if *channel == Channel::Instagram {
        query.push(" AND channel = 'instagram'");
    } else {
        query
            .push(" AND channel <> 'instagram' AND channel = ")
            .push_bind(channel.as_str().to_owned());
    }
}

pub(in crate::store) async fn find(pool: &Pool, id: Uuid) -> Result<Option<Message>, Error> {
    let message: Option<MessageRow> = sqlx::query_as("SELECT * FROM messages WHERE id = $1")
        .persistent(KEEPS_PLANS)
        .bind(id)
        .fetch_optional(pool)
        .await?;
    Ok(message.map(Message::from))
}

pub(in crate::store) async fn newest(pool: &Pool, limit: u32) -> Result<Vec<Message>, Error> {
    let statement = format!("{BEGINNINGS} ORDER BY position DESC LIMIT $1");
    let messages: Vec<MessageRow> = sqlx::query_as(AssertSqlSafe(statement))
        .persistent(KEEPS_PLANS)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    Ok(all(messages))
}
