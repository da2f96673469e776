//! What was not understood is stored once it is: reading quarantine again.
//!
//! An upgrade is shown as it is: the delivery is written with the items that an older version found in it, and read
//! again by the normalizer of today.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::HeaderMap;
use chatrace_webhook::delivery::{Delivery, Item, Reason, ReasonCode, Record};
use chatrace_webhook::message::Shape;
use chatrace_webhook::normalize::Normalizer;
use chatrace_webhook::store::{Attempt, PersonId, Store};
use jiff::Timestamp;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::front::Front;
use crate::support::ledger::Ledger;
use crate::support::process::{Running, program};
use crate::support::records::delivery_at;
use crate::support::{App, Backend, TOKEN, postgres, sqlite_execute};

const ARRIVAL: &str = "2026-07-09T12:00:00.000Z";

fn delivery(body: &str) -> Delivery {
    Delivery {
        content_type: Some("application/json".to_owned()),
        ..delivery_at(ARRIVAL.parse().unwrap(), body.to_owned())
    }
}

fn riddle() -> Item {
    Item::Quarantined {
        reason: Reason::new(ReasonCode::NothingUnderstood, "an older version"),
        contact: None,
    }
}

/// As a version left it that did not understand the body.
fn misunderstood(body: &str) -> Record {
    Record {
        delivery: delivery(body),
        shape: Shape::Unknown,
        items: vec![riddle()],
    }
}

async fn commit(store: &dyn Store, records: &[Record]) {
    for part in records.chunks(200) {
        store.commit(part, Attempt::First).await.unwrap();
    }
}

async fn reprocess(app: &App, id: Uuid) -> Value {
    let path = format!("/instagram/deliveries/{id}/reprocess");
    app.send(Method::POST, &path).await.ok()
}

/// Everything that a reprocess could change.
async fn state(app: &App) -> Value {
    let stats = app.get("/instagram/stats").await.ok();
    json!({
        "messages": app.messages().await,
        "deliveries": app.get("/instagram/deliveries?limit=1000").await.ok(),
        "counted": [&stats["totalMessages"], &stats["outcomes"], &stats["items"], &stats["kinds"], &stats["shapes"]],
        "contacts": stats["clientsWithInstagram"],
        "quarantined": stats["gauges"]["quarantined"],
    })
}

#[rstest]
#[tokio::test]
async fn what_an_older_version_did_not_understand_is_stored(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let batch = misunderstood(
        r#"[{"contact_id":"1","full_name":"Ana","text":"one"},{"contact_id":"2","text":"two"},{"contact_id":"3"},{"contact_id":"1","text":"one"}]"#,
    );
    let store = ledger.store().await;
    commit(store.as_ref(), std::slice::from_ref(&batch)).await;
    store.close().await;
    drop(store);

    let app = ledger.app().await;
    let found = app
        .get("/instagram/deliveries?outcome=quarantined")
        .await
        .ok();
    assert_eq!(found["deliveries"][0]["id"], json!(batch.delivery.id));
    let counts = reprocess(&app, batch.delivery.id).await;
    assert_eq!(
        counts,
        json!({"success": true, "deliveries": 1, "quarantinedBefore": 1, "quarantinedAfter": 1, "stored": 2,
               "duplicates": 1, "ignored": 0, "refused": 0})
    );
    let messages = app.messages().await;
    let told: Vec<_> = messages
        .iter()
        .map(|message| (&message["text"], &message["receivedAt"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("one"), &json!(ARRIVAL)),
            (&json!("two"), &json!(ARRIVAL))
        ]
    );
    let detail = app
        .get(&format!("/instagram/deliveries/{}", batch.delivery.id))
        .await
        .ok();
    let outcomes: Vec<_> = detail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (&item["outcome"], &item["code"]))
        .collect();
    assert_eq!(
        outcomes,
        [
            (&json!("stored"), &json!(null)),
            (&json!("stored"), &json!(null)),
            (&json!("quarantined"), &json!("no_content")),
            (&json!("duplicate"), &json!(null)),
        ]
    );
    assert_eq!(
        (
            &detail["outcome"],
            &detail["shape"],
            &detail["stored"],
            &detail["quarantined"]
        ),
        (&json!("stored"), &json!("flat"), &json!(2), &json!(1))
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(
        (
            &stats["totalMessages"],
            &stats["clientsWithInstagram"],
            &stats["gauges"]["quarantined"]
        ),
        (&json!(2), &json!(2), &json!(1))
    );

    let before = state(&app).await;
    let counts = reprocess(&app, batch.delivery.id).await;
    assert_eq!(
        (&counts["stored"], &counts["duplicates"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(state(&app).await, before, "to do it twice changes nothing");
}

#[rstest]
#[tokio::test]
async fn what_is_decided_is_left_alone(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let body = r#"[{"contact_id":"1","text":"one"},{"contact_id":"2","text":"two"}]"#;
    let known = Normalizer::default().normalize(&delivery(body)).items;
    let partly = Record {
        items: vec![riddle(), known[1].clone()],
        ..misunderstood(body)
    };
    // Nobody can tell which of today's two items that one was.
    let shifted = Record {
        items: vec![riddle(), known[1].clone(), riddle()],
        ..misunderstood(body)
    };
    // What was three riddles is one message.
    let merged = Record {
        items: vec![riddle(), riddle(), riddle()],
        ..misunderstood(r#"{"contact_id":"3","text":"three"}"#)
    };
    let retried = misunderstood(r#"{"contact_id":"9","text":"retried","messageId":"m"}"#);
    let nothing = misunderstood(r#"{"contact_id":"9","custom_fields":{},"page_id":"1"}"#);
    let store = ledger.store().await;
    let records = [partly, shifted, merged, retried, nothing];
    commit(store.as_ref(), &records).await;
    store.close().await;
    drop(store);

    let app = ledger.app().await;
    let sent = app.post(r#"{"contact_id":"9","full_name":"New","text":"retried","messageId":"m"}"#);
    assert_eq!(sent.await.ok()["outcome"], "stored");
    let mut told = Vec::new();
    for record in &records {
        let counts = reprocess(&app, record.delivery.id).await;
        told.push(
            [
                "quarantinedBefore",
                "quarantinedAfter",
                "stored",
                "duplicates",
                "ignored",
            ]
            .map(|name| counts[name].as_i64().unwrap()),
        );
    }
    assert_eq!(
        told,
        [
            [1, 0, 1, 0, 0],
            [0, 0, 0, 0, 0],
            [3, 0, 1, 0, 2],
            [1, 0, 0, 1, 0],
            [1, 0, 0, 0, 1],
        ]
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(
        stats["gauges"]["quarantined"], 2,
        "those of the shifted one"
    );
    assert_eq!(stats["totalMessages"], app.messages().await.len());
    let before = state(&app).await;
    let _ = app
        .send(Method::POST, "/instagram/quarantine/reprocess")
        .await
        .ok();
    assert_eq!(state(&app).await, before);
}

#[rstest]
#[tokio::test]
async fn a_thousand_are_read_again_in_bounded_parts(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let records: Vec<_> = (0..1000)
        .map(|number| match number % 10 {
            0 => misunderstood(&format!(r#"{{"contact_id":"{number}"}}"#)),
            _ => misunderstood(&format!(r#"{{"contact_id":"{number}","text":"hi"}}"#)),
        })
        .collect();
    let store = ledger.store().await;
    commit(store.as_ref(), &records).await;
    store.close().await;
    drop(store);

    let app = ledger.app().await;
    let before = state(&app).await;
    let all = "/instagram/quarantine/reprocess?limit=1000&dryRun=true";
    let dry = app.send(Method::POST, all).await.ok();
    assert_eq!(
        (&dry["stored"], &dry["quarantinedAfter"]),
        (&json!(900), &json!(100))
    );
    let one = format!(
        "/instagram/deliveries/{}/reprocess?dryRun=true",
        records[1].delivery.id
    );
    let dry = app.send(Method::POST, &one).await.ok();
    assert_eq!(dry["stored"], 1);
    assert_eq!(state(&app).await, before, "a dry run writes nothing");

    let (mut cursor, mut stored, mut requests) = (String::new(), 0, 0);
    loop {
        let path = format!("/instagram/quarantine/reprocess?limit=300&after={cursor}");
        let part = app.send(Method::POST, &path).await.ok();
        assert!(part["deliveries"].as_i64().unwrap() <= 300);
        stored += part["stored"].as_i64().unwrap();
        requests += 1;
        cursor = part["nextCursor"].as_str().unwrap().to_owned();
        if part["caughtUp"] == true {
            break;
        }
    }
    assert_eq!((stored, requests), (900, 4));
    assert_eq!(app.messages().await.len(), 900);
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["gauges"]["quarantined"], 100);
    let late = format!("/instagram/quarantine/reprocess?since={}", Timestamp::now());
    assert_eq!(app.send(Method::POST, &late).await.ok()["deliveries"], 0);
}

#[rstest]
#[tokio::test]
async fn quarantine_is_read_in_pages_that_are_bounded_in_bytes_and_never_empty(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    const MIB: usize = 1024 * 1024;
    let ledger = Ledger::new(backend).await;
    let records = [0, 0, 3 * MIB, 0, 5 * MIB, 0].map(|size| {
        let (text, extra) = (Uuid::now_v7(), "x".repeat(size));
        misunderstood(&format!(
            r#"{{"contact_id":"1","text":"{text}","extra":"{extra}"}}"#
        ))
    });
    let store = ledger.store().await;
    commit(store.as_ref(), &records).await;
    let nobody = PersonId {
        channel: None,
        id: "nobody".to_owned(),
    };
    let erasure = store.begin_erasure(&nobody, None).await.unwrap().unwrap();
    for (limit, expected) in [(50, &[4, 1, 1][..]), (2, &[2, 2, 1, 1])] {
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let page = store.quarantined(None, after, limit).await.unwrap();
            let Some(last) = page.last() else { break };
            let riddles = store.unattributed(&erasure, after, limit).await.unwrap();
            assert_eq!(riddles, page, "the same, since nobody knows whose they are");
            after = last.position;
            pages.push(page.len());
        }
        assert_eq!(pages, expected, "at most {limit}");
    }
    store.close().await;
    drop(store);
    let app = ledger.app().await;
    let path = "/instagram/quarantine/reprocess?limit=1000";
    let counts = app.send(Method::POST, path).await.ok();
    assert_eq!(
        (
            &counts["deliveries"],
            &counts["stored"],
            &counts["caughtUp"]
        ),
        (&json!(6), &json!(6), &json!(true))
    );
}

/// In Postgres, where a transaction has a time limit: as it ends one in which too much is written at once.
#[tokio::test]
async fn what_is_too_heavy_together_is_read_again_one_by_one() {
    let ledger = Ledger::new(Backend::Postgres).await;
    let url = ledger.url.clone().unwrap();
    let records: Vec<_> = (0..5)
        .map(|number| misunderstood(&format!(r#"{{"contact_id":"{number}","text":"hi"}}"#)))
        .collect();
    let store = ledger.store().await;
    commit(store.as_ref(), &records).await;
    store.close().await;
    drop(store);
    let set_most = async |rows: i32| {
        let function = format!(
            "CREATE SEQUENCE IF NOT EXISTS tries; \
             CREATE OR REPLACE FUNCTION heavy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
               IF (SELECT count(*) FROM new) > {rows} THEN \
                 PERFORM nextval('tries'); \
                 RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014'; \
               END IF; RETURN NULL; END $$; \
             CREATE OR REPLACE TRIGGER heavy AFTER INSERT ON messages REFERENCING NEW TABLE AS new \
               FOR EACH STATEMENT EXECUTE FUNCTION heavy()"
        );
        postgres::execute(&url, function).await;
    };
    let app = ledger.app().await;
    let path = "/instagram/quarantine/reprocess";
    set_most(0).await;
    let _ = app.send(Method::POST, path).await.with(503);
    let twice = "DO $$ BEGIN ASSERT (SELECT last_value FROM tries) = 2; END $$";
    postgres::execute(&url, twice.to_owned()).await;
    set_most(1).await;
    let counts = app.send(Method::POST, path).await.ok();
    assert_eq!(
        (&counts["stored"], &counts["refused"], &counts["caughtUp"]),
        (&json!(5), &json!(0), &json!(true))
    );
}

#[tokio::test]
async fn who_waits_is_woken_by_what_is_released() {
    let ledger = Ledger::new(Backend::Sqlite).await;
    let record = misunderstood(r#"{"contact_id":"1","text":"released"}"#);
    let store = ledger.store().await;
    commit(store.as_ref(), std::slice::from_ref(&record)).await;
    store.close().await;
    drop(store);
    let app = ledger.app().await;
    let (page, _) = tokio::join!(
        app.get("/instagram/messages?wait=30"),
        reprocess(&app, record.delivery.id)
    );
    assert_eq!(page.ok()["messages"][0]["text"], "released");
}

#[rstest]
#[tokio::test]
async fn what_the_database_refuses_stays_and_its_neighbours_are_stored(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let records: Vec<_> = ["one", "poison", "two"]
        .map(|text| misunderstood(&format!(r#"{{"contact_id":"1","text":"{text}"}}"#)))
        .into();
    let store = ledger.store().await;
    commit(store.as_ref(), &records).await;
    store.close().await;
    drop(store);
    if let Some(url) = &ledger.url {
        let refuse = "ALTER TABLE messages ADD CHECK (body <> 'poison')";
        postgres::execute(url, refuse.to_owned()).await;
    } else {
        let file = ledger.directory().join("chatrace-webhook.db");
        let refuse = "CREATE TRIGGER poison BEFORE INSERT ON messages WHEN NEW.body = 'poison' \
             BEGIN SELECT RAISE(ABORT, 'too poisonous'); END";
        sqlite_execute(&file, refuse).await;
    }
    let app = ledger.app().await;
    let counts = app
        .send(Method::POST, "/instagram/quarantine/reprocess")
        .await
        .ok();
    assert_eq!(
        (&counts["stored"], &counts["refused"], &counts["caughtUp"]),
        (&json!(2), &json!(1), &json!(true))
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["gauges"]["quarantined"], 1);
}

#[rstest]
#[tokio::test]
async fn wrong_requests_are_named(#[values(Backend::Sqlite)] backend: Backend) {
    let app = App::start(backend).await;
    for (path, status) in [
        ("/instagram/deliveries/no-uuid/reprocess".to_owned(), 400),
        (
            format!("/instagram/deliveries/{}/reprocess", Uuid::now_v7()),
            404,
        ),
        ("/instagram/quarantine/reprocess?after=m1".to_owned(), 400),
        ("/instagram/quarantine/reprocess?limit=0".to_owned(), 400),
        (
            "/instagram/quarantine/reprocess?since=yesterday".to_owned(),
            400,
        ),
    ] {
        let _ = app.send(Method::POST, &path).await.with(status);
    }
    let anonymous = app.request(Method::POST, "/instagram/quarantine/reprocess");
    assert_eq!(anonymous.send().await.unwrap().status(), 401);
}

/// The real program: while the service runs it asks the service, and otherwise opens the database.
#[rstest]
#[tokio::test]
async fn the_command_works_with_and_without_a_running_service(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let records: Vec<_> = (0..3)
        .map(|number| misunderstood(&format!(r#"{{"contact_id":"{number}","text":"hi"}}"#)))
        .collect();
    commit(store.as_ref(), &records[..2]).await;
    store.close().await;
    drop(store);
    let command = || {
        let mut command = program(ledger.directory());
        command
            .env("DATA_DIR", ledger.directory())
            .env("API_TOKEN", TOKEN);
        if let Some(url) = &ledger.url {
            command.env("DATABASE_URL", url);
        }
        command
    };
    let run = async |port: &str, arguments: &[&str]| {
        let mut command = command();
        command.env("PORT", port).arg("reprocess").args(arguments);
        let output = command.output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let dry = run("1", &["--dry-run"]).await;
    assert!(dry.contains("nothing was changed"), "{dry}");
    let counts: Value = serde_json::from_str(&run("1", &["--json"]).await).unwrap();
    assert_eq!(
        (
            &counts["quarantinedBefore"],
            &counts["quarantinedAfter"],
            &counts["stored"]
        ),
        (&json!(2), &json!(0), &json!(2))
    );

    let store: Arc<dyn Store> = ledger.store().await;
    commit(store.as_ref(), &records[2..]).await;
    store.close().await;
    drop(store);
    let running = Running::start(command()).await;
    let port = running.base.rsplit(':').next().unwrap().to_owned();
    if backend == Backend::Sqlite {
        let mut elsewhere = command();
        let elsewhere = elsewhere.env("PORT", "1").arg("reprocess").output().await;
        let elsewhere = elsewhere.unwrap();
        assert_eq!(elsewhere.status.code(), Some(2));
        let sentence = String::from_utf8(elsewhere.stderr).unwrap();
        assert!(
            sentence.contains("another process uses it. If it is the service")
                && sentence.contains("http://127.0.0.1:1: set PORT, or give --url"),
            "{sentence}"
        );
    }
    let text = run(&port, &["--outcome", "quarantined"]).await;
    assert!(text.contains("new messages               1"), "{text}");
    let text = run("1", &["--url", &running.base]).await;
    assert!(text.contains("new messages               0"), "{text}");
}

#[tokio::test]
async fn a_stranger_at_the_port_is_not_the_service_and_never_learns_the_token() {
    let told = Arc::new(AtomicBool::new(false));
    let stranger = {
        let told = told.clone();
        let answer = move |headers: HeaderMap| {
            told.fetch_or(headers.contains_key("authorization"), Ordering::SeqCst);
            std::future::ready("{}")
        };
        Front::serving(Router::new().fallback(answer)).await
    };
    let url = format!("http://127.0.0.1:{}", stranger.port);
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let run = async |port: &str, arguments: &[&str]| {
        let mut command = program(directory.path());
        command.env("API_TOKEN", TOKEN).env("PORT", port);
        command.arg("reprocess").args(arguments);
        command.output().await.unwrap()
    };
    let refused = run("1", &["--url", &url]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(sentence.contains("is not from this service"), "{sentence}");
    // Without a URL the database is opened here, as where nobody answers and where nobody can be asked.
    for port in [&stranger.port.to_string(), "0"] {
        let done = run(port, &[]).await;
        assert!(done.status.success(), "{done:?}");
    }
    assert!(!told.load(Ordering::SeqCst));
}

#[rstest]
#[tokio::test]
async fn a_time_that_is_far_away_is_a_time(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let _ = app.post(r#"{"riddle":1}"#).await.ok();
    let ask = async |since: &str| {
        let path = format!("/instagram/quarantine/reprocess?dryRun=true&since={since}");
        app.send(Method::POST, &path).await
    };
    for (since, deliveries) in [
        ("-009999-01-01T00:00:00Z", 1),
        ("0000-01-01T00:00:00Z", 1),
        ("9999-12-30T20:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 0),
    ] {
        assert_eq!(ask(since).await.ok()["deliveries"], deliveries, "{since}");
    }
    for wrong in ["yesterday", "2026-07-09T14:56:00+02:00"] {
        let refused = ask(wrong).await.with(400);
        let sentence = refused["error"].as_str().unwrap();
        assert!(
            sentence.contains("since") && sentence.contains("%2B"),
            "{sentence}"
        );
    }
}
