//! Silence: said once, told once, over when a message comes.

use std::sync::Arc;

use chatrace_webhook::delivery::{Delivery, Item, Reason, ReasonCode, Record};
use chatrace_webhook::maintenance::Retention;
use chatrace_webhook::store::{Attempt, Mode};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use rstest::rstest;
use serde_json::Value;

use crate::support::destination::{SECRET, TestDestination};
use crate::support::ledger::Ledger;
use crate::support::process::{Running, program};
use crate::support::records::{delivery, normalized};
use crate::support::report::{assert_report, check, sentences};
use crate::support::{Answer, App, Backend, postgres};

async fn send(app: &App, text: &str) {
    app.post(format!(r#"{{"contact_id":"1","text":"{text}"}}"#))
        .await
        .ok();
}

#[rstest]
#[tokio::test]
async fn silence_begins_and_ends_and_each_is_told_once(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let owner = TestDestination::start().await;
    let variables = [
        ("SILENCE_AFTER", "1s"),
        ("ALERT_URL", owner.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let app = App::with(backend, &variables).await;
    let quiet = app
        .diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "ok")
        .await;
    assert_eq!(silence(&quiet)["observed"], "There is no message yet.");
    send(&app, "first").await;
    let began = owner.accepted(1).await[0].json();
    assert_eq!(began["type"], "silence.began");
    let diagnosis = app
        .diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "problem")
        .await;
    let observed = silence(&diagnosis)["observed"].as_str().unwrap();
    assert!(
        observed.starts_with("No message has arrived since ")
            && observed.ends_with(": longer than SILENCE_AFTER allows (1 second)."),
        "{observed}"
    );
    let metrics = Answer::to(app.request(Method::GET, "/metrics")).await.text;
    assert!(
        metrics.contains("\nchatrace_last_message_age_seconds "),
        "{metrics}"
    );

    send(&app, "second").await;
    let told = owner.accepted(2).await;
    let ended = told[1].json();
    assert_eq!(ended["type"], "silence.ended");
    assert_eq!(ended["data"]["since"], began["data"]["since"]);
    assert_ne!(told[0].id(), told[1].id());
}

#[tokio::test]
async fn of_several_replicas_one_tells_also_after_a_restart() {
    let url = postgres::fresh_database().await;
    let owner = TestDestination::start().await;
    let variables = [
        ("SILENCE_AFTER", "500ms"),
        ("ALERT_URL", owner.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let start = async || {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        App::on(directory, Some(&url), &variables).await
    };
    let replicas = [start().await, start().await, start().await];
    send(&replicas[0], "first").await;
    assert_eq!(owner.accepted(1).await[0].json()["type"], "silence.began");
    for app in &replicas {
        app.diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "problem")
            .await;
    }
    for app in replicas {
        app.stop().await;
    }
    let app = start().await;
    app.diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "problem")
        .await;
    send(&app, "second").await;
    let told = owner.accepted(2).await;
    let second = told[1].json();
    assert_eq!(second["type"], "silence.ended", "nothing was told twice");
}

#[rstest]
#[tokio::test]
async fn a_limit_that_is_raised_meanwhile_is_not_said_to_be_passed(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let app = ledger.app_with(&[("SILENCE_AFTER", "500ms")]).await;
    send(&app, "first").await;
    app.diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "problem")
        .await;
    app.stop().await;
    let app = ledger.app_with(&[("SILENCE_AFTER", "1h")]).await;
    let diagnosis = app
        .diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "problem")
        .await;
    assert_report("silence_unbroken", &sentences(silence(&diagnosis)));
    // Although nobody has judged again.
    send(&app, "second").await;
    let diagnosis = app.diagnosis().await;
    assert_eq!(silence(&diagnosis)["status"], "ok", "{diagnosis:#}");
}

#[tokio::test]
async fn the_log_says_it_once_and_never_where_alerts_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("SILENCE_AFTER", "500ms")
        .env("ALERT_URL", "http://user:canary@127.0.0.1:1/canary?canary")
        .env("ALERT_SECRET", "canary-secret");
    let mut running = Running::start(command).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let post = |text: &str| {
        let body = format!(r#"{{"contact_id":"1","text":"{text}"}}"#);
        client
            .post(format!("{}/instagram/webhook", running.base))
            .body(body)
            .send()
    };
    post("first").await.unwrap();
    let second = post("second");
    let line = running.line_with("Silence: no message has arrived").await;
    assert!(line.contains("WARN"), "{line}");
    running.line_with("alert not sent yet").await;
    second.await.unwrap();
    let line = running.line_with("Silence is over").await;
    assert!(line.contains("INFO"), "{line}");
    running.signal("-TERM");
    assert!(running.ended().await.success());
    for line in &running.printed {
        assert!(!line.contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn a_rhythm_that_is_not_known_yet_does_not_alarm() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    send(&app, "first").await;
    app.stop().await;
    let app = App::on(directory, None, &[("SILENCE_AFTER", "auto")]).await;
    let diagnosis = app
        .diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "ok")
        .await;
    assert_report("silence_rhythm_unknown", &sentences(silence(&diagnosis)));
}

fn silence(diagnosis: &Value) -> &Value {
    check(diagnosis, "silence")
}

/// A delivery that arrived so long ago.
fn arrived(ago: SignedDuration, body: &str) -> Record {
    let delivery = delivery(body.to_owned());
    normalized(Delivery {
        received_at: delivery.received_at - ago,
        ..delivery
    })
}

#[rstest]
#[tokio::test]
async fn the_newest_arrival_only_rises_whatever_is_stored_or_deleted_later(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    assert_eq!(store.last_message_at().await.unwrap(), None);
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let newest = arrived(days(3), r#"{"contact_id":"ana","text":"newest"}"#);
    let expected = Some(newest.delivery.received_at);
    // What waited in a spool, or was read again, stands behind newer ones.
    let late = arrived(days(4), r#"{"contact_id":"ben","text":"late"}"#);
    let mut misunderstood = arrived(days(5), r#"{"contact_id":"cleo","text":"riddle"}"#);
    let read = std::mem::replace(
        &mut misunderstood.items,
        vec![Item::Quarantined {
            reason: Reason::new(ReasonCode::NothingUnderstood, "an older version"),
            contact: None,
        }],
    );
    for record in [&newest, &late, &misunderstood] {
        let one = std::slice::from_ref(record);
        store.commit(one, Attempt::First).await.unwrap();
    }
    misunderstood.items = read;
    let reread = store.reprocess(&[misunderstood], Mode::Real).await.unwrap();
    assert_eq!(reread[0].stored, 1);
    assert_eq!(store.last_message_at().await.unwrap(), expected);

    store.close().await;
    drop(store);
    let app = ledger.app().await;
    let erased = app.send(Method::DELETE, "/instagram/contacts/ana").await;
    assert_eq!(erased.ok()["messages"], 1);
    app.stop().await;
    let store = ledger.store().await;
    assert_eq!(store.last_message_at().await.unwrap(), expected);
    let snapshot = store.snapshot(Timestamp::now()).await.unwrap();
    assert_eq!(snapshot.last_delivery_at, expected);

    let retention = Retention::new(store.clone(), Some(2));
    let deleted = retention.once(Timestamp::now()).await.unwrap();
    assert_eq!(deleted.deliveries, 3);
    assert_eq!(store.last_message_at().await.unwrap(), expected);
    let snapshot = store.snapshot(Timestamp::now()).await.unwrap();
    assert_eq!(snapshot.last_delivery_at, expected);
}

#[rstest]
#[tokio::test]
async fn what_is_deleted_is_remembered_to_have_come_and_silence_after_it_is_told(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let ledger = Ledger::new(backend).await;
    let store = ledger.store().await;
    let old = [arrived(
        SignedDuration::from_hours(72),
        r#"{"contact_id":"1","text":"hi"}"#,
    )];
    store.commit(&old, Attempt::First).await.unwrap();
    let retention = Retention::new(store.clone(), Some(2));
    assert_eq!(retention.once(Timestamp::now()).await.unwrap().messages, 1);
    store.close().await;
    drop((store, retention));
    let owner = TestDestination::start().await;
    let variables = [
        ("SILENCE_AFTER", "1s"),
        ("RETENTION_DAYS", "2"),
        ("ALERT_URL", owner.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let app = ledger.app_with(&variables).await;
    let diagnosis = app.diagnosis().await.to_string();
    assert!(!diagnosis.contains("since it first started"), "{diagnosis}");
    assert!(diagnosis.contains("The last message arrived on "));
    assert_eq!(owner.accepted(1).await[0].json()["type"], "silence.began");
}
