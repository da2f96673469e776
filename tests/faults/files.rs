//! Files go away while they are open, and a log is read by nobody.

use std::fs::{copy, remove_dir_all, rename};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::support::process::{PATIENCE, Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::{Answer, App, postgres};

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
