//! One transaction for a batch of deliveries.
//!
//! SQLite runs in this process, so a prepared statement for each row costs little.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::SqliteConnection;
use uuid::Uuid;

use super::Writing;
use crate::delivery::Record;
use crate::message::Contact;
use crate::store::columns::{Columns as _, receipt};
use crate::store::known::Known;
use crate::store::query::{CounterName, hour_of};
use crate::store::settle::{Candidate, Counters, ItemRow, Plan};
use crate::store::{Attempt, Committed, StoreError};

/// Commits a batch; see [`Store::commit`](crate::store::Store::commit).
pub(super) async fn commit(
    connection: &mut Writing,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Committed>, StoreError> {
    let written = write(connection.begin().await?, records, attempt, window, known).await;
    let (mut done, contacts) = connection.end(written).await?;
    known.remember(contacts.iter().map(|(contact, _)| contact));
    records
        .iter()
        .map(|record| {
            done.remove(&record.delivery.id).ok_or_else(|| {
                StoreError::Corrupt("a delivery stands twice in one batch".to_owned())
            })
        })
        .collect()
}

/// What became of each delivery, and the contacts that were written.
type Written = (HashMap<Uuid, Committed>, Vec<(Contact, jiff::Timestamp)>);

/// Writes a batch in the transaction that is open.
async fn write(
    connection: &mut SqliteConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &Known,
) -> Result<Written, StoreError> {
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
        let stored = stored_in_windows(connection, &keys, from, until).await?;
        plan.collapse(stored, window);
    }
    let mut inserted = HashSet::with_capacity(plan.candidates.len());
    for candidate in &plan.candidates {
        if insert_message(connection, candidate).await? {
            inserted.insert(candidate.id);
        }
    }
    let contacts = plan.contacts(known);
    let mut settled = plan.settle(&inserted);
    for (contact, since) in &contacts {
        if upsert_contact(connection, contact, *since).await? {
            settled.counters.add(
                hour_of(*since),
                CounterName::Contact,
                contact.channel.as_str(),
            );
        }
    }
    for (record, committed) in &settled.committed {
        insert_delivery(connection, record, committed).await?;
    }
    for item in &settled.items {
        insert_item(connection, item).await?;
    }
    add_counters(connection, &settled.counters).await?;

    let committed = settled.committed.into_iter();
    done.extend(committed.map(|(record, committed)| (record.delivery.id, committed)));
    Ok((done, contacts))
}

async fn already_committed(
    connection: &mut SqliteConnection,
    records: &[Record],
) -> Result<HashMap<Uuid, Committed>, StoreError> {
    let mut done = HashMap::new();
    for record in records {
        let row = sqlx::query(
            "SELECT id, outcome, stored, duplicates, ignored, quarantined FROM deliveries WHERE id = ?1",
        )
        .bind(record.delivery.id)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            let receipt = receipt(&row)?;
            done.insert(
                receipt.delivery_id,
                Committed {
                    receipt,
                    messages: Vec::new(),
                },
            );
        }
    }
    Ok(done)
}

async fn stored_in_windows(
    connection: &mut SqliteConnection,
    keys: &[Uuid],
    from: jiff::Timestamp,
    until: jiff::Timestamp,
) -> Result<Vec<(Uuid, jiff::Timestamp)>, StoreError> {
    let mut stored = Vec::new();
    for key in keys {
        let rows = sqlx::query(
            "SELECT window_key, received_at FROM messages WHERE window_key = ?1 AND received_at BETWEEN ?2 AND ?3",
        )
        .bind(key)
        .bind(from.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            stored.push((row.uuid("window_key")?, row.time("received_at")?));
        }
    }
    Ok(stored)
}

/// Inserts a message, and answers whether it was new.
async fn insert_message(
    connection: &mut SqliteConnection,
    candidate: &Candidate<'_>,
) -> Result<bool, StoreError> {
    let Candidate {
        delivery, draft, ..
    } = candidate;
    let done = sqlx::query(
        "INSERT INTO messages (id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, external_id, \
           contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to, payload, \
           sent_at, sent_at_source, received_at, shape, recovered) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23) \
         ON CONFLICT (dedupe_key) DO NOTHING",
    )
    .bind(candidate.id)
    .bind(candidate.dedupe_key)
    .bind(candidate.window_key)
    .bind(delivery.id)
    .bind(candidate.item)
    .bind(draft.channel.as_str())
    .bind(draft.direction.as_str())
    .bind(draft.kind.as_str())
    .bind(draft.external_id.as_deref())
    .bind(draft.contact_id.as_str())
    .bind(draft.sender_id.as_deref())
    .bind(draft.recipient_id.as_deref())
    .bind(draft.username.as_deref())
    .bind(draft.display_name.as_deref())
    .bind(draft.text.as_deref())
    .bind(candidate.attachments_json())
    .bind(draft.reply_to.as_deref())
    .bind(draft.payload.as_deref())
    .bind(draft.sent_at.as_millisecond())
    .bind(draft.sent_at_source.as_str())
    .bind(delivery.received_at.as_millisecond())
    .bind(draft.shape.as_str())
    .bind(draft.recovered)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Writes a contact and its other ids, and answers whether it was new.
async fn upsert_contact(
    connection: &mut SqliteConnection,
    contact: &Contact,
    since: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO contacts (channel, id, username, display_name, first_seen) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO NOTHING",
    )
    .bind(contact.channel.as_str())
    .bind(contact.id.as_str())
    .bind(contact.username.as_deref())
    .bind(contact.display_name.as_deref())
    .bind(since.as_millisecond())
    .execute(&mut *connection)
    .await?;
    let new = inserted.rows_affected() > 0;
    if !new {
        sqlx::query(
            "UPDATE contacts SET username = COALESCE(?3, username), display_name = COALESCE(?4, display_name) \
             WHERE channel = ?1 AND id = ?2",
        )
        .bind(contact.channel.as_str())
        .bind(contact.id.as_str())
        .bind(contact.username.as_deref())
        .bind(contact.display_name.as_deref())
        .execute(&mut *connection)
        .await?;
    }
    for alias in &contact.aliases {
        sqlx::query(
            "INSERT INTO contact_aliases (channel, alias, contact_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )
        .bind(contact.channel.as_str())
        .bind(alias.as_str())
        .bind(contact.id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(new)
}

async fn insert_delivery(
    connection: &mut SqliteConnection,
    record: &Record,
    committed: &Committed,
) -> Result<(), StoreError> {
    let (delivery, receipt) = (&record.delivery, &committed.receipt);
    sqlx::query(
        "INSERT INTO deliveries (id, received_at, method, content_type, headers, body, is_query, shape, outcome, \
           stored, duplicates, ignored, quarantined) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(delivery.id)
    .bind(delivery.received_at.as_millisecond())
    .bind(delivery.method.as_str())
    .bind(delivery.content_type.as_deref())
    .bind(crate::store::headers_json(delivery))
    .bind(delivery.body.as_ref())
    .bind(delivery.is_query)
    .bind(record.shape.as_str())
    .bind(receipt.outcome.as_str())
    .bind(receipt.stored)
    .bind(receipt.duplicates)
    .bind(receipt.ignored)
    .bind(receipt.quarantined)
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_item(
    connection: &mut SqliteConnection,
    item: &ItemRow<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(item.delivery_id)
    .bind(item.item)
    .bind(item.outcome.as_str())
    .bind(item.reason.map(|reason| reason.code.as_str()))
    .bind(item.reason.map(|reason| reason.text.as_str()))
    .bind(item.contact.map(|(channel, _)| channel))
    .bind(item.contact.map(|(_, id)| id))
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_counters(
    connection: &mut SqliteConnection,
    counters: &Counters<'_>,
) -> Result<(), StoreError> {
    for ((hour, name, label), value) in &counters.0 {
        sqlx::query(
            "INSERT INTO counters (hour, name, label, value) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (hour, name, label) DO UPDATE SET value = value + excluded.value",
        )
        .bind(*hour)
        .bind(name.as_str())
        .bind(*label)
        .bind(*value)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
