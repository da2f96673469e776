//! A batch in which everything is new, in one text of statements that begins a transaction and commits it.
//!
//! SQLite runs in a thread of its own, and each of its answers waits until a busy runtime looks: sent one by one, the
//! statements of a batch spend more time on the way than in the database.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::Writing;
use super::commit::{ADD_COUNTERS, counter_rows, hour_rows};
use super::rows::{DELIVERIES, MESSAGES, Query, Rows, bind_delivery, bind_message};
use super::writing::COMMIT;
use crate::delivery::Record;
use crate::message::Contact;
use crate::store::known::Known;
use crate::store::settle::{ItemRow, Plan};
use crate::store::{Committed, StoreError};

/// For how many rows there is a text. A batch takes the next larger one, and leaves the last rows empty. (Not a limit: a
/// statement with a bound limit is prepared anew for each value.)
const SIZES: [usize; 12] = [1, 2, 4, 8, 16, 32, 64, 96, 128, 160, 192, 256];

/// The texts, each of which SQLite prepares once.
static TEXTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| SIZES.map(text));

/// Ends the transaction if something was deleted not long ago, or if a message that may be the same stands within the
/// window: it then inserts a counter without a value, which the table refuses. (Every insert that may be refused takes back
/// the whole transaction, and not only itself: SQLite then keeps no copies of the pages that a statement changes.)
const GUARD: &str = "INSERT OR ROLLBACK INTO counters (hour, name, label, value) SELECT 0, '', '', NULL \
     WHERE EXISTS (SELECT 1 FROM erasures) OR EXISTS (SELECT 1 FROM tombstones) OR EXISTS ( \
       SELECT 1 FROM json_each(?) AS wanted CROSS JOIN messages \
       ON window_key = unhex(wanted.value) AND received_at BETWEEN ? AND ?);";

/// The people, who are counted if they are new, and their other ids.
const CONTACTS: &str = "\
     WITH new AS MATERIALIZED ( \
       SELECT value ->> 0 AS channel, (value ->> 4) / 3600000 AS hour FROM json_each(?) WHERE NOT EXISTS ( \
         SELECT 1 FROM contacts WHERE contacts.channel = value ->> 0 AND contacts.id = value ->> 1) \
     ) \
     INSERT INTO counters (hour, name, label, value) \
     SELECT hour, 'contact', channel, count(*) FROM new GROUP BY hour, channel \
     UNION ALL SELECT 0, 'contact', channel, count(*) FROM new WHERE true GROUP BY channel \
     ON CONFLICT (hour, name, label) DO UPDATE SET value = value + excluded.value; \
     INSERT INTO contacts (channel, id, username, display_name, first_seen) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?) WHERE true \
     ON CONFLICT (channel, id) DO UPDATE SET username = COALESCE(excluded.username, username), \
       display_name = COALESCE(excluded.display_name, display_name), \
       first_seen = min(first_seen, excluded.first_seen); \
     INSERT OR IGNORE INTO contact_aliases (channel, alias, contact_id) \
     SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?);";

const ITEMS: &str = "INSERT OR ROLLBACK INTO items (delivery_id, item, outcome, code, reason, channel, contact_id) \
     SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 \
     FROM json_each(?);";

/// The hours, whose positions are counted from the first of the batch.
const HOURS: &str = "WITH before AS (SELECT seq - ? AS position FROM sqlite_sequence WHERE name = 'messages') \
     INSERT INTO hours (hour, first, last, newest) \
     SELECT value ->> 0, position + (value ->> 1), position + (value ->> 2), value ->> 3 \
     FROM before CROSS JOIN json_each(?) WHERE true \
     ON CONFLICT (hour) DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last), \
       newest = max(coalesce(newest, 0), excluded.newest);";

fn text(size: usize) -> String {
    let insert = |rows: &Rows| {
        let (into, values) = (rows.into, rows.values(size));
        format!(
            "INSERT OR ROLLBACK INTO {into} SELECT * FROM ({values}) WHERE column1 IS NOT NULL;"
        )
    };
    let (messages, deliveries) = (insert(&MESSAGES), insert(&DELIVERIES));
    format!(
        "BEGIN IMMEDIATE; {GUARD} {CONTACTS} {messages} {deliveries} {ITEMS} {HOURS} {ADD_COUNTERS}; {COMMIT}"
    )
}

/// Commits a batch in one text. `None`, and nothing is written, if it has to go step by step.
pub(super) async fn commit(
    connection: &mut Writing,
    records: &[Record],
    window: Duration,
    known: &mut Known,
) -> Result<Option<Vec<Committed>>, StoreError> {
    let mut plan = Plan::new(records, window);
    let (keys, from, until) = match plan.windows(window) {
        Some((keys, from, until)) => (keys, from.as_millisecond(), until.as_millisecond()),
        None => (Vec::new(), 0, 0),
    };
    // Equal ones within the batch; the database looks for those that it has.
    plan.collapse([], window);
    let rows = plan.candidates.len().max(records.len());
    let Some(size) = SIZES.iter().position(|size| rows <= *size) else {
        return Ok(None);
    };
    let contacts = plan.contacts(known);
    let settled = plan.settle(|number| i64::try_from(number + 1).ok());

    let keys: Vec<_> = keys.iter().map(|key| key.simple().to_string()).collect();
    let (people, aliases) = contact_rows(&contacts);
    let mut query: Query<'_> = sqlx::query(TEXTS[size].as_str())
        .bind(json!(keys).to_string())
        .bind(from)
        .bind(until)
        .bind(people.clone())
        .bind(people)
        .bind(aliases);
    for candidate in &plan.candidates {
        query = bind_message(query, candidate, None);
    }
    let messages = i64::try_from(plan.candidates.len()).unwrap_or(i64::MAX);
    query = MESSAGES.bind_nothing(query, SIZES[size] - plan.candidates.len());
    for committed in &settled.committed {
        query = bind_delivery(query, committed);
    }
    query = DELIVERIES
        .bind_nothing(query, SIZES[size] - settled.committed.len())
        .bind(item_rows(&settled.items))
        .bind(messages)
        .bind(hour_rows(&settled.hours))
        .bind(counter_rows(&settled.counters));
    match connection.whole(query).await.map_err(StoreError::from) {
        Ok(()) => {
            known.remember(contacts.iter().map(|(contact, _)| contact));
            Ok(Some(settled.into_committed()))
        }
        Err(StoreError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The people, and their other ids, as the statements take them.
fn contact_rows(contacts: &[(Contact, jiff::Timestamp)]) -> (String, String) {
    let mut people = Vec::new();
    let mut aliases = Vec::new();
    for (contact, since) in contacts {
        let (channel, id) = (contact.channel.as_str(), contact.id.as_str());
        let (username, name) = (&contact.username, &contact.display_name);
        people.push(json!([channel, id, username, name, since.as_millisecond()]));
        aliases.extend(
            contact
                .aliases
                .iter()
                .map(|alias| json!([channel, alias, id])),
        );
    }
    (
        Value::from(people).to_string(),
        Value::from(aliases).to_string(),
    )
}

fn item_rows(items: &[ItemRow<'_>]) -> String {
    let rows = items.iter().map(|item| {
        let (channel, contact) = item.contact.unzip();
        let (code, text) = item
            .reason
            .map(|reason| (reason.code.as_str(), reason.text.as_str()))
            .unzip();
        json!([
            item.delivery_id.simple().to_string(),
            item.item,
            item.outcome.as_str(),
            code,
            text,
            channel,
            contact
        ])
    });
    Value::Array(rows.collect()).to_string()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::super::SqliteStore;
    use super::*;
    use crate::delivery::Delivery;
    use crate::normalize::normalize;

    const WINDOW: Duration = Duration::from_mins(1);

    fn record(body: &str) -> Record {
        let delivery = Delivery {
            id: Uuid::now_v7(),
            received_at: Timestamp::now(),
            method: "POST".to_owned(),
            content_type: None,
            headers: Vec::new(),
            body: body.to_owned().into(),
            is_query: false,
        };
        let reading = normalize(&delivery);
        Record {
            delivery,
            shape: reading.shape,
            items: reading.items,
        }
    }

    #[tokio::test]
    async fn what_is_new_goes_at_once_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("test.db");
        let store = SqliteStore::open(&file, WINDOW, true).await.unwrap();
        let goes = async |records: &[Record]| {
            let mut writer = store.writer().await.unwrap();
            let super::super::Writer { connection, known } = &mut *writer;
            let done = commit(connection, records, WINDOW, known).await.unwrap();
            done.is_some()
        };
        let with_id = |id: usize| {
            record(&format!(
                r#"{{"contact_id":"1","text":"hi","message_id":"m-{id}"}}"#
            ))
        };
        let without_id = || record(r#"{"contact_id":"1","text":"hi"}"#);
        assert!(goes(&[with_id(1), without_id(), record("not understood")]).await);
        assert!(
            !goes(&[with_id(2), with_id(1)]).await,
            "a key that is there"
        );
        assert!(
            !goes(&[with_id(2), without_id()]).await,
            "within the window"
        );
        let many: Vec<_> = (0..=256).map(with_id).collect();
        assert!(!goes(&many).await, "more than there is a text for");
        assert!(goes(&many[2..]).await, "all that failed has left nothing");
        let erased = "INSERT INTO erasures VALUES (x'00', 0, 0)";
        let mut writer = store.writer().await.unwrap();
        sqlx::query(erased)
            .execute(writer.connection.idle().await)
            .await
            .unwrap();
        drop(writer);
        assert!(!goes(&[with_id(300)]).await, "something was erased");
    }
}
