//! Silence: said once, told once, over when a message comes.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatrace_webhook::config::{Config, Limits};
use chatrace_webhook::crypto;
use chatrace_webhook::delivery::{Delivery, Item, Reason, ReasonCode, Record};
use chatrace_webhook::http;
use chatrace_webhook::lifecycle::Lifecycle;
use chatrace_webhook::maintenance::Retention;
use chatrace_webhook::silence::Alerter;
use chatrace_webhook::store::{Alert, Attempt, Mode, SqliteStore, Store};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use rstest::rstest;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::support::front::{Authority, Front};
use crate::support::ledger::Ledger;
use crate::support::process::{PATIENCE, Running, program};
use crate::support::records::{delivery, normalized};
use crate::support::report::{assert_report, check, sentences};
use crate::support::{Answer, App, Backend, postgres};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One POST at the place where alerts go.
struct Told {
    id: String,
    body: Value,
}

/// A place where alerts go. It refuses the first few.
struct Ear {
    url: String,
    told: mpsc::UnboundedReceiver<(HeaderMap, String)>,
}

impl Ear {
    async fn refusing(first: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://user:canary@{}/canary",
            listener.local_addr().unwrap()
        );
        let (tell, told) = mpsc::unbounded_channel();
        let hearing = Arc::new(Hearing {
            tell,
            refusals: AtomicUsize::new(first),
        });
        let router = Router::new()
            .route("/canary", post(hear))
            .with_state(hearing);
        tokio::spawn(async move {
            let lifecycle = Lifecycle::new();
            http::serve(listener, router, Limits::default(), || {}, &lifecycle).await;
        });
        Self { url, told }
    }

    /// The next POST, whose signature must fit.
    async fn next(&mut self) -> Told {
        let (headers, body) = tokio::time::timeout(PATIENCE, self.told.recv())
            .await
            .expect("nobody is told")
            .unwrap();
        let header = |name| headers.get(name).unwrap().to_str().unwrap();
        let key = STANDARD
            .decode(SECRET.strip_prefix("whsec_").unwrap())
            .unwrap();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let expected =
            crypto::webhook_signature(&key, id, timestamp.parse().unwrap(), body.as_bytes());
        assert_eq!(header("webhook-signature"), expected);
        Told {
            id: id.to_owned(),
            body: serde_json::from_str(&body).unwrap(),
        }
    }
}

struct Hearing {
    tell: mpsc::UnboundedSender<(HeaderMap, String)>,
    refusals: AtomicUsize,
}

async fn hear(State(hearing): State<Arc<Hearing>>, headers: HeaderMap, body: String) -> StatusCode {
    hearing.tell.send((headers, body)).unwrap();
    let refusals = &hearing.refusals;
    let refused = refusals.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
    if refused.is_ok() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}

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
    let mut ear = Ear::refusing(0).await;
    let variables = [
        ("SILENCE_AFTER", "1s"),
        ("ALERT_URL", ear.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let app = App::with(backend, &variables).await;
    let quiet = app
        .diagnosis_where(|diagnosis| silence(diagnosis)["status"] == "ok")
        .await;
    assert_eq!(silence(&quiet)["observed"], "There is no message yet.");
    send(&app, "first").await;
    let began = ear.next().await;
    assert_eq!(began.body["type"], "silence.began");
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
    let ended = ear.next().await;
    assert_eq!(ended.body["type"], "silence.ended");
    assert_eq!(
        ended.body["data"]["silentSince"],
        began.body["data"]["lastMessageAt"]
    );
    assert_ne!(ended.id, began.id);
}

#[tokio::test]
async fn of_several_replicas_one_tells_also_after_a_restart() {
    let url = postgres::fresh_database().await;
    let mut ear = Ear::refusing(0).await;
    let alert_url = ear.url.clone();
    let variables = [
        ("SILENCE_AFTER", "500ms"),
        ("ALERT_URL", alert_url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let start = async || {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        App::on(directory, Some(&url), &variables).await
    };
    let replicas = [start().await, start().await, start().await];
    send(&replicas[0], "first").await;
    assert_eq!(ear.next().await.body["type"], "silence.began");
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
    let next = ear.next().await;
    assert_eq!(next.body["type"], "silence.ended", "nothing was told twice");
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
async fn an_alert_that_is_refused_comes_again_under_the_same_id() {
    let mut ear = Ear::refusing(1).await;
    let variables = [
        ("SILENCE_AFTER", "500ms"),
        ("ALERT_URL", ear.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let app = App::with(Backend::Sqlite, &variables).await;
    send(&app, "first").await;
    let (first, second) = (ear.next().await, ear.next().await);
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    let third = tokio::time::timeout(Duration::from_secs(1), ear.told.recv()).await;
    assert!(third.is_err(), "what is delivered is not sent again");
}

#[tokio::test]
async fn an_alert_goes_over_tls() {
    let mut ear = Ear::refusing(0).await;
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let plain = url::Url::parse(&ear.url).unwrap();
    let plain = format!("http://127.0.0.1:{}", plain.port().unwrap());
    let front = Front::tls(authority.server("localhost", -1, 90), &plain).await;
    let file = directory.path().join("authority.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let mut command = program(directory.path());
    command
        .env("SILENCE_AFTER", "500ms")
        .env(
            "ALERT_URL",
            format!("https://localhost:{}/canary", front.port),
        )
        .env("ALERT_SECRET", SECRET)
        .env("SSL_CERT_FILE", file);
    let running = Running::start(command).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let post = client.post(format!("{}/instagram/webhook", running.base));
    let posted = post.body(r#"{"contact_id":"1","text":"hi"}"#).send();
    assert_eq!(posted.await.unwrap().status(), 200);
    assert_eq!(ear.next().await.body["type"], "silence.began");
}

#[tokio::test]
async fn an_alert_that_nobody_takes_is_given_up_after_an_hour() {
    let mut ear = Ear::refusing(usize::MAX).await;
    let variables = [("ALERT_URL", ear.url.as_str()), ("ALERT_SECRET", SECRET)];
    let config = Config::read(&variables.into_iter().collect());
    let alerter = Alerter::new(&config.unwrap().silence.alert.unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("alerts.db");
    let store = SqliteStore::open(&file, Duration::ZERO, true).await;
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let begun = Timestamp::now();
    let alert = Alert {
        id: Uuid::now_v7(),
        body: "{}".to_owned(),
        made_at: begun,
        attempts: 0,
        next_at: begun,
    };
    let known = store.silence().await.unwrap();
    let changed = store.change_silence(known, Some(begun), Some(&alert));
    assert!(changed.await.unwrap());

    let step = |minutes| alerter.step(store.as_ref(), begun + SignedDuration::from_mins(minutes));
    let mut attempts = 0;
    for minute in 0..=60 {
        step(minute).await.unwrap();
        while ear.told.try_recv().is_ok() {
            attempts += 1;
        }
        assert!(
            store.oldest_alert().await.unwrap().is_some(),
            "minute {minute}"
        );
    }
    assert!((5..30).contains(&attempts), "{attempts} attempts");
    // The next attempt would be due within five minutes.
    step(66).await.unwrap();
    assert_eq!(store.oldest_alert().await.unwrap(), None);
    assert!(ear.told.try_recv().is_err(), "it was not sent once more");
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
    let mut ear = Ear::refusing(0).await;
    let variables = [
        ("SILENCE_AFTER", "1s"),
        ("RETENTION_DAYS", "2"),
        ("ALERT_URL", ear.url.as_str()),
        ("ALERT_SECRET", SECRET),
    ];
    let app = ledger.app_with(&variables).await;
    let diagnosis = app.diagnosis().await.to_string();
    assert!(!diagnosis.contains("since it first started"), "{diagnosis}");
    assert!(diagnosis.contains("The last message arrived on "));
    assert_eq!(ear.next().await.body["type"], "silence.began");
}
