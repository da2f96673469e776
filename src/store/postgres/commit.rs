//! One transaction for a batch of deliveries.
//!
//! The statements work on whole columns (`UNNEST`), so that their number does not depend on the size of the batch.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff_sqlx::{Timestamp, ToSqlx as _};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::delivery::{Receipt, Record};
use crate::message::Contact;
use crate::store::columns::{Columns as _, receipt};
use crate::store::known::Known;
use crate::store::query::{CounterName, hour_of};
use crate::store::settle::{Candidate, Counters, ItemRow, Plan};
use crate::store::{Attempt, Committed, StoreError};

/// Begins a writing transaction. Its commit waits for the disk whatever the server's default is. The limits keep one hanging replica from stopping the others, which wait for `head`;
/// they are local to the transaction, so that they also hold behind a connection pooler.
const BEGIN: &str = "BEGIN; \
     SET LOCAL statement_timeout = '3s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

/// Commits a batch; see [`Store::commit`](crate::store::Store::commit).
pub(super) async fn commit(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Committed>, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;

    let wanted: usize = records.iter().map(|record| 1 + record.items.len()).sum();
    let mut position = take_positions(connection, wanted).await?;
    let mut done = match attempt {
        Attempt::First => HashMap::new(),
        Attempt::Again => already_committed(connection, records).await?,
    };

    let mut plan = Plan::new(
        records
            .iter()
            .filter(|record| !done.contains_key(&record.delivery.id)),
        window,
    );
    if let Some((keys, from, until)) = plan.windows(window) {
        let stored = stored_in_windows(connection, &keys, from.to_sqlx(), until.to_sqlx()).await?;
        plan.collapse(stored, window);
    }
    let inserted = insert_messages(connection, &plan.candidates, &mut position).await?;
    let contacts = plan.contacts(known);
    let new_contacts = upsert_contacts(connection, &contacts).await?;
    let mut settled = plan.settle(&inserted);
    for (contact, since) in &contacts {
        if new_contacts.contains(&(contact.channel.as_str().to_owned(), contact.id.clone())) {
            settled.counters.add(
                hour_of(*since),
                CounterName::Contact,
                contact.channel.as_str(),
            );
        }
    }
    insert_deliveries(connection, &settled.committed, &mut position).await?;
    insert_items(connection, &settled.items).await?;
    add_counters(connection, &settled.counters).await?;

    let committed: HashMap<_, _> = settled
        .committed
        .into_iter()
        .map(|(record, committed)| (record.delivery.id, committed))
        .collect();
    transaction.commit().await?;
    known.remember(contacts.iter().map(|(contact, _)| contact));
    done.extend(committed);
    records
        .iter()
        .map(|record| {
            done.remove(&record.delivery.id).ok_or_else(|| {
                StoreError::Corrupt("a delivery stands twice in one batch".to_owned())
            })
        })
        .collect()
}

/// Locks `head`, behind which every other committing transaction now waits, and takes positions. Answers the position
/// before the first one taken.
async fn take_positions(connection: &mut PgConnection, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 =
        sqlx::query_scalar("UPDATE head SET position = position + $1 RETURNING position")
            .bind(count)
            .fetch_one(connection)
            .await?;
    Ok(last - count)
}

/// The answers to those of the records that are in the database already.
async fn already_committed(
    connection: &mut PgConnection,
    records: &[Record],
) -> Result<HashMap<Uuid, Committed>, StoreError> {
    let ids: Vec<_> = records.iter().map(|record| record.delivery.id).collect();
    let rows = sqlx::query(
        "SELECT id, outcome, stored, duplicates, ignored, quarantined FROM deliveries WHERE id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let receipt: Receipt = receipt(row)?;
            Ok((
                receipt.delivery_id,
                Committed {
                    receipt,
                    messages: Vec::new(),
                },
            ))
        })
        .collect()
}

/// The arrivals of stored messages that have one of these window keys.
async fn stored_in_windows(
    connection: &mut PgConnection,
    keys: &[Uuid],
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Uuid, jiff::Timestamp)>, StoreError> {
    let rows = sqlx::query(
        "SELECT window_key, received_at FROM messages \
         WHERE window_key = ANY($1) AND received_at BETWEEN $2 AND $3",
    )
    .bind(keys)
    .bind(from)
    .bind(until)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.uuid("window_key")?, row.time("received_at")?)))
        .collect()
}

/// Inserts the messages that are new, and answers their ids.
async fn insert_messages(
    connection: &mut PgConnection,
    candidates: &[Candidate<'_>],
    position: &mut i64,
) -> Result<HashSet<Uuid>, StoreError> {
    if candidates.is_empty() {
        return Ok(HashSet::new());
    }
    let first = *position + 1;
    *position += i64::try_from(candidates.len()).unwrap_or(i64::MAX);
    let ids = sqlx::query_scalar(
        "INSERT INTO messages (position, id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, \
           external_id, contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to, \
           payload, sent_at, sent_at_source, received_at, shape, recovered) \
         SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::text[], \
           $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], \
           $16::text[], $17::text[], $18::text[], $19::text[], $20::timestamptz[], $21::text[], $22::timestamptz[], \
           $23::text[], $24::bool[]) \
         ON CONFLICT (dedupe_key) DO NOTHING RETURNING id",
    )
    .bind((first..=*position).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.id).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.dedupe_key).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.window_key).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.delivery.id).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.item).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.channel.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.direction.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.kind.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.external_id.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.contact_id.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.sender_id.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.recipient_id.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.username.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.display_name.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.text.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(Candidate::attachments_json).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.reply_to.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.payload.as_deref()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.sent_at.to_sqlx()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.sent_at_source.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.delivery.received_at.to_sqlx()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.shape.as_str()).collect::<Vec<_>>())
    .bind(candidates.iter().map(|one| one.draft.recovered).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().collect())
}

/// Writes contacts and their other ids, and answers which were new.
async fn upsert_contacts(
    connection: &mut PgConnection,
    contacts: &[(Contact, jiff::Timestamp)],
) -> Result<HashSet<(String, String)>, StoreError> {
    if contacts.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "INSERT INTO contacts (channel, id, username, display_name, first_seen) \
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) \
         ON CONFLICT (channel, id) DO UPDATE \
           SET username = COALESCE(EXCLUDED.username, contacts.username), \
               display_name = COALESCE(EXCLUDED.display_name, contacts.display_name) \
         RETURNING channel, id, xmax = 0",
    )
    .bind(
        contacts
            .iter()
            .map(|(contact, _)| contact.channel.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        contacts
            .iter()
            .map(|(contact, _)| contact.id.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        contacts
            .iter()
            .map(|(contact, _)| contact.username.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(
        contacts
            .iter()
            .map(|(contact, _)| contact.display_name.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(
        contacts
            .iter()
            .map(|(_, since)| since.to_sqlx())
            .collect::<Vec<_>>(),
    )
    .fetch_all(&mut *connection)
    .await?;

    let aliases = || {
        contacts
            .iter()
            .flat_map(|(contact, _)| contact.aliases.iter().map(move |alias| (contact, alias)))
    };
    if aliases().next().is_some() {
        sqlx::query(
            "INSERT INTO contact_aliases (channel, alias, contact_id) \
             SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING",
        )
        .bind(
            aliases()
                .map(|(contact, _)| contact.channel.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            aliases()
                .map(|(_, alias)| alias.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            aliases()
                .map(|(contact, _)| contact.id.as_str())
                .collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
    }
    Ok(rows
        .into_iter()
        .filter(|(_, _, new)| *new)
        .map(|(channel, id, _)| (channel, id))
        .collect())
}

async fn insert_deliveries(
    connection: &mut PgConnection,
    committed: &[(&Record, Committed)],
    position: &mut i64,
) -> Result<(), StoreError> {
    if committed.is_empty() {
        return Ok(());
    }
    let first = *position + 1;
    *position += i64::try_from(committed.len()).unwrap_or(i64::MAX);
    let deliveries = || committed.iter().map(|(record, _)| &record.delivery);
    let counts = |of: fn(&Receipt) -> u32| {
        committed
            .iter()
            .map(|(_, one)| i32::try_from(of(&one.receipt)).unwrap_or(i32::MAX))
            .collect::<Vec<_>>()
    };
    sqlx::query(
        "INSERT INTO deliveries (position, id, received_at, method, content_type, headers, body, is_query, shape, \
           outcome, stored, duplicates, ignored, quarantined) \
         SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], \
           $7::bytea[], $8::bool[], $9::text[], $10::text[], $11::int[], $12::int[], $13::int[], $14::int[])",
    )
    .bind((first..=*position).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.id).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.received_at.to_sqlx()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.method.as_str()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.content_type.as_deref()).collect::<Vec<_>>())
    .bind(deliveries().map(crate::store::headers_json).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.body.as_ref()).collect::<Vec<_>>())
    .bind(deliveries().map(|delivery| delivery.is_query).collect::<Vec<_>>())
    .bind(committed.iter().map(|(record, _)| record.shape.as_str()).collect::<Vec<_>>())
    .bind(committed.iter().map(|(_, one)| one.receipt.outcome.as_str()).collect::<Vec<_>>())
    .bind(counts(|receipt| receipt.stored))
    .bind(counts(|receipt| receipt.duplicates))
    .bind(counts(|receipt| receipt.ignored))
    .bind(counts(|receipt| receipt.quarantined))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_items(
    connection: &mut PgConnection,
    items: &[ItemRow<'_>],
) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])",
    )
    .bind(items.iter().map(|one| one.delivery_id).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.item).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.outcome.as_str()).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.reason.map(|reason| reason.code.as_str())).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.reason.map(|reason| reason.text.as_str())).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.contact.map(|(channel, _)| channel)).collect::<Vec<_>>())
    .bind(items.iter().map(|one| one.contact.map(|(_, id)| id)).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_counters(
    connection: &mut PgConnection,
    counters: &Counters<'_>,
) -> Result<(), StoreError> {
    let counters = &counters.0;
    if counters.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO counters AS old (hour, name, label, value) \
         SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::bigint[]) \
         ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value",
    )
    .bind(
        counters
            .keys()
            .map(|(hour, _, _)| *hour)
            .collect::<Vec<_>>(),
    )
    .bind(
        counters
            .keys()
            .map(|(_, name, _)| name.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        counters
            .keys()
            .map(|(_, _, label)| *label)
            .collect::<Vec<_>>(),
    )
    .bind(counters.values().copied().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
