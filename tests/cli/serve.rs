//! The real program: its first five minutes, its refusals, and its end.

use std::path::Path;
use std::process::Output;

use reqwest::StatusCode;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::postgres;
use crate::support::process::{PATIENCE, Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::wait::eventually;

const BODY: &str = r#"{"contact_id":"1","text":"hi"}"#;

fn client() -> reqwest::Client {
    chatrace_webhook::http_client::builder().build().unwrap()
}

async fn output(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .expect("the program does not end")
        .unwrap()
}

/// The one line or list on standard error of a program that refuses to run.
async fn refusal(command: Command) -> String {
    let output = output(command).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_first_start_prints_what_is_needed_and_the_printed_commands_work() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = Running::start(program(directory.path())).await;
    let printed = running.printed.join("\n");
    let token = std::fs::read_to_string(directory.path().join("data/api_token")).unwrap();
    assert!(
        printed.contains(&token) && printed.contains("/instagram/webhook"),
        "{printed}"
    );

    for part in ["curl -X POST", "curl -H"] {
        // A command may go over several lines, each but its last ending with a backslash.
        let start = printed.find(part).unwrap();
        let end = printed[start..]
            .find("\n\n")
            .map_or(printed.len(), |length| start + length);
        let answer = output({
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                &format!(
                    "curl() {{ command curl -sS --noproxy '*' \"$@\"; }}; {}",
                    &printed[start..end]
                ),
            ]);
            shell
        })
        .await;
        let answer = String::from_utf8(answer.stdout).unwrap();
        assert!(answer.contains(r#""stored":1"#), "{part}: {answer}");
    }
    running.signal("-TERM");
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("API_TOKEN", "t");
    let mut running = Running::start(command).await;
    let post = client()
        .post(format!("{}/instagram/webhook", running.base))
        .body(BODY);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::OK);
    running.signal("-KILL");
    running.ended().await;

    let mut command = program(directory.path());
    command.env("API_TOKEN", "t");
    let running = Running::start(command).await;
    let get = client()
        .get(format!("{}/instagram/messages", running.base))
        .bearer_auth("t");
    let page: serde_json::Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(page["messages"][0]["text"], "hi");
}

#[tokio::test]
async fn a_secret_that_can_be_guessed_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("API_TOKEN", "t");
    command.env("WEBHOOK_SECRET", "a-secret-of-more-than-16-characters");
    let running = Running::start(command).await;
    let warnings: Vec<_> = running
        .printed
        .iter()
        .filter(|line| line.contains("guessed"))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("API_TOKEN"), "{warnings:?}");
}

#[tokio::test]
async fn the_generated_token_is_printed_by_the_start_that_makes_it_and_by_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Running::start(program(directory.path())).await;
    let token = std::fs::read_to_string(directory.path().join("data/api_token")).unwrap();
    assert!(first.printed.join("\n").contains(&token));
    first.signal("-TERM");
    first.ended().await;
    let later = Running::start(program(directory.path())).await;
    let printed = later.printed.join("\n");
    assert!(
        !printed.contains(&token) && printed.contains("stored in ./data/api_token"),
        "{printed}"
    );
}

#[tokio::test]
async fn a_start_that_only_observes_its_senders_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("WEBHOOK_SECRET", "a-secret-of-more-than-16-characters");
    command.env("WEBHOOK_AUTH", "observe");
    let running = Running::start(command).await;
    let printed = running.printed.join("\n");
    assert!(
        printed.contains("WEBHOOK_AUTH=observe: anybody who knows the URL"),
        "{printed}"
    );
}

#[tokio::test]
async fn both_signals_end_it_softly_readiness_first_and_a_second_one_at_once() {
    for signal in ["-TERM", "-INT"] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = program(directory.path());
        command.env("SHUTDOWN_DELAY", "60s");
        let mut running = Running::start(command).await;
        let ready = || client().get(format!("{}/readyz", running.base)).send();
        assert_eq!(ready().await.unwrap().status(), StatusCode::OK);
        running.signal(signal);
        let ask = async || ready().await.unwrap().status();
        let draining = |status: &StatusCode| *status == StatusCode::SERVICE_UNAVAILABLE;
        eventually("it is not ready", ask, draining).await;
        let post = client()
            .post(format!("{}/instagram/webhook", running.base))
            .body(BODY);
        let taken = post.send().await.unwrap();
        assert_eq!(taken.status(), StatusCode::OK, "requests are still taken");
        // A proxy that keeps the connection would lose a request when it is cut.
        assert_eq!(taken.headers()["connection"], "close");
        running.signal(signal);
        // Long before the delay is over. The exit code says whether anything was cut, and here nothing was left.
        running.ended().await;
    }
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("PORT", "http")
        .env("DATABASE_URL", "postgres://u:canary@h:x/d")
        .env("LOG_FORMAT", "xml");
    let refusal = refusal(command).await;
    for variable in ["PORT", "DATABASE_URL", "LOG_FORMAT", "API_TOKEN"] {
        // Whether a token is needed cannot be told without a database.
        assert!(
            refusal.contains(variable) || variable == "API_TOKEN",
            "{refusal}"
        );
    }
    assert!(!refusal.contains("canary"), "{refusal}");
}

#[tokio::test]
async fn a_file_env_is_read_and_a_broken_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(".env"),
        "API_TOKEN=from-file\nPORT=http\n",
    )
    .unwrap();
    let mut command = program(directory.path());
    command.env_remove("PORT");
    assert!(refusal(command).await.contains("PORT: `http`"));
    for (content, line) in [
        ("API_TOKEN='canary\n", 1),
        (
            "\u{feff}# A comment\n\nPORT=0\nAPI_TOKEN='canary\nHOST=127.0.0.1\n",
            4,
        ),
        (
            "API_TOKEN=\"one\ntwo\"\nPORT=0\r\nAPI_TOKEN: canary # yes\nHOST=127.0.0.1",
            4,
        ),
    ] {
        std::fs::write(directory.path().join(".env"), content).unwrap();
        let refusal = refusal(program(directory.path())).await;
        assert!(
            refusal.contains(&format!(".env cannot be parsed: line {line}:")),
            "{refusal}"
        );
        assert!(!refusal.contains("canary"), "{refusal}");
    }
    std::fs::write(
        directory.path().join(".env"),
        b"PORT=0\nAPI_TOKEN=canary-\xff\n",
    )
    .unwrap();
    let broken = refusal(program(directory.path())).await;
    assert!(broken.contains("line 2: not UTF-8"), "{broken}");
    std::fs::remove_file(directory.path().join(".env")).unwrap();
    std::fs::create_dir(directory.path().join(".env")).unwrap();
    let unreadable = refusal(program(directory.path())).await;
    assert!(unreadable.contains(".env cannot be read"), "{unreadable}");
}

#[tokio::test]
async fn the_file_env_of_a_directory_above_is_somebody_elses() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "LOG_FORMAT=xml\n").unwrap();
    let below = directory.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let mut running = Running::start(program(&below)).await;
    running.signal("-TERM");
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("PORT", listener.local_addr().unwrap().port().to_string());
    let refusal = refusal(command).await;
    assert!(
        refusal.contains("another program listens there") && refusal.lines().count() == 1,
        "{refusal}"
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_used_is_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let mut command = program(directory.path());
    command.env("DATA_DIR", "file/data");
    let refused = refusal(command).await;
    assert!(
        refused.contains("DATA_DIR") && refused.lines().count() == 1,
        "{refused}"
    );

    let running = Running::start(program(directory.path())).await;
    let refused = refusal(program(directory.path())).await;
    assert!(
        refused.contains("another process uses the data directory"),
        "{refused}"
    );
    drop(running);
}

#[tokio::test]
async fn a_database_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    std::fs::write(
        directory.path().join("data/chatrace-webhook.db"),
        "this is no database, but a letter",
    )
    .unwrap();
    let refusal = refusal(program(directory.path())).await;
    assert!(
        refusal.contains("chatrace-webhook.db cannot be used"),
        "{refusal}"
    );
}

fn with_postgres(directory: &Path, url: &str) -> Command {
    let mut command = program(directory);
    command.env("DATABASE_URL", url).env("API_TOKEN", "t");
    command
}

#[tokio::test]
async fn postgres_says_what_is_wrong_and_never_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let missing = refusal(with_postgres(
        directory.path(),
        &postgres::with_database("nowhere"),
    ))
    .await;
    assert!(
        missing.contains("has no database `nowhere`") && missing.contains("createdb"),
        "{missing}"
    );

    let role = "DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD 'right'; EXCEPTION WHEN OTHERS THEN NULL; END $$";
    postgres::execute(&postgres::server_url(), role.to_owned()).await;
    let mut url = url::Url::parse(&postgres::server_url()).unwrap();
    url.set_username("locked").unwrap();
    url.set_password(Some("canary-password")).unwrap();
    let refused = refusal(with_postgres(directory.path(), url.as_str())).await;
    assert!(
        refused.contains("refuses the password of user `locked`"),
        "{refused}"
    );
    assert!(!refused.contains("canary"), "{refused}");
}

#[tokio::test]
async fn an_unreachable_postgres_is_waited_for_and_nothing_is_lost_meanwhile() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    proxy.set(Network::Cut);
    let directory = tempfile::tempdir().unwrap();
    let start = || Running::start(with_postgres(directory.path(), &through));
    let mut running = start().await;
    assert!(
        running
            .printed
            .iter()
            .any(|line| line.contains("cannot be reached")),
        "{:?}",
        running.printed
    );
    let post = || {
        client()
            .post(format!("{}/instagram/webhook", running.base))
            .body(BODY)
            .send()
    };
    let answer: serde_json::Value = post().await.unwrap().json().await.unwrap();
    assert_eq!(answer["outcome"], "spooled");
    running.signal("-KILL");
    running.ended().await;

    let mut running = start().await;
    proxy.set(Network::Up);
    running.line_with("the database is connected").await;
    running
        .line_with("✅ Chatrace Instagram message processed")
        .await;
    let get = client()
        .get(format!("{}/instagram/messages", running.base))
        .bearer_auth("t");
    let page: serde_json::Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(page["messages"][0]["deliveryId"], answer["deliveryId"]);
    running.signal("-TERM");
    assert!(running.ended().await.success());
}

#[tokio::test]
async fn the_health_check_needs_no_curl() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(program(directory.path())).await;
    let port = running.base.rsplit(':').next().unwrap();
    let check = |port: &str| {
        let mut command = program(directory.path());
        command.env("PORT", port).arg("healthcheck");
        output(command)
    };
    assert!(check(port).await.status.success());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unused = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let failed = check(&unused).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(
        String::from_utf8(failed.stderr)
            .unwrap()
            .contains("nothing answers")
    );
}

#[tokio::test]
async fn no_secret_and_no_message_appears_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("RUST_LOG", "trace")
        .env("API_TOKEN", "canary-api")
        .env("WEBHOOK_SECRET", "canary-webhook");
    command
        .env("META_VERIFY_TOKEN", "canary-verify")
        .env("META_APP_SECRET", "canary-app");
    command
        .env("INSTAGRAM_ACCESS_TOKEN", "1.canary-chatrace")
        .env("METRICS_TOKEN", "canary-metrics");
    let mut running = Running::start(command).await;
    let webhook = format!("{}/instagram/webhook", running.base);
    let body = r#"{"contact_id":"1","text":"canary-text","api_key":"canary-key"}"#;
    let requests = [
        client()
            .post(&webhook)
            .header("x-webhook-secret", "canary-webhook")
            .body(body),
        client()
            .post(format!("{webhook}?token=canary-webhook"))
            .body(body),
        client()
            .post(&webhook)
            .bearer_auth("canary-wrong")
            .body(body),
        client()
            .post(&webhook)
            .bearer_auth("canary-webhook")
            .body(r#"{"text":"canary-text"}"#),
        client()
            .post(&webhook)
            .bearer_auth("canary-webhook")
            .body(r#"{"text":"canary-text" x"#),
        client().get(format!(
            "{webhook}?hub.mode=subscribe&hub.verify_token=canary-verify&hub.challenge=canary"
        )),
        client().post(format!("{webhook}/canary-path?token=canary-webhook")),
        client()
            .post(format!("{}/canary-webhook/webhok", running.base))
            .header("user-agent", "canary-webhook"),
        client()
            .get(format!("{}/instagram/diagnosis", running.base))
            .bearer_auth("canary-api"),
        client()
            .get(format!("{}/instagram/stats", running.base))
            .bearer_auth("canary-api"),
        client()
            .get(format!("{}/instagram/messages", running.base))
            .bearer_auth("canary-api"),
    ];
    for request in requests {
        request.send().await.unwrap();
    }
    running.signal("-TERM");
    running.ended().await;
    let log = running.printed.join("\n");
    assert!(
        log.contains("📨 Received webhook from Instagram/Chatrace"),
        "{log}"
    );
    assert!(
        log.contains("✅ Chatrace Instagram message processed: "),
        "{log}"
    );
    assert!(log.contains("🔄 Processing Chatrace webhook"), "{log}");
    assert!(log.contains("path=\"/instagram/webhook/…\""), "{log}");
    for line in log.lines() {
        assert!(!line.contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn each_request_is_one_line_at_debug_without_its_query() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("RUST_LOG", "debug")
        .env("WEBHOOK_SECRET", "canary-secret")
        .env("API_TOKEN", "canary-token");
    let mut running = Running::start(command).await;
    let url = |path: &str| format!("{}{path}", running.base);
    let id = "x-request-id";
    let endless = "x".repeat(60_000);
    let method = reqwest::Method::from_bytes("M".repeat(1000).as_bytes()).unwrap();
    let requests = [
        client()
            .post(url("/instagram/webhook?token=canary-secret"))
            .header(id, "one")
            .body(BODY),
        client()
            .get(url("/instagram/stats?canary=1"))
            .header(id, "two"),
        client()
            .request(method, url("/canary/webhok?canary=1"))
            .header(id, &endless),
    ];
    let mut ids = Vec::new();
    for request in requests {
        let answer = request.send().await.unwrap();
        ids.push(answer.headers()[id].to_str().unwrap().to_owned());
    }
    assert_eq!(ids[..2], ["one", "two"]);
    assert!(ids[2].len() < 30, "too long for the log and the answer");
    running.signal("-TERM");
    running.ended().await;
    let printed = running.printed.iter();
    let lines: Vec<_> = printed.filter(|line| line.contains(" answered ")).collect();
    let wanted = [
        r#"{method="POST" path="/instagram/webhook" id="one"}: answered route="/instagram/webhook" status=200 duration_ms="#,
        r#"{method="GET" path="/instagram/stats" id="two"}: answered route="/instagram/stats" status=401 duration_ms="#,
        &format!(
            r#"{{method="{}…" path="/…/webhok" id="{}"}}: answered route="none" status=404 duration_ms="#,
            "M".repeat(200),
            ids[2]
        ),
    ];
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(wanted) {
        assert!(
            line.contains("DEBUG request") && line.contains(wanted),
            "{line}"
        );
    }
    let log = running.printed.join("\n");
    assert!(log.contains("DEBUG store.roll_up: "), "{log}");
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn bodies_are_logged_only_when_asked_and_without_credentials() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("LOG_BODIES", "true");
    let mut running = Running::start(command).await;
    let body = r#"{"contact_id":"1","text":"what I wrote","api_key":"1.canary"}"#;
    client()
        .post(format!("{}/instagram/webhook", running.base))
        .body(body)
        .send()
        .await
        .unwrap();
    let line = running.line_with("📦 Full body: ").await;
    assert!(
        line.contains("what I wrote") && !line.contains("canary"),
        "{line}"
    );
}

/// Who sends bodies cannot write lines of the log.
#[tokio::test]
async fn a_logged_body_stays_in_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("LOG_BODIES", "true");
    let mut running = Running::start(command).await;
    let body =
        "{\n\"contact_id\":\"1\",\r\"text\":\"a\"}\n2026-11-22T16:00:00Z ERROR forged\u{1b}[1m";
    client()
        .post(format!("{}/instagram/webhook", running.base))
        .body(body)
        .send()
        .await
        .unwrap();
    let line = running.line_with("📦 Full body: ").await;
    assert!(
        line.contains("ERROR forged") && !line.contains(['\r', '\u{1b}']),
        "{line}"
    );
}

#[tokio::test]
async fn why_a_delivery_is_refused_stands_in_the_log() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command
        .env("DATABASE_URL", &through)
        .env("API_TOKEN", "t")
        .env("SPOOL", "off");
    let mut running = Running::start(command).await;
    let post = || {
        client()
            .post(format!("{}/instagram/webhook", running.base))
            .body(BODY)
            .send()
    };
    assert_eq!(post().await.unwrap().status(), StatusCode::OK);
    proxy.set(Network::Cut);
    assert_eq!(
        post().await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let line = running.line_with("🚫").await;
    assert!(
        line.contains("reason=\"not_kept\" cause=\"the database is unavailable"),
        "{line}"
    );
}

#[tokio::test]
async fn a_closed_log_pipe_ends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = Running::start(program(directory.path())).await;
    running.close_output();
    let post = || {
        client()
            .post(format!("{}/instagram/webhook", running.base))
            .body(BODY)
            .send()
    };
    for _ in 0..3 {
        assert_eq!(post().await.unwrap().status(), StatusCode::OK);
    }
    running.signal("-TERM");
    assert!(running.ended().await.success());
}
