//! The way from the outside: every link of it is broken once, and named.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chatrace_webhook::diagnose::{Check, Status};
use chatrace_webhook::probe::public_url::{ProbeCredentials, check_public_url};
use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::Method;
use rstest::rstest;
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::cli::doctor::run;
use crate::support::front::{Authority, Front, free_port, self_signed};
use crate::support::process::{Running, program};
use crate::support::report::{self, assert_report, case, check, sentences};
use crate::support::{Answer, App, Backend, TOKEN};

const SECRET: &str = "canary-secret";

fn credentials(
    api_token: &str,
    secret: Option<&str>,
    app_secret: Option<&str>,
) -> ProbeCredentials {
    ProbeCredentials {
        api_token: Some(api_token.into()),
        webhook_secret: secret.map(Into::into),
        app_secret: app_secret.map(Into::into),
    }
}

async fn way(url: &str, credentials: &ProbeCredentials) -> Check {
    let check = check_public_url(Some(&url.parse().unwrap()), credentials, Timestamp::now())
        .await
        .0;
    assert!(!format!("{check:?}").contains("canary"), "{check:?}");
    check
}

async fn usual(url: &str) -> Check {
    way(url, &credentials(TOKEN, Some(SECRET), None)).await
}

#[rstest]
#[tokio::test]
async fn a_probe_comes_in_and_is_never_kept(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[("WEBHOOK_SECRET", SECRET)]).await;
    let found = usual(&app.base).await;
    assert!(
        found.observed.to_string().contains("arrived after"),
        "{found:?}"
    );
    // A probe that this service cannot recognise is not kept either.
    let stranger = way(&app.base, &credentials("other", Some(SECRET), None)).await;
    assert!(
        stranger
            .observed
            .to_string()
            .contains("does not know the probe (401)"),
        "{stranger:?}"
    );

    let deliveries = app.get("/instagram/deliveries").await.ok();
    assert_eq!(deliveries["deliveries"], json!([]));
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["totalMessages"], 0);
    assert_eq!(stats["process"]["rejected"]["empty"], 0, "{stats:#}");
}

#[tokio::test]
async fn a_probe_is_judged_like_a_sender_but_not_counted_as_one() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", SECRET)]).await;
    let none = way(&app.base, &credentials(TOKEN, None, None)).await;
    assert!(
        none.observed
            .to_string()
            .contains("without its secret (401)"),
        "{none:?}"
    );
    let wrong = way(&app.base, &credentials(TOKEN, Some("canary-old"), None)).await;
    assert!(
        wrong
            .observed
            .to_string()
            .contains("another WEBHOOK_SECRET"),
        "{wrong:?}"
    );
    let rejected = &app.get("/instagram/stats").await.ok()["process"]["rejected"];
    assert_eq!(
        (&rejected["missing_secret"], &rejected["wrong_secret"]),
        (&json!(0), &json!(0))
    );

    let meta = App::with(Backend::Sqlite, &[("META_APP_SECRET", "canary-app")]).await;
    let signed = way(&meta.base, &credentials(TOKEN, None, Some("canary-app"))).await;
    assert!(
        signed.observed.to_string().contains("arrived after"),
        "{signed:?}"
    );
}

/// A tunnel's old name, or a DNS entry that was changed, leads to somebody else.
#[tokio::test]
async fn a_stranger_at_the_public_url_sees_no_credential() {
    let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
    let recording = seen.clone();
    let stranger = move |headers: HeaderMap| {
        recording.lock().unwrap().push(headers);
        async { axum::Json(json!({ "success": true, "probe": "x" })) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(stranger);
    tokio::spawn(async { axum::serve(listener, router).await });
    for (secret, app_secret) in [(Some(SECRET), None), (None, Some("canary-app"))] {
        let found = way(&url, &credentials(TOKEN, secret, app_secret)).await;
        assert_eq!(found.status, Status::Problem);
    }
    let seen = seen.lock().unwrap();
    assert_eq!(
        seen.len(),
        2,
        "one probe each, and none with the credential"
    );
    for headers in seen.iter() {
        assert!(!headers.contains_key("x-webhook-secret"), "{headers:?}");
        assert!(!headers.contains_key("x-hub-signature-256"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_drops_a_header_is_found_out() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", SECRET)]).await;
    let front = Front::dropping("x-webhook-secret", &app.base).await;
    let found = usual(&format!("http://127.0.0.1:{}", front.port)).await;
    assert_eq!(found.status, Status::Problem);
    assert!(
        found
            .meaning
            .to_string()
            .contains("The proxy drops X-Webhook-Secret"),
        "{found:?}"
    );
    let front = Front::dropping("x-webhook-probe", &app.base).await;
    let found = usual(&format!("http://127.0.0.1:{}", front.port)).await;
    assert!(
        found
            .observed
            .to_string()
            .contains("does not know the probe"),
        "{found:?}"
    );
    let other = credentials("another-token", Some("another"), None);
    let url = app.base.parse().unwrap();
    let found = check_public_url(Some(&url), &other, Timestamp::now())
        .await
        .0;
    assert!(
        found
            .observed
            .to_string()
            .contains("does not know the probe (401)"),
        "{found:?}"
    );
    let diagnosis = app.diagnosis().await;
    assert_eq!(
        check(&diagnosis, "near_misses")["status"],
        "ok",
        "a probe is nobody who missed: {diagnosis:#}"
    );
    let meta = App::with(Backend::Sqlite, &[("META_APP_SECRET", "canary-app")]).await;
    let front = Front::dropping("x-hub-signature-256", &meta.base).await;
    let url = format!("http://127.0.0.1:{}", front.port);
    let found = way(&url, &credentials(TOKEN, None, Some("canary-app"))).await;
    assert!(
        found
            .meaning
            .to_string()
            .contains("The proxy drops X-Hub-Signature-256"),
        "{found:?}"
    );
    // A message with its header is a message all the same.
    let message = app
        .request(Method::POST, "/instagram/webhook")
        .header("x-webhook-secret", SECRET)
        .header("x-webhook-probe", "x")
        .body(r#"{"contact_id":"1","text":"hi"}"#);
    assert_eq!(Answer::to(message).await.ok()["stored"], 1);
}

#[tokio::test]
async fn a_path_that_the_proxy_changes_is_named_and_no_login_is_sent() {
    let app = App::start(Backend::Sqlite).await;
    let found = usual(&format!("{}/prefix/", app.base)).await;
    assert!(
        found
            .observed
            .to_string()
            .contains("has nothing at /instagram/webhook (404)"),
        "{found:?}"
    );
    let diagnosis = app.diagnosis().await;
    assert_eq!(
        check(&diagnosis, "near_misses")["status"],
        "ok",
        "a probe is nobody who missed: {diagnosis:#}"
    );
    // Chatrace is given the URL without them.
    let with_login = app.base.replace("http://", "http://user:canary@");
    let found = usual(&format!("{with_login}/?token=canary")).await;
    assert!(
        found.observed.to_string().contains("arrived after"),
        "{found:?}"
    );
}

fn redirect() -> Response {
    let to = "https://other.example/instagram/webhook?token=canary";
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response()
}

fn forged() -> Response {
    json!({ "success": true, "probe": "0".repeat(64) })
        .to_string()
        .into_response()
}

#[tokio::test]
async fn what_is_not_this_service_is_named() {
    let status = |status: StatusCode| move || status.into_response();
    let fronts = [
        ("redirect", Front::answering(redirect).await),
        (
            "401",
            Front::answering(status(StatusCode::UNAUTHORIZED)).await,
        ),
        ("404", Front::answering(status(StatusCode::NOT_FOUND)).await),
        (
            "405",
            Front::answering(status(StatusCode::METHOD_NOT_ALLOWED)).await,
        ),
        (
            "413",
            Front::answering(status(StatusCode::PAYLOAD_TOO_LARGE)).await,
        ),
        (
            "429",
            Front::answering(status(StatusCode::TOO_MANY_REQUESTS)).await,
        ),
        (
            "502",
            Front::answering(status(StatusCode::BAD_GATEWAY)).await,
        ),
        (
            "a page",
            Front::answering(|| "It works!".into_response()).await,
        ),
        ("forged", Front::answering(forged).await),
    ];
    let mut text = String::new();
    for (name, front) in fronts {
        let found = usual(&format!("http://user:canary@127.0.0.1:{}", front.port)).await;
        assert_eq!(found.status, Status::Problem, "{name}: {found:?}");
        assert!(!found.next_step.is_empty());
        text += &case(name, &sentences(&found));
    }
    assert_report("public_url_foreign", &text);
}

#[tokio::test]
async fn a_way_that_ends_early_is_named() {
    let closed = format!("http://127.0.0.1:{}", free_port().await);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = (format!("http://{}", silent.local_addr().unwrap()), silent);
    let app = App::start(Backend::Sqlite).await;
    let mut text = String::new();
    for (name, url) in [
        ("no name", "https://nowhere.invalid"),
        ("closed", &closed),
        ("the path twice", "https://shop.example/instagram/webhook/"),
        ("silent", &silent.0),
        (
            "https at the plain port",
            &app.base.replace("http://", "https://"),
        ),
    ] {
        let found = usual(url).await;
        assert_eq!(found.status, Status::Problem, "{name}: {found:?}");
        text += &case(name, &sentences(&found));
    }
    let none = check_public_url(None, &credentials(TOKEN, None, None), Timestamp::now())
        .await
        .0;
    assert_eq!(none.status, Status::Unknown, "{none:?}");
    text += &case("not set", &sentences(&none));
    assert_report("public_url_unreachable", &text);
}

/// What the real program finds at a certificate, whose authority the system trusts or not.
async fn certificate(name: &str, from: i64, to: i64, trusted: bool) -> Value {
    let authority = Authority::new();
    let server = authority.server(name, from, to);
    let trust = if trusted { authority } else { Authority::new() };
    found_at(server, &trust).await
}

/// What the real program finds at a server, where the system trusts an authority.
async fn found_at(server: ServerConfig, trust: &Authority) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(program(directory.path())).await;
    let front = Front::tls(server, &running.base).await;
    let file = directory.path().join("authority.pem");
    std::fs::write(&file, trust.pem()).unwrap();
    let mut doctor = program(directory.path());
    doctor
        .env("PORT", running.base.rsplit(':').next().unwrap())
        .env("PUBLIC_URL", format!("https://localhost:{}", front.port))
        .env("SSL_CERT_FILE", file)
        .args(["doctor", "--json"]);
    let output = run(doctor).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = check(&report, "public_url").clone();
    if found["status"] == "problem" {
        assert_eq!(report["verdict"], found["observed"], "{report:#}");
    }
    found
}

#[tokio::test]
async fn a_certificate_is_looked_at() {
    let cases = [
        ("expired", "localhost", -9, -4, true, "problem"),
        ("not yet valid", "localhost", 2, 9, true, "problem"),
        ("another name", "other.example", -1, 90, true, "problem"),
        ("not trusted", "localhost", -1, 90, false, "problem"),
        ("expires soon", "localhost", -1, 5, true, "warning"),
        // What is left to say is that the address is this machine's own.
        ("valid", "localhost", -1, 90, true, "warning"),
    ];
    let cases = cases.map(async |(case, name, from, to, trusted, status)| {
        let found = certificate(name, from, to, trusted).await;
        assert_eq!(found["status"], status, "{case}: {found:#}");
        report::case(case, &sentences(&found))
    });
    assert_report("certificates", &join_all(cases).await.concat());
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_named() {
    let found = found_at(self_signed("localhost"), &Authority::new()).await;
    assert_eq!(found["status"], "problem", "{found:#}");
    assert_report("certificate_self_signed", &sentences(&found));
}
