//! A disk that is full, and has room again; and a log that grows while somebody reads.

use std::sync::Arc;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use crate::support::proxy::{Network, Proxy};
use crate::support::small_disk::{SmallDisk, length};
use crate::support::wait::eventually;
use crate::support::{App, postgres};

const MIB: u64 = 1024 * 1024;
const NO_WINDOW: (&str, &str) = ("DEDUPE_WINDOW", "0");

/// Posts messages of this size until one is refused, and answers how many were kept.
async fn fill(app: &App, size: usize) -> usize {
    for number in 0..10_000 {
        let body = json!({ "contact_id": "1", "text": format!("{number} {}", "x".repeat(size)) });
        match app.post(body.to_string()).await.status.as_u16() {
            200 => {}
            503 => return number,
            status => panic!("{status}"),
        }
    }
    panic!("the disk is never full");
}

/// How many messages there are. Statistics may be degraded: on a full disk the contacts cannot be brought up to date.
async fn stored(app: &App) -> usize {
    let mut stored = 0;
    let mut after = "m0".to_owned();
    loop {
        let path = format!("/instagram/messages?limit=1000&after={after}");
        let page = app.get(&path).await.ok();
        stored += page["messages"].as_array().unwrap().len();
        if page["caughtUp"] == true {
            return stored;
        }
        page["nextCursor"].as_str().unwrap().clone_into(&mut after);
    }
}

#[tokio::test]
async fn a_spool_whose_disk_was_full_is_emptied_with_little_room() {
    let Some(disk) = SmallDisk::new(8) else {
        return;
    };
    let (proxy, through) = Proxy::before(&postgres::fresh_database().await).await;
    let app = App::on(disk.directory.clone(), Some(&through), &[NO_WINDOW]).await;
    disk.take_room(MIB);
    proxy.set(Network::Cut);
    let kept = fill(&app, 20_000).await;
    disk.take_room(u64::MAX);
    proxy.set(Network::Up);
    // The refused one may be there as well: a commit may be done whose answer is an error.
    let all = |stats: &serde_json::Value| stats["totalMessages"].as_u64() >= Some(kept as u64);
    app.stats_where(all).await;
    disk.make_room();
    app.drained().await;
    // It is shortened after it is empty.
    for name in ["spool.db-wal", "spool.db"] {
        let takes = async || length(disk.directory.path(), name);
        eventually("the files are short", takes, |length| *length < MIB).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn a_database_on_a_small_disk_keeps_its_log_short_and_is_written_again() {
    let Some(disk) = SmallDisk::new(16) else {
        return;
    };
    let app = App::on(disk.directory.clone(), None, &[NO_WINDOW]).await;
    disk.take_room(2 * MIB);
    let kept = fill(&app, 5_000).await;
    let path = disk.directory.path();
    let (file, log) = (
        length(path, "chatrace-webhook.db"),
        length(path, "chatrace-webhook.db-wal"),
    );
    assert!(log < file, "the log takes {log}, the file {file}");
    let ready = app.get("/readyz").await.with(503);
    assert_eq!(ready["database"], "full", "{ready}");
    disk.make_room();
    let more = fill(&app, 5_000).await;
    assert!(more > 0, "it stores again");
    assert!(stored(&app).await >= kept + more);
    app.stop().await;
}

#[tokio::test]
async fn a_log_that_grew_while_somebody_read_is_shortened() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[]).await;
    let file = directory.path().join("chatrace-webhook.db");
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut reader = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT * FROM head")
        .execute(&mut reader)
        .await
        .unwrap();
    let log = || length(directory.path(), "chatrace-webhook.db-wal");
    let post = async |number: usize| {
        let text = format!("{number} {}", "x".repeat(200_000));
        app.post(json!({ "contact_id": "1", "text": text }).to_string())
            .await
            .ok()
    };
    let mut number = 0;
    while log() < 20 * MIB {
        post(number).await;
        number += 1;
    }
    reader.close().await.unwrap();
    for number in number..number + 5 {
        post(number).await;
    }
    assert!(log() <= 16 * MIB, "the log takes {}", log());
    app.stop().await;
}
