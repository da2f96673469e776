//! The contract of the store, on both backends: what a caller may rely on whatever the database is.

mod duplicates;
mod gaps;
mod large;
mod migrations;
mod outcomes;
mod plans;
mod projection;
mod rollup;

use std::sync::Arc;

use chatrace_webhook::delivery::{Outcome, Record};
use chatrace_webhook::message::{
    Attachment, Channel, Direction, Draft, Identity, Kind, Message, SentAtSource, Shape,
};
use chatrace_webhook::store::{
    Attempt, DeliveryFilter, Ledger as _, MessageFilter, Order, PageRequest, PostgresStore, Spool,
    SqliteStore, Store, StoreError,
};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::records::{WINDOW, at, draft, record};
use crate::support::{Answer, App, Backend, postgres};

const ALL: PageRequest = PageRequest {
    after: 0,
    until: i64::MAX,
    limit: 1000,
    order: Order::Asc,
};

async fn open(backend: Backend) -> (Box<dyn Store>, Option<TempDir>) {
    match backend {
        Backend::Postgres => {
            let store =
                PostgresStore::new(postgres::fresh_database().await.parse().unwrap(), WINDOW);
            store.prepare(true).await.unwrap();
            (Box::new(store), None)
        }
        Backend::Sqlite => {
            let directory = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&directory.path().join("test.db"), WINDOW, true)
                .await
                .unwrap();
            (Box::new(store), Some(directory))
        }
    }
}

async fn commit_one(store: &dyn Store, record: &Record) -> Outcome {
    let committed = store
        .commit(std::slice::from_ref(record), Attempt::First)
        .await
        .unwrap();
    committed[0].receipt.outcome
}

async fn messages(store: &dyn Store) -> Vec<Message> {
    store
        .messages(&MessageFilter::default(), ALL)
        .await
        .unwrap()
        .rows
}

#[rstest]
#[tokio::test]
async fn every_field_comes_back(#[values(Backend::Postgres, Backend::Sqlite)] backend: Backend) {
    let (store, _directory) = open(backend).await;
    let draft = Draft {
        channel: Channel::Other("viber".to_owned()),
        direction: Direction::Outbound,
        kind: Kind::Reaction,
        external_id: Some("m-1".to_owned()),
        contact_id: "17841400538867190".to_owned(),
        sender_id: Some("s".to_owned()),
        recipient_id: Some("r".to_owned()),
        username: Some("ana".to_owned()),
        display_name: Some("Ana \"A\" Ruiz\n".to_owned()),
        text: Some("👟 ' \\ \u{202e} \r\n".to_owned()),
        attachments: vec![
            Attachment {
                kind: "image".to_owned(),
                url: Some("https://cdn.example.test/a.jpg".to_owned()),
            },
            Attachment {
                kind: "ephemeral".to_owned(),
                url: None,
            },
        ],
        reply_to: Some("m-0".to_owned()),
        payload: Some("❤".to_owned()),
        sent_at: at(123),
        sent_at_source: SentAtSource::Entry,
        shape: Shape::MetaMessaging,
        recovered: true,
        identity: Identity::Key(Uuid::now_v7()),
        aliases: vec!["alias".to_owned()],
    };
    let record = record(at(5), [draft.clone()]);
    let committed = store
        .commit(std::slice::from_ref(&record), Attempt::First)
        .await
        .unwrap()
        .remove(0);
    let [message] = &messages(store.as_ref()).await[..] else {
        panic!("one message")
    };
    let expected = Message {
        id: committed.messages[0].0,
        position: message.position,
        channel: draft.channel,
        direction: draft.direction,
        kind: draft.kind,
        external_id: draft.external_id,
        contact_id: draft.contact_id,
        sender_id: draft.sender_id,
        recipient_id: draft.recipient_id,
        username: draft.username,
        display_name: draft.display_name,
        text: draft.text,
        attachments: draft.attachments,
        reply_to: draft.reply_to,
        payload: draft.payload,
        sent_at: draft.sent_at,
        sent_at_source: draft.sent_at_source,
        received_at: at(5),
        delivery_id: record.delivery.id,
        shape: draft.shape,
        recovered: draft.recovered,
    };
    assert_eq!(*message, expected);

    let detail = store.delivery(record.delivery.id).await.unwrap().unwrap();
    assert_eq!(detail.delivery, record.delivery);
    assert_eq!(detail.summary.receipt, committed.receipt);
    assert_eq!(detail.items[0].message_id, Some(message.id));
}

#[rstest]
#[tokio::test]
async fn a_batch_that_is_tried_again_doubles_nothing(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (store, _directory) = open(backend).await;
    // Without id and time, and far apart: nothing but the delivery's id tells that they are there already.
    let first = record(at(0), [draft(Identity::Window(Uuid::from_u128(1)))]);
    let second = record(at(60_000), [draft(Identity::Window(Uuid::from_u128(1)))]);
    let before = store
        .commit(std::slice::from_ref(&first), Attempt::First)
        .await
        .unwrap();
    let again = store
        .commit(&[first, second], Attempt::Again)
        .await
        .unwrap();
    assert_eq!(again[0].receipt, before[0].receipt);
    assert_eq!(again[1].receipt.outcome, Outcome::Stored);
    assert_eq!(messages(store.as_ref()).await.len(), 2);
    assert_eq!(
        store
            .deliveries(&DeliveryFilter::default(), ALL)
            .await
            .unwrap()
            .rows
            .len(),
        2
    );
}

#[rstest]
#[tokio::test]
async fn the_window_is_a_distance_between_arrivals(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    use Outcome::{Duplicate, Stored};
    let (store, _directory) = open(backend).await;
    // The last ones arrived long before the others and come late, as from a spool.
    for (arrived, expected) in [
        (100_000, Stored),
        (109_999, Duplicate),
        (110_000, Stored),
        (119_999, Duplicate),
        (125_000, Stored),
        (90_001, Duplicate),
        (90_000, Stored),
        (0, Stored),
    ] {
        let record = record(at(arrived), [draft(Identity::Window(Uuid::from_u128(1)))]);
        assert_eq!(
            commit_one(store.as_ref(), &record).await,
            expected,
            "arrived at {arrived}"
        );
    }
    let other = record(at(100_000), [draft(Identity::Window(Uuid::from_u128(2)))]);
    assert_eq!(commit_one(store.as_ref(), &other).await, Stored);
}

#[rstest]
#[tokio::test]
async fn equal_messages_in_one_batch_are_one(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (store, _directory) = open(backend).await;
    let key = Identity::Key(Uuid::from_u128(1));
    let window = Identity::Window(Uuid::from_u128(2));
    let records = [
        record(at(0), [draft(key), draft(key)]),
        record(at(1), [draft(key)]),
        record(at(2), [draft(window)]),
        record(at(3), [draft(window), draft(window)]),
    ];
    let committed = store.commit(&records, Attempt::First).await.unwrap();
    let counts: Vec<_> = committed
        .iter()
        .map(|one| (one.receipt.stored, one.receipt.duplicates))
        .collect();
    assert_eq!(counts, [(1, 1), (0, 1), (1, 0), (0, 2)]);
}

#[rstest]
#[tokio::test]
async fn positions_grow_in_the_order_of_commits(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (store, _directory) = open(backend).await;
    let store: Arc<dyn Store> = store.into();
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for _ in 0..10 {
                commit_one(
                    store.as_ref(),
                    &record(at(0), [draft(Identity::Key(Uuid::now_v7()))]),
                )
                .await;
            }
        });
    }
    let writing = tokio::spawn(writers.join_all());
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let is_last = writing.is_finished();
        let after = seen.last().copied().unwrap_or_default();
        let page = store
            .messages(
                &MessageFilter::default(),
                PageRequest {
                    after,
                    until: i64::MAX,
                    limit: 7,
                    ..ALL
                },
            )
            .await
            .unwrap();
        if page.rows.is_empty() && is_last {
            break;
        }
        seen.extend(page.rows.iter().map(|message| message.position));
    }
    writing.await.unwrap();
    assert_eq!(seen.len(), 80);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(messages(store.as_ref()).await.len(), 80);
}

/// A database that refuses one message, as it might for a reason that nobody thought of.
#[rstest]
#[tokio::test]
async fn a_poison_row_is_quarantined_and_its_neighbours_are_stored(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let url = match backend {
        Backend::Postgres => Some(postgres::fresh_database().await),
        Backend::Sqlite => None,
    };
    App::on(directory.clone(), url.as_deref(), &[])
        .await
        .stop()
        .await;
    if let Some(url) = &url {
        let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'too poisonous' USING ERRCODE = '22000'; END $$; \
             CREATE TRIGGER poison BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.body = 'poison') \
             EXECUTE FUNCTION refuse()";
        postgres::execute(url, refuse.to_owned()).await;
    } else {
        let file = directory.path().join("chatrace-webhook.db");
        let refuse = "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.body = 'poison' \
             BEGIN SELECT RAISE(ABORT, 'too poisonous'); END";
        crate::support::sqlite_execute(&file, refuse).await;
    }
    let app = App::on(directory, url.as_deref(), &[]).await;
    let posts = (0..50).map(|number| {
        let text = if number == 17 {
            "poison".to_owned()
        } else {
            format!("n{number}")
        };
        app.post(format!(r#"{{"contact_id":"1","text":"{text}"}}"#))
    });
    let answers = futures_util::future::join_all(posts).await;
    let outcomes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.ok()["outcome"].clone())
        .collect();
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == "stored")
            .count(),
        49
    );
    assert_eq!(outcomes[17], "quarantined");
    let quarantine = app
        .get("/instagram/deliveries?outcome=quarantined")
        .await
        .ok();
    let reason = quarantine["deliveries"][0]["reasons"][0].as_str().unwrap();
    assert!(reason.contains("too poisonous"), "{reason}");
}

#[tokio::test]
async fn without_a_spool_a_database_that_is_away_costs_503_and_degrades_the_statistics() {
    let url = postgres::fresh_database().await;
    let app = App::on(
        Arc::new(tempfile::tempdir().unwrap()),
        Some(&url),
        &[("SPOOL", "off")],
    )
    .await;
    assert_eq!(
        app.post(r#"{"contact_id":"1","text":"before"}"#).await.ok()["outcome"],
        "stored"
    );

    postgres::close(&url).await;
    let answer = app.post(r#"{"contact_id":"1","text":"during"}"#).await;
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.with(503)["success"], false);
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(
        (&stats["degraded"], &stats["totalMessages"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(stats["process"]["deliveries"]["stored"], 1);
    assert_eq!(stats["process"]["rejected"]["not_kept"], 1);
    let _ = Answer::to(app.request(Method::GET, "/readyz"))
        .await
        .with(503);
    let _ = Answer::to(app.request(Method::GET, "/healthz")).await.ok();
    let _ = app.get("/instagram/messages").await.with(503);

    postgres::open(&url).await;
    assert_eq!(
        app.post(r#"{"contact_id":"1","text":"after"}"#).await.ok()["outcome"],
        "stored"
    );
    assert_eq!(app.messages().await.len(), 2);
}

/// SQLite keeps a log and its index beside a file that is open. Closing the last connection deletes both.
#[tokio::test]
async fn a_closed_database_is_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("ledger.db"), WINDOW, true)
        .await
        .unwrap();
    let spool = Spool::open(directory.path()).await.unwrap();
    let record = record(at(0), [draft(Identity::Key(Uuid::now_v7()))]);
    commit_one(&store, &record).await;
    assert_eq!(messages(&store).await.len(), 1);
    spool.append(&[&record.delivery]).await.unwrap();
    tokio::join!(store.close(), spool.close());
    let files = std::fs::read_dir(directory.path()).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["ledger.db", "ledger.db.lock", "spool.db"]);
    let late = store.commit(std::slice::from_ref(&record), Attempt::First);
    assert!(matches!(late.await, Err(StoreError::Unavailable(_))));
    let late = spool.append(&[&record.delivery]).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
}

/// What a reader behind a cursor may rely on even when a writer is slow to commit.
#[tokio::test]
async fn a_transaction_that_commits_late_is_not_skipped() {
    let url = postgres::fresh_database().await;
    let store = PostgresStore::new(url.parse().unwrap(), WINDOW);
    store.prepare(true).await.unwrap();
    // Another replica that has begun to commit, and hangs for a moment.
    let mut slow = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE head SET position = position + 1")
        .execute(&mut slow)
        .await
        .unwrap();
    let record = record(at(0), [draft(Identity::Key(Uuid::now_v7()))]);
    let commit = commit_one(&store, &record);
    let release = async {
        assert!(messages(&store).await.is_empty());
        sqlx::raw_sql("COMMIT").execute(&mut slow).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(commit, release);
    assert_eq!(outcome, Outcome::Stored);
    let position = messages(&store).await[0].position;
    assert!(
        position > 1,
        "the slow transaction took the first position: {position}"
    );
}
