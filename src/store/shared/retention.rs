//! Deletes what is too old, some hundred rows in a transaction. Everything here writes in the transaction that is open
//! and has rolled up to the head.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::dialect::{Connection, KEEPS_PLANS, PEOPLE, Pool, ids, is_in};
use super::{counts, destinations, erase, retries};
use crate::message::{Channel, Direction, Kind};
use crate::selector::MessageSelector;
use crate::store::StoreError;
use crate::store::counts::hour_of;
use crate::store::forward::ForwardedContent;
use crate::store::maintenance::ExpiredPart;
use crate::store::retention::{PAGE, RetentionScan, SWEPT, ScannedDelivery};
use crate::store::suppression::tombstone_expiry;
use crate::store::values::{Name, Time};

/// How long the replica that deletes keeps the others from it, since its last step.
const CLAIM: SignedDuration = SignedDuration::from_mins(5);

pub(in crate::store) async fn last_delivery_at(
    pool: &Pool,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let at: Option<Time> = sqlx::query_scalar("SELECT last_delivery_at FROM head")
        .fetch_one(pool)
        .await?;
    Ok(at.map(Into::into))
}

pub(in crate::store) async fn step(
    connection: &mut Connection,
    until: Timestamp,
    now: Timestamp,
    after: i64,
) -> Result<ExpiredPart, StoreError> {
    // The first step of a run needs that no other replica is at it. Each step says again that this one is.
    let retained_at: Option<Time> = sqlx::query_scalar("SELECT retained_at FROM head")
        .fetch_one(&mut *connection)
        .await?;
    if after == 0 && retained_at.is_some_and(|at| now.duration_since(at.0).abs() <= CLAIM) {
        return Ok(ExpiredPart {
            busy: true,
            ..ExpiredPart::default()
        });
    }
    let deliveries: Vec<ScannedDelivery> = sqlx::query_as(
        "SELECT id, position, received_at, stored + duplicates + ignored + quarantined AS items, quarantined \
         FROM deliveries WHERE position > $1 ORDER BY position LIMIT $2",
    )
    .persistent(KEEPS_PLANS)
    .bind(after)
    .bind(PAGE)
    .fetch_all(&mut *connection)
    .await?;
    let last: Option<i64> = sqlx::query_scalar("SELECT max(last) FROM hours WHERE hour <= $1")
        .bind(hour_of(until))
        .fetch_one(&mut *connection)
        .await?;
    let scan = RetentionScan::new(&deliveries, last.unwrap_or_default(), until, after);
    let mut part = scan.part();
    if scan.expired.is_empty() {
        return Ok(part);
    }
    sqlx::query("UPDATE head SET retained_at = $1")
        .bind(Time(now))
        .execute(&mut *connection)
        .await?;
    expire_undelivered(connection, &scan.expired).await?;
    let people = delete(connection, &scan.expired, now).await?;
    part.deliveries = scan.expired.len() as u64;
    part.messages = people.values().sum::<i64>().unsigned_abs();
    part.contacts = expire_contacts(connection, &people).await?;
    counts::add(connection, &scan.counts).await?;
    erase::suppress_until(connection, tombstone_expiry(now)).await?;
    Ok(part)
}

/// Counts, for each destination, what is about to be deleted before the destination has got it.
async fn expire_undelivered(
    connection: &mut Connection,
    deliveries: &[Uuid],
) -> Result<(), StoreError> {
    let states = destinations::every(&mut *connection).await?;
    if states.is_empty() {
        return Ok(());
    }
    let these = is_in(1);
    let messages: Vec<ExpiredRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT position, kind, direction, channel, contact_id FROM messages WHERE delivery_id {these}"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .fetch_all(&mut *connection)
    .await?;
    let relayed: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT position FROM deliveries WHERE id {these} AND octet_length(body) > 0"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .fetch_all(&mut *connection)
    .await?;
    for state in states {
        let wanted: Vec<i64> = match &state.content {
            ForwardedContent::Messages(selector) => {
                let wanted = messages.iter().filter(|row| row.is_wanted(selector));
                wanted.map(|row| row.position).collect()
            }
            ForwardedContent::Deliveries => relayed.clone(),
        };
        let behind = wanted.iter().filter(|position| **position > state.cursor);
        let behind = i64::try_from(behind.count()).unwrap_or(i64::MAX);
        let refused = retries::delete_at(connection, &state.name, &wanted).await?;
        destinations::add_expired(connection, &state.name, behind + refused).await?;
    }
    Ok(())
}

/// What is looked at of a message to know whether a destination wants it.
#[derive(Debug, sqlx::FromRow)]
struct ExpiredRow {
    position: i64,
    #[sqlx(try_from = "Name<Kind>")]
    kind: Kind,
    #[sqlx(try_from = "Name<Direction>")]
    direction: Direction,
    #[sqlx(try_from = "String")]
    channel: Channel,
    contact_id: String,
}

impl ExpiredRow {
    fn is_wanted(&self, selector: &MessageSelector) -> bool {
        selector.selects_parts(self.kind, self.direction, &self.channel, &self.contact_id)
    }
}

/// Deletes deliveries with their items and messages. Answers the people, and how many messages of each.
async fn delete(
    connection: &mut Connection,
    deliveries: &[Uuid],
    now: Timestamp,
) -> Result<BTreeMap<(String, String), i64>, StoreError> {
    let these = is_in(1);
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
         SELECT dedupe_key, window_key, received_at, false, $2 FROM messages WHERE delivery_id {these} \
         ON CONFLICT DO NOTHING"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .bind(Time(tombstone_expiry(now)))
    .execute(&mut *connection)
    .await?;
    let mut people = BTreeMap::new();
    for (table, messages) in [("messages", 1), ("items", 0)] {
        let gone: Vec<(Option<String>, Option<String>)> = sqlx::query_as(AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE delivery_id {these} RETURNING channel, contact_id"
        )))
        .persistent(KEEPS_PLANS)
        .bind(ids(deliveries))
        .fetch_all(&mut *connection)
        .await?;
        for person in gone.into_iter().filter_map(|(channel, id)| channel.zip(id)) {
            *people.entry(person).or_default() += messages;
        }
    }
    sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM deliveries WHERE id {these}"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .execute(connection)
    .await?;
    Ok(people)
}

/// Deletes the contacts of whom the ledger has nothing left; of the others it remembers how many messages are gone, and
/// where the last one is that is left.
/// Answers how many are deleted. A statement for each person would take too long: a delivery may hold thousands.
async fn expire_contacts(
    connection: &mut Connection,
    people: &BTreeMap<(String, String), i64>,
) -> Result<u64, StoreError> {
    let people = people.iter();
    let people = people.map(|((channel, id), messages)| json!([channel, id, messages]));
    let people = json!(people.collect::<Vec<_>>()).to_string();
    let statements = [
        format!(
            "DELETE FROM contacts WHERE (id, channel) IN (SELECT id, channel FROM {PEOPLE}) \
               AND NOT EXISTS (SELECT 1 FROM messages WHERE contact_id = contacts.id AND channel = contacts.channel) \
               AND NOT EXISTS (SELECT 1 FROM items WHERE contact_id = contacts.id AND channel = contacts.channel)"
        ),
        format!(
            "DELETE FROM contact_aliases WHERE contact_id IN (SELECT id FROM {PEOPLE}) \
               AND NOT EXISTS (SELECT 1 FROM contacts WHERE id = contact_id AND channel = contact_aliases.channel)"
        ),
        format!(
            "UPDATE contacts SET expired = expired + people.messages, \
               last_position = coalesce((SELECT max(position) FROM messages \
                 WHERE contact_id = contacts.id AND channel = contacts.channel), contacts.position) \
             FROM {PEOPLE} \
             WHERE contacts.id = people.id AND contacts.channel = people.channel"
        ),
    ];
    let mut deleted = None;
    for statement in statements {
        let done = sqlx::query(AssertSqlSafe(statement))
            .persistent(KEEPS_PLANS)
            .bind(&people)
            .execute(&mut *connection)
            .await?;
        deleted.get_or_insert(done.rows_affected());
    }
    Ok(deleted.unwrap_or_default())
}

/// Deletes what of the suppression list is no longer needed, and the hours of which nothing is left.
pub(in crate::store) async fn sweep(
    connection: &mut Connection,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let swept = sqlx::query(
        "DELETE FROM tombstones WHERE dedupe_key IN \
           (SELECT dedupe_key FROM tombstones WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)",
    )
    .persistent(KEEPS_PLANS)
    .bind(Time(now))
    .bind(SWEPT)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM erasures WHERE expires_at < $1")
        .bind(Time(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM hours WHERE hour < $1")
        .bind(until.map(hour_of))
        .execute(connection)
        .await?;
    Ok(swept.rows_affected() < SWEPT.unsigned_abs())
}
