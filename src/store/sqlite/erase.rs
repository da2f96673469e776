//! Erasing a person, a few hundred rows in a transaction. Everything here writes in the transaction that is open.

use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::commit::add_counters;
use super::reread::page;
use crate::store::StoreError;
use crate::store::columns::{Columns as _, contact, quarantined};
use crate::store::erase::{FAN_OUT, SHARED, Search};
use crate::store::guard::{ERASED, erasure_expiry, fingerprint, tombstone_expiry};
use crate::store::query::{ContactSummary, CounterName, hour_of};
use crate::store::settle::Counters;
use crate::store::upkeep::{Erased, Erasure, PAGE_BYTES, Person, Quarantined};

/// How many rows go in one transaction.
const STEP: usize = 500;

pub(super) async fn begin(
    connection: &mut SqliteConnection,
    person: &Person,
    at: jiff::Timestamp,
) -> Result<Option<Erasure>, StoreError> {
    let Some(ids) = ids(connection, person).await? else {
        return Ok(None);
    };
    for (channel, id) in &ids {
        sqlx::query(
            "INSERT INTO erasures (person, erased_at, expires_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET erased_at = max(erased_at, excluded.erased_at), \
               expires_at = max(expires_at, excluded.expires_at)",
        )
        .bind(fingerprint(channel.as_deref(), id))
        .bind(at.as_millisecond())
        .bind(erasure_expiry(at).as_millisecond())
        .execute(&mut *connection)
        .await?;
    }
    Ok(Some(Erasure { ids, at }))
}

/// Every id that is known of a person; `None` if the one that is asked for is nobody's.
async fn ids(
    connection: &mut SqliteConnection,
    person: &Person,
) -> Result<Option<Vec<(Option<String>, String)>>, sqlx::Error> {
    let is_shared: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM (SELECT channel FROM contact_aliases WHERE alias = ?1 LIMIT ?2) \
           GROUP BY channel HAVING count(*) > ?3)",
    )
    .bind(&person.id)
    .bind(FAN_OUT)
    .bind(SHARED)
    .fetch_one(&mut *connection)
    .await?;
    if is_shared {
        return Ok(None);
    }
    let mut search = Search::new(person);
    while let Some(ids) = search.next() {
        for id in ids {
            search.learn(aliases(connection, &id).await?);
        }
    }
    Ok(Some(search.finish()))
}

/// The contacts that erasing a person would delete, with the messages that are theirs now.
pub(super) async fn doomed(
    pool: &SqlitePool,
    person: &Person,
) -> Result<Option<Vec<ContactSummary>>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let Some(ids) = ids(&mut connection, person).await? else {
        return Ok(None);
    };
    let mut doomed = Vec::new();
    for (channel, id) in &ids {
        let rows = sqlx::query(
            "SELECT position, id, channel, username, display_name, first_seen, \
               COALESCE(last_seen, first_seen) AS last_seen, \
               (SELECT count(*) FROM messages \
                WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel) AS messages \
             FROM contacts WHERE id = ?1 \
               AND channel IN (SELECT label FROM counters \
                 WHERE hour = 0 AND name = 'contact' AND label = coalesce(?2, label))",
        )
        .bind(id)
        .bind(channel)
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            doomed.push(contact(row)?);
        }
    }
    doomed.sort_unstable_by_key(|contact| contact.position);
    Ok(Some(doomed))
}

/// The rows with this id, as alias or as contact, but for aliases that are constants.
async fn aliases(
    connection: &mut SqliteConnection,
    id: &str,
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT one.channel, one.alias, one.contact_id FROM ( \
           SELECT * FROM (SELECT * FROM contact_aliases WHERE alias = ?1 LIMIT ?2) \
           UNION ALL \
           SELECT * FROM (SELECT * FROM contact_aliases WHERE contact_id = ?1 LIMIT ?2) \
         ) AS one \
         WHERE (SELECT count(*) FROM ( \
           SELECT 1 FROM contact_aliases AS other WHERE other.channel = one.channel AND other.alias = one.alias \
           LIMIT ?3 + 1)) <= ?3",
    )
    .bind(id)
    .bind(FAN_OUT)
    .bind(SHARED)
    .fetch_all(connection)
    .await
}

pub(super) async fn step(
    connection: &mut SqliteConnection,
    erasure: &Erasure,
) -> Result<Erased, StoreError> {
    let mut erased = Erased::default();
    let mut deliveries = delete_messages(connection, erasure).await?;
    erased.messages = deliveries.len() as u64;
    if deliveries.is_empty() {
        deliveries = forget_items(connection, erasure).await?;
    }
    if deliveries.is_empty() {
        // Last: they lead to everything else, if this is cut and has to be repeated.
        erased.contacts = delete_contacts(connection, erasure).await?;
        erased.done = true;
    }
    erased.deliveries = blank(connection, &deliveries).await?;
    Ok(erased)
}

/// Deletes some messages, leaves their tombstones, and answers the deliveries that held them, one for each.
async fn delete_messages(
    connection: &mut SqliteConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    let mut deliveries = Vec::new();
    for (channel, id) in ids {
        let gone: Vec<(i64, Uuid)> = sqlx::query_as(
            "SELECT position, delivery_id FROM messages \
             WHERE contact_id = ?1 AND channel = coalesce(?2, channel) AND received_at <= ?3 LIMIT ?4",
        )
        .bind(id)
        .bind(channel)
        .bind(at.as_millisecond())
        .bind(i64::try_from(STEP - deliveries.len()).unwrap_or_default())
        .fetch_all(&mut *connection)
        .await?;
        for (position, delivery_id) in gone {
            sqlx::query(
                "INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
                 SELECT dedupe_key, window_key, received_at, 1, ?2 FROM messages WHERE position = ?1 \
                 ON CONFLICT DO UPDATE SET erased = 1, expires_at = excluded.expires_at",
            )
            .bind(position)
            .bind(tombstone_expiry(*at).as_millisecond())
            .execute(&mut *connection)
            .await?;
            sqlx::query("DELETE FROM messages WHERE position = ?1")
                .bind(position)
                .execute(&mut *connection)
                .await?;
            deliveries.push(delivery_id);
        }
    }
    Ok(deliveries)
}

/// Takes the person out of some items, and answers the deliveries of those.
async fn forget_items(
    connection: &mut SqliteConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    let mut deliveries = Vec::new();
    for (channel, id) in ids {
        let theirs: Vec<(Uuid, i32)> = sqlx::query_as(
            "SELECT items.delivery_id, items.item FROM items JOIN deliveries ON deliveries.id = items.delivery_id \
             WHERE items.contact_id = ?1 AND items.channel = coalesce(?2, items.channel) \
               AND deliveries.received_at <= ?3 LIMIT ?4",
        )
        .bind(id)
        .bind(channel)
        .bind(at.as_millisecond())
        .bind(i64::try_from(STEP - deliveries.len()).unwrap_or_default())
        .fetch_all(&mut *connection)
        .await?;
        for (delivery_id, item) in theirs {
            sqlx::query(
                "UPDATE items SET channel = NULL, contact_id = NULL WHERE delivery_id = ?1 AND item = ?2",
            )
            .bind(delivery_id)
            .bind(item)
            .execute(&mut *connection)
            .await?;
            deliveries.push(delivery_id);
        }
    }
    Ok(deliveries)
}

/// Bodies in quarantine of which nobody knows whose they are.
pub(super) async fn riddles(
    pool: &SqlitePool,
    until: jiff::Timestamp,
    after: i64,
    limit: u32,
) -> Result<Vec<Quarantined>, sqlx::Error> {
    let rows = sqlx::query(page!(
        "received_at <= ?2 AND EXISTS (SELECT 1 FROM items WHERE delivery_id = deliveries.id \
           AND items.outcome = 'quarantined' AND contact_id IS NULL)"
    ))
    .bind(after)
    .bind(until.as_millisecond())
    .bind(limit)
    .bind(PAGE_BYTES)
    .fetch_all(pool)
    .await?;
    rows.iter().map(quarantined).collect()
}

/// Deletes the contacts and their other ids. Who has written again since is a new contact. The counters name every
/// channel that has contacts: with it a contact is found by its key.
async fn delete_contacts(
    connection: &mut SqliteConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    for (channel, id) in ids {
        sqlx::query(
            "DELETE FROM contact_aliases WHERE contact_id = ?1 AND channel = coalesce(?2, channel)",
        )
        .bind(id)
        .bind(channel)
        .execute(&mut *connection)
        .await?;
        deleted += sqlx::query(
            "DELETE FROM contacts WHERE id = ?1 \
               AND channel IN (SELECT label FROM counters \
                 WHERE hour = 0 AND name = 'contact' AND label = coalesce(?2, label)) \
               AND NOT EXISTS (SELECT 1 FROM messages \
                 WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel)",
        )
        .bind(id)
        .bind(channel)
        .execute(&mut *connection)
        .await?
        .rows_affected();
        sqlx::query(
            "UPDATE contacts SET username = NULL, display_name = NULL, first_seen = ?3 \
             WHERE id = ?1 AND first_seen < ?3 \
               AND channel IN (SELECT label FROM counters \
                 WHERE hour = 0 AND name = 'contact' AND label = coalesce(?2, label))",
        )
        .bind(id)
        .bind(channel)
        .bind(at.as_millisecond())
        .execute(&mut *connection)
        .await?;
    }
    Ok(deleted)
}

/// Erases bodies and headers, and answers how many deliveries had some. What was in quarantine there can never be read
/// again, and leaves it.
pub(super) async fn blank(
    connection: &mut SqliteConnection,
    deliveries: &[Uuid],
) -> Result<u64, StoreError> {
    let mut blanked = 0;
    let mut counters = Counters::default();
    for id in deliveries {
        let held = sqlx::query(
            "SELECT received_at, quarantined FROM deliveries WHERE id = ?1 AND length(body) > 0",
        )
        .bind(id)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = held else { continue };
        blanked += 1;
        counters.add_many(
            hour_of(row.time("received_at")?),
            CounterName::Released,
            "erased",
            row.number("quarantined")?.into(),
        );
        sqlx::query(
            "UPDATE items SET outcome = 'ignored', code = 'erased', reason = ?2 \
             WHERE delivery_id = ?1 AND outcome = 'quarantined'",
        )
        .bind(id)
        .bind(ERASED)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "UPDATE deliveries SET body = x'', headers = '[]', ignored = ignored + quarantined, quarantined = 0, \
               outcome = CASE outcome WHEN 'quarantined' THEN 'ignored' ELSE outcome END WHERE id = ?1",
        )
        .bind(id)
        .execute(&mut *connection)
        .await?;
    }
    add_counters(connection, &counters).await?;
    Ok(blanked)
}
