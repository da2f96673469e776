//! "Why is nothing arriving?": each cause is made to happen, and the verdict names it.

use std::sync::Arc;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::proxy::{Network, Proxy};
use crate::support::{Answer, App, Backend, TOKEN, postgres};

const BODY: &str = r#"{"contact_id":"1","text":"hi"}"#;
const SECRET: (&str, &str) = ("WEBHOOK_SECRET", "right-secret");

/// The check with this name.
#[track_caller]
fn check<'a>(diagnosis: &'a Value, name: &str) -> &'a Value {
    let checks = diagnosis["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {diagnosis:#}"))
}

#[track_caller]
fn verdict(diagnosis: &Value) -> &str {
    diagnosis["verdict"].as_str().unwrap()
}

/// The hour and minute in which a delivery arrived, as verdicts say it.
async fn last_delivery(app: &App) -> String {
    let stats = app.get("/instagram/stats").await.ok();
    stats["lastDelivery"]["receivedAt"].as_str().unwrap()[11..16].to_owned()
}

/// A request with the secret in its header.
fn post(app: &App, path: &str) -> reqwest::RequestBuilder {
    app.request(Method::POST, path)
        .header("x-webhook-secret", SECRET.1)
}

#[rstest]
#[tokio::test]
async fn a_new_service_says_what_to_do_first(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    let diagnosis = app.diagnosis().await;
    assert_eq!(diagnosis["status"], "problem");
    assert!(
        verdict(&diagnosis)
            .starts_with("Nothing has reached this server since it first started at ")
            && verdict(&diagnosis)
                .ends_with(": add an External API Request to your Chatrace flow."),
        "{diagnosis:#}"
    );
    for check in diagnosis["checks"].as_array().unwrap() {
        for key in ["name", "status", "observed", "meaning", "nextStep"] {
            assert!(check[key].is_string(), "{key} in {check}");
        }
    }
}

#[tokio::test]
async fn the_diagnosis_needs_the_api_token() {
    let app = App::start(Backend::Sqlite).await;
    let answer = Answer::to(app.request(Method::GET, "/instagram/diagnosis")).await;
    assert_eq!(answer.status, 401);
}

#[rstest]
#[tokio::test]
async fn when_all_is_well_it_is_one_sentence_with_the_last_message(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET]).await;
    Answer::to(post(&app, "/instagram/webhook").body(BODY))
        .await
        .ok();
    let diagnosis = app.diagnosis().await;
    assert_eq!(diagnosis["status"], "ok", "{diagnosis:#}");
    let time = last_delivery(&app).await;
    assert_eq!(
        verdict(&diagnosis),
        format!("All is well: the last message arrived at {time}.")
    );
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["verdict"], diagnosis["verdict"]);
    assert_eq!(stats["status"], "ok");
}

#[rstest]
#[tokio::test]
async fn a_wrong_path_after_the_last_delivery_is_the_verdict(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET]).await;
    Answer::to(post(&app, "/instagram/webhook").body(BODY))
        .await
        .ok();
    for _ in 0..3 {
        let answer = Answer::to(post(&app, "/instagram/webhok").body(BODY)).await;
        assert_eq!(answer.status, 404);
    }
    // The operator looks at it, which sends nothing and hides nothing.
    let looked = app.request(Method::GET, "/instagram/webhok");
    assert_eq!(Answer::to(looked).await.status, 404);
    // A reader's typing error is none of Chatrace's.
    let reader = app.get("/instagram/mesages").await;
    assert_eq!(reader.status, 404);
    let time = last_delivery(&app).await;
    let expected = format!(
        "Nothing has reached this server since {time}. 4 requests hit /instagram/webhok (404): check the URL in the \
         External API Request of your Chatrace flow."
    );
    let diagnosis = app
        .diagnosis_where(|diagnosis| diagnosis["verdict"] == expected)
        .await;
    assert_eq!(diagnosis["status"], "problem");
    // It is over when something arrives, and remembered for a day.
    Answer::to(post(&app, "/instagram/webhook").body(r#"{"contact_id":"2","text":"again"}"#))
        .await
        .ok();
    let diagnosis = app
        .diagnosis_where(|diagnosis| diagnosis["status"] == "warning")
        .await;
    assert!(
        verdict(&diagnosis).contains("4 requests hit /instagram/webhok (404)"),
        "{diagnosis:#}"
    );
    assert_eq!(check(&diagnosis, "arrival")["status"], "ok");
}

#[tokio::test]
async fn every_refusal_is_told_with_its_own_advice() {
    let refused = async |variables: &[(&str, &str)],
                         request: fn(&App) -> reqwest::RequestBuilder,
                         says: &str| {
        let app = App::with(Backend::Sqlite, variables).await;
        let status = Answer::to(request(&app)).await.status;
        assert!(status.is_client_error(), "{status} for {says}");
        let expected = format!("Nothing has reached this server yet. 1 request {says}.");
        app.diagnosis_where(|diagnosis| diagnosis["verdict"] == expected)
            .await;
    };
    let meta = ("META_APP_SECRET", "app-secret");
    refused(
        &[SECRET],
        |app| app.request(Method::POST, "/instagram/webhook").body(BODY),
        "came without a secret (401): add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the \
         External API Request",
    )
    .await;
    refused(
        &[SECRET],
        |app| app.request(Method::POST, "/instagram/webhook?token=wrong").body(BODY),
        "came with a wrong secret (401): the header `X-Webhook-Secret` of the External API Request must hold the \
         value of WEBHOOK_SECRET",
    )
    .await;
    refused(
        &[meta],
        |app| {
            let request = app.request(Method::POST, "/instagram/webhook").body(BODY);
            request.header("x-hub-signature-256", "sha256=00")
        },
        "came with a signature that does not fit (401): META_APP_SECRET must be the secret of the Meta app that sends",
    )
    .await;
    refused(
        &[],
        |app| app.request(Method::GET, "/instagram/webhook?hub.mode=subscribe&hub.verify_token=x"),
        "of Meta's handshake failed (403): set META_VERIFY_TOKEN to the verify token that was given to Meta, and \
         restart this service",
    )
    .await;
    refused(
        &[("META_VERIFY_TOKEN", "verify")],
        |app| app.request(Method::GET, "/instagram/webhook?hub.mode=subscribe&hub.verify_token=x"),
        "of Meta's handshake failed (403): the verify token given to Meta must be the value of META_VERIFY_TOKEN",
    )
    .await;
    refused(
        &[meta],
        |app| app.request(Method::POST, "/instagram/webhook").body(BODY),
        "came without a secret (401): set WEBHOOK_SECRET, restart this service, then add its value as the header \
         `X-Webhook-Secret` to the External API Request",
    )
    .await;
    refused(
        &[meta],
        |app| app.request(Method::POST, "/instagram/webhook?token=x").body(BODY),
        "came with a wrong secret (401): set WEBHOOK_SECRET, restart this service, then add its value as the header \
         `X-Webhook-Secret` to the External API Request",
    )
    .await;
    refused(
        &[],
        |app| app.request(Method::DELETE, "/instagram/webhook"),
        "came with DELETE (405): choose the method POST in the External API Request",
    )
    .await;
    refused(
        &[],
        |app| app.request(Method::POST, "/instagram/webhook"),
        "came with an empty body (400): choose raw JSON in the External API Request and paste the body template",
    )
    .await;
    refused(
        &[("MAX_BODY_BYTES", "1024")],
        |app| {
            app.request(Method::POST, "/instagram/webhook")
                .body("x".repeat(2000))
        },
        "came with too large a body (413): raise MAX_BODY_BYTES if such bodies are expected",
    )
    .await;
    refused(
        &[],
        |app| app.request(Method::POST, "/").body(BODY),
        "hit / (404): check the URL in the External API Request of your Chatrace flow",
    )
    .await;
    refused(
        &[],
        |app| app.request(Method::POST, "/instagram/messages").body(BODY),
        "hit /instagram/messages, which is for reading (405): check the URL in the External API Request of your Chatrace flow",
    )
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let app = App::start(Backend::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let expected = "Nothing has reached this server yet. 1 request came with a body that broke off (400, 408): look at \
                    the proxy or the network between Chatrace and this server.";
    app.diagnosis_where(|diagnosis| diagnosis["verdict"] == expected)
        .await;
}

#[tokio::test]
async fn tls_spoken_to_the_plain_port_is_told() {
    let app = App::start(Backend::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The beginning of a ClientHello.
    let hello = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03rest of it\r\n\r\n";
    stream.write_all(hello).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let expected = "Nothing has reached this server yet. 1 connection spoke TLS to the plain HTTP port: put a proxy or \
                    tunnel that ends TLS before this port, or give out a URL with http.";
    app.diagnosis_where(|diagnosis| diagnosis["verdict"] == expected)
        .await;
}

#[rstest]
#[tokio::test]
async fn what_is_in_the_bodies_is_the_verdict(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let dump = r#"{"id":"1","first_name":"Ana","page_id":"9","custom_fields":[]}"#.to_owned();
    let echo = include_str!("../payloads/08-flat-direction-out.json");
    let echoes = (0..3).map(|number| {
        let mut echo: Value = serde_json::from_str(echo).unwrap();
        echo["text"] = json!(format!("answer {number}"));
        echo.to_string()
    });
    let same = r#"{"contact_id":"1","message_id":"constant","text":"hi"}"#.to_owned();
    let cases = [
        (
            vec![r#"{"contact_id":"1","text":"{{last_input}}"}"#.to_owned()],
            "The flow sends {{last_input}} literally in `text`, in the last delivery.",
        ),
        (
            vec![dump],
            "The last delivery held contact data without a message, which is \"All Contact Data\": choose raw JSON in the \
             External API Request and paste the body template.",
        ),
        (
            echoes.collect(),
            "The last 3 messages are all outbound: deliveries arrive, but nothing that a customer wrote.",
        ),
        (
            vec![same; 4],
            "The last 3 deliveries are all duplicates of messages that are stored already.",
        ),
        (
            vec![r#"{"event":"conversion","event_name":"purchase","value":1}"#.to_owned(); 3],
            "The last 3 deliveries hold nothing to keep, the newest: an event without a message.",
        ),
    ];
    for (bodies, expected) in cases {
        let app = App::with(backend, &[SECRET]).await;
        for body in bodies {
            Answer::to(post(&app, "/instagram/webhook").body(body))
                .await
                .ok();
        }
        let diagnosis = app.diagnosis().await;
        assert_eq!(verdict(&diagnosis), expected, "{diagnosis:#}");
        assert_eq!(diagnosis["status"], "problem");
        assert_ne!(diagnosis["nextStep"], "");
    }
}

#[rstest]
#[tokio::test]
async fn quarantine_is_told_with_its_newest_reason(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET]).await;
    for body in [r#"{"text":"who?"}"#, r#"{"contact_id":"1"}"#] {
        Answer::to(post(&app, "/instagram/webhook").body(body))
            .await
            .ok();
    }
    let diagnosis = app.diagnosis().await;
    let time = last_delivery(&app).await;
    assert_eq!(
        verdict(&diagnosis),
        format!(
            "2 items in quarantine, the newest at {time}: a person, but no text, file or button: add \
             `\"text\":\"{{{{last_input}}}}\"` to the body."
        )
    );
    let unreadable = Answer::to(post(&app, "/instagram/webhook").body("{\"a\" 1}")).await;
    assert_eq!(unreadable.status, 400);
    let diagnosis = app
        .diagnosis_where(|diagnosis| {
            let told = check(diagnosis, "near_misses")["observed"]
                .as_str()
                .unwrap();
            told.contains("1 request came with a body that is neither JSON nor a form (400)")
        })
        .await;
    assert!(
        verdict(&diagnosis).starts_with("3 items in quarantine"),
        "{diagnosis:#}"
    );
}

#[rstest]
#[tokio::test]
async fn times_that_do_not_fit_the_clock_are_told(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET]).await;
    let late = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3);
    for number in 0..3 {
        let time = late.as_millisecond() - number;
        let body = json!({ "contact_id": "1", "text": "hi", "timestamp": time });
        Answer::to(post(&app, "/instagram/webhook").body(body.to_string()))
            .await
            .ok();
    }
    let diagnosis = app.diagnosis().await;
    assert_eq!(
        verdict(&diagnosis),
        "Messages seem to be sent 3 hours before they arrive.",
        "{diagnosis:#}"
    );
    assert_eq!(diagnosis["status"], "warning");
}

#[tokio::test]
async fn an_open_door_is_told_when_nothing_worse_is() {
    let app = App::start(Backend::Sqlite).await;
    app.post(BODY).await.ok();
    let open = "WEBHOOK_SECRET is not set: anybody who knows the URL can send messages.";
    assert_eq!(verdict(&app.diagnosis().await), open);
    let app = App::with(Backend::Sqlite, &[SECRET, ("WEBHOOK_AUTH", "observe")]).await;
    app.post(BODY).await.ok();
    let observed = "WEBHOOK_AUTH=observe lets in senders without a valid credential.";
    assert_eq!(verdict(&app.diagnosis().await), observed);
}

#[tokio::test]
async fn a_spool_that_is_turned_off_is_told_when_nothing_worse_is() {
    let variables = [SECRET, ("SPOOL", "off")];
    let app = App::with(Backend::Postgres, &variables).await;
    Answer::to(post(&app, "/instagram/webhook").body(BODY))
        .await
        .ok();
    let diagnosis = app.diagnosis().await;
    assert_eq!(diagnosis["status"], "warning");
    assert_eq!(
        verdict(&diagnosis),
        "SPOOL=off: deliveries are refused while the database is away."
    );
}

#[rstest]
#[tokio::test]
async fn the_disk_and_what_is_kept_are_looked_at(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET, ("RETENTION_DAYS", "7")]).await;
    Answer::to(post(&app, "/instagram/webhook").body(BODY))
        .await
        .ok();
    let diagnosis = app.diagnosis().await;
    let disk = check(&diagnosis, "disk")["observed"].as_str().unwrap();
    assert!(
        disk.starts_with("The disk of DATA_DIR has ") && disk.ends_with("iB left."),
        "{disk}"
    );
    assert_eq!(
        check(&diagnosis, "retention")["observed"],
        "Nothing is older than 7 days."
    );
}

#[tokio::test]
async fn a_handshake_is_remembered() {
    let app = App::with(Backend::Sqlite, &[SECRET, ("META_VERIFY_TOKEN", "verify")]).await;
    let path = "/instagram/webhook?hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1";
    assert_eq!(Answer::to(app.request(Method::GET, path)).await.status, 200);
    app.diagnosis_where(|diagnosis| {
        let observed = check(diagnosis, "handshake")["observed"].as_str();
        observed.is_some_and(|observed| observed.starts_with("Meta verified the URL at "))
    })
    .await;
}

#[tokio::test]
async fn while_the_database_is_away_the_diagnosis_says_so_and_what_it_can() {
    for (variables, fate) in [
        (
            &[SECRET] as &[_],
            "deliveries are kept on this machine's disk.",
        ),
        (
            &[SECRET, ("SPOOL", "off")],
            "deliveries are refused with 503.",
        ),
    ] {
        let url = postgres::fresh_database().await;
        let (proxy, through) = Proxy::before(&url).await;
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let app = App::on(directory, Some(&through), variables).await;
        proxy.set(Network::Cut);
        let diagnosis = app
            .diagnosis_where(|diagnosis| check(diagnosis, "database")["status"] == "problem")
            .await;
        let said = verdict(&diagnosis);
        assert!(
            said.starts_with("The database is away (") && said.ends_with(fate),
            "{said}"
        );
        assert_eq!(check(&diagnosis, "duplicates")["status"], "unknown");
        let answer = Answer::to(post(&app, "/instagram/webhook").body(BODY)).await;
        assert_eq!(answer.status.is_success(), fate.contains("disk"));
        if fate.contains("disk") {
            let diagnosis = app.diagnosis().await;
            let spool = check(&diagnosis, "spool")["observed"].as_str().unwrap();
            assert!(spool.starts_with("1 delivery in the spool"), "{spool}");
        }
        if fate.contains("503") {
            // Nothing was ever kept, so this is why nothing arrives.
            proxy.set(Network::Up);
            let expected = "Nothing has been kept yet. 1 request could not be kept (503): look at the database, the spool \
                            and the disk.";
            app.diagnosis_where(|diagnosis| diagnosis["verdict"] == expected)
                .await;
            proxy.set(Network::Cut);
        }
        // What missed meanwhile is remembered when the database is back.
        Answer::to(post(&app, "/instagram/webhok").body(BODY))
            .await
            .with(404);
        proxy.set(Network::Up);
        app.diagnosis_where(|diagnosis| {
            check(diagnosis, "database")["status"] == "ok"
                && check(diagnosis, "near_misses")["observed"]
                    .as_str()
                    .is_some_and(|told| told.contains("/instagram/webhok"))
        })
        .await;
    }
}

#[tokio::test]
async fn a_near_miss_is_told_while_its_writing_hangs() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory, Some(&through), &[SECRET]).await;
    proxy.set(Network::HangsAt("INSERT INTO rejected_requests"));
    Answer::to(post(&app, "/instagram/webhok").body(BODY))
        .await
        .with(404);
    proxy.becomes(Network::Up).await;
    let diagnosis = app.diagnosis().await;
    assert!(
        verdict(&diagnosis).contains("1 request hit /instagram/webhok (404)"),
        "{diagnosis:#}"
    );
}

/// How many near misses of wrong paths are in the database, and in how many rows.
async fn in_postgres(url: &str) -> (i64, i64) {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let counted = sqlx::query_as(
        "SELECT coalesce(sum(count), 0)::bigint, count(*) FROM rejected_requests WHERE reason = 'wrong_path'",
    );
    counted.fetch_one(&mut connection).await.unwrap()
}

#[tokio::test]
async fn near_misses_add_up_over_replicas_and_survive_a_restart() {
    let url = postgres::fresh_database().await;
    let directory = || Arc::new(tempfile::tempdir().unwrap());
    let replicas = [
        App::on(directory(), Some(&url), &[SECRET]).await,
        App::on(directory(), Some(&url), &[SECRET]).await,
    ];
    for app in &replicas {
        for _ in 0..5 {
            Answer::to(post(app, "/instagram/webhok").body(BODY))
                .await
                .with(404);
        }
        Answer::to(app.request(Method::GET, "/instagram/webhok"))
            .await
            .with(404);
    }
    for app in replicas {
        app.stop().await;
    }
    assert_eq!(
        in_postgres(&url).await,
        (12, 1),
        "what is pending is written at the stop"
    );
    let app = App::on(directory(), Some(&url), &[SECRET]).await;
    let diagnosis = app.diagnosis().await;
    assert_eq!(
        verdict(&diagnosis),
        "Nothing has reached this server yet. 12 requests hit /instagram/webhok (404): check the URL in the External \
         API Request of your Chatrace flow."
    );
    let told = check(&diagnosis, "near_misses")["observed"].as_str();
    assert!(
        told.is_some_and(|told| told.contains(" was POST /instagram/web")),
        "{told:?}"
    );
}

#[tokio::test]
async fn near_misses_of_the_embedded_database_survive_a_restart() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory.clone(), None, &[SECRET]).await;
    Answer::to(app.request(Method::POST, "/instagram/webhook").body(BODY))
        .await
        .with(401);
    for method in [Method::POST, Method::GET] {
        Answer::to(app.request(method, "/instagram/webhok"))
            .await
            .with(404);
    }
    app.stop().await;
    let app = App::on(directory, None, &[SECRET]).await;
    let diagnosis = app.diagnosis().await;
    assert!(
        verdict(&diagnosis).contains("1 request came without a secret (401)"),
        "{diagnosis:#}"
    );
    let told = check(&diagnosis, "near_misses")["observed"].as_str();
    assert!(
        told.is_some_and(|told| told.contains(" was POST /instagram/web")),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_scanner_leaves_few_rows() {
    let url = postgres::fresh_database().await;
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let app = App::on(directory, Some(&url), &[]).await;
    let letters = "abcdefghijklmnopqrstuvwxyz";
    // Misspelt in one or two letters, so that each is a path of its own.
    let paths = letters
        .chars()
        .flat_map(|one| letters.chars().map(move |two| format!("/webh{one}{two}k")));
    let mut scans: Vec<_> = paths.collect();
    scans.extend((0..10_000 - scans.len()).map(|number| format!("/webhook/{number}?q={number}")));
    for scans in scans.chunks(500) {
        let asked = scans
            .iter()
            .map(|path| Answer::to(app.request(Method::POST, path).body(BODY)));
        for answer in futures_util::future::join_all(asked).await {
            assert_eq!(answer.status, 404);
        }
    }
    let diagnosis = app.diagnosis().await;
    assert!(diagnosis.to_string().len() < 20_000);
    app.stop().await;
    let (count, rows) = in_postgres(&url).await;
    assert_eq!(count, 10_000);
    assert!(rows <= 21, "{rows} rows");
}

#[tokio::test]
async fn a_secret_in_a_wrong_place_is_never_shown() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "canary-configured")]).await;
    let requests = [
        app.request(
            Method::POST,
            "/instagram/webhook/canary-path?token=canary-query",
        ),
        app.request(Method::POST, "/canary-configured/webhook"),
        app.request(Method::POST, "/webhook-canary-word?secret=canary-query"),
        app.request(Method::POST, "/instagram/webhook?token=canary-wrong"),
        app.request(Method::DELETE, "/instagram/webhook?token=canary-query"),
        app.request(
            Method::GET,
            "/instagram/webhook?hub.mode=subscribe&hub.verify_token=canary-verify",
        ),
    ];
    for request in requests {
        let request = request
            .header("x-webhook-secret", "canary-header")
            .header("user-agent", "agent canary-configured token=canary-agent")
            .header("content-type", "text/plain; secret=canary-type")
            .body(r#"{"text":"canary-body","api_key":"canary-key"}"#);
        assert!(Answer::to(request).await.status.is_client_error());
    }
    for path in ["/instagram/diagnosis", "/instagram/stats", "/metrics"] {
        let answer = Answer::to(app.request(Method::GET, path).bearer_auth(TOKEN)).await;
        assert!(!answer.text.contains("canary"), "{path}: {}", answer.text);
    }
    let diagnosis = app
        .diagnosis_where(|diagnosis| {
            let told = check(diagnosis, "near_misses")["observed"].as_str();
            told.is_some_and(|told| {
                told.contains("/instagram/webhook/…") && told.contains("/…webhook…")
            })
        })
        .await;
    assert!(!diagnosis.to_string().contains("canary"), "{diagnosis:#}");
}
