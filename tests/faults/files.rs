//! Files go away while they are open, and a log is read by nobody.

use std::fs::{copy, read, remove_dir_all, rename, write};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::process::{PATIENCE, Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::small_disk::SmallDisk;
use crate::support::{Answer, App, TOKEN, postgres};

const BODY: &str = r#"{"contact_id":"1","text":"a"}"#;

async fn readiness(app: &App) -> (u16, Value) {
    let ready = Answer::to(app.request(Method::GET, "/readyz")).await;
    (
        ready.status.as_u16(),
        serde_json::from_str(&ready.text).unwrap(),
    )
}

/// The service writes on into a file that nobody will ever read, without an error.
#[tokio::test]
async fn a_database_file_that_is_gone_acknowledges_nothing() {
    let remove = |directory: &TempDir| remove_dir_all(directory.path()).unwrap();
    let replace = |directory: &TempDir| {
        let file = directory.path().join("chatrace-webhook.db");
        let other = directory.path().join("backup.db");
        copy(&file, &other).unwrap();
        rename(&other, &file).unwrap();
    };
    let ways: [fn(&TempDir); 2] = [remove, replace];
    for lose in ways {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let app = App::on(directory.clone(), None, &[]).await;
        assert_eq!(app.post(BODY).await.ok()["outcome"], "stored");
        assert_eq!(readiness(&app).await.0, 200);
        lose(&directory);
        // Before anything comes, and then for what comes.
        assert_eq!(readiness(&app).await.0, 503);
        let check = app.diagnosis().await["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "database")
            .unwrap()
            .clone();
        assert_eq!(check["status"], "problem");
        let observed = check["observed"].as_str().unwrap();
        assert!(observed.contains("was removed or replaced"), "{observed}");
        app.post(BODY).await.with(503);
        let erased = app.send(Method::DELETE, "/instagram/contacts/1").await;
        assert_eq!(erased.status.as_u16(), 503);
        let ended = app.stopped().await.unwrap_err().to_string();
        assert!(ended.contains("is lost"), "{ended}");
    }
}

#[tokio::test]
async fn a_spool_that_is_gone_stops_nothing_while_the_database_is_there() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), Some(&through), &[]).await;
    remove_dir_all(directory.path()).unwrap();
    assert_eq!(app.post(BODY).await.ok()["outcome"], "stored");
    let (status, ready) = readiness(&app).await;
    assert_eq!(status, 200);
    assert_ne!(ready["warning"], Value::Null);
    proxy.set(Network::Cut);
    app.post(BODY).await.with(503);
    assert_eq!(readiness(&app).await.0, 503);
    proxy.set(Network::Up);
    let again = json!({ "contact_id": "1", "text": "again" }).to_string();
    assert_eq!(app.post(again).await.ok()["outcome"], "stored");
}

/// The spool of a replica is damaged, or its disk is full. What comes goes to Postgres.
async fn starts_without_a_spool(directory: Arc<TempDir>, cause: &str) {
    let url = postgres::fresh_database().await;
    let app = App::on(directory, Some(&url), &[]).await;
    assert_eq!(app.post(BODY).await.ok()["outcome"], "stored");
    let (status, ready) = readiness(&app).await;
    assert_eq!(status, 200);
    assert_ne!(ready["warning"], Value::Null);
    let diagnosis = app.diagnosis().await;
    let checks = diagnosis["checks"].as_array().unwrap();
    let spool = checks
        .iter()
        .find(|check| check["name"] == "spool")
        .unwrap();
    let observed = spool["observed"].as_str().unwrap();
    assert!(observed.contains(cause), "{observed}");
    app.stop().await;
}

#[tokio::test]
async fn a_replica_starts_without_a_spool_that_is_damaged_if_the_database_is_there() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    write(
        directory.path().join("spool.db"),
        "no database, but a letter",
    )
    .unwrap();
    starts_without_a_spool(directory.clone(), "move it away").await;
    let mut command = program(directory.path());
    command
        .env("DATA_DIR", directory.path())
        .env("API_TOKEN", TOKEN)
        .env("DATABASE_URL", "postgres://127.0.0.1:9/none");
    let refused = command.output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

/// What is in the log beside a file is of use only with that file, and SQLite deletes it where the file is new.
#[tokio::test]
async fn a_log_without_its_file_is_not_deleted() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let log = |name: &str| directory.path().join(name);
    for name in ["chatrace-webhook.db-wal", "spool.db-wal"] {
        write(log(name), "messages").unwrap();
    }
    starts_without_a_spool(directory.clone(), "put the file back").await;
    let mut command = program(directory.path());
    command.env("DATA_DIR", directory.path());
    let refused = command.output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert!(sentence.contains("put the file back"), "{sentence}");
    for name in ["chatrace-webhook.db-wal", "spool.db-wal"] {
        assert_eq!(read(log(name)).unwrap(), b"messages");
    }
}

#[tokio::test]
async fn a_replica_starts_without_a_spool_whose_disk_is_full_if_the_database_is_there() {
    let Some(disk) = SmallDisk::new(1) else {
        return;
    };
    disk.take_room(u64::MAX);
    starts_without_a_spool(disk.directory.clone(), "the disk is full").await;
}

/// Overwrites each page of the embedded database on which a text stands.
fn damage(directory: &TempDir, text: &str) {
    const PAGE: usize = 4096;
    let file = directory.path().join("chatrace-webhook.db");
    let mut bytes = read(&file).unwrap();
    let mut pages = bytes.chunks_exact_mut(PAGE).skip(1);
    let mut count = 0;
    for page in &mut pages {
        if page.windows(text.len()).any(|part| part == text.as_bytes()) {
            page.fill(0xa5);
            count += 1;
        }
    }
    assert!(count > 0, "no page has {text}");
    write(&file, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_page_is_a_problem_of_its_own_and_hides_nothing_else() {
    const COUNT: usize = 300;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    let body = |number: usize| json!({ "contact_id": "1", "text": format!("text-{number};") });
    for number in 0..COUNT {
        assert_eq!(app.post(body(number).to_string()).await.ok()["stored"], 1);
    }
    app.stop().await;
    damage(&directory, "text-150;");

    let app = App::on(directory.clone(), None, &[]).await;
    let (mut texts, mut skipped, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = app
            .get(&format!("/instagram/messages?limit=50&after={after}"))
            .await
            .ok();
        let messages = page["messages"].as_array().unwrap();
        texts.extend(messages.iter().map(|message| message["text"].clone()));
        skipped += page["unreadable"].as_i64().unwrap_or_default();
        page["nextCursor"].as_str().unwrap().clone_into(&mut after);
        if page["caughtUp"] == true {
            break;
        }
    }
    assert_eq!(
        (&texts[0], texts.last().unwrap()),
        (&json!("text-0;"), &json!("text-299;"))
    );
    assert!(!texts.contains(&json!("text-150;")));
    assert!(
        texts.len() > COUNT - 50,
        "only one page is lost: {}",
        texts.len()
    );
    assert!(skipped > 0);
    let export = app.request(Method::GET, "/instagram/messages/export?format=jsonl");
    let export = export.bearer_auth(TOKEN).send().await;
    let is_whole = async { export?.error_for_status()?.text().await };
    assert!(is_whole.await.is_err(), "a file is complete or breaks off");

    let (status, ready) = readiness(&app).await;
    assert_eq!((status, &ready["database"]), (200, &json!("damaged")));
    assert_ne!(ready["warning"], Value::Null);
    let diagnosis = app.diagnosis().await;
    let checks = diagnosis["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "database");
    let check = check.unwrap();
    assert_eq!(check["status"], "problem");
    assert!(
        check["nextStep"].as_str().unwrap().contains(".recover"),
        "{check}"
    );
    assert_eq!(app.post(body(COUNT).to_string()).await.ok()["stored"], 1);
    app.stop().await;

    let mut doctor = program(directory.path());
    doctor.env("DATA_DIR", directory.path()).env("PORT", "9");
    doctor.arg("doctor");
    let doctor = doctor.output().await.unwrap();
    let printed = String::from_utf8(doctor.stdout).unwrap();
    assert!(printed.contains("database_file"), "{printed}");
}

/// A `sqlite3` with an open transaction.
#[tokio::test]
async fn a_foreign_lock_refuses_what_comes_and_nothing_that_comes_later() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    assert_eq!(app.post(BODY).await.ok()["outcome"], "stored");
    let file = SqliteConnectOptions::new().filename(directory.path().join("chatrace-webhook.db"));
    let mut other = SqliteConnection::connect_with(&file).await.unwrap();
    let lock = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other);
    lock.await.unwrap();
    let body = |text| json!({ "contact_id": "1", "text": text }).to_string();
    app.post(body("locked")).await.with(503);
    assert_eq!(app.messages().await.len(), 1, "reading goes on");
    other.close().await.unwrap();
    assert_eq!(app.post(body("locked")).await.ok()["outcome"], "stored");
}

/// A stopped log collector, or Ctrl-S in a terminal.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = Running::start(program(directory.path())).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    // A pipe holds 64 KiB, and each message logs more than 300 bytes.
    for number in 0..800 {
        let body = json!({ "contact_id": "1", "text": number.to_string() });
        let request = client.post(format!("{}/instagram/webhook", running.base));
        let answer = timeout(PATIENCE, request.body(body.to_string()).send()).await;
        assert_eq!(answer.unwrap().unwrap().status().as_u16(), 200);
    }
    running.signal("-TERM");
    let ended = timeout(PATIENCE, running.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}
