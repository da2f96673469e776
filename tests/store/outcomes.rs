//! What becomes of an item, for every outcome there is.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chatrace_webhook::delivery::{Item, Outcome, ReasonCode, Record};
use chatrace_webhook::message::{Contact, Draft, Identity};
use chatrace_webhook::store::{
    Attempt, Committed, Count, DeliveryFilter, PersonId, PostgresStore, Store,
};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{ALL, messages, open};
use crate::support::ledger::Ledger;
use crate::support::records::{draft, record};
use crate::support::wait::eventually;
use crate::support::{Backend, postgres};

const fn key(number: u128) -> Identity {
    Identity::Key(Uuid::from_u128(number))
}

const fn window(number: u128) -> Identity {
    Identity::Window(Uuid::from_u128(number))
}

/// By the real clock: a commit asks it whether anything was erased or deleted lately.
fn ago(seconds: i64) -> Timestamp {
    /// Read once: two calls in one test must not differ by a second that passed between them.
    static NOW: LazyLock<Timestamp> =
        LazyLock::new(|| Timestamp::from_second(Timestamp::now().as_second()).unwrap());
    NOW.checked_sub(SignedDuration::from_secs(seconds)).unwrap()
}

/// After anything that a test does.
fn in_an_hour() -> Timestamp {
    ago(-3600)
}

fn message(contact_id: &str, identity: Identity) -> Item {
    Item::Message(Box::new(Draft {
        contact_id: contact_id.to_owned(),
        ..draft(identity)
    }))
}

fn ignored(contact: Option<Contact>) -> Item {
    Item::ignored(ReasonCode::ContactOnly, "contact data", contact)
}

fn quarantined(contact: Option<Contact>) -> Item {
    Item::quarantined(ReasonCode::NothingUnderstood, "not understood", contact)
}

fn delivery(arrived: Timestamp, items: Vec<Item>) -> Record {
    Record {
        items,
        ..record(arrived, [])
    }
}

async fn commit(store: &dyn Store, record: &Record, attempt: Attempt) -> Committed {
    let records = std::slice::from_ref(record);
    store.commit(records, attempt).await.unwrap().remove(0)
}

/// Commits a delivery, and answers what became of each item. That of an erased person has `erased` behind it.
async fn outcomes(store: &dyn Store, record: &Record) -> Vec<String> {
    let committed = commit(store, record, Attempt::First).await;
    let detail = store.delivery(record.delivery.id).await.unwrap().unwrap();
    assert_eq!(detail.summary.receipt, committed.receipt);
    let outcomes = detail.items.iter().map(|item| {
        let is_erased = item.code.as_deref() == Some(ReasonCode::Erased.as_str());
        let behind = if is_erased { " erased" } else { "" };
        format!("{}{behind}", item.outcome)
    });
    let outcomes: Vec<_> = outcomes.collect();
    let of = |outcome: Outcome| {
        let same = outcomes
            .iter()
            .filter(|one| one.starts_with(outcome.as_str()));
        u32::try_from(same.count()).unwrap()
    };
    let receipt = &committed.receipt;
    assert_eq!(
        (receipt.stored, receipt.duplicates),
        (of(Outcome::Stored), of(Outcome::Duplicate))
    );
    assert_eq!(
        (receipt.ignored, receipt.quarantined),
        (of(Outcome::Ignored), of(Outcome::Quarantined))
    );
    assert_eq!(committed.messages.len(), receipt.stored as usize);
    outcomes
}

async fn expire(store: &dyn Store, until: Timestamp) {
    let mut after = 0;
    loop {
        let part = store.expire(until, ago(0), after).await.unwrap();
        after = part.after;
        if part.done {
            return;
        }
    }
}

async fn erase(store: &dyn Store, id: &str) {
    let person = PersonId {
        channel: None,
        id: id.to_owned(),
    };
    let erasure = store.begin_erasure(&person, None).await.unwrap().unwrap();
    while !store.erase(&erasure).await.unwrap().done {}
}

#[rstest]
#[tokio::test]
async fn each_item_has_its_outcome(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let (store, _directory) = open(backend).await;
    let store = store.as_ref();
    let old = ago(100 * 3600);
    let before = [
        delivery(
            ago(3600),
            vec![message("1", key(1)), message("1", window(2))],
        ),
        delivery(old, vec![message("1", key(3)), message("1", window(4))]),
        delivery(ago(3600), vec![message("gone", key(5))]),
    ];
    store.commit(&before, Attempt::First).await.unwrap();
    expire(store, ago(50 * 3600)).await;
    erase(store, "gone").await;

    let seconds = |time: Timestamp, seconds| {
        let distance = SignedDuration::from_secs(seconds);
        time.checked_add(distance).unwrap()
    };
    let gone = draft(key(0)).contact();
    let gone = || Contact {
        id: "gone".to_owned(),
        ..gone.clone()
    };
    let all = delivery(
        seconds(ago(3600), 9),
        vec![
            message("1", key(6)),
            message("1", key(6)),
            message("1", key(1)),
            message("1", window(2)),
            message("1", window(7)),
            message("1", window(7)),
            message("1", key(3)),
            ignored(None),
            ignored(Some(draft(key(0)).contact())),
            quarantined(None),
        ],
    );
    assert_eq!(
        outcomes(store, &all).await,
        [
            "stored",
            "duplicate",
            "duplicate",
            "duplicate",
            "stored",
            "duplicate",
            "duplicate",
            "ignored",
            "ignored",
            "quarantined",
        ]
    );
    let late = delivery(seconds(old, 9), vec![message("1", window(4))]);
    assert_eq!(outcomes(store, &late).await, ["duplicate"]);
    let later = delivery(seconds(old, 10), vec![message("1", window(4))]);
    assert_eq!(outcomes(store, &later).await, ["stored"]);

    // Of the erased person: what arrived before, a late retry of it, and what arrived afterwards.
    let body_of = async |record: &Record| {
        let detail = store.delivery(record.delivery.id).await.unwrap().unwrap();
        detail.delivery.body.len() + detail.delivery.headers.len()
    };
    let arrived_before = delivery(
        ago(1),
        vec![
            message("gone", key(8)),
            message("1", key(9)),
            ignored(Some(gone())),
            quarantined(Some(gone())),
            quarantined(None),
        ],
    );
    assert_eq!(
        outcomes(store, &arrived_before).await,
        [
            "ignored erased",
            "stored",
            "ignored erased",
            "ignored erased",
            "ignored erased"
        ]
    );
    assert_eq!(body_of(&arrived_before).await, 0);
    let retry = delivery(
        in_an_hour(),
        vec![message("gone", key(5)), quarantined(None)],
    );
    assert_eq!(
        outcomes(store, &retry).await,
        ["duplicate", "ignored erased"]
    );
    assert_eq!(body_of(&retry).await, 0);
    let afterwards = delivery(in_an_hour(), vec![message("gone", key(10))]);
    assert_eq!(outcomes(store, &afterwards).await, ["stored"]);
    assert_ne!(body_of(&afterwards).await, 0);

    // The same deliveries once more, because their answers were lost.
    let stored = messages(store).await.len();
    for record in [all, later, arrived_before, retry, afterwards] {
        let detail = store.delivery(record.delivery.id).await.unwrap().unwrap();
        let again = commit(store, &record, Attempt::Again).await;
        assert_eq!(again.receipt, detail.summary.receipt);
        assert!(again.messages.is_empty());
    }
    assert_eq!(messages(store).await.len(), stored);
}

/// The clock was wrong at the erasure, by a day in either direction, and is put right. Or it is just later.
#[rstest]
#[tokio::test]
async fn what_the_queue_commits_is_compared_only_with_an_erasure_near_to_it(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values(-24, 24)] hours: i64,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let store = store.as_ref();
    erase(store, "gone").await;
    let before = |number| delivery(ago(48 * 3600), vec![message("gone", key(number))]);
    assert_eq!(outcomes(store, &before(1)).await, ["ignored erased"]);
    ledger.date_erasures(ago(-3600 * hours)).await;
    assert_eq!(outcomes(store, &before(2)).await, ["stored"]);
    let again = commit(store, &before(3), Attempt::Again).await;
    assert_eq!(again.receipt.outcome, Outcome::Stored);
    let spooled = commit(store, &before(4), Attempt::Spooled).await;
    assert_eq!(spooled.receipt.outcome, Outcome::Ignored);
    store.close().await;
}

/// The client gave up, but the server still works at the statement when the batch is tried again.
#[tokio::test]
async fn the_retry_of_a_commit_that_is_in_flight_doubles_nothing() {
    let url = postgres::fresh_database().await;
    // Without a window nothing but the delivery's id tells that the message is there.
    let store = PostgresStore::new(url.parse().unwrap(), Duration::ZERO);
    store.prepare(true).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut watching = PgConnection::connect(&url).await.unwrap();
    let mut wait_for = async |commits: i64| {
        let ask = async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let waiting: i64 = sqlx::query_scalar(waiting)
                .fetch_one(&mut watching)
                .await
                .unwrap();
            waiting
        };
        eventually("commits wait", ask, |waiting| *waiting == commits).await
    };

    sqlx::raw_sql("BEGIN; SELECT FROM head FOR UPDATE")
        .execute(&mut other)
        .await
        .unwrap();
    let record = record(ago(0), [draft(window(1))]);
    let first = tokio::spawn({
        let (store, record) = (store.clone(), record.clone());
        async move { commit(store.as_ref(), &record, Attempt::First).await }
    });
    wait_for(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let release = async {
        wait_for(2).await;
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    };
    let (again, ()) = tokio::join!(commit(store.as_ref(), &record, Attempt::Again), release);
    assert_eq!(again.receipt.outcome, Outcome::Stored);
    assert!(again.messages.is_empty(), "the first attempt stored it");
    assert_eq!(messages(store.as_ref()).await.len(), 1);
    let deliveries = store.deliveries(&DeliveryFilter::default(), ALL).await;
    assert_eq!(deliveries.unwrap().rows.len(), 1);
    let snapshot = store.snapshot(ago(3600)).await.unwrap();
    assert_eq!(snapshot.total.get(Count::Item(Outcome::Stored)), 1);
}
