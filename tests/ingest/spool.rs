//! While Postgres is away, deliveries wait on local disk; when it is back, each is there exactly once.
//!
//! The messages carry neither id nor time, and the dedupe window is zero: nothing but the id of the delivery keeps them
//! from being doubled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::faults::ledger::sent_log::Rows;
use crate::support::front::free_port;
use crate::support::process::{self, PATIENCE, Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::wait::eventually;
use crate::support::{Answer, App, postgres, sqlite_execute};

const NO_WINDOW: (&str, &str) = ("DEDUPE_WINDOW", "0");

async fn app(url: &str) -> App {
    App::on(
        Arc::new(tempfile::tempdir().unwrap()),
        Some(url),
        &[NO_WINDOW],
    )
    .await
}

fn body(text: &str) -> String {
    format!(r#"{{"contact_id":"1","text":"{text}"}}"#)
}

#[tokio::test]
async fn an_outage_is_bridged_and_everything_arrives_in_order() {
    let url = postgres::fresh_database().await;
    let app = app(&url).await;
    assert_eq!(app.post(body("before")).await.ok()["outcome"], "stored");
    postgres::close(&url).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let answer = app.post(body(&format!("n{number}"))).await.ok();
        assert_eq!(
            (&answer["outcome"], &answer["stored"]),
            (&json!("spooled"), &json!(0))
        );
        ids.push(answer["deliveryId"].clone());
    }
    let waiting = ids[0].as_str().unwrap();
    assert_eq!(app.raw(waiting).await, body("n0").as_bytes());
    let detail = app
        .get(&format!("/instagram/deliveries/{waiting}"))
        .await
        .ok();
    assert_eq!(
        (&detail["outcome"], &detail["body"]),
        (&json!("spooled"), &json!(body("n0")))
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["degraded"], true);
    assert_eq!(stats["gauges"]["spool"]["deliveries"], 5);
    assert_eq!(stats["gauges"]["spool"]["oldest"], detail["receivedAt"]);
    let ready = Answer::to(app.request(Method::GET, "/readyz")).await.ok();
    assert_eq!(
        (&ready["database"], &ready["spool"]["deliveries"]),
        (&json!("away"), &json!(5))
    );

    let metrics = Answer::to(app.request(Method::GET, "/metrics")).await.text;
    assert!(metrics.contains("chatrace_spool_deliveries 5"), "{metrics}");
    assert!(
        metrics.contains("chatrace_spool_oldest_age_seconds"),
        "{metrics}"
    );

    postgres::open(&url).await;
    let stats = app.drained().await;
    assert_eq!(stats["totalMessages"], 6);
    let messages = app.messages().await;
    let texts: Vec<_> = messages
        .iter()
        .map(|message| message["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["before", "n0", "n1", "n2", "n3", "n4"]);
    assert_eq!(messages[1]["deliveryId"], ids[0]);
    assert_eq!(
        messages[1]["receivedAt"], detail["receivedAt"],
        "it is the arrival that counts"
    );
    assert_eq!(app.post(body("after")).await.ok()["outcome"], "stored");
}

/// Waits until so many messages are in the database, whatever the service knows of it.
async fn is_stored(url: &str, messages: usize) {
    let ask = async || Rows::in_postgres(url).await.messages();
    eventually("they are stored", ask, |stored| *stored >= messages).await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_doubles_nothing() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let app = app(&through).await;
    assert_eq!(app.post(body("before")).await.ok()["outcome"], "stored");
    for round in 1..6 {
        proxy.set(Network::LosesNextCommit);
        let (answer, ()) = tokio::join!(app.post(body(&format!("lost {round}"))), async {
            proxy.becomes(Network::Cut).await;
            is_stored(&url, round + 1).await;
            proxy.set(Network::Up);
        });
        let answer = answer.ok();
        assert!(
            ["stored", "spooled"].contains(&answer["outcome"].as_str().unwrap()),
            "{answer}"
        );
        app.drained().await;
        assert_eq!(app.messages().await.len(), round + 1);
    }
}

#[tokio::test]
async fn a_drain_whose_answer_is_lost_doubles_nothing() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let app = app(&through).await;
    proxy.set(Network::Cut);
    for number in 0..20 {
        assert_eq!(
            app.post(body(&format!("n{number}"))).await.ok()["outcome"],
            "spooled"
        );
    }
    proxy.set(Network::LosesNextCommit);
    proxy.becomes(Network::Cut).await;
    is_stored(&url, 1).await;
    // What is drained again is not committed once more, and the next commit is lost, too.
    proxy.set(Network::LosesNextCommit);
    proxy.becomes(Network::Cut).await;
    proxy.set(Network::Up);
    app.drained().await;
    assert_eq!(app.messages().await.len(), 20);
    assert_eq!(
        app.get("/instagram/stats").await.ok()["outcomes"]["stored"],
        20
    );
}

#[tokio::test]
async fn a_database_that_hangs_delays_only_the_first_and_not_for_long() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let app = app(&through).await;
    assert_eq!(app.post(body("before")).await.ok()["outcome"], "stored");
    proxy.set(Network::Frozen);
    let began = Instant::now();
    let answers =
        futures_util::future::join_all((0..64).map(|number| app.post(body(&format!("n{number}")))))
            .await;
    for answer in answers {
        assert_eq!(answer.ok()["outcome"], "spooled");
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(app.post(body("later")).await.ok()["outcome"], "spooled");
    proxy.set(Network::Up);
    app.drained().await;
    assert_eq!(app.messages().await.len(), 66);
}

/// Equal messages without id and time are one if they arrive within the window, wherever they wait meanwhile.
#[tokio::test]
async fn the_window_counts_from_arrival_to_arrival_through_the_spool() {
    let url = postgres::fresh_database().await;
    let app = App::on(
        Arc::new(tempfile::tempdir().unwrap()),
        Some(&url),
        &[("DEDUPE_WINDOW", "1h")],
    )
    .await;
    assert_eq!(app.post(body("same")).await.ok()["outcome"], "stored");
    postgres::close(&url).await;
    for text in ["same", "other", "other"] {
        assert_eq!(app.post(body(text)).await.ok()["outcome"], "spooled");
    }
    postgres::open(&url).await;
    let stats = app.drained().await;
    assert_eq!(
        (
            &stats["outcomes"]["stored"],
            &stats["outcomes"]["duplicate"]
        ),
        (&json!(2), &json!(2))
    );
    assert_eq!(app.post(body("other")).await.ok()["outcome"], "duplicate");
}

/// A row that went bad on the disk, which no version can read.
#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_nobody() {
    let url = postgres::fresh_database().await;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let begin = || App::on(directory.clone(), Some(&url), &[NO_WINDOW]);
    let app = begin().await;
    postgres::close(&url).await;
    for text in ["bad", "good", "better"] {
        assert_eq!(app.post(body(text)).await.ok()["outcome"], "spooled");
    }
    app.stop().await;
    let spoil = "UPDATE spool SET headers = 'no JSON' WHERE position = 1";
    sqlite_execute(&directory.path().join("spool.db"), spoil).await;
    postgres::open(&url).await;
    let app = begin().await;
    // A delivery leaves the spool after its commit.
    let all_but_the_bad =
        |stats: &Value| stats["totalMessages"] == 2 && stats["gauges"]["spool"]["deliveries"] == 1;
    app.stats_where(all_but_the_bad).await;
    postgres::close(&url).await;
    assert_eq!(app.post(body("away")).await.ok()["outcome"], "spooled");
    postgres::open(&url).await;
    app.stats_where(|stats| stats["totalMessages"] == 3).await;
    assert_eq!(app.post(body("back")).await.ok()["outcome"], "stored");
    let kept_the_bad = |stats: &Value| stats["gauges"]["spool"]["deliveries"] == 1;
    app.stats_where(kept_the_bad).await;
}

/// Somebody's constraint on the whole delivery: what it holds waits for better days, and nobody else with it.
#[tokio::test]
async fn a_delivery_that_the_database_refuses_whole_is_kept_in_the_spool() {
    let url = postgres::fresh_database().await;
    let app = app(&url).await;
    let constraint = "ALTER TABLE deliveries ADD CONSTRAINT small CHECK (length(body) < 100)";
    postgres::execute(&url, constraint.to_owned()).await;
    let large = body(&"x".repeat(100));
    assert_eq!(app.post(large).await.ok()["outcome"], "spooled");
    assert_eq!(app.post(body("small")).await.ok()["outcome"], "stored");
    let ready = Answer::to(app.request(Method::GET, "/readyz")).await.ok();
    assert_eq!(ready["database"], "ok");
    assert_eq!(ready["spool"]["deliveries"], 1);
}

/// Its sender got 200, and it is kept.
#[tokio::test]
async fn what_the_database_refuses_from_the_spool_is_not_said_to_be_lost() {
    let url = postgres::fresh_database().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("DATABASE_URL", &url).env("API_TOKEN", "t");
    let mut running = Running::start(command).await;
    let constraint = "ALTER TABLE deliveries ADD CONSTRAINT small CHECK (length(body) < 100)";
    postgres::execute(&url, constraint.to_owned()).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let post = client
        .post(format!("{}/instagram/webhook", running.base))
        .body(body(&"x".repeat(100)));
    assert_eq!(post.send().await.unwrap().status(), 200);
    running.line_with("it stays in the spool").await;
    running.signal("-TERM");
    running.ended().await;
    let log = running.printed.join("\n");
    assert!(!log.contains("answered 503"), "{log}");
}

#[rstest]
#[case::read_only(
    "ALTER DATABASE {name} SET default_transaction_read_only = on",
    "ALTER DATABASE {name} RESET ALL"
)]
#[case::out_of_connections(
    "ALTER DATABASE {name} CONNECTION LIMIT 0",
    "ALTER DATABASE {name} CONNECTION LIMIT -1"
)]
#[tokio::test]
async fn a_database_that_cannot_write_is_bridged(#[case] breaks: &str, #[case] repairs: &str) {
    let url = postgres::fresh_database().await;
    // A superuser has connections left where others have none.
    let name = url.rsplit('/').next().unwrap().to_owned();
    let role = format!("role_{name}");
    let sql = |url: String, sql: &str| {
        let sql = sql.replace("{name}", &name).replace("{role}", &role);
        async move { postgres::execute(&url, sql).await }
    };
    sql(url.clone(), "CREATE ROLE {role} LOGIN; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}").await;
    let mut as_role = url::Url::parse(&url).unwrap();
    as_role.set_username(&role).unwrap();
    let app = app(as_role.as_str()).await;
    assert_eq!(app.post(body("before")).await.ok()["outcome"], "stored");
    sql(postgres::server_url(), breaks).await;
    // What is set for a database counts for new connections.
    let kick =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    postgres::execute(&postgres::server_url(), kick).await;
    assert_eq!(app.post(body("during")).await.ok()["outcome"], "spooled");
    sql(postgres::server_url(), repairs).await;
    let kick =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    postgres::execute(&postgres::server_url(), kick).await;
    app.drained().await;
    assert_eq!(app.messages().await.len(), 2);
}

#[tokio::test]
async fn a_poison_row_does_not_block_the_drain() {
    let url = postgres::fresh_database().await;
    app(&url).await.stop().await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'too poisonous' USING ERRCODE = '22000'; END $$; \
         CREATE TRIGGER poison BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.body = 'poison') \
         EXECUTE FUNCTION refuse()";
    postgres::execute(&url, refuse.to_owned()).await;
    let app = app(&url).await;
    postgres::close(&url).await;
    for text in ["one", "poison", "two"] {
        assert_eq!(app.post(body(text)).await.ok()["outcome"], "spooled");
    }
    postgres::open(&url).await;
    let stats = app.drained().await;
    assert_eq!(
        stats["outcomes"],
        json!({"stored": 2, "duplicate": 0, "quarantined": 1, "ignored": 0})
    );
}

/// A process that may write no file larger than a little: what a full disk is to it.
#[tokio::test]
async fn a_full_disk_is_503_and_never_a_false_200() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new("sh");
    let limited = format!("trap '' XFSZ; ulimit -f 400; exec {}", process::path());
    let inherited = program(directory.path());
    command
        .args(["-c", &limited])
        .current_dir(directory.path())
        .env_clear()
        .kill_on_drop(true);
    for (name, value) in inherited.as_std().get_envs() {
        command.env(name, value.unwrap());
    }
    command
        .env("DATABASE_URL", &through)
        .env("API_TOKEN", "t")
        .env("DEDUPE_WINDOW", "0")
        .env("PATH", "/usr/bin:/bin");
    let mut running = Running::start(command).await;
    proxy.set(Network::Cut);
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let mut acknowledged = Vec::new();
    let refused = loop {
        let body = body(&format!("{} {}", acknowledged.len(), "x".repeat(20_000)));
        let post = client
            .post(format!("{}/instagram/webhook", running.base))
            .body(body)
            .send();
        let answer = post.await.unwrap();
        if answer.status() != 200 {
            break answer.status();
        }
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer["outcome"], "spooled");
        acknowledged.push(answer["deliveryId"].clone());
        assert!(acknowledged.len() < 1000, "the disk is never full");
    };
    assert_eq!(refused, 503);
    assert!(!acknowledged.is_empty());
    let diagnose = async || {
        let get = client.get(format!("{}/instagram/diagnosis", running.base));
        let answer = get.bearer_auth("t").send().await.unwrap();
        let diagnosis: Value = answer.json().await.unwrap();
        let checks = diagnosis["checks"].as_array().unwrap();
        let spool = checks.iter().find(|check| check["name"] == "spool");
        let spool = spool.unwrap().clone();
        (diagnosis, spool)
    };
    let (diagnosis, spool) = diagnose().await;
    let verdict = diagnosis["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("The database is away (")
            && verdict.ends_with("): deliveries are refused with 503."),
        "{diagnosis:#}"
    );
    assert_eq!(spool["status"], "problem", "{spool}");
    assert_eq!(
        spool["observed"],
        "The spool cannot be written: deliveries are refused with 503."
    );
    let ready = client
        .get(format!("{}/readyz", running.base))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);

    proxy.set(Network::Up);
    let ask = async || {
        let get = client
            .get(format!("{}/instagram/messages?limit=1000", running.base))
            .bearer_auth("t")
            .send();
        let page: Value = get.await.unwrap().json().await.unwrap();
        let messages = page["messages"].as_array().into_iter().flatten();
        messages.map(|m| m["deliveryId"].clone()).collect()
    };
    let all = |stored: &Vec<_>| stored.len() >= acknowledged.len();
    let stored = eventually("the spool is drained", ask, all).await;
    assert_eq!(stored, acknowledged);
    // What is over is a problem no longer, although the disk is full still.
    let post = client
        .post(format!("{}/instagram/webhook", running.base))
        .body(body("after"));
    assert_eq!(post.send().await.unwrap().status(), 200);
    let (_, spool) = diagnose().await;
    assert_ne!(spool["status"], "problem", "{spool}");
    running.signal("-TERM");
    running.ended().await;
}

#[tokio::test]
async fn a_start_without_a_spool_leaves_no_acknowledged_delivery_behind() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let directory = tempfile::tempdir().unwrap();
    let command = |variables: &[(&str, &str)]| {
        let mut command = program(directory.path());
        command.env("API_TOKEN", "t").envs(variables.to_vec());
        command
    };
    let postgres = ("DATABASE_URL", through.as_str());
    let off = ("SPOOL", "off");
    // Nothing waits in an empty spool.
    let mut running = Running::start(command(&[postgres])).await;
    running.signal("-KILL");
    running.ended().await;
    let mut running = Running::start(command(&[postgres, off])).await;
    running.signal("-KILL");
    running.ended().await;

    let mut running = Running::start(command(&[postgres])).await;
    proxy.set(Network::Cut);
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let post = client
        .post(format!("{}/instagram/webhook", running.base))
        .body(body("waits"))
        .send();
    let answer: Value = post.await.unwrap().json().await.unwrap();
    assert_eq!(answer["outcome"], "spooled");
    running.signal("-KILL");
    running.ended().await;
    for (variables, why, cure) in [
        (&[postgres, off][..], "SPOOL is off", "with SPOOL=on until"),
        (
            &[],
            "the embedded database has no spool",
            "the DATABASE_URL of the Postgres",
        ),
    ] {
        for starts in [true, false] {
            let mut command = command(variables);
            if !starts {
                let free = free_port().await.to_string();
                command.env("PORT", free).arg("doctor");
            }
            let output = tokio::time::timeout(PATIENCE, command.output()).await;
            let output = output.expect("it does not end").unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            if starts {
                assert_eq!(output.status.code(), Some(2), "{said}");
                assert!(
                    said.contains("data/spool.db") && said.contains("contains 1 acknowledged"),
                    "{said}"
                );
            }
            assert!(said.contains(why) && said.contains(cure), "{said}");
        }
    }

    // Where there is a spool, it goes on; and then it is not needed any more.
    proxy.set(Network::Up);
    let mut running = Running::start(command(&[postgres])).await;
    let ask = async || {
        let ready = client.get(format!("{}/readyz", running.base)).send();
        ready.await.unwrap().json::<Value>().await.unwrap()
    };
    let drained = |ready: &Value| ready["spool"]["deliveries"] == 0;
    eventually("the spool is drained", ask, drained).await;
    running.signal("-TERM");
    assert!(running.ended().await.success());
    drop(Running::start(command(&[postgres, off])).await);
}
