//! What is old is deleted, and nothing else; counters stay.

use std::sync::Arc;

use chatrace_webhook::delivery::{Outcome, Record};
use chatrace_webhook::maintenance::Retention;
use chatrace_webhook::message::Direction;
use chatrace_webhook::store::{Attempt, Count, Store};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::json;

use crate::support::Backend;
use crate::support::ledger::Ledger;
use crate::support::records::{delivery_at, normalized};
use crate::support::wait::eventually;

fn ago(hours: i64) -> Timestamp {
    now()
        .checked_sub(SignedDuration::from_hours(hours))
        .unwrap()
}

/// The clock of these tests.
fn now() -> Timestamp {
    "2026-07-09T12:34:56Z".parse().unwrap()
}

fn record(received_at: Timestamp, body: &str) -> Record {
    normalized(delivery_at(received_at, body.to_owned()))
}

fn message(received_at: Timestamp, contact: &str, text: &str) -> Record {
    let body = format!(r#"{{"contact_id":"{contact}","text":"{text}"}}"#);
    record(received_at, &body)
}

async fn commit(store: &dyn Store, records: &[Record]) -> Vec<Outcome> {
    let committed = store.commit(records, Attempt::First).await.unwrap();
    committed.iter().map(|one| one.receipt.outcome).collect()
}

#[rstest]
#[tokio::test]
async fn only_what_is_old_is_deleted_while_more_arrives(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let mut records = Vec::new();
    for number in 0..900 {
        records.push(message(ago(100), &format!("old-{number}"), "past"));
    }
    records.push(record(ago(100), r#"{"contact_id":"riddle-1"}"#));
    records.push(record(
        ago(100),
        r#"{"contact_id":"data-1","custom_fields":{},"page_id":"1"}"#,
    ));
    records.push(message(ago(100), "faithful", "past"));
    records.push(message(ago(47), "faithful", "kept"));
    // It waited in a spool, and stands behind newer ones.
    records.push(message(ago(49), "late", "past"));
    records.push(message(ago(48), "edge", "kept"));
    records.push(record(ago(1), r#"{"contact_id":"riddle-2"}"#));
    for part in records.chunks(300) {
        commit(store.as_ref(), part).await;
    }
    let before = store.snapshot(ago(200)).await.unwrap();
    assert_eq!(before.total.in_quarantine(), 2);

    let retention = Retention::new(store.clone(), Some(2));
    let traffic = async {
        for number in 0..100 {
            let record = message(ago(0), &format!("new-{number}"), "kept");
            assert_eq!(commit(store.as_ref(), &[record]).await, [Outcome::Stored]);
        }
    };
    let (deleted, ()) = tokio::join!(retention.once(now()), traffic);
    let deleted = deleted.unwrap();
    assert_eq!(
        (deleted.deliveries, deleted.messages, deleted.contacts),
        (904, 902, 902)
    );
    let texts = ledger.texts().await;
    assert!(!texts.contains("past"), "{texts}");
    assert!(!texts.contains("old-") && !texts.contains("data-1") && !texts.contains("riddle-1"));
    for kept in ["faithful", "edge", "riddle-2", "new-99"] {
        assert!(texts.contains(kept), "{kept}");
    }
    let after = store.snapshot(ago(200)).await.unwrap();
    assert_eq!(after.total.in_quarantine(), 1);
    for count in [
        Count::Delivery(Outcome::Stored),
        Count::Item(Outcome::Stored),
        Count::Direction(Direction::Inbound),
        Count::Item(Outcome::Quarantined),
    ] {
        assert!(
            after.total.get(count) >= before.total.get(count),
            "{count:?}"
        );
    }
    let later = now().checked_add(SignedDuration::from_mins(6)).unwrap();
    let again = retention.once(later).await.unwrap();
    assert_eq!(
        (again.deliveries, again.messages),
        (1, 1),
        "that of the edge"
    );
}

#[rstest]
#[tokio::test]
async fn a_late_retry_of_what_was_deleted_is_a_duplicate_for_two_days(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    // By the real clock: a commit asks it whether anything was deleted lately.
    let real = Timestamp::now();
    let hours = |hours| real.checked_add(SignedDuration::from_hours(hours)).unwrap();
    let body = r#"{"contact_id":"1","text":"once","messageId":"m"}"#;
    commit(store.as_ref(), &[record(hours(-72), body)]).await;
    let retention = Retention::new(store.clone(), Some(2));
    assert_eq!(retention.once(real).await.unwrap().messages, 1);
    let retry = || record(real, body);
    assert_eq!(
        commit(store.as_ref(), &[retry()]).await,
        [Outcome::Duplicate]
    );
    retention.once(hours(47)).await.unwrap();
    assert_eq!(
        commit(store.as_ref(), &[retry()]).await,
        [Outcome::Duplicate]
    );
    Retention::new(store.clone(), None)
        .once(hours(49))
        .await
        .unwrap();
    assert_eq!(commit(store.as_ref(), &[retry()]).await, [Outcome::Stored]);
}

#[rstest]
#[tokio::test]
async fn a_running_service_deletes_by_itself(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let real = Timestamp::now();
    let old = real.checked_sub(SignedDuration::from_hours(49)).unwrap();
    commit(
        store.as_ref(),
        &[message(old, "1", "old"), message(real, "2", "new")],
    )
    .await;
    store.close().await;
    drop(store);
    let app = ledger.app_with(&[("RETENTION_DAYS", "2")]).await;
    let one = |messages: &Vec<_>| messages.len() == 1;
    let messages = eventually("the old one is deleted", async || app.messages().await, one).await;
    assert_eq!(messages[0]["text"], "new");
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["totalMessages"], json!(2), "counters are history");
}

#[tokio::test]
async fn one_replica_at_a_time_deletes_what_is_old() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let (one, other): (Arc<dyn Store>, _) = (ledger.store().await, ledger.store().await);
    let records: Vec<_> = (0..500)
        .map(|number| message(ago(100), &number.to_string(), "past"))
        .collect();
    commit(one.as_ref(), &records).await;
    let (one, other) = (Retention::new(one, Some(2)), Retention::new(other, Some(2)));
    let (first, second) = tokio::join!(one.once(now()), other.once(now()));
    let mut deleted = [first.unwrap().messages, second.unwrap().messages];
    deleted.sort_unstable();
    assert_eq!(deleted, [0, 500], "one at a time");
    assert!(!ledger.texts().await.contains("past"));
}

/// A machine that starts with a clock years ahead.
#[rstest]
#[tokio::test]
async fn a_clock_that_is_ahead_at_the_start_deletes_nothing_that_is_not_old(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let records = [
        message(ago(72), "old", "past"),
        message(ago(1), "new", "kept"),
    ];
    commit(store.as_ref(), &records).await;
    let retention = Retention::new(store.clone(), Some(2));
    let ahead = now().checked_add(SignedDuration::from_hours(1000)).unwrap();
    let deleted = retention.agreed(ahead, SignedDuration::ZERO).await.unwrap();
    assert_eq!(
        deleted.messages, 1,
        "what is old by the newest delivery, too"
    );
    // Where nothing arrives for long, it goes as the service runs.
    let later = ahead.checked_add(SignedDuration::from_hours(1)).unwrap();
    let hours = SignedDuration::from_hours;
    let deleted = retention.agreed(later, hours(47)).await.unwrap();
    assert_eq!(deleted.messages, 1);
}
