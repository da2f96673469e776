//! Alerts: somebody is told when something goes wrong and when it is over, once, however its receiver wants it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::RETRY_AFTER;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;
use chatrace_webhook::alerts::AlertSender;
use chatrace_webhook::config::{AlertTarget, Config};
use chatrace_webhook::store::{Alert, AlertState, SqliteStore, Store};
use chatrace_webhook::time::Clock;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::destination::{Got, SECRET, TestDestination, destination_where};
use crate::support::front::{Authority, Front};
use crate::support::ledger::Ledger;
use crate::support::process::program;
use crate::support::proxy::{Network, Proxy};
use crate::support::report::check;
use crate::support::small_disk::SmallDisk;
use crate::support::wait::eventually;
use crate::support::{App, Backend, postgres};

/// What nobody understands.
const RIDDLE: &str = r#"{"hello":"world"}"#;

fn now() -> Clock {
    Clock::manual(Timestamp::now())
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn variables(owner: &TestDestination) -> [(&str, &str); 2] {
    [("ALERT_URL", &owner.url), ("ALERT_SECRET", SECRET)]
}

/// The types of what was told.
fn types(told: &[Got]) -> Vec<String> {
    let name = |one: &Got| one.json()["type"].as_str().unwrap().to_owned();
    told.iter().map(name).collect()
}

async fn in_quarantine(app: &App) {
    let answer = app.post(RIDDLE).await.ok();
    assert_eq!(answer["quarantined"], 1);
}

/// Posts until the destination has seen something, and it is known to be down.
async fn goes_down(app: &App, destination: &TestDestination) {
    destination.answer_all(401);
    app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok();
    destination_where(app, "crm", |one| one["state"] == "down").await;
}

#[rstest]
#[tokio::test]
async fn a_destination_that_is_down_for_minutes_is_told_of_and_that_it_is_up_again(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let (owner, crm) = (
        TestDestination::start().await,
        TestDestination::start().await,
    );
    let clock = now();
    let forward = [("FORWARD_CRM_URL", &*crm.url)];
    let variables: Vec<_> = variables(&owner).into_iter().chain(forward).collect();
    let ledger = Ledger::new(backend).await;
    let app = ledger.app_with_at(&variables, clock.clone()).await;
    goes_down(&app, &crm).await;
    // A problem from now on, and not yet an alert.
    clock.advance(minutes(2));
    app.diagnosis_where(|diagnosis| check(diagnosis, "forwarding")["status"] == "problem")
        .await;
    let told = eventually_told(&owner, &clock, 1).await;
    told[0].assert_signed();
    let began = told[0].json();
    assert_eq!(began["type"], "forwarding.began", "{began:#}");
    let data = &began["data"];
    assert_eq!(data["destination"], "crm");
    let sentence = data["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("crm refuses everything with 401 since "),
        "{sentence}"
    );
    let next_step = data["nextStep"].as_str().unwrap();
    assert!(
        next_step.starts_with("Check FORWARD_CRM_HEADERS"),
        "{next_step}"
    );
    assert_eq!(data["replica"], Value::Null);

    crm.answer_all(200);
    destination_where(&app, "crm", |one| one["state"] == "up").await;
    let told = eventually_told(&owner, &clock, 2).await;
    let ended = told[1].json();
    assert_eq!(ended["type"], "forwarding.ended");
    assert_eq!(ended["data"]["since"], data["since"]);
    assert_eq!(ended["data"]["sentence"], "crm accepts what is forwarded.");
    app.stop().await;
}

/// Lets time go on, some seconds for each look, until so much was told.
async fn eventually_told(owner: &TestDestination, clock: &Clock, number: usize) -> Vec<Got> {
    let ask = async || {
        clock.advance(SignedDuration::from_secs(2));
        owner.got().iter().filter(|one| one.is_accepted()).count()
    };
    eventually("somebody is told", ask, |told| *told >= number).await;
    owner.accepted(number).await
}

#[tokio::test]
async fn of_several_replicas_one_tells_what_all_of_them_see() {
    let owner = TestDestination::start().await;
    let clock = now();
    let ledger = Ledger::new(Backend::Postgres).await;
    let start = async || {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let url = ledger.url.as_deref();
        App::on_at(directory, url, &variables(&owner), clock.clone()).await
    };
    let replicas = [start().await, start().await, start().await];
    in_quarantine(&replicas[0]).await;
    eventually_told(&owner, &clock, 1).await;
    // Otherwise it would come once more, under the same id.
    let store = ledger.store().await;
    let waiting = async || store.oldest_alert().await.unwrap();
    eventually("it is delivered", waiting, Option::is_none).await;
    store.close().await;
    for app in replicas {
        app.stop().await;
    }
    // Nor does another one after a restart, and the end is told once.
    let app = start().await;
    app.post(r#"{"contact_id":"1","text":"hi"}"#).await.ok();
    clock.advance(minutes(60 * 25));
    let told = eventually_told(&owner, &clock, 2).await;
    assert_eq!(types(&told), ["quarantine.began", "quarantine.ended"]);
    app.stop().await;
}

#[tokio::test]
async fn while_the_database_is_away_each_replica_speaks_for_itself_and_from_memory() {
    let owner = TestDestination::start().await;
    let clock = now();
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let start = async || {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        App::on_at(directory, Some(&through), &variables(&owner), clock.clone()).await
    };
    let replicas = [start().await, start().await];
    for app in &replicas {
        app.diagnosis_where(|diagnosis| check(diagnosis, "database")["status"] == "ok")
            .await;
    }
    proxy.set(Network::Cut);
    let told = eventually_told(&owner, &clock, 2).await;
    for one in &told {
        one.assert_signed();
        let began = one.json();
        assert_eq!(began["type"], "database.began", "{began:#}");
        assert!(!began["data"]["replica"].as_str().unwrap().is_empty());
        let sentence = began["data"]["sentence"].as_str().unwrap();
        assert!(
            sentence.contains("deliveries wait on this machine's disk"),
            "{sentence}"
        );
    }
    assert_ne!(told[0].id(), told[1].id());
    proxy.set(Network::Up);
    let told = eventually_told(&owner, &clock, 4).await;
    assert_eq!(types(&told[2..]), ["database.ended", "database.ended"]);
    for app in replicas {
        app.stop().await;
    }
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_told_of() {
    let Some(disk) = SmallDisk::new(60) else {
        return;
    };
    let owner = TestDestination::start().await;
    let clock = now();
    let directory = disk.directory.clone();
    let app = App::on_at(directory, None, &variables(&owner), clock.clone()).await;
    let told = eventually_told(&owner, &clock, 1).await;
    let began = told[0].json();
    assert_eq!(began["type"], "disk.began");
    assert_eq!(
        began["data"]["nextStep"],
        "Free some space on the disk of DATA_DIR."
    );
    app.stop().await;
}

#[rstest]
#[tokio::test]
async fn telegram_and_slack_get_the_sentence_and_the_next_step(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values("telegram", "slack")] format: &str,
) {
    let owner = TestDestination::start().await;
    let clock = now();
    let base = owner.url.strip_suffix("/hook").unwrap();
    let url = format!("{base}/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage?chat_id=-7");
    let variables = [("ALERT_URL", &*url), ("ALERT_FORMAT", format)];
    let ledger = Ledger::new(backend).await;
    let app = ledger.app_with_at(&variables, clock.clone()).await;
    in_quarantine(&app).await;
    let told = eventually_told(&owner, &clock, 1).await;
    assert_eq!(
        told[0].uri,
        url.strip_prefix(base).unwrap().parse::<Uri>().unwrap()
    );
    assert_eq!(told[0].header("content-type"), "application/json");
    let body = told[0].json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    let text = body["text"].as_str().unwrap();
    assert!(
        text.starts_with("1 item in quarantine, the newest "),
        "{text}"
    );
    assert!(
        text.contains("\nLook at GET /instagram/deliveries/"),
        "{text}"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_alert_that_is_refused_comes_again_under_the_same_id_when_that_was_asked_for() {
    let owner = TestDestination::start().await;
    owner.answer(|_| (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "120")]).into_response());
    let clock = now();
    let ledger = Ledger::new(Backend::Postgres).await;
    let app = ledger.app_with_at(&variables(&owner), clock.clone()).await;
    in_quarantine(&app).await;
    let ask = async || {
        clock.advance(SignedDuration::from_secs(2));
        owner.got().len()
    };
    eventually("it is refused", ask, |got| *got == 1).await;
    owner.answer_all(200);
    let store = ledger.store().await;
    let waiting = async || store.oldest_alert().await.unwrap().unwrap();
    eventually("it waits for as long as was asked", waiting, |alert| {
        let waits = alert.next_at.duration_since(alert.made_at);
        alert.attempts == 1 && waits >= SignedDuration::from_secs(120)
    })
    .await;
    store.close().await;
    let told = eventually_told(&owner, &clock, 1).await;
    let got = owner.got();
    assert_eq!((got.len(), got[0].id()), (2, told[0].id()));
    assert_eq!(got[0].body, got[1].body);
    app.stop().await;
}

fn target(owner: &TestDestination) -> AlertTarget {
    let config = Config::read(&variables(owner).into_iter().collect());
    config.unwrap().alerts.unwrap()
}

#[tokio::test]
async fn an_alert_that_nobody_takes_is_given_up_after_three_days() {
    let owner = TestDestination::start().await;
    owner.answer_all(500);
    let clock = now();
    let mut sender = AlertSender::new(&target(&owner), Vec::new(), &clock).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("alerts.db");
    let store = SqliteStore::open(&file, Duration::ZERO, true).await;
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let begun = clock.now();
    let alert = Alert {
        id: Uuid::now_v7(),
        body: "{}".to_owned(),
        made_at: begun,
        attempts: 0,
        next_at: begun,
    };
    let known = AlertState {
        subject: "disk".to_owned(),
        ..AlertState::default()
    };
    let change = async || store.change_alert_state(&known, Some(begun), &alert).await;
    assert!(change().await.unwrap());
    assert!(!change().await.unwrap(), "another replica was faster");
    for _ in 0..12 {
        sender.send_due(store.as_ref()).await.unwrap();
        clock.advance(minutes(6));
    }
    let attempts = owner.got().len();
    assert_eq!(attempts, 12, "at most five minutes and some jitter apart");
    clock.advance(minutes(60 * 72));
    sender.send_due(store.as_ref()).await.unwrap();
    assert_eq!(store.oldest_alert().await.unwrap(), None);
    assert_eq!(owner.got().len(), attempts, "it was not sent once more");
}

#[tokio::test]
async fn a_test_alert_goes_over_tls_and_no_secret_is_shown() {
    let owner = TestDestination::start().await;
    let token = "123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
    let path = format!("/bot{token}/sendMessage");
    let answered = format!("Cannot POST {path}");
    owner.answer(move |_| (StatusCode::NOT_FOUND, answered.clone()).into_response());
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let plain = owner.url.strip_suffix("/hook").unwrap();
    let front = Front::tls(authority.server("localhost", -1, 90), plain).await;
    let file = directory.path().join("authority.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let send = async |arguments: &[&str]| {
        let mut command = program(directory.path());
        command
            .env(
                "ALERT_URL",
                format!("https://localhost:{}{path}?chat_id=-7", front.port),
            )
            .env("ALERT_FORMAT", "telegram")
            .env("SSL_CERT_FILE", &file)
            .args(["forward", "test", "--alert"])
            .args(arguments);
        let output = command.output().await.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains(token), "{text}");
        (output.status.code(), text)
    };
    let (code, text) = send(&[]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("Cannot POST /bot[redacted]/sendMessage"),
        "{text}"
    );
    owner.answer_all(200);
    let (code, text) = send(&["--json"]).await;
    assert_eq!(code, Some(0), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&answer["destination"], &answer["accepted"]),
        (&json!("ALERT_URL"), &json!(true))
    );
    let body = json!({ "text": "This is a test of chatrace-webhook." });
    assert_eq!(owner.got()[1].json(), body);
}
