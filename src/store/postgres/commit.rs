//! Commits a batch of deliveries by one statement: the function `commit_batch` of migrations/postgres.
//!
//! The statement is a transaction and one round trip. What a commit costs at low load are the round trips, and at high
//! load each is a moment in which the database waits.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;
use sqlx::{AssertSqlSafe, PgConnection};

use super::rows::{DeliveryColumns, HourChange, ItemColumns, MessageColumns};
use crate::delivery::Record;
use crate::store::plan::{Existing, FoundRow, LookUp, NewItem, NewMessage, Plan};
use crate::store::rows::{RECEIPT_COLUMNS, ReceiptRow};
use crate::store::suppression;
use crate::store::values::Time;
use crate::store::{Attempt, Committed, StoreError};

/// How often a batch is planned. The first look-up finds everything unless another replica comes between.
const PLANS: usize = 4;

/// Commits a batch; see [`Ledger::commit`](crate::store::Ledger::commit). `is_suppressing`: whether the suppression
/// list had entries when that was last seen. Answers whether it has, and the last position.
pub(super) async fn commit(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    is_suppressing: &mut bool,
) -> Result<(Vec<Committed>, i64), StoreError> {
    let mut existing = Existing::default();
    if attempt.is_repeated() {
        // Some of it is probably there.
        existing = look_up(connection, records, attempt, window).await?;
    }
    for _ in 0..PLANS {
        let screened = existing.suppression.screen(records, window);
        let plan = Plan::new(&screened, &existing, window);
        if plan.is_empty() {
            return Ok((plan.committed, 0));
        }
        let before = write(
            connection,
            &plan,
            &screened,
            attempt,
            window,
            *is_suppressing,
        )
        .await?;
        if let Some(before) = before {
            let head = before + plan.positions();
            return Ok((plan.committed, head));
        }
        existing = look_up(connection, records, attempt, window).await?;
        *is_suppressing = is_list_in_use(connection).await?;
    }
    Err(StoreError::Conflict(
        "other replicas commit the same messages".to_owned(),
    ))
}

/// Writes a batch and answers the position before it. `None`: nothing is written, since something exists already.
async fn write(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    is_suppressing: bool,
) -> Result<Option<i64>, StoreError> {
    let messages: Vec<_> = plan.numbered_messages().map(MessageColumns::from).collect();
    let deliveries = plan.numbered_deliveries().map(DeliveryColumns::from);
    let items: Vec<_> = plan.numbered_items().map(ItemColumns::from).collect();
    let people = is_suppressing.then(|| suppression::people(records));
    let people = people.map(|people| people.map(|(person, at)| (person, Time(at))).unzip());
    let (people, arrivals): (Option<Vec<_>>, Option<Vec<_>>) = people.unzip();
    let without_window = plan
        .messages
        .iter()
        .filter(|message| message.window_key.is_none());
    let keys: Vec<_> = without_window.map(|message| message.dedupe_key).collect();
    let window = (keys.len() < plan.messages.len()).then(|| interval(window));
    // The server commits after it has answered the row: `fetch_one` reads on until it says that it has.
    let before = sqlx::query_scalar(
        "SELECT commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(messages)
    .bind(deliveries.collect::<Vec<_>>())
    .bind(items)
    .bind(HourChange::all(&plan.counts, &plan.hours))
    .bind(&plan.counts.total)
    .bind(keys)
    .bind(window)
    .bind(attempt.is_repeated())
    .bind(people)
    .bind(arrivals)
    .bind(suppression::compared_within(attempt).map(interval))
    .bind(plan.last_message_at().map(Time))
    .bind(plan.last_delivery_at().map(Time))
    .fetch_one(connection)
    .await?;
    Ok(before)
}

fn interval(length: Duration) -> PgInterval {
    PgInterval {
        months: 0,
        days: 0,
        microseconds: i64::try_from(length.as_micros()).unwrap_or(i64::MAX),
    }
}

/// What the database has of a batch. Planned each time: a plan from when the tables were small would read all of them.
pub(super) async fn look_up(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
) -> Result<Existing, StoreError> {
    let look_up = LookUp::new(records, window, true);
    let mut existing = Existing::default();
    let receipts: Vec<ReceiptRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {RECEIPT_COLUMNS} FROM deliveries WHERE id = ANY($1)"
    )))
    .persistent(false)
    .bind(&look_up.deliveries)
    .fetch_all(&mut *connection)
    .await?;
    for receipt in receipts {
        existing.add_receipt(receipt.into());
    }
    let found: Vec<FoundRow> = sqlx::query_as(
        "WITH near (key, since, until) AS ( \
           SELECT * FROM UNNEST($2::uuid[], $3::timestamptz[], $4::timestamptz[]) \
         ) \
         SELECT 'key' AS found, dedupe_key AS key, NULL::uuid AS window_key, received_at AS at, false AS erased \
         FROM messages WHERE dedupe_key = ANY($1) \
         UNION ALL \
         SELECT 'window', key, NULL, received_at, false FROM near JOIN messages ON window_key = key \
           AND received_at > since AND received_at < until \
         UNION ALL \
         SELECT 'erasure', person, NULL, erased_at, false FROM erasures WHERE person = ANY($5) \
           AND ($6 IS NULL OR erased_at BETWEEN now() - $6 AND now() + $6) \
         UNION ALL \
         SELECT 'tombstone', dedupe_key, window_key, received_at, erased FROM tombstones WHERE dedupe_key = ANY($1) \
         UNION ALL \
         SELECT 'tombstone', dedupe_key, window_key, received_at, erased FROM near JOIN tombstones ON window_key = key \
           AND received_at > since AND received_at < until",
    )
    .persistent(false)
    .bind(look_up.keys)
    .bind(look_up.windows.iter().map(|window| window.0).collect::<Vec<_>>())
    .bind(look_up.windows.iter().map(|window| Time(window.1)).collect::<Vec<_>>())
    .bind(look_up.windows.iter().map(|window| Time(window.2)).collect::<Vec<_>>())
    .bind(look_up.people)
    .bind(suppression::compared_within(attempt).map(interval))
    .fetch_all(connection)
    .await?;
    existing.extend(found);
    Ok(existing)
}

/// Whether the suppression list has entries.
async fn is_list_in_use(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT COALESCE(suppressing_until > now(), false) FROM head")
        .fetch_one(connection)
        .await
}

/// Inserts messages behind a position, in the transaction that is open.
pub(super) async fn write_messages(
    connection: &mut PgConnection,
    before: i64,
    messages: &[NewMessage<'_>],
) -> Result<(), StoreError> {
    let rows = (before + 1..).zip(messages);
    sqlx::query("INSERT INTO messages SELECT * FROM UNNEST($1::messages[])")
        .bind(rows.map(MessageColumns::from).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// The same for items.
pub(super) async fn write_items(
    connection: &mut PgConnection,
    before: i64,
    items: &[NewItem<'_>],
) -> Result<(), StoreError> {
    let rows = (before + 1..).zip(items);
    sqlx::query("INSERT INTO items SELECT * FROM UNNEST($1::items[])")
        .bind(rows.map(ItemColumns::from).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
