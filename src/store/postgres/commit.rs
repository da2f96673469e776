//! One transaction for a batch of deliveries.
//!
//! The statements work on whole columns (`UNNEST`), so that their number does not depend on the size of the batch, and
//! each does as much as the answer to the one before allows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff_sqlx::{Timestamp, ToSqlx as _};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::guard;
use crate::delivery::{Receipt, Record};
use crate::message::Contact;
use crate::store::columns::{Columns as _, receipt};
use crate::store::known::Known;
use crate::store::query::{CounterName, hour_of};
use crate::store::settle::{Candidate, Plan, Settled};
use crate::store::{Attempt, Committed, StoreError};

/// Begins a writing transaction and locks `head`, behind which every other one now waits. Its commit waits for the disk
/// whatever the server's default is. The limits keep one hanging replica from stopping the others. Plans are made once:
/// they depend on nothing that a batch holds, and making one takes as long as running it for a batch of one. All of it
/// is local to the transaction, so that it also holds behind a connection pooler.
pub(super) const BEGIN: &str = "BEGIN; \
     SET LOCAL statement_timeout = '3s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; \
     SET LOCAL plan_cache_mode = force_generic_plan; \
     SELECT FROM head FOR UPDATE";

/// Commits a batch; see [`Store::commit`](crate::store::Store::commit).
///
/// Four round trips, whatever is in it: one begins and locks, one inserts what may be there already, one inserts what
/// follows from that, one commits. At low load the round trips are what a commit costs.
pub(super) async fn commit(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Committed>, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await?;
    let connection = &mut *transaction;

    let guard = guard::read(connection, records, known).await?;
    let records = &*guard.screen(records, window);
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
    let contacts = plan.contacts(known);
    let deliveries = records.len() - done.len();
    let inserted = insert_messages(connection, &plan.candidates, &contacts, deliveries).await?;
    let mut settled = plan.settle(&inserted.messages);
    for (contact, since) in &contacts {
        if inserted
            .contacts
            .contains(&(contact.channel.as_str().to_owned(), contact.id.clone()))
        {
            settled.counters.add(
                hour_of(*since),
                CounterName::Contact,
                contact.channel.as_str(),
            );
        }
    }
    insert_deliveries(connection, &settled, inserted.position).await?;

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

/// The answers to those of the records that are in the database already. Planned each time: a plan from when the table
/// was small would read all of it.
async fn already_committed(
    connection: &mut PgConnection,
    records: &[Record],
) -> Result<HashMap<Uuid, Committed>, StoreError> {
    let ids: Vec<_> = records.iter().map(|record| record.delivery.id).collect();
    let rows = sqlx::query(
        "SELECT id, outcome, stored, duplicates, ignored, quarantined FROM deliveries WHERE id = ANY($1)",
    )
    .persistent(false)
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

/// The arrivals of stored messages that have one of these window keys. Planned each time, as above.
pub(super) async fn stored_in_windows(
    connection: &mut PgConnection,
    keys: &[Uuid],
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Uuid, jiff::Timestamp)>, StoreError> {
    let rows = sqlx::query(
        "SELECT window_key, received_at FROM messages \
         WHERE window_key = ANY($1) AND received_at BETWEEN $2 AND $3",
    )
    .persistent(false)
    .bind(keys)
    .bind(from)
    .bind(until)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.uuid("window_key")?, row.time("received_at")?)))
        .collect()
}

/// What was new.
pub(super) struct Inserted {
    /// The position before the first delivery.
    position: i64,
    pub(super) messages: HashMap<Uuid, i64>,
    pub(super) contacts: HashSet<(String, String)>,
}

/// The position before the first message; ids and positions of the new messages; channels and ids of the new contacts.
type Answer = (i64, Vec<Uuid>, Vec<i64>, Vec<String>, Vec<String>);

/// Takes positions from `head` for messages, `deliveries` and contacts, in this order; inserts the messages that are
/// new, and writes the contacts and their other ids.
pub(super) async fn insert_messages(
    connection: &mut PgConnection,
    candidates: &[Candidate<'_>],
    contacts: &[(Contact, jiff::Timestamp)],
    deliveries: usize,
) -> Result<Inserted, StoreError> {
    let column = Column(candidates);
    let people = Column(contacts);
    let aliases: Vec<_> = contacts
        .iter()
        .flat_map(|(contact, _)| contact.aliases.iter().map(move |alias| (contact, alias)))
        .collect();
    let aliases = Column(&aliases);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let before_contacts = candidates.len() + deliveries;
    let (base, messages, numbers, channels, ids): Answer =
        sqlx::query_as(
            "WITH taken AS ( \
               UPDATE head SET position = position + $1 RETURNING position - $1 AS base \
             ), new_messages AS ( \
               INSERT INTO messages (position, id, dedupe_key, window_key, delivery_id, item, channel, direction, \
                 kind, external_id, contact_id, sender_id, recipient_id, username, display_name, body, attachments, \
                 reply_to, payload, sent_at, sent_at_source, received_at, shape, recovered) \
               SELECT taken.base + new.number, new.id, new.dedupe_key, new.window_key, new.delivery_id, new.item, \
                 new.channel, new.direction, new.kind, new.external_id, new.contact_id, new.sender_id, \
                 new.recipient_id, new.username, new.display_name, new.body, new.attachments, new.reply_to, \
                 new.payload, new.sent_at, new.sent_at_source, new.received_at, new.shape, new.recovered \
               FROM taken, UNNEST($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::text[], $8::text[], \
                 $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], \
                 $16::text[], $17::text[], $18::text[], $19::text[], $20::timestamptz[], $21::text[], \
                 $22::timestamptz[], $23::text[], $24::bool[]) WITH ORDINALITY \
                 AS new (id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, external_id, \
                   contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to, payload, \
                   sent_at, sent_at_source, received_at, shape, recovered, number) \
               ON CONFLICT (dedupe_key) DO NOTHING RETURNING id, position \
             ), people AS ( \
               INSERT INTO contacts (position, channel, id, username, display_name, first_seen) \
               SELECT taken.base + $33 + new.number, new.channel, new.id, new.username, new.display_name, \
                 new.first_seen \
               FROM taken, UNNEST($25::text[], $26::text[], $27::text[], $28::text[], $29::timestamptz[]) \
                 WITH ORDINALITY AS new (channel, id, username, display_name, first_seen, number) \
               ON CONFLICT (channel, id) DO UPDATE \
                 SET username = COALESCE(EXCLUDED.username, contacts.username), \
                     display_name = COALESCE(EXCLUDED.display_name, contacts.display_name) \
               RETURNING channel, id, xmax = 0 AS is_new \
             ), aliases AS ( \
               INSERT INTO contact_aliases (channel, alias, contact_id) \
               SELECT * FROM UNNEST($30::text[], $31::text[], $32::text[]) ON CONFLICT DO NOTHING \
             ) \
             SELECT taken.base, ARRAY(SELECT id FROM new_messages), ARRAY(SELECT position FROM new_messages), \
               ARRAY(SELECT channel FROM people WHERE is_new), \
               ARRAY(SELECT id FROM people WHERE is_new) FROM taken",
        )
        .bind(count(before_contacts + contacts.len()))
        .bind(column.of(|one| one.id))
        .bind(column.of(|one| one.dedupe_key))
        .bind(column.of(|one| one.window_key))
        .bind(column.of(|one| one.delivery.id))
        .bind(column.of(|one| one.item))
        .bind(column.of(|one| one.draft.channel.as_str()))
        .bind(column.of(|one| one.draft.direction.as_str()))
        .bind(column.of(|one| one.draft.kind.as_str()))
        .bind(column.of(|one| one.draft.external_id.as_deref()))
        .bind(column.of(|one| one.draft.contact_id.as_str()))
        .bind(column.of(|one| one.draft.sender_id.as_deref()))
        .bind(column.of(|one| one.draft.recipient_id.as_deref()))
        .bind(column.of(|one| one.draft.username.as_deref()))
        .bind(column.of(|one| one.draft.display_name.as_deref()))
        .bind(column.of(|one| one.draft.text.as_deref()))
        .bind(column.of(Candidate::attachments_json))
        .bind(column.of(|one| one.draft.reply_to.as_deref()))
        .bind(column.of(|one| one.draft.payload.as_deref()))
        .bind(column.of(|one| one.draft.sent_at.to_sqlx()))
        .bind(column.of(|one| one.draft.sent_at_source.as_str()))
        .bind(column.of(|one| one.delivery.received_at.to_sqlx()))
        .bind(column.of(|one| one.draft.shape.as_str()))
        .bind(column.of(|one| one.draft.recovered))
        .bind(people.of(|(contact, _)| contact.channel.as_str()))
        .bind(people.of(|(contact, _)| contact.id.as_str()))
        .bind(people.of(|(contact, _)| contact.username.as_deref()))
        .bind(people.of(|(contact, _)| contact.display_name.as_deref()))
        .bind(people.of(|(_, since)| since.to_sqlx()))
        .bind(aliases.of(|(contact, _)| contact.channel.as_str()))
        .bind(aliases.of(|(_, alias)| alias.as_str()))
        .bind(aliases.of(|(contact, _)| contact.id.as_str()))
        .bind(count(before_contacts))
        .fetch_one(connection)
        .await?;
    Ok(Inserted {
        position: base + count(candidates.len()),
        messages: messages.into_iter().zip(numbers).collect(),
        contacts: channels.into_iter().zip(ids).collect(),
    })
}

/// Inserts the deliveries behind a position and the items that are no messages, adds to the counters, and widens the
/// hours.
async fn insert_deliveries(
    connection: &mut PgConnection,
    settled: &Settled<'_>,
    position: i64,
) -> Result<(), StoreError> {
    if settled.committed.is_empty() {
        return Ok(());
    }
    let column = Column(&settled.committed);
    let items = Column(&settled.items);
    let counters: Vec<_> = settled.counters.0.iter().collect();
    let counters = Column(&counters);
    let hours: Vec<_> = settled.hours.0.iter().collect();
    let hours = Column(&hours);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    sqlx::query(
        "WITH new_deliveries AS ( \
           INSERT INTO deliveries (position, id, received_at, method, content_type, headers, body, is_query, shape, \
             outcome, stored, duplicates, ignored, quarantined) \
           SELECT $1 + new.number, new.id, new.received_at, new.method, new.content_type, new.headers, new.body, \
             new.is_query, new.shape, new.outcome, new.stored, new.duplicates, new.ignored, new.quarantined \
           FROM UNNEST($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bool[], \
             $9::text[], $10::text[], $11::int[], $12::int[], $13::int[], $14::int[]) WITH ORDINALITY \
             AS new (id, received_at, method, content_type, headers, body, is_query, shape, outcome, stored, \
               duplicates, ignored, quarantined, number) \
         ), new_items AS ( \
           INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
           SELECT * FROM UNNEST($15::uuid[], $16::int[], $17::text[], $18::text[], $19::text[], $20::text[], \
             $21::text[]) \
         ), new_hours AS ( \
           INSERT INTO hours AS old (hour, first, last) \
           SELECT * FROM UNNEST($26::bigint[], $27::bigint[], $28::bigint[]) \
           ON CONFLICT (hour) DO UPDATE \
             SET first = LEAST(old.first, EXCLUDED.first), last = GREATEST(old.last, EXCLUDED.last) \
         ) \
         INSERT INTO counters AS old (hour, name, label, value) \
         SELECT * FROM UNNEST($22::bigint[], $23::text[], $24::text[], $25::bigint[]) \
         ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value",
    )
    .bind(position)
    .bind(column.of(|(record, _)| record.delivery.id))
    .bind(column.of(|(record, _)| record.delivery.received_at.to_sqlx()))
    .bind(column.of(|(record, _)| record.delivery.method.as_str()))
    .bind(column.of(|(record, _)| record.delivery.content_type.as_deref()))
    .bind(column.of(|(record, _)| crate::store::headers_json(&record.delivery)))
    .bind(column.of(|(record, _)| record.delivery.body.as_ref()))
    .bind(column.of(|(record, _)| record.delivery.is_query))
    .bind(column.of(|(record, _)| record.shape.as_str()))
    .bind(column.of(|(_, one)| one.receipt.outcome.as_str()))
    .bind(column.of(|(_, one)| count(one.receipt.stored)))
    .bind(column.of(|(_, one)| count(one.receipt.duplicates)))
    .bind(column.of(|(_, one)| count(one.receipt.ignored)))
    .bind(column.of(|(_, one)| count(one.receipt.quarantined)))
    .bind(items.of(|one| one.delivery_id))
    .bind(items.of(|one| one.item))
    .bind(items.of(|one| one.outcome.as_str()))
    .bind(items.of(|one| one.reason.map(|reason| reason.code.as_str())))
    .bind(items.of(|one| one.reason.map(|reason| reason.text.as_str())))
    .bind(items.of(|one| one.contact.map(|(channel, _)| channel)))
    .bind(items.of(|one| one.contact.map(|(_, id)| id)))
    .bind(counters.of(|((hour, _, _), _)| *hour))
    .bind(counters.of(|((_, name, _), _)| name.as_str()))
    .bind(counters.of(|((_, _, label), _)| *label))
    .bind(counters.of(|(_, value)| **value))
    .bind(hours.of(|(hour, _)| **hour))
    .bind(hours.of(|(_, (first, _))| *first))
    .bind(hours.of(|(_, (_, last))| *last))
    .execute(connection)
    .await?;
    Ok(())
}

/// Rows, of which a statement takes one column at a time.
pub(super) struct Column<'a, T>(pub(super) &'a [T]);

impl<'a, T> Column<'a, T> {
    pub(super) fn of<V>(&self, value: impl Fn(&'a T) -> V) -> Vec<V> {
        self.0.iter().map(value).collect()
    }
}
