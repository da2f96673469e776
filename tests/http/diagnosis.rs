//! "Why is nothing arriving?": each cause is made to happen, and the verdict names it.

use std::sync::Arc;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::proxy::{Network, Proxy};
use crate::support::report::{
    assert_report, case, check, english_in, everything, findings, sentences,
};
use crate::support::{Answer, App, Backend, TOKEN, postgres};

const BODY: &str = r#"{"contact_id":"1","text":"hi"}"#;
const SECRET: (&str, &str) = ("WEBHOOK_SECRET", "right-secret-of-senders");

#[track_caller]
fn verdict(diagnosis: &Value) -> &str {
    diagnosis["verdict"].as_str().unwrap()
}

/// Whether requests that were no deliveries are reported.
fn reports_misses(diagnosis: &Value) -> bool {
    check(diagnosis, "near_misses")["status"] != "ok"
}

/// Whether this path is in the sentence on requests that were no deliveries.
fn reports_path(diagnosis: &Value, path: &str) -> bool {
    let observed = check(diagnosis, "near_misses")["observed"].as_str();
    observed.is_some_and(|observed| observed.contains(path))
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
    assert_report(&format!("new_service_{backend:?}"), &everything(&diagnosis));
    for check in diagnosis["checks"].as_array().unwrap() {
        for key in ["name", "status", "observed", "meaning", "nextStep"] {
            assert!(check[key].is_string(), "{key} in {check}");
        }
    }
}

#[tokio::test]
async fn the_diagnosis_is_in_the_language_of_its_reader() {
    let app = App::with(Backend::Sqlite, &[SECRET]).await;
    let _ = post(&app, "/instagram/webhook").body(BODY).send().await;
    let _ = app.post(BODY).await.with(401);
    let _ = app.request(Method::POST, "/instagram/webhok").send().await;
    let asked = async |languages: &str| {
        let request = app.request(Method::GET, "/instagram/diagnosis");
        let request = request.bearer_auth(TOKEN);
        Answer::to(request.header("accept-language", languages))
            .await
            .ok()
    };
    let (english, russian) = (
        asked("de, en;q=0.5").await,
        asked("ru-RU,ru;q=0.9,en").await,
    );
    let names = |diagnosis: &Value| -> Vec<_> {
        let checks = diagnosis["checks"].as_array().unwrap().iter();
        checks.map(|check| check["name"].clone()).collect()
    };
    assert_eq!(names(&english), names(&russian));
    assert!(verdict(&english).starts_with("Nothing has reached this server since"));
    assert!(
        verdict(&russian)
            .contains("1 запрос на адрес /instagram/webhok (404), 1 запрос без секрета (401)"),
        "{russian:#}"
    );
    let mut sentences = vec![&russian["verdict"], &russian["nextStep"]];
    for check in russian["checks"].as_array().unwrap() {
        sentences.extend(["observed", "meaning", "nextStep"].map(|key| &check[key]));
    }
    for sentence in sentences {
        assert_eq!(
            english_in(sentence.as_str().unwrap()),
            Vec::<String>::new(),
            "{sentence}"
        );
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
    assert_report(&format!("all_well_{backend:?}"), &everything(&diagnosis));
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
    let diagnosis = app
        .diagnosis_where(|diagnosis| verdict(diagnosis).contains("4 requests"))
        .await;
    assert_eq!(diagnosis["status"], "problem");
    let missed = case("missed", &findings(&diagnosis));
    // It is over when something arrives, and remembered for a day.
    Answer::to(post(&app, "/instagram/webhook").body(r#"{"contact_id":"2","text":"again"}"#))
        .await
        .ok();
    let diagnosis = app
        .diagnosis_where(|diagnosis| diagnosis["status"] == "warning")
        .await;
    assert_eq!(check(&diagnosis, "arrival")["status"], "ok");
    let arrived = case("and arrived", &findings(&diagnosis));
    assert_report("wrong_path", &(missed + &arrived));
}

/// Half of the flows send the body that was declared, and one another.
#[rstest]
#[tokio::test]
async fn bodies_that_match_no_declared_template_are_reported(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let declared = (
        "BODY_TEMPLATE",
        r#"{"who":"{{user_id}}","text":"{{last_input}}"}"#,
    );
    let app = App::with(backend, &[SECRET, declared]).await;
    let send = async |body: &str| {
        let request = post(&app, "/instagram/webhook").body(body.to_owned());
        Answer::to(request).await.ok();
    };
    send(r#"{"who":"1","text":"hi"}"#).await;
    // What Meta sends is no flow's.
    send(r#"{"object":"instagram","entry":[]}"#).await;
    assert_eq!(check(&app.diagnosis().await, "template")["status"], "ok");
    send(r#"{"page":"3","who":"2","text":"hi"}"#).await;
    assert_report(
        "template",
        &sentences(check(&app.diagnosis().await, "template")),
    );
}

#[tokio::test]
async fn a_template_is_advised_where_customers_break_bodies() {
    let app = App::with(Backend::Sqlite, &[SECRET]).await;
    for text in [r#"say "hi""#, r#"a "quoted" word"#, r#""why""#] {
        let body = format!(r#"{{"user_id":"1","text":"{text}","page":"3"}}"#);
        let request = post(&app, "/instagram/webhook").body(body);
        let _ = Answer::to(request).await;
    }
    assert_report(
        "template_advised",
        &sentences(check(&app.diagnosis().await, "template")),
    );
}

/// A message without a secret.
fn send(app: &App, path: &str) -> reqwest::RequestBuilder {
    app.request(Method::POST, path).body(BODY)
}

/// A way to be refused: its name, the variables of the service, and the request.
type Refusal<'a> = (
    &'a str,
    &'a [(&'a str, &'a str)],
    fn(&App) -> reqwest::RequestBuilder,
);

#[tokio::test]
async fn every_refusal_has_its_own_advice() {
    const META: (&str, &str) = ("META_APP_SECRET", "app-secret-of-the-app");
    const HANDSHAKE: &str = "/instagram/webhook?hub.mode=subscribe&hub.verify_token=x";
    #[rustfmt::skip]
    let refusals: [Refusal; 12] = [
        ("no secret", &[SECRET], |app| send(app, "/instagram/webhook")),
        ("a wrong secret", &[SECRET], |app| send(app, "/instagram/webhook?token=wrong")),
        ("a wrong signature", &[META], |app| {
            send(app, "/instagram/webhook").header("x-hub-signature-256", "sha256=00")
        }),
        ("a handshake without META_VERIFY_TOKEN", &[], |app| app.request(Method::GET, HANDSHAKE)),
        ("a handshake with a wrong token", &[("META_VERIFY_TOKEN", "verify")], |app| {
            app.request(Method::GET, HANDSHAKE)
        }),
        ("no secret, beside META_APP_SECRET", &[META], |app| send(app, "/instagram/webhook")),
        ("a wrong secret, beside META_APP_SECRET", &[META], |app| {
            send(app, "/instagram/webhook?token=x")
        }),
        ("a wrong method", &[], |app| app.request(Method::DELETE, "/instagram/webhook")),
        ("an empty body", &[], |app| app.request(Method::POST, "/instagram/webhook")),
        ("a large body", &[("MAX_BODY_BYTES", "1024")], |app| {
            app.request(Method::POST, "/instagram/webhook").body("x".repeat(2000))
        }),
        ("the page's path", &[], |app| send(app, "/")),
        ("a path for reading", &[], |app| send(app, "/instagram/messages")),
    ];
    let mut text = String::new();
    for (name, variables, request) in refusals {
        let app = App::with(Backend::Sqlite, variables).await;
        let status = Answer::to(request(&app)).await.status;
        assert!(status.is_client_error(), "{status} for {name}");
        let diagnosis = app.diagnosis_where(reports_misses).await;
        assert_eq!(diagnosis["status"], "problem", "{diagnosis:#}");
        text += &case(name, &findings(&diagnosis));
    }
    assert_report("refusals", &text);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_reported() {
    let app = App::start(Backend::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    let diagnosis = app.diagnosis_where(reports_misses).await;
    assert_report("body_breaks_off", &findings(&diagnosis));
}

#[tokio::test]
async fn tls_spoken_to_the_plain_port_is_reported() {
    let app = App::start(Backend::Sqlite).await;
    let address = app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The beginning of a ClientHello.
    let hello = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03rest of it\r\n\r\n";
    stream.write_all(hello).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    let diagnosis = app.diagnosis_where(reports_misses).await;
    assert_report("tls_at_the_plain_port", &findings(&diagnosis));
}

#[rstest]
#[tokio::test]
async fn what_is_in_the_bodies_is_the_verdict(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let dump = r#"{"id":"1","first_name":"Ana","page_id":"9","custom_fields":[]}"#.to_owned();
    let echoes = (0..3).map(|number| {
        format!(r#"{{"phone":"+5215500000001","direction":"out","text":"answer {number}"}}"#)
    });
    let same = r#"{"contact_id":"1","message_id":"constant","text":"hi"}"#.to_owned();
    let event = r#"{"event":"conversion","event_name":"purchase","value":1}"#.to_owned();
    let unfilled = r#"{"contact_id":"1","text":"{{last_input}}"}"#.to_owned();
    let cases = [
        ("placeholders", vec![unfilled]),
        ("contact_data", vec![dump]),
        ("echoes", echoes.collect()),
        ("duplicates", vec![same; 4]),
        ("outcomes", vec![event; 3]),
    ];
    let mut text = String::new();
    for (name, bodies) in cases {
        let app = App::with(backend, &[SECRET]).await;
        for body in bodies {
            Answer::to(post(&app, "/instagram/webhook").body(body))
                .await
                .ok();
        }
        let diagnosis = app.diagnosis().await;
        let cause = check(&diagnosis, name);
        assert_eq!(cause["status"], "problem", "{diagnosis:#}");
        assert_eq!(diagnosis["verdict"], cause["observed"], "{diagnosis:#}");
        assert_ne!(diagnosis["nextStep"], "");
        text += &case(name, &findings(&diagnosis));
    }
    assert_report("bodies", &text);
}

#[rstest]
#[tokio::test]
async fn quarantine_is_reported_with_its_newest_reason(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[SECRET]).await;
    for body in [r#"{"text":"who?"}"#, r#"{"contact_id":"1"}"#] {
        Answer::to(post(&app, "/instagram/webhook").body(body))
            .await
            .ok();
    }
    let diagnosis = app.diagnosis().await;
    let two = case("two items", &findings(&diagnosis));
    let unreadable = Answer::to(post(&app, "/instagram/webhook").body("{\"a\" 1}")).await;
    assert_eq!(unreadable.status, 400);
    let diagnosis = app.diagnosis_where(reports_misses).await;
    assert_eq!(
        diagnosis["verdict"],
        check(&diagnosis, "quarantine")["observed"]
    );
    let three = case("and one that cannot be read", &findings(&diagnosis));
    assert_report("quarantine", &(two + &three));
}

#[rstest]
#[tokio::test]
async fn times_that_do_not_fit_the_clock_are_reported(
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
    assert_eq!(diagnosis["status"], "warning");
    assert_report("clock", &findings(&diagnosis));
}

#[tokio::test]
async fn an_open_webhook_is_a_warning_when_nothing_worse_is() {
    let app = App::start(Backend::Sqlite).await;
    app.post(BODY).await.ok();
    let open = case("open", &findings(&app.diagnosis().await));
    let app = App::with(Backend::Sqlite, &[SECRET, ("WEBHOOK_AUTH", "observe")]).await;
    app.post(BODY).await.ok();
    let observed = case("observed", &findings(&app.diagnosis().await));
    assert_report("open_webhook", &(open + &observed));
}

#[tokio::test]
async fn a_spool_that_is_turned_off_is_a_warning_when_nothing_worse_is() {
    let variables = [SECRET, ("SPOOL", "off")];
    let app = App::with(Backend::Postgres, &variables).await;
    Answer::to(post(&app, "/instagram/webhook").body(BODY))
        .await
        .ok();
    let diagnosis = app.diagnosis().await;
    assert_eq!(diagnosis["status"], "warning");
    assert_report("spool_off", &findings(&diagnosis));
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
    let looked_at =
        sentences(check(&diagnosis, "disk")) + &sentences(check(&diagnosis, "retention"));
    assert_report("disk_and_retention", &looked_at);
}

#[tokio::test]
async fn a_handshake_is_remembered() {
    let app = App::with(Backend::Sqlite, &[SECRET, ("META_VERIFY_TOKEN", "verify")]).await;
    let path = "/instagram/webhook?hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1";
    // Before, it says that there was none.
    let before = sentences(check(&app.diagnosis().await, "handshake"));
    assert_eq!(Answer::to(app.request(Method::GET, path)).await.status, 200);
    let is_new = |diagnosis: &Value| sentences(check(diagnosis, "handshake")) != before;
    let diagnosis = app.diagnosis_where(is_new).await;
    assert_report("handshake", &sentences(check(&diagnosis, "handshake")));
}

#[tokio::test]
async fn while_the_database_is_away_the_diagnosis_says_so_and_what_it_can() {
    for (variables, fate) in [
        (&[SECRET] as &[_], "deliveries wait on this machine's disk."),
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
        let database = check(&diagnosis, "database");
        assert_eq!(diagnosis["verdict"], database["observed"], "{diagnosis:#}");
        assert!(verdict(&diagnosis).ends_with(fate), "{diagnosis:#}");
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
            let diagnosis = app
                .diagnosis_where(|diagnosis| {
                    check(diagnosis, "database")["status"] == "ok" && reports_misses(diagnosis)
                })
                .await;
            assert_report("not_kept", &findings(&diagnosis));
            proxy.set(Network::Cut);
        }
        // What missed meanwhile is remembered when the database is back.
        Answer::to(post(&app, "/instagram/webhok").body(BODY))
            .await
            .with(404);
        proxy.set(Network::Up);
        app.diagnosis_where(|diagnosis| {
            check(diagnosis, "database")["status"] == "ok"
                && reports_path(diagnosis, "/instagram/webhok")
        })
        .await;
    }
}

#[tokio::test]
async fn a_near_miss_is_reported_while_its_writing_hangs() {
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
        reports_path(&diagnosis, "/instagram/webhok"),
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
    assert!(verdict(&diagnosis).contains("12 requests"), "{diagnosis:#}");
    assert!(
        reports_path(&diagnosis, "POST /instagram/webhok"),
        "{diagnosis:#}"
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
    assert!(verdict(&diagnosis).contains("(401)"), "{diagnosis:#}");
    assert!(
        reports_path(&diagnosis, "POST /instagram/web"),
        "{diagnosis:#}"
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
            reports_path(diagnosis, "/instagram/webhook/…") && reports_path(diagnosis, "/…webhook…")
        })
        .await;
    assert!(!diagnosis.to_string().contains("canary"), "{diagnosis:#}");
}
