//! Reading quarantine again, in one transaction for several deliveries.

use std::time::Duration;

use jiff_sqlx::ToSqlx as _;
use sqlx::{PgConnection, PgPool};

use super::commit::{Batch, begin, stored_in_windows};
use super::rows::Rows;
use super::writing::Column;
use super::{erase, guard};
use crate::delivery::Record;
use crate::message::Contact;
use crate::store::StoreError;
use crate::store::columns::{Columns as _, quarantined, standing};
use crate::store::known::Known;
use crate::store::query::{CounterName, hour_of};
use crate::store::reread::{Changes, Standing, open_items, settle};
use crate::store::settle::Plan;
use crate::store::upkeep::{Mode, PAGE_BYTES, Quarantined, Reread};

/// The statement for whole deliveries with an item in quarantine that fit a condition on `$2`: behind position `$1`, at
/// most `$3` of them and `$4` bytes of bodies, but at least one if any waits. `octet_length` looks at no body.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH page AS ( \
               SELECT position, octet_length(body) AS size FROM deliveries \
               WHERE quarantined > 0 AND position > $1 AND ",
            $condition,
            " ORDER BY position LIMIT $3 \
             ), fitting AS (SELECT position, size, sum(size) OVER (ORDER BY position) AS total FROM page) \
             SELECT position, id, received_at, method, content_type, headers, body, is_query FROM deliveries \
             WHERE position IN (SELECT position FROM fitting WHERE total <= $4 OR total = size) ORDER BY position"
        )
    };
}
pub(super) use page;

pub(super) async fn in_quarantine(
    pool: &PgPool,
    since: Option<jiff::Timestamp>,
    after: i64,
    limit: u32,
) -> Result<Vec<Quarantined>, sqlx::Error> {
    let rows = sqlx::query(page!("received_at >= COALESCE($2, '-infinity')"))
        .persistent(false)
        .bind(after)
        .bind(since.map(jiff::Timestamp::to_sqlx))
        .bind(i64::from(limit))
        .bind(PAGE_BYTES)
        .fetch_all(pool)
        .await?;
    rows.iter().map(quarantined).collect()
}

pub(super) async fn reread(
    connection: &mut PgConnection,
    records: &[Record],
    mode: Mode,
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Reread>, StoreError> {
    let reread = reread_open(connection, records, window, known).await;
    if matches!(reread, Err(StoreError::Unavailable(_))) {
        return reread;
    }
    let end = match (&reread, mode) {
        (Ok(_), Mode::Real) => "COMMIT",
        _ => "ROLLBACK",
    };
    sqlx::raw_sql(end).execute(connection).await?;
    reread
}

/// Begins the transaction and writes in it.
async fn reread_open(
    connection: &mut PgConnection,
    records: &[Record],
    window: Duration,
    known: &mut Known,
) -> Result<Vec<Reread>, StoreError> {
    let head = begin(connection).await?;
    let standing = read_standing(connection, records).await?;
    let guard = guard::read(connection, &head, records, known).await?;
    let records = guard.screen(records, window);
    let open = open_items(&records, &standing);
    let mut plan = Plan::new(&open, window);
    if let Some((keys, from, until)) = plan.windows(window) {
        let stored = stored_in_windows(connection, &keys, from.to_sqlx(), until.to_sqlx()).await?;
        plan.collapse(stored, window);
    }
    // Whatever this process remembers: what it wrote may be newer than what is read now.
    let mut contacts = plan.contacts(&Known::new());
    keep_names(connection, &mut contacts).await?;
    let batch = Batch::new(&plan, &contacts, head.position, 0);
    let new = batch.insert(connection, &Rows::default()).await?;
    let inserted = (0..)
        .zip(&plan.candidates)
        .filter(|(_, candidate)| {
            let new = new.as_ref();
            new.is_none_or(|new| new.messages.contains(&candidate.id))
        })
        .map(|(number, candidate)| (candidate.id, batch.position(number)))
        .collect();
    let mut changes = settle(&open, &standing, &plan, &inserted);
    for (contact, since) in &contacts {
        if new.as_ref().is_none_or(|new| new.has(contact)) {
            let channel = contact.channel.as_str();
            changes
                .counters
                .add(hour_of(*since), CounterName::Contact, channel);
        }
    }
    let rows = Rows::counting(&changes.counters, &changes.hours);
    batch.add(connection, &rows).await?;
    write(connection, &changes).await?;
    let erased = open.iter().filter(|record| record.delivery.is_erased());
    let erased: Vec<_> = erased.map(|record| record.delivery.id).collect();
    erase::blank(connection, &erased).await?;
    Ok(changes.reread)
}

/// What became of the items of those deliveries that have something in quarantine.
async fn read_standing(
    connection: &mut PgConnection,
    records: &[Record],
) -> Result<Standing, StoreError> {
    let rows = sqlx::query(
        "WITH open AS (SELECT id FROM deliveries WHERE id = ANY($1) AND quarantined > 0) \
         SELECT delivery_id, item, outcome FROM items WHERE delivery_id IN (SELECT id FROM open) \
         UNION ALL \
         SELECT delivery_id, item, 'stored' FROM messages WHERE delivery_id IN (SELECT id FROM open)",
    )
    .persistent(false)
    .bind(Column(records).of(|record| record.delivery.id))
    .fetch_all(connection)
    .await?;
    Ok(standing(&rows)?)
}

/// Takes the names from contacts that are there already: theirs are as new, or newer.
async fn keep_names(
    connection: &mut PgConnection,
    contacts: &mut [(Contact, jiff::Timestamp)],
) -> Result<(), StoreError> {
    let column = Column(contacts);
    let rows = sqlx::query(
        "SELECT channel, id FROM contacts WHERE (channel, id) IN (SELECT * FROM UNNEST($1::text[], $2::text[]))",
    )
    .persistent(false)
    .bind(column.of(|(contact, _)| contact.channel.as_str()))
    .bind(column.of(|(contact, _)| contact.id.as_str()))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let (channel, id) = (row.text("channel")?, row.text("id")?);
        let there = |(contact, _): &&mut (Contact, _)| {
            contact.id == id && contact.channel.as_str() == channel
        };
        if let Some((contact, _)) = contacts.iter_mut().find(there) {
            contact.forget_names();
        }
    }
    Ok(())
}

async fn write(connection: &mut PgConnection, changes: &Changes<'_>) -> Result<(), StoreError> {
    let stored = Column(&changes.stored);
    sqlx::query(
        "DELETE FROM items USING UNNEST($1::uuid[], $2::int[]) AS stored (delivery_id, item) \
         WHERE items.delivery_id = stored.delivery_id AND items.item = stored.item",
    )
    .bind(stored.of(|(delivery_id, _)| *delivery_id))
    .bind(stored.of(|(_, item)| *item))
    .execute(&mut *connection)
    .await?;
    let items = Column(&changes.items);
    sqlx::query(
        "INSERT INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) \
         ON CONFLICT (delivery_id, item) DO UPDATE \
           SET outcome = EXCLUDED.outcome, code = EXCLUDED.code, reason = EXCLUDED.reason, \
               channel = EXCLUDED.channel, contact_id = EXCLUDED.contact_id",
    )
    .bind(items.of(|one| one.delivery_id))
    .bind(items.of(|one| one.item))
    .bind(items.of(|one| one.outcome.as_str()))
    .bind(items.of(|one| one.reason.map(|reason| reason.code.as_str())))
    .bind(items.of(|one| one.reason.map(|reason| reason.text.as_str())))
    .bind(items.of(|one| one.contact.map(|(channel, _)| channel)))
    .bind(items.of(|one| one.contact.map(|(_, id)| id)))
    .execute(&mut *connection)
    .await?;
    let deliveries = Column(&changes.deliveries);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    sqlx::query(
        "UPDATE deliveries SET shape = new.shape, outcome = new.outcome, stored = new.stored, \
           duplicates = new.duplicates, ignored = new.ignored, quarantined = new.quarantined \
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[]) \
           AS new (id, shape, outcome, stored, duplicates, ignored, quarantined) \
         WHERE deliveries.id = new.id",
    )
    .bind(deliveries.of(|(receipt, _)| receipt.delivery_id))
    .bind(deliveries.of(|(_, shape)| shape.as_str()))
    .bind(deliveries.of(|(receipt, _)| receipt.outcome.as_str()))
    .bind(deliveries.of(|(receipt, _)| count(receipt.stored)))
    .bind(deliveries.of(|(receipt, _)| count(receipt.duplicates)))
    .bind(deliveries.of(|(receipt, _)| count(receipt.ignored)))
    .bind(deliveries.of(|(receipt, _)| count(receipt.quarantined)))
    .execute(&mut *connection)
    .await?;
    Ok(())
}
