//! Reading quarantine again, in one transaction for several deliveries.

use std::time::Duration;

use sqlx::{SqliteConnection, SqlitePool};

use super::commit::{Head, count, insert_messages, stored_in_windows};
use super::{contacts, erase, guard};
use crate::delivery::Record;
use crate::message::Contact;
use crate::store::StoreError;
use crate::store::columns::{quarantined, standing};
use crate::store::known::Known;
use crate::store::query::{CounterName, hour_of};
use crate::store::reread::{Changes, Standing, open_items, settle};
use crate::store::settle::Plan;
use crate::store::upkeep::{PAGE_BYTES, Quarantined, Reread};

/// The statement for whole deliveries with an item in quarantine that fit a condition on `?2`: behind position `?1`, at
/// most `?3` of them and `?4` bytes of bodies, but at least one if any waits. `length` looks at no body.
macro_rules! page {
    ($condition:literal) => {
        concat!(
            "WITH page AS ( \
               SELECT position, length(body) AS size FROM deliveries \
               WHERE quarantined > 0 AND position > ?1 AND ",
            $condition,
            " ORDER BY position LIMIT ?3 \
             ), fitting AS (SELECT position, size, sum(size) OVER (ORDER BY position) AS total FROM page) \
             SELECT position, id, received_at, method, content_type, headers, body, is_query FROM deliveries \
             WHERE position IN (SELECT position FROM fitting WHERE total <= ?4 OR total = size) ORDER BY position"
        )
    };
}
pub(super) use page;

pub(super) async fn in_quarantine(
    pool: &SqlitePool,
    since: Option<jiff::Timestamp>,
    after: i64,
    limit: u32,
) -> Result<Vec<Quarantined>, sqlx::Error> {
    let rows = sqlx::query(page!("received_at >= ?2"))
        .bind(after)
        .bind(since.map_or(i64::MIN, jiff::Timestamp::as_millisecond))
        .bind(limit)
        .bind(PAGE_BYTES)
        .fetch_all(pool)
        .await?;
    rows.iter().map(quarantined).collect()
}

/// Writes in the transaction that is open.
pub(super) async fn reread(
    connection: &mut SqliteConnection,
    records: &[Record],
    window: Duration,
) -> Result<Vec<Reread>, StoreError> {
    let standing = read_standing(connection, records).await?;
    let head = Head::read(connection).await?;
    let guard = guard::read(connection, &head, records).await?;
    let records = guard.screen(records, window);
    let open = open_items(&records, &standing);
    let mut plan = Plan::new(&open, window);
    if let Some((keys, from, until)) = plan.windows(window) {
        let stored = stored_in_windows(connection, &keys, from, until).await?;
        plan.collapse(stored, window);
    }
    let inserted = insert_messages(connection, head.position, &plan.candidates).await?;
    // Whatever this process remembers: what it wrote may be newer than what is read now.
    let mut contacts = plan.contacts(&Known::new());
    let mut changes = settle(&open, &standing, &plan, &inserted);
    for (contact, _) in &mut contacts {
        if is_there(connection, contact).await? {
            contact.forget_names();
        }
    }
    let people = contacts::write(connection, &contacts).await?;
    for (contact, since) in &contacts {
        if people.has(contact) {
            let channel = contact.channel.as_str();
            changes
                .counters
                .add(hour_of(*since), CounterName::Contact, channel);
        }
    }
    write(connection, &changes).await?;
    let erased = open.iter().filter(|record| record.delivery.is_erased());
    let erased: Vec<_> = erased.map(|record| record.delivery.id).collect();
    erase::blank(connection, &erased).await?;
    Ok(changes.reread)
}

/// What became of the items of those deliveries that have something in quarantine.
async fn read_standing(
    connection: &mut SqliteConnection,
    records: &[Record],
) -> Result<Standing, StoreError> {
    let mut rows = Vec::new();
    for record in records {
        rows.extend(
            sqlx::query(
                "WITH open AS (SELECT id FROM deliveries WHERE id = ?1 AND quarantined > 0) \
                 SELECT delivery_id, item, outcome FROM items WHERE delivery_id IN (SELECT id FROM open) \
                 UNION ALL \
                 SELECT delivery_id, item, 'stored' FROM messages WHERE delivery_id IN (SELECT id FROM open)",
            )
            .bind(record.delivery.id)
            .fetch_all(&mut *connection)
            .await?,
        );
    }
    Ok(standing(&rows)?)
}

async fn is_there(
    connection: &mut SqliteConnection,
    contact: &Contact,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM contacts WHERE channel = ?1 AND id = ?2)")
        .bind(contact.channel.as_str())
        .bind(contact.id.as_str())
        .fetch_one(connection)
        .await
}

async fn write(connection: &mut SqliteConnection, changes: &Changes<'_>) -> Result<(), StoreError> {
    for (delivery_id, item) in &changes.stored {
        sqlx::query("DELETE FROM items WHERE delivery_id = ?1 AND item = ?2")
            .bind(delivery_id)
            .bind(item)
            .execute(&mut *connection)
            .await?;
    }
    for item in &changes.items {
        sqlx::query(
            "INSERT OR REPLACE INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(item.delivery_id)
        .bind(item.item)
        .bind(item.outcome.as_str())
        .bind(item.reason.map(|reason| reason.code.as_str()))
        .bind(item.reason.map(|reason| reason.text.as_str()))
        .bind(item.contact.map(|(channel, _)| channel))
        .bind(item.contact.map(|(_, id)| id))
        .execute(&mut *connection)
        .await?;
    }
    for (receipt, shape) in &changes.deliveries {
        sqlx::query(
            "UPDATE deliveries SET shape = ?2, outcome = ?3, stored = ?4, duplicates = ?5, ignored = ?6, \
               quarantined = ?7 WHERE id = ?1",
        )
        .bind(receipt.delivery_id)
        .bind(shape.as_str())
        .bind(receipt.outcome.as_str())
        .bind(receipt.stored)
        .bind(receipt.duplicates)
        .bind(receipt.ignored)
        .bind(receipt.quarantined)
        .execute(&mut *connection)
        .await?;
    }
    count(connection, &changes.counters, &changes.hours).await
}
