//! Erases a person, some hundred rows in a transaction. Everything here but the last functions writes in the
//! transaction that is open and has rolled up to the head.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::dialect::{Connection, KEEPS_PLANS, NOW, Pool, ids, is_in};
use super::quarantine::page_of_quarantine;
use super::rollup;
use crate::store::StoreError;
use crate::store::counts::{Count, CountChanges, hour_of};
use crate::store::erasure::{FAN_OUT, IdSearch, SHARED};
use crate::store::maintenance::{ErasedPart, Erasure, NotErased, PersonId, QuarantinedDelivery};
use crate::store::model::ContactSummary;
use crate::store::suppression::{ERASED, erasure_expiry, fingerprint, tombstone_expiry};
use crate::store::values::Time;

/// How many rows go in one transaction, for each id.
const STEP: i64 = 200;

/// Puts a person on the suppression list.
pub(in crate::store) async fn begin(
    connection: &mut Connection,
    person: &PersonId,
    confirmed: Option<usize>,
) -> Result<Result<Erasure, NotErased>, StoreError> {
    let Some(found) = find_ids(connection, person).await? else {
        return Ok(Err(NotErased::Shared));
    };
    let contacts = contacts_of(connection, &found).await?;
    let number = contacts.len();
    if confirmed.map_or(number > 1, |confirmed| confirmed != number) {
        return Ok(Err(NotErased::Unconfirmed(contacts)));
    }
    let (head, Time(at)) =
        sqlx::query_as(AssertSqlSafe(format!("SELECT position, {NOW} FROM head")))
            .fetch_one(&mut *connection)
            .await?;
    for (channel, id) in &found {
        sqlx::query(
            "INSERT INTO erasures AS old (person, erased_at, expires_at) VALUES ($1, $2, $3) \
             ON CONFLICT (person) DO UPDATE SET \
               erased_at = CASE WHEN excluded.erased_at > old.erased_at \
                 THEN excluded.erased_at ELSE old.erased_at END, \
               expires_at = CASE WHEN excluded.expires_at > old.expires_at \
                 THEN excluded.expires_at ELSE old.expires_at END",
        )
        .bind(fingerprint(channel.as_deref(), id))
        .bind(Time(at))
        .bind(Time(erasure_expiry(at)))
        .execute(&mut *connection)
        .await?;
    }
    suppress_until(connection, erasure_expiry(at)).await?;
    Ok(Ok(Erasure {
        ids: found,
        at,
        head,
    }))
}

/// Notes until when the suppression list has entries.
pub(in crate::store) async fn suppress_until(
    connection: &mut Connection,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE head SET suppressing_until = $1 WHERE suppressing_until IS NULL OR suppressing_until < $1",
    )
    .bind(Time(until))
    .execute(connection)
    .await?;
    Ok(())
}

/// Every id to erase: the one that was asked for, if it is a contact's; else every one that is known of the person.
/// `None`: it is nobody's.
async fn find_ids(
    connection: &mut Connection,
    person: &PersonId,
) -> Result<Option<Vec<(Option<String>, String)>>, sqlx::Error> {
    let is_contact: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM contacts WHERE id = $1 AND channel = coalesce($2, channel))",
    )
    .persistent(KEEPS_PLANS)
    .bind(&person.id)
    .bind(&person.channel)
    .fetch_one(&mut *connection)
    .await?;
    if is_contact {
        return Ok(Some(vec![(person.channel.clone(), person.id.clone())]));
    }
    let is_shared: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM (SELECT channel FROM contact_aliases WHERE alias = $1 LIMIT $2) AS named \
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
    let mut search = IdSearch::new(person);
    while let Some(unknown) = search.next() {
        for id in unknown {
            search.learn(aliases(connection, &id).await?);
        }
    }
    Ok(Some(search.finish()))
}

/// The rows with an id, as alias or as contact, but for aliases that are constants.
async fn aliases(
    connection: &mut Connection,
    id: &str,
) -> Result<Vec<(String, String, String)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT one.channel, one.alias, one.contact_id FROM ( \
           SELECT * FROM (SELECT * FROM contact_aliases WHERE alias = $1 LIMIT $2) AS by_alias \
           UNION ALL \
           SELECT * FROM (SELECT * FROM contact_aliases WHERE contact_id = $1 LIMIT $2) AS by_contact \
         ) AS one \
         WHERE (SELECT count(*) FROM ( \
           SELECT 1 FROM contact_aliases AS other WHERE other.channel = one.channel AND other.alias = one.alias \
           LIMIT $3 + 1) AS others) <= $3",
    )
    .persistent(KEEPS_PLANS)
    .bind(id)
    .bind(FAN_OUT)
    .bind(SHARED)
    .fetch_all(connection)
    .await
}

/// The contacts that erasing a person would delete, with the messages that would go with each.
pub(in crate::store) async fn affected(
    pool: &Pool,
    person: &PersonId,
) -> Result<Option<Vec<ContactSummary>>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let Some(found) = find_ids(&mut connection, person).await? else {
        return Ok(None);
    };
    contacts_of(&mut connection, &found).await.map(Some)
}

/// The contacts under some ids, oldest first.
async fn contacts_of(
    connection: &mut Connection,
    people: &[(Option<String>, String)],
) -> Result<Vec<ContactSummary>, sqlx::Error> {
    let mut contacts: Vec<ContactSummary> = Vec::new();
    for (channel, id) in people {
        contacts.extend(
            sqlx::query_as(
                "SELECT position, last_position, id, channel, username, display_name, first_seen, \
                   coalesce(last_message_at, first_seen) AS last_seen, \
                   (SELECT count(*) FROM messages \
                    WHERE messages.contact_id = contacts.id AND messages.channel = contacts.channel) AS messages \
                 FROM contacts WHERE id = $1 AND channel = coalesce($2, channel)",
            )
            .persistent(KEEPS_PLANS)
            .bind(id)
            .bind(channel)
            .fetch_all(&mut *connection)
            .await?,
        );
    }
    contacts.sort_unstable_by_key(|contact| contact.position);
    Ok(contacts)
}

/// Erases a part of what is there: messages first, then what items say of the person, and the contacts last. They lead
/// to everything else, should this be interrupted and repeated.
pub(in crate::store) async fn step(
    connection: &mut Connection,
    erasure: &Erasure,
) -> Result<ErasedPart, StoreError> {
    let mut erased = ErasedPart::default();
    let mut deliveries = delete_messages(connection, erasure).await?;
    erased.messages = deliveries.len() as u64;
    deliveries.sort_unstable();
    deliveries.dedup();
    if deliveries.is_empty() {
        deliveries = clear_items(connection, erasure).await?;
    }
    if deliveries.is_empty() {
        for (channel, id) in &erasure.ids {
            erased.contacts += rollup::rewrite(connection, channel.as_deref(), id).await?;
        }
        erased.done = true;
    }
    erased.deliveries = redact(connection, &deliveries).await?;
    Ok(erased)
}

/// Deletes some messages, leaves their tombstones, and answers the deliveries that held them, one for each.
async fn delete_messages(
    connection: &mut Connection,
    Erasure {
        ids: people,
        at,
        head,
    }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    const THEIRS: &str = "position IN (SELECT position FROM messages \
        WHERE contact_id = $1 AND channel = coalesce($2, channel) AND position <= $3 ORDER BY position LIMIT $4)";
    let mut deliveries = Vec::new();
    for (channel, id) in people {
        let buried = format!(
            "INSERT INTO tombstones (dedupe_key, window_key, received_at, erased, expires_at) \
             SELECT dedupe_key, window_key, received_at, true, $5 FROM messages WHERE {THEIRS} \
             ON CONFLICT (dedupe_key) DO UPDATE SET erased = true, expires_at = excluded.expires_at"
        );
        sqlx::query(AssertSqlSafe(buried))
            .persistent(KEEPS_PLANS)
            .bind(id)
            .bind(channel)
            .bind(head)
            .bind(STEP)
            .bind(Time(tombstone_expiry(*at)))
            .execute(&mut *connection)
            .await?;
        sqlx::query(AssertSqlSafe(format!(
            "DELETE FROM forward_retries WHERE position IN (SELECT position FROM messages WHERE {THEIRS})"
        )))
        .persistent(KEEPS_PLANS)
        .bind(id)
        .bind(channel)
        .bind(head)
        .bind(STEP)
        .execute(&mut *connection)
        .await?;
        let gone: Vec<Uuid> = sqlx::query_scalar(AssertSqlSafe(format!(
            "DELETE FROM messages WHERE {THEIRS} RETURNING delivery_id"
        )))
        .persistent(KEEPS_PLANS)
        .bind(id)
        .bind(channel)
        .bind(head)
        .bind(STEP)
        .fetch_all(&mut *connection)
        .await?;
        deliveries.extend(gone);
    }
    Ok(deliveries)
}

/// Clears what some items say of the person, and answers the deliveries of those.
async fn clear_items(
    connection: &mut Connection,
    Erasure {
        ids: people, head, ..
    }: &Erasure,
) -> Result<Vec<Uuid>, StoreError> {
    let mut deliveries = Vec::new();
    for (channel, id) in people {
        let cleared: Vec<Uuid> = sqlx::query_scalar(
            "UPDATE items SET channel = NULL, contact_id = NULL, username = NULL, display_name = NULL, aliases = NULL \
             WHERE position IN (SELECT position FROM items \
               WHERE contact_id = $1 AND channel = coalesce($2, channel) AND position <= $3 \
               ORDER BY position LIMIT $4) AND contact_id IS NOT NULL \
             RETURNING delivery_id",
        )
        .persistent(KEEPS_PLANS)
        .bind(id)
        .bind(channel)
        .bind(head)
        .bind(STEP)
        .fetch_all(&mut *connection)
        .await?;
        deliveries.extend(cleared);
    }
    Ok(deliveries)
}

/// Deletes bodies and headers, and what reasons quote of them, and answers how many deliveries had some. What was in
/// quarantine there can never be read again, and leaves it.
pub(in crate::store) async fn redact(
    connection: &mut Connection,
    deliveries: &[Uuid],
) -> Result<u64, StoreError> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    let these = is_in(1);
    let had: Vec<(Time, i32)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT received_at, quarantined FROM deliveries WHERE id {these} AND octet_length(body) > 0"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .fetch_all(&mut *connection)
    .await?;
    sqlx::query(AssertSqlSafe(format!(
        "DELETE FROM forward_retries WHERE position IN (SELECT position FROM deliveries WHERE id {these})"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .execute(&mut *connection)
    .await?;
    let mut counts = CountChanges::default();
    for (received_at, quarantined) in &had {
        counts.add(hour_of(received_at.0), Count::Erased, (*quarantined).into());
    }
    super::counts::add(connection, &counts).await?;
    sqlx::query(AssertSqlSafe(format!(
        "UPDATE items SET reason = $2, code = CASE outcome WHEN 'quarantined' THEN 'erased' ELSE code END, \
           outcome = CASE outcome WHEN 'quarantined' THEN 'ignored' ELSE outcome END \
         WHERE delivery_id {these} AND reason IS NOT NULL"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .bind(ERASED)
    .execute(&mut *connection)
    .await?;
    sqlx::query(AssertSqlSafe(format!(
        "UPDATE deliveries SET body = $2, headers = '[]', ignored = ignored + quarantined, quarantined = 0, \
           outcome = CASE outcome WHEN 'quarantined' THEN 'ignored' ELSE outcome END WHERE id {these}"
    )))
    .persistent(KEEPS_PLANS)
    .bind(ids(deliveries))
    .bind(&b""[..])
    .execute(connection)
    .await?;
    Ok(had.len() as u64)
}

/// Deliveries with an item in quarantine of which nobody knows whose it is.
pub(in crate::store) async fn unattributed(
    pool: &Pool,
    erasure: &Erasure,
    after: i64,
    limit: u32,
) -> Result<Vec<QuarantinedDelivery>, sqlx::Error> {
    let condition = format!(
        "(received_at <= $2 OR position <= {}) AND EXISTS (SELECT 1 FROM items \
        WHERE delivery_id = deliveries.id AND items.outcome = 'quarantined' AND contact_id IS NULL)",
        erasure.head
    );
    page_of_quarantine(pool, &condition, Some(erasure.at), after, limit).await
}
