//! Plans that Postgres made when the tables were small, and keeps.

use chatrace_webhook::delivery::{Item, Outcome, ReasonCode};
use chatrace_webhook::message::{Draft, Identity};
use chatrace_webhook::store::{
    Attempt, ContactFilter, ContactOrder, DeliveryFilter, Ledger as _, Maintenance as _,
    MessageFilter, Mode, Order, PageRequest, PersonId, PostgresStore, Store,
};
use jiff::Timestamp;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::ALL;
use crate::support::postgres;
use crate::support::records::{WINDOW, at, draft, record};
use crate::support::wait::eventually;

/// The tables grow within the minute in which no statistics are gathered.
const GROW: &str = "\
    INSERT INTO tombstones SELECT gen_random_uuid(), gen_random_uuid(), now(), false, now() + interval '1 day' \
    FROM generate_series(1, 60000); \
    INSERT INTO erasures SELECT gen_random_uuid(), now(), now() + interval '1 day' FROM generate_series(1, 60000); \
    INSERT INTO deliveries SELECT -n, gen_random_uuid(), now(), 'POST', NULL, '[]', \
        convert_to(repeat('x', 500), 'UTF8'), false, 'flat', 'stored', 1, 0, \
        0, 0 FROM generate_series(1, 60000) AS n; \
    INSERT INTO messages SELECT -n, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 0, \
        'instagram', 'inbound', 'text', NULL, 'x', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, now(), \
        'arrival', now(), 'flat', false FROM generate_series(1, 60000) AS n";

/// Reading a whole table for each message of this batch takes longer than a commit may.
#[tokio::test]
async fn a_commit_reads_no_whole_table_after_it_has_grown() {
    let url = postgres::fresh_database().await;
    let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
    store.prepare(true).await.unwrap();
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let batch = |size: usize| {
        let draft = |number: usize| {
            let id = Uuid::now_v7();
            Draft {
                contact_id: format!("{}", number % 2),
                ..draft(if number % 4 < 2 {
                    Identity::Key(id)
                } else {
                    Identity::Window(id)
                })
            }
        };
        let records = (0..size).map(|_| record(now, (0..4).map(draft)));
        records.collect::<Vec<_>>()
    };
    store.commit(&batch(2), Attempt::First).await.unwrap();
    let person = PersonId {
        channel: None,
        id: "0".to_owned(),
    };
    let erasure = store.begin_erasure(&person, None).await.unwrap().unwrap();
    while !store.erase(&erasure).await.unwrap().done {}
    let tombstones =
        "INSERT INTO tombstones VALUES (gen_random_uuid(), gen_random_uuid(), now(), false, now())";
    postgres::execute(&url, tombstones.to_owned()).await;
    postgres::execute(&url, "VACUUM ANALYZE".to_owned()).await;
    // Here it is planned.
    for attempt in [Attempt::First, Attempt::Again] {
        store.commit(&batch(1), attempt).await.unwrap();
    }
    postgres::execute(&url, GROW.to_owned()).await;
    for attempt in [Attempt::First, Attempt::Again] {
        store.commit(&batch(500), attempt).await.unwrap();
    }
}

/// What the API and maintenance read, beside what commits do.
async fn read(store: &dyn Store, round: i64) {
    let mut open = record(at(0), []);
    open.items = vec![Item::quarantined(ReasonCode::NoContent, "no content", None)];
    let committed = store.commit(std::slice::from_ref(&open), Attempt::First);
    let id = committed.await.unwrap()[0].receipt.delivery_id;
    let after = store.head().await.unwrap() - 1;
    store.delivery(id).await.unwrap().unwrap();
    open.items = record(at(0), [draft(Identity::Key(Uuid::now_v7()))]).items;
    let reprocessed = store.reprocess(&[open], Mode::Real).await.unwrap();
    assert_eq!(reprocessed[0].stored, 1);
    let newest = PageRequest { after, ..ALL };
    let messages = store.messages(&MessageFilter::default(), newest).await;
    assert_eq!(messages.unwrap().rows.len(), 1);
    assert_eq!(store.message(id).await.unwrap(), None);
    for text in [None, Some("1".to_owned())] {
        let filter = ContactFilter {
            text,
            order: ContactOrder::Last,
            ..ContactFilter::default()
        };
        let last = PageRequest {
            order: Order::Desc,
            ..ALL
        };
        assert_eq!(store.contacts(&filter, last).await.unwrap().rows.len(), 1);
    }
    for outcome in [None, Some(Outcome::Stored), Some(Outcome::Duplicate)] {
        let filter = DeliveryFilter { outcome };
        store.deliveries(&filter, newest).await.unwrap();
    }
    store.contact_names(&["1", "2"]).await.unwrap();
    store.quarantine_reasons().await.unwrap();
    store.recent().await.unwrap();
    store.snapshot(Timestamp::now()).await.unwrap();
    let now = at(round * 1000 * 3600);
    store.expire(at(-1), now, after).await.unwrap();
    store.sweep(None, now).await.unwrap();
}

#[tokio::test]
async fn nothing_else_reads_a_whole_table_either() {
    let url = postgres::fresh_database().await;
    let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
    store.prepare(true).await.unwrap();
    read(&store, 0).await;
    postgres::execute(&url, "VACUUM ANALYZE".to_owned()).await;
    // From the sixth time on Postgres keeps a plan, on each of the connections.
    for round in 1..30 {
        read(&store, round).await;
    }
    postgres::execute(&url, GROW.to_owned()).await;
    let mut watching = PgConnection::connect(&url).await.unwrap();
    for round in 30..40 {
        read(&store, round).await;
    }
    // A connection that ends hands in its numbers.
    store.close().await;
    let ask = async || {
        let others = "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        sqlx::query_scalar(others)
            .fetch_one(&mut watching)
            .await
            .unwrap()
    };
    eventually("the store is closed", ask, |others: &i64| *others == 0).await;
    let most = "SELECT relname || ' ' || seq_tup_read FROM pg_stat_user_tables \
         WHERE relname IN ('messages', 'deliveries', 'items', 'contacts', 'tombstones') AND seq_tup_read > 50000";
    let read_whole: Vec<String> = sqlx::query_scalar(most)
        .fetch_all(&mut watching)
        .await
        .unwrap();
    assert_eq!(read_whole, [] as [String; 0]);
}
