//! The service asks others by itself, and its verdict names what they answer.

use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use chatrace_webhook::config::Config;
use chatrace_webhook::probe::Prober;
use chatrace_webhook::time::Clock;
use futures_util::future::join_all;
use serde_json::Value;

use crate::cli::doctor::{printed, run};
use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::front::{Front, free_port};
use crate::support::process::program;
use crate::support::report::{assert_report, check, sentences};
use crate::support::{App, Backend, TOKEN};

const SECRET: (&str, &str) = ("WEBHOOK_SECRET", "right-secret-of-a-good-length");

/// A service at which a message has arrived, so that nothing else is to be said.
async fn well(variables: &[(&str, &str)]) -> App {
    let app = App::with(Backend::Sqlite, &[&[SECRET], variables].concat()).await;
    let request = app.request(reqwest::Method::POST, "/instagram/webhook");
    let request = request.header("x-webhook-secret", SECRET.1);
    let body = r#"{"contact_id":"1","text":"hi"}"#;
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    app
}

/// The diagnosis of a service with these variables, whose verdict the statistics repeat.
async fn diagnosed(variables: &[(&str, &str)]) -> Value {
    let app = well(variables).await;
    let diagnosis = app.diagnosis().await;
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["verdict"], diagnosis["verdict"]);
    assert_eq!(stats["status"], diagnosis["status"]);
    assert!(!diagnosis.to_string().contains("canary"), "{diagnosis:#}");
    let checks = diagnosis["checks"].as_array().unwrap();
    assert_eq!(checks.first().unwrap()["name"], "public_url");
    assert_eq!(checks.last().unwrap()["name"], "chatrace_account");
    diagnosis
}

#[tokio::test]
async fn each_break_of_the_public_way_is_the_services_verdict() {
    let nobody = format!("http://127.0.0.1:{}", free_port().await);
    let redirect = Front::answering(|| {
        let to = "https://other.example/instagram/webhook?token=canary";
        (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, to)]).into_response()
    })
    .await;
    let elsewhere = Front::answering(|| StatusCode::NOT_FOUND.into_response()).await;
    let behind = Front::answering(|| StatusCode::BAD_GATEWAY.into_response()).await;
    let other = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "other-secret")]).await;
    let url = |front: &Front| format!("http://user:canary@127.0.0.1:{}", front.port);
    let cases = [
        "https://nowhere.invalid".to_owned(),
        nobody,
        url(&redirect),
        url(&elsewhere),
        url(&behind),
        other.base.clone(),
        other.base.replace("http:", "https:"),
        "https://shop.example/instagram/webhook".to_owned(),
    ];
    for public_url in cases {
        let diagnosis = diagnosed(&[("PUBLIC_URL", &public_url)]).await;
        let cause = check(&diagnosis, "public_url");
        assert_eq!(cause["status"], "problem", "{diagnosis:#}");
        assert_eq!(diagnosis["verdict"], cause["observed"], "{diagnosis:#}");
        assert_ne!(diagnosis["nextStep"], "");
    }
}

#[tokio::test]
async fn each_fault_of_the_account_is_the_services_verdict() {
    let cases = [
        (Behaviour::Well, "1700001.another"),
        (Behaviour::Well, "canary-without-account"),
        (Behaviour::OtherAccount, CHATRACE_TOKEN),
        (Behaviour::ErrorInside, CHATRACE_TOKEN),
        (Behaviour::Html, CHATRACE_TOKEN),
    ];
    for (behaviour, token) in cases {
        let api = Chatrace::start(behaviour).await;
        let variables = [
            ("INSTAGRAM_API_URL", api.url.as_str()),
            ("INSTAGRAM_ACCESS_TOKEN", token),
        ];
        let diagnosis = diagnosed(&variables).await;
        // Messages arrive without it.
        let cause = check(&diagnosis, "chatrace_account");
        assert_eq!(cause["status"], "warning", "{diagnosis:#}");
        assert_eq!(diagnosis["verdict"], cause["observed"], "{diagnosis:#}");
    }
}

#[tokio::test]
async fn others_are_asked_once_a_minute_whoever_asks() {
    let api = Chatrace::start(Behaviour::Well).await;
    let variables = [
        ("INSTAGRAM_API_URL", api.url.as_str()),
        ("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN),
    ];
    let config = Config::read(&variables.into_iter().collect());
    let prober = Prober::new(&config.unwrap(), &[TOKEN.into()], Clock::system());
    assert!(prober.known().is_none());
    join_all((0..20).map(|_| prober.ask())).await;
    prober.ask().await;
    assert_eq!(api.asked().len(), 1);
    let later = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    later(61).await;
    assert!(prober.known().is_some(), "still believed");
    prober.ask().await;
    assert_eq!(api.asked().len(), 2);
    later(601).await;
    assert!(prober.known().is_none(), "too old to be told");
}

#[tokio::test]
async fn who_takes_long_is_not_waited_for_and_told_later() {
    let api = Chatrace::start(Behaviour::Silent).await;
    let app = well(&[
        ("INSTAGRAM_API_URL", &api.url),
        ("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN),
    ])
    .await;
    let begun = Instant::now();
    let diagnosis = app.diagnosis().await;
    assert!(begun.elapsed() < Duration::from_secs(8));
    let account = check(&diagnosis, "chatrace_account");
    assert_eq!(account["status"], "unknown");
    assert_report("account_has_not_answered", &sentences(account));
    let before = account["observed"].clone();
    assert_eq!(diagnosis["status"], "ok", "{diagnosis:#}");
    app.diagnosis_where(|diagnosis| check(diagnosis, "chatrace_account")["observed"] != before)
        .await;
    assert_eq!(api.asked().len(), 1);
}

#[tokio::test]
async fn the_doctor_takes_what_the_service_was_told_and_asks_what_its_own_environment_names() {
    let api = Chatrace::start(Behaviour::Well).await;
    let app = well(&[
        ("INSTAGRAM_API_URL", &api.url),
        ("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN),
    ])
    .await;
    let directory = tempfile::tempdir().unwrap();
    let mut doctor = program(directory.path());
    doctor
        .args(["doctor", "--json", "--url", &app.base])
        .env("API_TOKEN", TOKEN)
        .env("PUBLIC_URL", &app.base)
        // The service was not restarted since.
        .env("WEBHOOK_SECRET", "new-secret");
    let report: Value = serde_json::from_str(&printed(&run(doctor).await, 1)).unwrap();
    let public_url = check(&report, "public_url");
    assert_eq!(public_url["status"], "problem", "{report:#}");
    assert_eq!(report["verdict"], public_url["observed"]);
    let account = check(&report, "chatrace_account");
    assert_eq!(account["status"], "ok", "{report:#}");
    for name in ["public_url", "chatrace_account"] {
        let checks = report["checks"].as_array().unwrap();
        let times = checks.iter().filter(|check| check["name"] == name).count();
        assert_eq!(times, 1, "{report:#}");
    }
}
