//! Erasing a person, a few hundred rows in a transaction.

use jiff_sqlx::ToSqlx as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use super::commit::BEGIN;
use super::reread::page;
use super::writing::{Column, add_counters};
use crate::store::StoreError;
use crate::store::columns::{Columns as _, contact, quarantined};
use crate::store::erase::{FAN_OUT, SHARED, Search};
use crate::store::guard::{ERASED, erasure_expiry, fingerprint, tombstone_expiry};
use crate::store::query::{ContactSummary, CounterName, hour_of};
use crate::store::settle::Counters;
use crate::store::upkeep::{Erased, Erasure, PAGE_BYTES, Person, Quarantined};

/// How many rows go in one transaction.
const STEP: i64 = 500;

pub(super) async fn begin(
    connection: &mut PgConnection,
    person: &Person,
    at: jiff::Timestamp,
) -> Result<Option<Erasure>, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;
    let Some(ids) = ids(connection, person).await? else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let people = Column(&ids).of(|(channel, id)| fingerprint(channel.as_deref(), id));
    let expiry = erasure_expiry(at).to_sqlx();
    sqlx::query(
        "INSERT INTO erasures AS old (person, erased_at, expires_at) \
         SELECT DISTINCT person, $2, $3 FROM UNNEST($1::uuid[]) AS person \
         ON CONFLICT (person) DO UPDATE SET erased_at = GREATEST(old.erased_at, EXCLUDED.erased_at), \
           expires_at = GREATEST(old.expires_at, EXCLUDED.expires_at)",
    )
    .bind(people)
    .bind(at.to_sqlx())
    .bind(expiry)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE head SET generation = generation + 1, guarded_until = GREATEST(guarded_until, $1)",
    )
    .bind(expiry)
    .execute(&mut *connection)
    .await?;
    transaction.commit().await?;
    Ok(Some(Erasure { ids, at }))
}

/// Every id that is known of a person; `None` if the one that is asked for is nobody's.
async fn ids(
    connection: &mut PgConnection,
    person: &Person,
) -> Result<Option<Vec<(Option<String>, String)>>, sqlx::Error> {
    let is_shared: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM (SELECT channel FROM contact_aliases WHERE alias = $1 LIMIT $2) AS beside \
           GROUP BY channel HAVING count(*) > $3)",
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
        search.learn(aliases(connection, &ids).await?);
    }
    Ok(Some(search.finish()))
}

/// The contacts that erasing a person would delete, with the messages that are theirs now.
pub(super) async fn doomed(
    pool: &PgPool,
    person: &Person,
) -> Result<Option<Vec<ContactSummary>>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let Some(ids) = ids(&mut connection, person).await? else {
        return Ok(None);
    };
    let ids = Column(&ids);
    let rows = sqlx::query(
        "SELECT position, contacts.id, channel, username, display_name, first_seen, \
           COALESCE(last_seen, first_seen) AS last_seen, \
           (SELECT count(*) FROM messages \
            WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel) AS messages \
         FROM UNNEST($1::text[], $2::text[]) AS theirs (name, id) JOIN counters \
             ON hour = 0 AND counters.name = 'contact' AND label = COALESCE(theirs.name, label) \
           JOIN contacts ON contacts.id = theirs.id AND contacts.channel = label \
         ORDER BY position",
    )
    .persistent(false)
    .bind(ids.of(|(channel, _)| channel.as_deref()))
    .bind(ids.of(|(_, id)| id.as_str()))
    .fetch_all(&mut *connection)
    .await?;
    rows.iter().map(contact).collect::<Result<_, _>>().map(Some)
}

/// The rows with one of these ids, as alias or as contact, but for aliases that are constants.
async fn aliases(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT one.channel, one.alias, one.contact_id FROM UNNEST($1::text[]) AS asked (id) CROSS JOIN LATERAL ( \
           (SELECT * FROM contact_aliases WHERE alias = asked.id LIMIT $2) \
           UNION ALL \
           (SELECT * FROM contact_aliases WHERE contact_id = asked.id LIMIT $2) \
         ) AS one \
         WHERE (SELECT count(*) FROM ( \
           SELECT FROM contact_aliases AS other WHERE other.channel = one.channel AND other.alias = one.alias \
           LIMIT $3 + 1) AS others) <= $3",
    )
    .persistent(false)
    .bind(ids)
    .bind(FAN_OUT)
    .bind(SHARED)
    .fetch_all(connection)
    .await
}

pub(super) async fn step(
    connection: &mut PgConnection,
    erasure: &Erasure,
) -> Result<Erased, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;
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
    transaction.commit().await?;
    Ok(erased)
}

pub(super) async fn bodies(
    connection: &mut PgConnection,
    deliveries: &[Uuid],
) -> Result<u64, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let erased = blank(&mut transaction, deliveries).await?;
    transaction.commit().await?;
    Ok(erased)
}

/// Deletes some messages, leaves their tombstones, and answers the deliveries that held them, one for each.
async fn delete_messages(
    connection: &mut PgConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = Column(ids);
    Ok(sqlx::query_scalar(
        "WITH doomed AS ( \
           SELECT messages.position FROM UNNEST($1::text[], $2::text[]) AS theirs (channel, id) \
             JOIN messages ON messages.contact_id = theirs.id \
               AND messages.channel = COALESCE(theirs.channel, messages.channel) \
           WHERE messages.received_at <= $3 LIMIT $4 \
         ), gone AS ( \
           DELETE FROM messages WHERE position IN (SELECT position FROM doomed) \
           RETURNING dedupe_key, window_key, received_at, delivery_id \
         ), buried AS ( \
           INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
           SELECT dedupe_key, window_key, received_at, true, $5 FROM gone \
           ON CONFLICT (dedupe_key) DO UPDATE SET erased = true, expires_at = EXCLUDED.expires_at \
         ) \
         SELECT delivery_id FROM gone",
    )
    .persistent(false)
    .bind(ids.of(|(channel, _)| channel.as_deref()))
    .bind(ids.of(|(_, id)| id.as_str()))
    .bind(at.to_sqlx())
    .bind(STEP)
    .bind(tombstone_expiry(*at).to_sqlx())
    .fetch_all(connection)
    .await?)
}

/// Takes the person out of some items, and answers the deliveries of those.
async fn forget_items(
    connection: &mut PgConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    let ids = Column(ids);
    Ok(sqlx::query_scalar(
        "WITH theirs AS ( \
           SELECT items.delivery_id, items.item FROM UNNEST($1::text[], $2::text[]) AS theirs (channel, id) \
             JOIN items ON items.contact_id = theirs.id AND items.channel = COALESCE(theirs.channel, items.channel) \
             JOIN deliveries ON deliveries.id = items.delivery_id \
           WHERE deliveries.received_at <= $3 LIMIT $4 \
         ) \
         UPDATE items SET channel = NULL, contact_id = NULL FROM theirs \
         WHERE items.delivery_id = theirs.delivery_id AND items.item = theirs.item \
         RETURNING items.delivery_id",
    )
    .persistent(false)
    .bind(ids.of(|(channel, _)| channel.as_deref()))
    .bind(ids.of(|(_, id)| id.as_str()))
    .bind(at.to_sqlx())
    .bind(STEP)
    .fetch_all(connection)
    .await?)
}

/// Bodies in quarantine of which nobody knows whose they are.
pub(super) async fn riddles(
    pool: &PgPool,
    until: jiff::Timestamp,
    after: i64,
    limit: u32,
) -> Result<Vec<Quarantined>, sqlx::Error> {
    let rows = sqlx::query(page!(
        "received_at <= $2 AND EXISTS (SELECT FROM items WHERE delivery_id = deliveries.id \
           AND items.outcome = 'quarantined' AND contact_id IS NULL)"
    ))
    .persistent(false)
    .bind(after)
    .bind(until.to_sqlx())
    .bind(i64::from(limit))
    .bind(PAGE_BYTES)
    .fetch_all(pool)
    .await?;
    rows.iter().map(quarantined).collect()
}

/// Deletes the contacts and their other ids. Who has written again since is a new contact. The counters name every
/// channel that has contacts: with it a contact is found by its key.
async fn delete_contacts(
    connection: &mut PgConnection,
    Erasure { ids, at }: &Erasure,
) -> Result<u64, StoreError> {
    let ids = Column(ids);
    let channels = ids.of(|(channel, _)| channel.as_deref());
    let ids = ids.of(|(_, id)| id.as_str());
    sqlx::query(
        "DELETE FROM contact_aliases USING UNNEST($1::text[], $2::text[]) AS theirs (channel, id) \
         WHERE contact_id = theirs.id AND contact_aliases.channel = COALESCE(theirs.channel, contact_aliases.channel)",
    )
    .bind(&channels)
    .bind(&ids)
    .execute(&mut *connection)
    .await?;
    let deleted = sqlx::query(
        "DELETE FROM contacts USING UNNEST($1::text[], $2::text[]) AS theirs (channel, id) JOIN counters \
           ON hour = 0 AND name = 'contact' AND label = COALESCE(theirs.channel, label) \
         WHERE contacts.id = theirs.id AND contacts.channel = label \
           AND NOT EXISTS (SELECT FROM messages \
             WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel)",
    )
    .bind(&channels)
    .bind(&ids)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE contacts SET username = NULL, display_name = NULL, first_seen = $3 \
         FROM UNNEST($1::text[], $2::text[]) AS theirs (channel, id) JOIN counters \
           ON hour = 0 AND name = 'contact' AND label = COALESCE(theirs.channel, label) \
         WHERE contacts.id = theirs.id AND contacts.channel = label AND first_seen < $3",
    )
    .bind(&channels)
    .bind(&ids)
    .bind(at.to_sqlx())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE head SET generation = generation + 1")
        .execute(connection)
        .await?;
    Ok(deleted.rows_affected())
}

/// Erases bodies and headers, and answers how many deliveries had some. What was in quarantine there can never be read
/// again, and leaves it.
pub(super) async fn blank(
    connection: &mut PgConnection,
    deliveries: &[Uuid],
) -> Result<u64, StoreError> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    let held = sqlx::query(
        "SELECT id, received_at, quarantined FROM deliveries WHERE id = ANY($1) AND octet_length(body) > 0",
    )
    .persistent(false)
    .bind(deliveries)
    .fetch_all(&mut *connection)
    .await?;
    let mut counters = Counters::default();
    for row in &held {
        counters.add_many(
            hour_of(row.time("received_at")?),
            CounterName::Released,
            "erased",
            row.number("quarantined")?.into(),
        );
    }
    add_counters(connection, &counters).await?;
    sqlx::query(
        "UPDATE items SET outcome = 'ignored', code = 'erased', reason = $2 \
         WHERE delivery_id = ANY($1) AND outcome = 'quarantined'",
    )
    .bind(deliveries)
    .bind(ERASED)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE deliveries SET body = '', headers = '[]', ignored = ignored + quarantined, quarantined = 0, \
           outcome = CASE outcome WHEN 'quarantined' THEN 'ignored' ELSE outcome END \
         WHERE id = ANY($1)",
    )
    .bind(deliveries)
    .execute(connection)
    .await?;
    Ok(held.len() as u64)
}
