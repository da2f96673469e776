//! The database and the disk fail in ways that are easily forgotten.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::faults::ledger::clients::Clients;
use crate::faults::ledger::sent_log::{Rows, SentLog};
use crate::faults::ledger::server::Server;
use crate::support::proxy::{Network, Proxy};
use crate::support::wait::eventually;
use crate::support::{App, postgres};

/// Posts a message and answers with which status, and what became of it.
async fn post(server: &Server, text: &str) -> (u16, Value) {
    post_body(server, &json!({ "contact_id": "1", "text": text })).await
}

async fn post_body(server: &Server, body: &Value) -> (u16, Value) {
    let url = format!("{}/instagram/webhook", *server.base().borrow());
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let answer = client
        .post(url)
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    (status, answer["outcome"].clone())
}

async fn stored(server: &Server, text: &str) {
    assert_eq!(post(server, text).await, (200, json!("stored")));
}

async fn spooled(server: &Server, text: &str) {
    assert_eq!(post(server, text).await, (200, json!("spooled")));
}

#[tokio::test]
async fn a_database_that_hangs_at_the_start_is_not_waited_for() {
    let texts = [
        "server_version_num",
        "to_regclass",
        "pg_try_advisory_xact_lock",
    ];
    let starts = texts.map(|text| async move {
        let url = postgres::fresh_database().await;
        let (proxy, through) = Proxy::before(&url).await;
        proxy.set(Network::HangsAt(text));
        let server = Server::start(Some(&through), &[]).await;
        proxy.becomes(Network::Up).await;
        assert_eq!(post(&server, "at once").await.0, 200);
        server.drained().await;
        stored(&server, "later").await;
        assert_eq!(Rows::in_postgres(&url).await.messages(), 2);
    });
    join_all(starts).await;
}

/// A standby, a right that is gone, a function that somebody dropped: the database answers and refuses.
#[tokio::test]
async fn a_database_that_refuses_to_write_is_known_at_the_first_failure() {
    let url = postgres::fresh_database().await;
    let app = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]).await;
    let message = r#"{"contact_id":"1","text":"a"}"#;
    assert_eq!(app.post(message).await.ok()["outcome"], "stored");
    postgres::execute(
        &url,
        "ALTER FUNCTION commit_batch RENAME TO gone".to_owned(),
    )
    .await;
    assert_eq!(app.post(message).await.ok()["outcome"], "spooled");
    assert_eq!(app.get("/readyz").await.ok()["database"], "away");
    let verdict = app.diagnosis().await["verdict"].clone();
    assert!(
        verdict.as_str().unwrap().contains("commit_batch"),
        "{verdict}"
    );
    postgres::execute(
        &url,
        "ALTER FUNCTION gone RENAME TO commit_batch".to_owned(),
    )
    .await;
    app.drained().await;
    assert_eq!(app.get("/readyz").await.ok()["database"], "ok");

    let hide = "ALTER TABLE rejected_requests RENAME TO hidden";
    postgres::execute(&url, hide.to_owned()).await;
    let other = r#"{"contact_id":"1","text":"b"}"#;
    assert_eq!(app.post(other).await.ok()["outcome"], "stored");
    let verdict = app.diagnosis().await["verdict"].clone();
    let verdict = verdict.as_str().unwrap();
    assert!(
        verdict.starts_with("The database cannot be read (")
            && verdict.ends_with("deliveries are stored."),
        "{verdict}"
    );
}

/// What is checked only at the end of a transaction fails when the statement has answered already.
#[tokio::test]
async fn a_commit_that_fails_behind_its_answer_acknowledges_nothing() {
    let url = postgres::fresh_database().await;
    let server = Server::start(Some(&url), &[("SPOOL", "off")]).await;
    stored(&server, "before").await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'too late' USING ERRCODE = '23000'; END $$; \
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW WHEN (NEW.body = 'poison') EXECUTE FUNCTION refuse()";
    postgres::execute(&url, refuse.to_owned()).await;
    assert_eq!(post(&server, "poison").await, (200, json!("quarantined")));
    stored(&server, "after").await;
    assert_eq!(Rows::in_postgres(&url).await.messages(), 2);
}

/// Somebody works on the database by hand, and locks in another order.
#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let url = postgres::fresh_database().await;
    let server = Server::start(Some(&url), &[("SPOOL", "off")]).await;
    stored(&server, "before").await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut watching = PgConnection::connect(&url).await.unwrap();
    // Postgres ends the one that notices, which is the one that waits longer, unless the machine was slow: then once
    // more.
    for number in 0.. {
        let lock = "BEGIN; UPDATE hours SET first = first";
        sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
        let name = format!("Ana {number}");
        let contact = json!({ "contact_id": "1", "full_name": name, "text": name });
        let (status, ended) = tokio::join!(post_body(&server, &contact), async {
            let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
            until_some(&mut watching, waits).await;
            // Each now waits for the other.
            let lock = "UPDATE head SET position = position";
            let locked = sqlx::raw_sql(lock).execute(&mut other).await;
            let end = if locked.is_ok() { "COMMIT" } else { "ROLLBACK" };
            sqlx::raw_sql(end).execute(&mut other).await.unwrap();
            locked
        });
        assert_eq!(status, (200, json!("stored")));
        if ended.is_ok() {
            break;
        }
        assert!(number < 9, "{ended:?}");
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    until_some(&mut watching, deadlocks).await;
}

/// Waits until a number is not 0.
async fn until_some(connection: &mut PgConnection, query: &'static str) {
    let ask = async || {
        let asked = sqlx::query_scalar(query).fetch_one(&mut *connection);
        asked.await.unwrap()
    };
    eventually(query, ask, |number: &i64| *number != 0).await;
}

/// Who erases persons while the database hangs does not stand before those who send messages.
#[tokio::test]
async fn upkeep_does_not_queue_up_before_messages() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let app = App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&through), &[]).await;
    proxy.set(Network::Frozen);
    let erase = |number: usize| {
        let path = format!("/instagram/contacts/{number}");
        let app = &app;
        async move { app.send(Method::DELETE, &path).await.status }
    };
    let erasing = join_all((0..12).map(erase));
    let (erased, answer) = tokio::join!(erasing, async {
        let began = Instant::now();
        let answer = app.post(r#"{"contact_id":"1","text":"a"}"#).await.ok();
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "{:?}",
            began.elapsed()
        );
        answer
    });
    assert_eq!(answer["outcome"], "spooled");
    assert!(erased.iter().all(|status| *status == 503), "{erased:?}");
    proxy.set(Network::Up);
    app.drained().await;
}

#[tokio::test]
async fn a_migration_that_takes_long_is_not_waited_for() {
    let url = postgres::fresh_database().await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    // Another replica migrates.
    let lock = "SELECT pg_advisory_lock(24287223)";
    sqlx::query(lock).execute(&mut other).await.unwrap();
    let server = Server::start(Some(&url), &[]).await;
    spooled(&server, "meanwhile").await;
    other.close().await.unwrap();
    server.drained().await;
    stored(&server, "later").await;
    assert_eq!(Rows::in_postgres(&url).await.messages(), 2);
}

/// Postgres first finishes the statement that a killed process had sent, and commits what it made.
#[tokio::test]
async fn a_start_that_was_killed_while_it_migrated_is_waited_for() {
    let url = postgres::fresh_database().await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let hold = "CREATE FUNCTION hold() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM pg_advisory_xact_lock_shared(1); END $$; \
         CREATE EVENT TRIGGER hold ON ddl_command_end EXECUTE FUNCTION hold(); \
         SELECT pg_advisory_lock(1)";
    sqlx::raw_sql(hold).execute(&mut other).await.unwrap();
    let mut killed = Server::start(Some(&url), &[]).await;
    let waits = "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event = 'advisory'";
    until_some(&mut other, waits).await;
    killed.end("-KILL").await;
    // Its other connections end at once.
    let is_alone = "SELECT (count(*) = 1)::int::bigint FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    until_some(&mut other, is_alone).await;
    let lock = "SELECT pg_try_advisory_lock(24287223)";
    let is_free: bool = sqlx::query_scalar(lock)
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert!(!is_free, "nobody else may migrate meanwhile");
    other.close().await.unwrap();
    let server = Server::start(Some(&url), &[]).await;
    server.drained().await;
    stored(&server, "later").await;
    assert_eq!(Rows::in_postgres(&url).await.messages(), 1);
}

#[tokio::test]
async fn a_postgres_that_stops_during_the_start_is_waited_for() {
    let url = postgres::fresh_database().await;
    let mut other = PgConnection::connect(&url).await.unwrap();
    let lock = "SELECT pg_advisory_lock(24287223)";
    sqlx::query(lock).execute(&mut other).await.unwrap();
    let start = Server::start(Some(&url), &[]);
    let stop = async {
        let kick = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE '%pg_try_advisory_xact_lock%' \
             AND pid <> pg_backend_pid()";
        until_some(&mut other, kick).await;
        other.close().await.unwrap();
    };
    let (server, ()) = tokio::join!(start, stop);
    server.drained().await;
    stored(&server, "later").await;
    assert_eq!(Rows::in_postgres(&url).await.messages(), 1);
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs prlimit")]
async fn a_full_disk_does_not_outlast_the_outage() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let server = Server::start(Some(&through), &[]).await;
    stored(&server, "before").await;
    proxy.set(Network::Cut);
    spooled(&server, "during").await;
    server.set_disk_full(true);
    assert_eq!(post(&server, "too much").await.0, 503);
    // The database has it soon, but it cannot be removed from the spool of a full disk.
    proxy.set(Network::Up);
    let ask = async || Rows::in_postgres(&url).await.messages();
    eventually("both are stored", ask, |messages| *messages == 2).await;
    stored(&server, "between").await;
    proxy.set(Network::Cut);
    assert_eq!(post(&server, "too much again").await.0, 503);
    proxy.set(Network::Up);
    stored(&server, "the disk is not needed").await;
    proxy.set(Network::Cut);
    server.set_disk_full(false);
    spooled(&server, "room again").await;
    proxy.set(Network::Up);
    server.drained().await;
    assert_eq!(Rows::in_postgres(&url).await.messages(), 5);
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs prlimit")]
async fn an_embedded_database_whose_disk_was_full_goes_on() {
    let mut server = Server::start(None, &[]).await;
    stored(&server, "before").await;
    for _ in 0..3 {
        server.set_disk_full(true);
        let large = "x".repeat(200_000);
        assert_eq!(post(&server, &large).await.0, 503);
        assert_eq!(post(&server, "small").await.0, 503);
        server.set_disk_full(false);
        stored(&server, "room again").await;
    }
    assert!(server.end("-TERM").await.0.success());
    let rows = Rows::in_sqlite(&server.database_file()).await;
    assert_eq!(rows.messages(), 4);
}

/// One replica stops in the middle of whatever it does, perhaps with the lock for which all others wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_hangs_does_not_stop_the_other() {
    let url = postgres::fresh_database().await;
    let mut servers = [
        Server::start(Some(&url), &[]).await,
        Server::start(Some(&url), &[]).await,
    ];
    let logs = [(); 2].map(|()| Arc::new(SentLog::default()));
    let pause = Duration::from_millis(2);
    let groups = [0, 1].map(|one| {
        let name = format!("replica {one} client ");
        Clients::start(&name, 16, pause, &servers[one].base(), &logs[one])
    });
    let acknowledged = |one: usize| logs[one].tally().acknowledged;
    for _ in 0..3 {
        let before = [acknowledged(0), acknowledged(1)];
        for (log, before) in logs.iter().zip(before) {
            log.acknowledges(before + 51).await;
        }
        servers[0].signal("-STOP");
        let before = acknowledged(1);
        let began = Instant::now();
        logs[1].acknowledges(before + 101).await;
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        servers[1].drained().await;
        servers[0].signal("-CONT");
    }
    for clients in groups {
        clients.finish().await;
    }
    for server in &mut servers {
        server.drained().await;
        assert!(server.end("-TERM").await.0.success());
    }
    let rows = Rows::in_postgres(&url).await;
    for log in &logs {
        log.compare(&rows).assert_flawless();
        assert_eq!((log.tally().refused, log.tally().broken), (0, 0));
    }
}
