//! What destinations are to get: messages, deliveries and replays.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Encode, Error, QueryBuilder, Type};
use uuid::Uuid;

use super::dialect::{Connection, Database, KEEPS_PLANS, Pool, ids, is_in, is_in_numbers, numbers};
use super::messages::{push_end, push_range};
use crate::delivery::Delivery;
use crate::message::Message;
use crate::selector::MessageSelector;
use crate::store::filter::{Order, PageRequest};
use crate::store::forward::{
    Backlog, COUNTED, ForwardReplay, ForwardedContent, ReplayRow, ReplayScope,
};
use crate::store::page::{PageIndex, Scan, around_damage};
use crate::store::rows::{DeliveryRow, MessageRow, all};
use crate::store::values::Time;

pub(in crate::store) async fn add_replay(
    connection: &mut Connection,
    name: &str,
    replay: &ForwardReplay,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO forward_replays (id, destination, cursor, until, filter, positions) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(replay.id)
    .bind(name)
    .bind(replay.cursor)
    .bind(replay.until)
    .bind(replay.scope.selector.to_string())
    .bind(replay.scope.positions.as_ref().map(|positions| serde_json::json!(positions).to_string()))
    .execute(connection)
    .await
    .map(drop)
}

pub(in crate::store) async fn replays(
    pool: &Pool,
    name: &str,
) -> Result<Vec<ForwardReplay>, Error> {
    let rows: Vec<ReplayRow> = sqlx::query_as(
        "SELECT id, cursor, until, filter, positions FROM forward_replays WHERE destination = $1 ORDER BY id",
    )
    .bind(name)
    .fetch_all(pool)
    .await?;
    Ok(all(rows))
}

/// Moves a replay on, and forgets it at its end.
pub(in crate::store) async fn move_replay(
    connection: &mut Connection,
    id: Uuid,
    cursor: i64,
) -> Result<(), Error> {
    sqlx::query("UPDATE forward_replays SET cursor = $2 WHERE id = $1")
        .bind(id)
        .bind(cursor)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM forward_replays WHERE id = $1 AND cursor >= until")
        .bind(id)
        .execute(connection)
        .await
        .map(drop)
}

/// The messages at some positions. One that is missing was deleted.
pub(in crate::store) async fn messages_at(
    pool: &Pool,
    positions: &[i64],
) -> Result<Vec<Message>, Error> {
    let rows: Vec<MessageRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT * FROM messages WHERE position {} ORDER BY position",
        is_in_numbers(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(numbers(positions))
    .fetch_all(pool)
    .await?;
    Ok(all(rows))
}

/// Where the messages or the deliveries with some ids are, in rising order. One that is missing was deleted.
pub(in crate::store) async fn positions_of(
    pool: &Pool,
    content: &ForwardedContent,
    of: &[Uuid],
) -> Result<Vec<i64>, Error> {
    let table = match content {
        ForwardedContent::Messages(_) => "messages",
        ForwardedContent::Deliveries => "deliveries",
    };
    sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT position FROM {table} WHERE id {} ORDER BY position",
        is_in(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(of))
    .fetch_all(pool)
    .await
}

/// A delivery with its position.
#[derive(sqlx::FromRow)]
struct PlacedRow {
    position: i64,
    #[sqlx(flatten, try_from = "DeliveryRow")]
    delivery: Delivery,
}

/// The deliveries at some positions. One that is missing was deleted.
pub(in crate::store) async fn deliveries_at(
    pool: &Pool,
    positions: &[i64],
) -> Result<Vec<(i64, Delivery)>, Error> {
    let rows: Vec<PlacedRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT position, id, received_at, method, content_type, headers, body, is_query FROM deliveries \
         WHERE position {} ORDER BY position",
        is_in_numbers(1)
    )))
    .persistent(KEEPS_PLANS)
    .bind(numbers(positions))
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.position, row.delivery))
        .collect())
}

/// Whole deliveries in commit order, some MB of them.
pub(in crate::store) async fn deliveries(
    pool: &Pool,
    request: PageRequest,
) -> Result<Scan<(i64, Delivery)>, Error> {
    around_damage(request, |request| async move {
        let mut query = QueryBuilder::<Database>::new(
            "SELECT position, CAST(octet_length(body) AS bigint) FROM deliveries WHERE ",
        );
        push_range(&mut query, "position", request);
        push_end(&mut query, "position", request);
        let sizes: Vec<(i64, i64)> = query
            .build_query_as()
            .persistent(KEEPS_PLANS)
            .fetch_all(pool)
            .await?;
        let PageIndex { positions, cut } = PageIndex::new(&sizes, request.limit);
        Ok(Scan {
            rows: deliveries_at(pool, &positions).await?,
            cut,
            unreadable: 0,
        })
    })
    .await
}

/// What a destination gets behind a cursor and up to a position; of that, what a replay is about.
pub(in crate::store) async fn backlog(
    pool: &Pool,
    content: &ForwardedContent,
    replay: Option<&ReplayScope>,
    after: i64,
    until: i64,
) -> Result<Backlog, Error> {
    let mut query = QueryBuilder::<Database>::new(
        "SELECT count(*), min(received_at) FROM (SELECT received_at FROM ",
    );
    let request = PageRequest {
        after,
        until,
        limit: u32::try_from(COUNTED).unwrap_or(u32::MAX) + 1,
        order: Order::Asc,
    };
    match content {
        ForwardedContent::Messages(selector) => {
            query.push("messages WHERE ");
            push_range(&mut query, "position", request);
            push_selector(&mut query, selector);
            if let Some(replay) = replay {
                push_selector(&mut query, &replay.selector);
            }
        }
        ForwardedContent::Deliveries => {
            query.push("deliveries WHERE ");
            push_range(&mut query, "position", request);
            query.push(" AND octet_length(body) > 0");
            if let Some(replay) = replay {
                push_times(&mut query, &replay.selector);
            }
        }
    }
    if let Some(positions) = replay.and_then(|replay| replay.positions.as_ref()) {
        push_any(&mut query, "position", positions.clone());
    }
    push_end(&mut query, "position", request);
    query.push(") AS waiting");
    let (count, oldest): (i64, Option<Time>) = query
        .build_query_as()
        .persistent(false)
        .fetch_one(pool)
        .await?;
    Ok(Backlog {
        count: count.min(COUNTED),
        is_more: count > COUNTED,
        oldest: oldest.map(Into::into),
    })
}

fn push_selector(query: &mut QueryBuilder<Database>, selector: &MessageSelector) {
    if selector.is_all() {
        return;
    }
    let mut any = |column, values: Vec<String>| {
        if !values.is_empty() {
            push_any(query, column, values);
        }
    };
    any("kind", selector.kinds());
    any("direction", selector.directions());
    any("channel", selector.channels());
    any("contact_id", selector.contacts());
    push_times(query, selector);
}

fn push_any<T>(query: &mut QueryBuilder<Database>, column: &str, values: Vec<T>)
where
    T: for<'q> Encode<'q, Database> + Type<Database> + Send + 'static,
{
    query.push(format!(" AND {column} IN ("));
    let mut separated = query.separated(", ");
    for value in values {
        separated.push_bind(value);
    }
    query.push(")");
}

fn push_times(query: &mut QueryBuilder<Database>, selector: &MessageSelector) {
    if let Some(since) = selector.since() {
        query.push(" AND received_at >= ").push_bind(Time(since));
    }
    if let Some(until) = selector.until() {
        query.push(" AND received_at < ").push_bind(Time(until));
    }
}

/// The position before the first message that arrived at this time or later; the head, if there is none.
pub(in crate::store) async fn position_before(pool: &Pool, time: Timestamp) -> Result<i64, Error> {
    let position: Option<i64> = sqlx::query_scalar(
        "SELECT min(position) - 1 FROM ( \
           SELECT min(position) AS position FROM messages WHERE received_at >= $1 AND position >= ( \
             SELECT coalesce(min(first), 0) FROM hours WHERE hour >= $2) \
           UNION ALL \
           SELECT min(position) FROM deliveries WHERE received_at >= $1 AND position >= ( \
             SELECT coalesce(min(first), 0) FROM hours WHERE hour >= $2)) AS first_of_each",
    )
    .persistent(KEEPS_PLANS)
    .bind(Time(time))
    .bind(crate::store::counts::hour_of(time))
    .fetch_one(pool)
    .await?;
    match position {
        Some(position) => Ok(position),
        None => super::messages::head(pool).await,
    }
}
