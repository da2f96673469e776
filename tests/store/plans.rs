//! Plans that Postgres made when the tables were small, and keeps.

use chatrace_webhook::message::{Draft, Identity};
use chatrace_webhook::store::{Attempt, Ledger as _, Maintenance as _, PersonId, PostgresStore};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::postgres;
use crate::support::records::{WINDOW, draft, record};

/// The tables grow within the minute in which no statistics are gathered.
const GROW: &str = "\
    INSERT INTO tombstones SELECT gen_random_uuid(), gen_random_uuid(), now(), false, now() + interval '1 day' \
    FROM generate_series(1, 60000); \
    INSERT INTO erasures SELECT gen_random_uuid(), now(), now() + interval '1 day' FROM generate_series(1, 60000); \
    INSERT INTO deliveries SELECT -n, gen_random_uuid(), now(), 'POST', NULL, '[]', '', false, 'flat', 'stored', 1, 0, \
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
    let past = now.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap();
    let erasure = store.begin_erasure(&person, past).await.unwrap().unwrap();
    while !store.erase(&erasure).await.unwrap().done {}
    let tombstones = "INSERT INTO tombstones VALUES (gen_random_uuid(), gen_random_uuid(), now(), false, now())";
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
