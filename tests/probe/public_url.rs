//! The way from the outside: every link of it is broken once, and named.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chatrace_webhook::diagnose::public_url::{self, Credentials};
use chatrace_webhook::diagnose::{Check, Status};
use reqwest::Method;
use rstest::rstest;
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::cli::doctor::{check, run};
use crate::support::front::{Authority, Front, free_port, self_signed};
use crate::support::process::{Running, program};
use crate::support::{Answer, App, Backend, TOKEN};

const SECRET: &str = "canary-secret";

fn credentials(api_token: &str, secret: Option<&str>, app_secret: Option<&str>) -> Credentials {
    Credentials {
        api_token: Some(api_token.into()),
        webhook_secret: secret.map(Into::into),
        app_secret: app_secret.map(Into::into),
    }
}

async fn way(url: &str, credentials: &Credentials) -> Check {
    let check = public_url::check(Some(&url.parse().unwrap()), credentials).await;
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
    assert!(found.observed.contains("came in after"), "{found:?}");
    // A probe that this service cannot recognise is not kept either.
    let stranger = way(&app.base, &credentials("other", Some(SECRET), None)).await;
    assert!(
        stranger.observed.contains("does not know the probe (400)"),
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
        none.observed.contains("was lost on the way (401)"),
        "{none:?}"
    );
    let wrong = way(&app.base, &credentials(TOKEN, Some("canary-old"), None)).await;
    assert!(
        wrong.observed.contains("another WEBHOOK_SECRET"),
        "{wrong:?}"
    );
    let rejected = &app.get("/instagram/stats").await.ok()["process"]["rejected"];
    assert_eq!(
        (&rejected["missing_secret"], &rejected["wrong_secret"]),
        (&json!(0), &json!(0))
    );

    let meta = App::with(Backend::Sqlite, &[("META_APP_SECRET", "canary-app")]).await;
    let signed = way(&meta.base, &credentials(TOKEN, None, Some("canary-app"))).await;
    assert!(signed.observed.contains("came in after"), "{signed:?}");
}

#[tokio::test]
async fn a_proxy_that_drops_a_header_is_found_out() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", SECRET)]).await;
    let front = Front::dropping("x-webhook-secret", &app.base).await;
    let found = usual(&format!("http://127.0.0.1:{}", front.port)).await;
    assert_eq!(found.status, Status::Problem);
    assert!(
        found.meaning.contains("The proxy drops X-Webhook-Secret"),
        "{found:?}"
    );
    let front = Front::dropping("x-webhook-probe", &app.base).await;
    let found = usual(&format!("http://127.0.0.1:{}", front.port)).await;
    assert!(
        found.observed.contains("does not know the probe"),
        "{found:?}"
    );
    let other = credentials("another-token", Some("another"), None);
    let url = app.base.parse().unwrap();
    let found = public_url::check(Some(&url), &other).await;
    assert!(
        found.observed.contains("does not know the probe (401)"),
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
    assert!(found.observed.contains("came in after"), "{found:?}");
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

#[rstest]
#[case(
    redirect,
    "a redirect (301) to https://other.example/instagram/webhook."
)]
#[case(|| StatusCode::UNAUTHORIZED.into_response(), "answers 401, and not by this service")]
#[case(|| StatusCode::NOT_FOUND.into_response(), "has nothing at /instagram/webhook (404)")]
#[case(|| StatusCode::METHOD_NOT_ALLOWED.into_response(), "takes no POST")]
#[case(|| StatusCode::PAYLOAD_TOO_LARGE.into_response(), "too large (413)")]
#[case(|| StatusCode::TOO_MANY_REQUESTS.into_response(), "one too many (429)")]
#[case(|| StatusCode::BAD_GATEWAY.into_response(), "has no service behind it (502)")]
#[case(|| "It works!".into_response(), "Something else answers at the public address 127.0.0.1 (200")]
#[case(forged, "does not know the probe (200)")]
#[tokio::test]
async fn what_is_not_this_service_is_named(
    #[case] answer: fn() -> Response,
    #[case] sentence: &str,
) {
    let front = Front::answering(answer).await;
    let found = usual(&format!("http://user:canary@127.0.0.1:{}", front.port)).await;
    assert_eq!(found.status, Status::Problem);
    assert!(found.observed.contains(sentence), "{found:?}");
    assert!(!found.next_step.is_empty());
}

#[tokio::test]
async fn a_way_that_ends_early_is_named() {
    let found = usual("https://nowhere.invalid").await;
    assert!(
        found
            .observed
            .contains("The name nowhere.invalid of PUBLIC_URL does not resolve"),
        "{found:?}"
    );
    let port = free_port().await;
    let found = usual(&format!("http://127.0.0.1:{port}")).await;
    assert!(
        found.observed.contains("127.0.0.1 refuses the connection"),
        "{found:?}"
    );
    let found = usual("https://shop.example/instagram/webhook/").await;
    assert!(found.observed.contains("already ends with"), "{found:?}");
    let none = public_url::check(None, &credentials(TOKEN, None, None)).await;
    assert!(none.observed.contains("PUBLIC_URL is not set"), "{none:?}");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let found = usual(&format!("http://{}", silent.local_addr().unwrap())).await;
    assert!(
        found.observed.contains("did not answer in time"),
        "{found:?}"
    );
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

#[rstest]
#[case("localhost", -9, -4, true, "problem", "The certificate of localhost expired 3 days ago.")]
#[case("localhost", 2, 9, true, "problem", "is not valid yet")]
#[case("other.example", -1, 90, true, "problem", "is not for the name localhost")]
#[case("localhost", -1, 90, false, "problem", "of an issuer that is not trusted")]
#[case("localhost", -1, 5, true, "warning", "The certificate of localhost expires in 5 days.")]
#[case("localhost", -1, 90, true, "warning", "came in after")]
#[tokio::test]
async fn a_certificate_is_looked_at(
    #[case] name: &str,
    #[case] from: i64,
    #[case] to: i64,
    #[case] trusted: bool,
    #[case] status: &str,
    #[case] sentence: &str,
) {
    let found = certificate(name, from, to, trusted).await;
    assert_eq!(found["status"], status, "{found:#}");
    assert!(
        found["observed"].as_str().unwrap().contains(sentence),
        "{found:#}"
    );
}

#[tokio::test]
async fn a_certificate_that_signs_itself_is_named() {
    let found = found_at(self_signed("localhost"), &Authority::new()).await;
    assert_eq!(
        found["observed"], "The certificate of localhost is self-signed: it is an authority's own.",
        "{found:#}"
    );
}

#[tokio::test]
async fn https_at_the_plain_port_is_named() {
    let app = App::start(Backend::Sqlite).await;
    let found = usual(&app.base.replace("http://", "https://")).await;
    assert!(
        found.observed.contains("does not speak TLS as it should"),
        "{found:?}"
    );
}
