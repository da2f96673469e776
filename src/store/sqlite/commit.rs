//! Commits a batch of deliveries: one text begins a transaction and looks up what exists, a second one inserts and
//! commits.
//!
//! SQLite runs in a thread of its own, and each of its answers waits until a busy runtime looks: one by one, the
//! statements of a batch spend more time on the way than in the database.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};
use uuid::Uuid;

use super::rows::{DELIVERIES, MESSAGES, SqliteQuery, bind_delivery, bind_message};
use crate::delivery::Record;
use crate::store::plan::{Existing, FoundRow, LookUp, NewItem, NewMessage, Plan};
use crate::store::rows::{RECEIPT_COLUMNS, ReceiptRow};
use crate::store::suppression;
use crate::store::{Attempt, Committed, StoreError};

/// For how many rows there is a text. A batch takes the next larger one and leaves the last rows empty. A larger batch
/// takes several.
const SIZES: [usize; 12] = [1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 256];

/// The texts that insert rows, each of which SQLite prepares once.
static INSERTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| format!("{}{}", MESSAGES.insert(size), DELIVERIES.insert(size)))
});
/// The same with what ends the batch: items, hours and `head`, and the commit, behind which a row says that it is done.
static LAST_INSERTS: LazyLock<[String; SIZES.len()]> =
    LazyLock::new(|| std::array::from_fn(|size| format!("{}{END}", INSERTS[size])));

/// Inserts items; their positions count from another.
macro_rules! insert_items {
    ($before:literal) => {
        concat!(
            "INSERT OR ROLLBACK INTO items SELECT ",
            $before,
            " + (value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
               value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11 FROM json_each(?);"
        )
    };
}

/// Positions count from the one in `head`, which changes last.
const END: &str = concat!(
    insert_items!("(SELECT position FROM head)"),
    " \
    INSERT INTO hours AS old \
      SELECT value ->> 0, position + (value ->> 1), position + (value ->> 2), value -> 3 \
      FROM head, json_each(?) WHERE true \
      ON CONFLICT (hour) DO UPDATE SET first = min(coalesce(first, excluded.first), coalesce(excluded.first, first)), \
        last = max(coalesce(last, excluded.last), coalesce(excluded.last, last)), \
        counts = (SELECT json_group_array(coalesce(one.value, 0) + coalesce(other.value, 0) ORDER BY key) \
          FROM json_each(old.counts) AS one FULL JOIN json_each(excluded.counts) AS other USING (key)); \
    UPDATE head SET position = position + ?, \
      last_message_at = nullif(max(coalesce(last_message_at, 0), ?), 0), \
      last_delivery_at = nullif(max(coalesce(last_delivery_at, 0), ?), 0), \
      counts = (SELECT json_group_array(coalesce(one.value, 0) + coalesce(other.value, 0) ORDER BY key) \
        FROM json_each(head.counts) AS one FULL JOIN json_each(?) AS other USING (key)); \
    COMMIT; SELECT position FROM head"
);

/// What the database has of a batch: `?1` are dedupe keys, `?2` windows, `?3` hashes of people. Of erasures, those at
/// most `?4` milliseconds from now, if that is given.
macro_rules! look_up {
    ($begin:literal) => {
        concat!(
            $begin,
            "WITH wanted (key) AS MATERIALIZED (SELECT unhex(value) FROM json_each(?1)), \
      near (key, since, until) AS MATERIALIZED ( \
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?2)) \
    SELECT 'key' AS found, dedupe_key AS key, NULL AS window_key, received_at AS at, false AS erased \
    FROM wanted CROSS JOIN messages ON dedupe_key = wanted.key \
    UNION ALL \
    SELECT 'window', window_key, NULL, received_at, false FROM near CROSS JOIN messages \
      ON window_key = near.key AND received_at > since AND received_at < until \
    UNION ALL \
    SELECT 'erasure', person, NULL, erased_at, false \
    FROM json_each(?3) AS named CROSS JOIN erasures ON person = unhex(named.value) \
      AND (?4 IS NULL OR abs(erased_at - unixepoch('subsec') * 1000) <= ?4) \
    UNION ALL \
    SELECT 'tombstone', dedupe_key, window_key, received_at, erased FROM wanted CROSS JOIN tombstones \
      ON dedupe_key = wanted.key \
    UNION ALL \
    SELECT 'tombstone', dedupe_key, window_key, received_at, erased FROM near CROSS JOIN tombstones \
      ON window_key = near.key AND received_at > since AND received_at < until"
        )
    };
}
const LOOK_UP: &str = look_up!("");
const BEGIN_AND_LOOK_UP: &str = look_up!("BEGIN IMMEDIATE; ");

/// Commits a batch; see [`Ledger::commit`](crate::store::Ledger::commit). `is_suppressing`: whether the suppression
/// list has entries. Answers the last position as well.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    is_suppressing: bool,
) -> Result<(Vec<Committed>, i64), StoreError> {
    let look_up = LookUp::new(records, window, is_suppressing);
    let existing = find_existing(connection, &look_up, attempt, true).await?;
    let screened = existing.suppression.screen(records, window);
    let plan = Plan::new(&screened, &existing, window);
    let position = write(connection, &plan).await?;
    Ok((plan.committed, position))
}

/// What the database has of a batch, in the transaction that is open.
pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
) -> Result<Existing, StoreError> {
    let look_up = LookUp::new(records, window, true);
    find_existing(connection, &look_up, attempt, false).await
}

/// Looks up what exists; if wanted, in a transaction that this begins.
async fn find_existing(
    connection: &mut SqliteConnection,
    look_up: &LookUp,
    attempt: Attempt,
    begins: bool,
) -> Result<Existing, StoreError> {
    let hex = |id: &Uuid| id.simple().to_string();
    let windows = look_up.windows.iter().map(|(key, since, until)| {
        json!([hex(key), since.as_millisecond(), until.as_millisecond()])
    });
    let found: Vec<FoundRow> = sqlx::query_as(if begins { BEGIN_AND_LOOK_UP } else { LOOK_UP })
        .bind(json!(look_up.keys.iter().map(hex).collect::<Vec<_>>()).to_string())
        .bind(json!(windows.collect::<Vec<_>>()).to_string())
        .bind(json!(look_up.people.iter().map(hex).collect::<Vec<_>>()).to_string())
        .bind(
            suppression::compared_within(attempt)
                .map(|within| i64::try_from(within.as_millis()).unwrap_or(i64::MAX)),
        )
        .fetch_all(&mut *connection)
        .await?;
    let mut existing = Existing::default();
    existing.extend(found);
    if attempt.is_repeated() {
        let ids: Vec<_> = look_up.deliveries.iter().map(hex).collect();
        let receipts: Vec<ReceiptRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT {RECEIPT_COLUMNS} FROM deliveries WHERE id IN (SELECT unhex(value) FROM json_each(?1))"
        )))
        .bind(json!(ids).to_string())
        .fetch_all(connection)
        .await?;
        for receipt in receipts {
            existing.add_receipt(receipt.into());
        }
    }
    Ok(existing)
}

/// Writes a batch in the transaction that is open, commits it, and answers the last position.
async fn write(connection: &mut SqliteConnection, plan: &Plan<'_>) -> Result<i64, StoreError> {
    let mut messages = plan.numbered_messages();
    let mut deliveries = plan.numbered_deliveries();
    let rows = plan.messages.len().max(plan.deliveries.len());
    let mut left = rows;
    loop {
        let largest = SIZES.len() - 1;
        let place = SIZES
            .iter()
            .position(|size| left <= *size)
            .unwrap_or(largest);
        let size = SIZES[place];
        let is_last = left <= size;
        let texts = if is_last { &LAST_INSERTS } else { &INSERTS };
        let mut query: SqliteQuery<'_> = sqlx::query(texts[place].as_str());
        let mut bound = 0;
        for (position, message) in messages.by_ref().take(size) {
            query = bind_message(query, position, message);
            bound += 1;
        }
        query = MESSAGES.bind_nothing(query, size - bound);
        bound = 0;
        for (position, delivery) in deliveries.by_ref().take(size) {
            query = bind_delivery(query, position, delivery);
            bound += 1;
        }
        query = DELIVERIES.bind_nothing(query, size - bound);
        if is_last {
            let row = bind_end(query, plan).fetch_optional(connection).await?;
            // The end of the answers alone says nothing: they also end if the thread of the database does.
            return Ok(row.ok_or(sqlx::Error::WorkerCrashed)?.try_get(0)?);
        }
        query.execute(&mut *connection).await?;
        left -= size;
    }
}

fn bind_end<'q>(query: SqliteQuery<'q>, plan: &Plan<'_>) -> SqliteQuery<'q> {
    let milliseconds = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_millisecond);
    query
        .bind(item_rows(plan.numbered_items()))
        .bind(hour_rows(plan))
        .bind(plan.positions())
        .bind(milliseconds(plan.last_message_at()))
        .bind(milliseconds(plan.last_delivery_at()))
        .bind(plan.counts.total.clone())
}

fn item_rows<'a>(items: impl Iterator<Item = (i64, &'a NewItem<'a>)>) -> String {
    let rows = items.map(|(position, item)| {
        let contact = item.contact.as_ref();
        json!([
            position,
            item.delivery_id.simple().to_string(),
            item.item,
            item.received_at.as_millisecond(),
            item.outcome.as_str(),
            item.reason.map(|reason| reason.code.as_str()),
            item.reason.map(|reason| reason.text.as_str()),
            contact.map(|contact| contact.channel),
            contact.map(|contact| contact.id),
            contact.and_then(|contact| contact.username),
            contact.and_then(|contact| contact.display_name),
            contact.and_then(|contact| contact.aliases.as_deref()),
        ])
    });
    json!(rows.collect::<Vec<_>>()).to_string()
}

fn hour_rows(plan: &Plan<'_>) -> String {
    let rows = plan.counts.hours.iter().map(|(hour, counts)| {
        let range = plan.hours.0.get(hour);
        json!([
            hour,
            range.map(|range| range.first),
            range.map(|range| range.last),
            counts,
        ])
    });
    json!(rows.collect::<Vec<_>>()).to_string()
}

/// Inserts messages behind a position, in the transaction that is open.
pub(super) async fn write_messages(
    connection: &mut SqliteConnection,
    before: i64,
    messages: &[NewMessage<'_>],
) -> Result<(), StoreError> {
    for (position, message) in (before + 1..).zip(messages) {
        let insert = AssertSqlSafe(format!("INSERT INTO messages {}", MESSAGES.values()));
        bind_message(sqlx::query(insert), position, message)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The same for items.
pub(super) async fn write_items(
    connection: &mut SqliteConnection,
    before: i64,
    items: &[NewItem<'_>],
) -> Result<(), StoreError> {
    sqlx::query(insert_items!("?"))
        .bind(before)
        .bind(item_rows((1..).zip(items)))
        .execute(connection)
        .await?;
    Ok(())
}
