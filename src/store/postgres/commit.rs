//! One transaction for a batch of deliveries.
//!
//! Step by step: the way of a batch in which not everything is new, or which may hold something that was erased, or that
//! is tried again. All others go [`at_once`](super::at_once).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff_sqlx::{Timestamp, ToSqlx as _};
use sqlx::PgConnection;
use uuid::Uuid;

use super::guard;
use super::rows::{NewAlias, NewContact, NewMessage, Rows};
use crate::delivery::{Receipt, Record};
use crate::message::Contact;
use crate::store::columns::{Columns as _, receipt};
use crate::store::known::Known;
use crate::store::settle::Plan;
use crate::store::{Attempt, Committed, StoreError};

/// Begins a writing transaction and locks `head`, behind which every other one now waits. Its commit waits for the disk
/// whatever the server's default is; and what others committed while it waited for the lock must be seen. The limits keep one hanging replica from stopping the others. Plans are made once:
/// they depend on nothing that a batch holds, and making one takes as long as running it for a batch of one. All of it
/// is local to the transaction, so that it also holds behind a connection pooler.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
     SET LOCAL statement_timeout = '3s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; \
     SET LOCAL plan_cache_mode = force_generic_plan; \
     SELECT position, generation, COALESCE(guarded_until > now(), false) AS guarded FROM head FOR UPDATE";

/// What stands in `head` at the beginning of a transaction.
pub(super) struct Head {
    /// The last position that is given out.
    pub(super) position: i64,
    /// Counts the deletions of contacts.
    pub(super) generation: i64,
    /// Whether something was deleted not long ago that must not come back.
    pub(super) guarded: bool,
}

/// Commits a batch; see [`Store::commit`](crate::store::Store::commit). After an error other than
/// [`StoreError::Unavailable`] the connection can be used again.
pub(super) async fn commit(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Committed>, StoreError> {
    match write(connection, records, attempt, window, known).await {
        Ok((committed, contacts)) => {
            sqlx::raw_sql("COMMIT").execute(connection).await?;
            known.remember(contacts.iter().map(|(contact, _)| contact));
            Ok(committed)
        }
        Err(error @ StoreError::Unavailable(_)) => Err(error),
        Err(error) => {
            sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            Err(error)
        }
    }
}

/// What became of each record, and the contacts that were written.
type Written = (Vec<Committed>, Vec<(Contact, jiff::Timestamp)>);

/// Begins the transaction and writes the batch.
async fn write(
    connection: &mut PgConnection,
    records: &[Record],
    attempt: Attempt,
    window: Duration,
    known: &mut Known,
) -> Result<Written, StoreError> {
    let head = begin(connection).await?;
    let guard = guard::read(connection, &head, records, known).await?;
    let records = &*guard.screen(records, window);
    let done = match attempt {
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
    let committed = insert(connection, &plan, &contacts, head.position).await?;

    let mut new = committed.into_iter();
    let committed = records
        .iter()
        .map(|record| match done.get(&record.delivery.id) {
            Some(committed) => Ok(committed.clone()),
            None => new
                .next()
                .ok_or_else(|| StoreError::Corrupt("a delivery was not settled".to_owned())),
        })
        .collect::<Result<_, _>>()?;
    Ok((committed, contacts))
}

/// Begins and locks.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<Head, StoreError> {
    let rows = sqlx::raw_sql(BEGIN).fetch_all(connection).await?;
    let head = rows
        .last()
        .ok_or_else(|| StoreError::Corrupt("the table `head` is empty".to_owned()))?;
    Ok(Head {
        position: head.long("position")?,
        generation: head.long("generation")?,
        guarded: head.flag("guarded")?,
    })
}

/// Inserts a batch behind a position.
///
/// It is settled as if every message and contact were new, and written whole in one statement. Where the database
/// finds that some are not, it leaves out what follows from that, which is then settled and written again.
async fn insert(
    connection: &mut PgConnection,
    plan: &Plan<'_>,
    contacts: &[(Contact, jiff::Timestamp)],
    position: i64,
) -> Result<Vec<Committed>, StoreError> {
    let batch = Batch::new(plan, contacts, position, plan.records.len());
    let mut settled = plan.settle(|number| Some(batch.position(number)));
    settled.count_contacts(contacts, |_| true);
    let rows = Rows::new(&settled, batch.before_deliveries);
    if let Some(new) = batch.insert(connection, &rows).await? {
        let is_new = |number: usize| new.messages.contains(&plan.candidates[number].id);
        settled = plan.settle(|number| is_new(number).then(|| batch.position(number)));
        settled.count_contacts(contacts, |contact| new.has(contact));
        let rows = Rows::new(&settled, batch.before_deliveries);
        batch.add(connection, &rows).await?;
    }
    Ok(settled.into_committed())
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

/// The rows that a batch would like to insert: positions for messages, deliveries and contacts, in this order.
pub(super) struct Batch<'a> {
    pub(super) messages: Vec<NewMessage<'a>>,
    pub(super) contacts: Vec<NewContact<'a>>,
    pub(super) aliases: Vec<NewAlias<'a>>,
    pub(super) before_deliveries: i64,
    head: i64,
}

/// What was new, where not everything was.
pub(super) struct New {
    pub(super) messages: HashSet<Uuid>,
    contacts: HashSet<(String, String)>,
}

impl New {
    pub(super) fn has(&self, contact: &Contact) -> bool {
        let key = (contact.channel.as_str().to_owned(), contact.id.clone());
        self.contacts.contains(&key)
    }
}

/// Whether all was new; if not, ids of the new messages, channels and ids of the new contacts.
type Answer = (bool, Vec<Uuid>, Vec<String>, Vec<String>);

impl<'a> Batch<'a> {
    /// Puts everything behind a position.
    pub(super) fn new(
        plan: &Plan<'a>,
        contacts: &'a [(Contact, jiff::Timestamp)],
        position: i64,
        deliveries: usize,
    ) -> Self {
        let before_deliveries = position + count(plan.candidates.len());
        let before_contacts = before_deliveries + count(deliveries);
        Self {
            messages: (position + 1..)
                .zip(&plan.candidates)
                .map(|(position, candidate)| NewMessage::new(position, candidate))
                .collect(),
            contacts: (before_contacts + 1..)
                .zip(contacts)
                .map(|(position, (contact, since))| NewContact::new(position, contact, *since))
                .collect(),
            aliases: contacts
                .iter()
                .flat_map(|(contact, _)| NewAlias::all(contact))
                .collect(),
            before_deliveries,
            head: before_contacts + count(contacts.len()),
        }
    }

    /// The position of a candidate, by its number.
    pub(super) fn position(&self, candidate: usize) -> i64 {
        self.messages[candidate].position
    }

    /// Inserts the messages that are new, and writes the contacts and their other ids. If all of them were new, `rows`,
    /// which are settled for that case, are written too; else it answers what was.
    pub(super) async fn insert(
        &self,
        connection: &mut PgConnection,
        rows: &Rows<'_>,
    ) -> Result<Option<New>, StoreError> {
        let people = (self.contacts.as_slice(), self.aliases.as_slice());
        execute(connection, self.head, &self.messages, people, rows).await
    }

    /// Writes the rows that follow from what was inserted.
    pub(super) async fn add(
        &self,
        connection: &mut PgConnection,
        rows: &Rows<'_>,
    ) -> Result<(), StoreError> {
        execute(connection, self.head, &[], (&[], &[]), rows)
            .await
            .map(drop)
    }
}

async fn execute(
    connection: &mut PgConnection,
    head: i64,
    messages: &[NewMessage<'_>],
    (contacts, aliases): (&[NewContact<'_>], &[NewAlias<'_>]),
    rows: &Rows<'_>,
) -> Result<Option<New>, StoreError> {
    let (all, messages, channels, ids): Answer = sqlx::query_as(
        "WITH moved AS ( \
           UPDATE head SET position = $1 \
         ), new_messages AS ( \
           INSERT INTO messages (position, id, dedupe_key, window_key, delivery_id, item, channel, direction, kind, \
             external_id, contact_id, sender_id, recipient_id, username, display_name, body, attachments, reply_to, \
             payload, sent_at, sent_at_source, received_at, shape, recovered) \
           SELECT * FROM UNNEST($2::new_message[]) ON CONFLICT (dedupe_key) DO NOTHING RETURNING id \
         ), people AS ( \
           INSERT INTO contacts (position, channel, id, username, display_name, first_seen) \
           SELECT * FROM UNNEST($3::new_contact[]) \
           ON CONFLICT (channel, id) DO UPDATE \
             SET username = COALESCE(EXCLUDED.username, contacts.username), \
                 display_name = COALESCE(EXCLUDED.display_name, contacts.display_name), \
                 first_seen = LEAST(EXCLUDED.first_seen, contacts.first_seen) \
           RETURNING channel, id, xmax = 0 AS is_new \
         ), aliases AS ( \
           INSERT INTO contact_aliases (channel, alias, contact_id) \
           SELECT * FROM UNNEST($4::new_alias[]) ON CONFLICT DO NOTHING \
         ), new AS ( \
           SELECT (SELECT count(*) FROM new_messages) = cardinality($2) \
             AND (SELECT count(*) FROM people WHERE is_new) = cardinality($3) AS are_all \
         ), new_deliveries AS ( \
           INSERT INTO deliveries (position, id, received_at, method, content_type, headers, body, is_query, shape, \
             outcome, stored, duplicates, ignored, quarantined) \
           SELECT * FROM UNNEST($5::new_delivery[]) WHERE (SELECT are_all FROM new) \
         ), new_items AS ( \
           INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
           SELECT * FROM UNNEST($6::new_item[]) WHERE (SELECT are_all FROM new) \
         ), new_hours AS ( \
           INSERT INTO hours AS old (hour, first, last, newest) \
           SELECT * FROM UNNEST($7::new_span[]) WHERE (SELECT are_all FROM new) \
           ON CONFLICT (hour) DO UPDATE SET first = LEAST(old.first, EXCLUDED.first), \
             last = GREATEST(old.last, EXCLUDED.last), newest = GREATEST(old.newest, EXCLUDED.newest) \
         ), new_counts AS ( \
           INSERT INTO counters AS old (hour, name, label, value) \
           SELECT * FROM UNNEST($8::new_count[]) WHERE (SELECT are_all FROM new) \
           ON CONFLICT (hour, name, label) DO UPDATE SET value = old.value + EXCLUDED.value \
         ) \
         SELECT are_all, ARRAY(SELECT id FROM new_messages WHERE NOT are_all), \
           ARRAY(SELECT channel FROM people WHERE is_new AND NOT are_all), \
           ARRAY(SELECT id FROM people WHERE is_new AND NOT are_all) \
         FROM new",
    )
    .bind(head)
    .bind(messages)
    .bind(contacts)
    .bind(aliases)
    .bind(&rows.deliveries)
    .bind(&rows.items)
    .bind(&rows.hours)
    .bind(&rows.counts)
    .fetch_one(connection)
    .await?;
    Ok((!all).then(|| New {
        messages: messages.into_iter().collect(),
        contacts: channels.into_iter().zip(ids).collect(),
    }))
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
