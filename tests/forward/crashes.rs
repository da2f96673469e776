//! The real program, killed: every stored message arrives, and repeats only under its id.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Client;
use rstest::rstest;
use serde_json::json;
use tokio::process::Command;

use crate::support::destination::{Got, TestDestination};
use crate::support::process::{Running, program};
use crate::support::{Backend, TOKEN, postgres};

fn serve(directory: &Path, database: Option<&str>, url: &str) -> Command {
    let mut command = program(directory);
    command.env("API_TOKEN", TOKEN).env("FORWARD_URL", url);
    if let Some(database) = database {
        command.env("DATABASE_URL", database);
    }
    command
}

async fn post(running: &Running, person: u32, number: u32) {
    let body = json!({ "contact_id": person.to_string(), "text": number.to_string() });
    let client: Client = chatrace_webhook::http_client::builder().build().unwrap();
    let request = client.post(format!("{}/instagram/webhook", running.base));
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert!(answer.status().is_success());
}

/// Every number arrived, and each under one id.
fn assert_complete(got: &[Got], numbers: u32) {
    let mut ids: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for one in got {
        let number = one.text().parse().unwrap();
        ids.entry(number).or_default().insert(one.id().to_owned());
    }
    let arrived: Vec<_> = ids.keys().copied().collect();
    assert_eq!(arrived, (0..numbers).collect::<Vec<_>>());
    assert!(ids.values().all(|ids| ids.len() == 1), "{ids:?}");
}

fn distinct(got: &[Got]) -> usize {
    got.iter().map(Got::text).collect::<BTreeSet<_>>().len()
}

#[rstest]
#[tokio::test]
async fn a_killed_service_goes_on_where_it_was(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let database = match backend {
        Backend::Postgres => Some(postgres::fresh_database().await),
        Backend::Sqlite => None,
    };
    let directory = tempfile::tempdir().unwrap();
    let destination = TestDestination::start().await;
    let start = async || {
        Running::start(serve(
            directory.path(),
            database.as_deref(),
            &destination.url,
        ))
        .await
    };
    let mut sent = 0;
    for _ in 0..3 {
        let mut running = start().await;
        for _ in 0..10 {
            post(&running, sent % 3, sent).await;
            sent += 1;
        }
        running.child.kill().await.unwrap();
    }
    let running = start().await;
    let got = destination
        .got_where(|got| distinct(got) == sent as usize)
        .await;
    assert_complete(&got, sent);
    drop(running);
}

#[tokio::test]
async fn another_replica_takes_over_from_one_that_is_killed() {
    let database = postgres::fresh_database().await;
    let destination = TestDestination::start().await;
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = async |number: usize| {
        let directory: &tempfile::TempDir = &directories[number];
        Running::start(serve(directory.path(), Some(&database), &destination.url)).await
    };
    let mut holder = start(0).await;
    post(&holder, 1, 0).await;
    destination.accepted(1).await;
    let other = start(1).await;
    // It has no lease, and what it stores is forwarded all the same.
    post(&other, 1, 1).await;
    destination.accepted(2).await;
    holder.child.kill().await.unwrap();
    post(&other, 1, 2).await;
    let got = destination.got_where(|got| distinct(got) == 3).await;
    assert_complete(&got, 3);
}
