//! One transaction for a batch of deliveries.
//!
//! Step by step: the way of a batch in which not everything is new, or that is tried again, or that is large, and of every
//! batch while something was erased or deleted not long ago. All others go [`at_once`](super::at_once). A statement takes many rows, in a few fixed
//! numbers, for which it is prepared once.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::rows::{DELIVERIES, MESSAGES, bind_delivery, bind_message};
use super::{Writing, contacts, guard};
use crate::delivery::Record;
use crate::message::Contact;
use crate::store::columns::{Columns as _, receipt};
use crate::store::known::Known;
use crate::store::settle::{Candidate, Counters, Hours, ItemRow, Plan};
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
    known: &mut Known,
) -> Result<Written, StoreError> {
    let head = Head::read(connection).await?;
    known.guard(head.guarded);
    let guard = guard::read(connection, &head, records).await?;
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
        let stored = stored_in_windows(connection, &keys, from, until).await?;
        plan.collapse(stored, window);
    }
    let new = insert_messages(connection, head.position, &plan.candidates).await?;
    let contacts = plan.contacts(known);
    let mut settled = plan.settle(|number| new.get(&plan.candidates[number].id).copied());
    let people = contacts::write(connection, &contacts).await?;
    settled.count_contacts(&contacts, |contact| people.has(contact));
    insert_deliveries(connection, &settled.committed).await?;
    insert_items(connection, &settled.items).await?;
    count(connection, &settled.counters, &settled.hours).await?;

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

pub(super) async fn stored_in_windows(
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

/// How many rows a statement takes.
const SIZES: [usize; 5] = [128, 64, 16, 4, 1];

/// Cuts rows into pieces of those sizes.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// What is looked at first in a transaction that writes.
pub(super) struct Head {
    /// The last position that was given to a message, even if that is gone.
    pub(super) position: i64,
    /// Whether something was deleted not long ago that must not come back.
    pub(super) guarded: bool,
}

impl Head {
    pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let (position, guarded) = sqlx::query_as(
            "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0), \
               EXISTS (SELECT 1 FROM erasures) OR EXISTS (SELECT 1 FROM tombstones)",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self { position, guarded })
    }
}

/// Inserts the messages that are new behind a position, and answers their ids and positions. (They are not returned by the statement: each
/// row that is costs a way from thread to thread.)
pub(super) async fn insert_messages(
    connection: &mut SqliteConnection,
    last: i64,
    candidates: &[Candidate<'_>],
) -> Result<HashMap<Uuid, i64>, StoreError> {
    let rows: Vec<_> = (last + 1..).zip(candidates).collect();
    let mut inserted = 0;
    for piece in pieces(&rows) {
        let (into, values) = (MESSAGES.into, MESSAGES.values(piece.len()));
        let text = format!("INSERT INTO {into} {values} ON CONFLICT (dedupe_key) DO NOTHING");
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (position, candidate) in piece {
            query = bind_message(query, candidate, Some(*position));
        }
        inserted += query.execute(&mut *connection).await?.rows_affected();
    }
    if usize::try_from(inserted) == Ok(candidates.len()) {
        return Ok(rows
            .iter()
            .map(|(position, one)| (one.id, *position))
            .collect());
    }
    let new = sqlx::query_as("SELECT id, position FROM messages WHERE position > ?1")
        .bind(last)
        .fetch_all(connection)
        .await?;
    Ok(new.into_iter().collect())
}

async fn insert_deliveries(
    connection: &mut SqliteConnection,
    committed: &[(&Record, Committed)],
) -> Result<(), StoreError> {
    for piece in pieces(committed) {
        let (into, values) = (DELIVERIES.into, DELIVERIES.values(piece.len()));
        let mut query = sqlx::query(AssertSqlSafe(format!("INSERT INTO {into} {values}")));
        for committed in piece {
            query = bind_delivery(query, committed);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn insert_items(
    connection: &mut SqliteConnection,
    items: &[ItemRow<'_>],
) -> Result<(), StoreError> {
    for piece in pieces(items) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) ",
        );
        query.push_values(piece, |mut row, item| {
            row.push_bind(item.delivery_id)
                .push_bind(item.item)
                .push_bind(item.outcome.as_str())
                .push_bind(item.reason.map(|reason| reason.code.as_str()))
                .push_bind(item.reason.map(|reason| reason.text.as_str()))
                .push_bind(item.contact.map(|(channel, _)| channel))
                .push_bind(item.contact.map(|(_, id)| id));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) const ADD_COUNTERS: &str = "INSERT INTO counters (hour, name, label, value) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true \
     ON CONFLICT (hour, name, label) DO UPDATE SET value = value + excluded.value";

const WIDEN_HOURS: &str = "INSERT INTO hours (hour, first, last, newest) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true \
     ON CONFLICT (hour) DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last), \
       newest = max(coalesce(newest, 0), excluded.newest)";

/// The counters as [`ADD_COUNTERS`] takes them.
pub(super) fn counter_rows(counters: &Counters<'_>) -> String {
    let rows = counters.0.iter();
    let rows: Vec<_> = rows
        .map(|((hour, name, label), value)| (hour, name.as_str(), label, value))
        .collect();
    serde_json::json!(rows).to_string()
}

/// The hours as their statements take them.
pub(super) fn hour_rows(hours: &Hours) -> String {
    let rows: Vec<_> = hours
        .0
        .iter()
        .map(|(hour, span)| (hour, span.first, span.last, span.newest.as_millisecond()))
        .collect();
    serde_json::json!(rows).to_string()
}

/// Adds to the counters in one statement, whatever their number.
pub(super) async fn add_counters(
    connection: &mut SqliteConnection,
    counters: &Counters<'_>,
) -> Result<(), StoreError> {
    let adding = sqlx::query(ADD_COUNTERS).bind(counter_rows(counters));
    adding.execute(connection).await?;
    Ok(())
}

/// Adds to the counters and widens the hours.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    counters: &Counters<'_>,
    hours: &Hours,
) -> Result<(), StoreError> {
    add_counters(connection, counters).await?;
    let widening = sqlx::query(WIDEN_HOURS).bind(hour_rows(hours));
    widening.execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_piece() {
        let rows: Vec<_> = (0..150).collect();
        let sizes: Vec<_> = pieces(&rows).map(<[_]>::len).collect();
        assert_eq!(sizes, [128, 16, 4, 1, 1]);
        assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(pieces::<i32>(&[]).count(), 0);
    }
}
