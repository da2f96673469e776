//! `doctor`, `setup` and `send-test` as people run them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use chatrace_webhook::diagnose::{Check, Report, Status};
use chatrace_webhook::i18n::Text;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{printed, run};
use crate::support::front::{Front, free_port};
use crate::support::postgres;
use crate::support::process::{Running, program};
use crate::support::report::{assert_report, check, everything, sentences};
use crate::support::{App, Backend};

/// A command of a program in a directory of its own, or in that of a running service.
fn command(directory: &tempfile::TempDir, port: &str, arguments: &[&str]) -> Command {
    let mut command = program(directory.path());
    command.env("PORT", port).args(arguments);
    command
}

fn port_of(base: &str) -> &str {
    base.rsplit(':').next().unwrap()
}

async fn report(command: Command, code: i32) -> Value {
    serde_json::from_str(&printed(&run(command).await, code)).unwrap()
}

/// The report of `doctor --json` in a directory of its own, with these variables; there are problems.
async fn diagnosed(directory: &tempfile::TempDir, variables: &[(&str, &str)]) -> Value {
    let port = free_port().await.to_string();
    let mut doctor = command(directory, &port, &["doctor", "--json"]);
    doctor.envs(variables.iter().copied());
    report(doctor, 1).await
}

#[tokio::test]
async fn without_a_service_what_it_needs_is_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let found = diagnosed(&directory, &[]).await;
    assert_eq!(check(&found, "service")["status"], "problem");
    for name in ["data_directory", "database", "port"] {
        assert_eq!(check(&found, name)["status"], "ok", "{found:#}");
    }
    assert_report("doctor_without_service", &everything(&found));
    let port = free_port().await.to_string();
    let text = printed(&run(command(&directory, &port, &["doctor"])).await, 1);
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("problem"), "{text}");
    assert!(
        text.contains("→ Start it with `chatrace-webhook serve`"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no colour without a terminal");
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        0,
        "nothing was made"
    );
}

#[tokio::test]
async fn every_mistake_of_the_configuration_is_the_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let mistakes = [("SPOOL", "perhaps"), ("RETENTION_DAYS", "1")];
    let found = diagnosed(&directory, &mistakes).await;
    let configuration = check(&found, "configuration");
    assert_eq!(found["verdict"], configuration["observed"]);
    assert_report("doctor_mistakes", &sentences(configuration));
}

#[tokio::test]
async fn a_service_elsewhere_is_suspected_when_the_data_directory_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let _running = Running::start(program(directory.path())).await;
    let found = diagnosed(&directory, &[]).await;
    let data_directory = check(&found, "data_directory");
    assert_eq!(found["verdict"], data_directory["observed"]);
    assert_report("doctor_directory_in_use", &sentences(data_directory));
}

#[tokio::test]
async fn a_stranger_at_the_port_never_learns_the_token() {
    let asked = Arc::new(AtomicBool::new(false));
    let authorized = asked.clone();
    let stranger = Router::new().fallback(async move |headers: HeaderMap| {
        authorized.fetch_or(headers.contains_key("authorization"), Ordering::Relaxed);
        "It works!"
    });
    let port = Front::serving(stranger).await;
    let directory = tempfile::tempdir().unwrap();
    let mut doctor = command(&directory, &port.port.to_string(), &["doctor", "--json"]);
    doctor.env("API_TOKEN", "canary");
    let found = report(doctor, 1).await;
    assert!(!asked.load(Ordering::Relaxed), "the token was sent");
    let told = ["service", "port"].map(|name| sentences(check(&found, name)));
    assert_report("doctor_stranger", &told.concat());
}

#[tokio::test]
async fn a_database_is_looked_at_and_never_changed() {
    let directory = tempfile::tempdir().unwrap();
    let url = postgres::fresh_database().await;
    let database = async |url: &str, migrate: &str| {
        let variables = [
            ("DATABASE_URL", url),
            ("API_TOKEN", "t"),
            ("MIGRATE", migrate),
        ];
        let report = diagnosed(&directory, &variables).await;
        let found = check(&report, "database").clone();
        if found["status"] == "problem" {
            assert_eq!(report["verdict"], found["observed"], "{report:#}");
        }
        found
    };
    for (migrate, status) in [("true", "ok"), ("false", "problem"), ("true", "ok")] {
        let found = database(&url, migrate).await;
        assert_eq!(found["status"], status, "{found:#}");
        assert!(
            found.to_string().contains("0001"),
            "the missing migration: {found:#}"
        );
    }
    let found = database(&postgres::with_database("nowhere"), "true").await;
    assert_eq!(found["status"], "problem", "{found:#}");
    assert!(found.to_string().contains("`nowhere`"), "{found:#}");

    let nobody = format!("postgres://u:canary@127.0.0.1:{}/x", free_port().await);
    let found = database(&nobody, "true").await;
    assert_eq!(found["status"], "warning", "it would start: {found:#}");
    assert!(!found.to_string().contains("canary"));

    let running = Running::start(program(directory.path())).await;
    drop(running);
    let report = diagnosed(&directory, &[]).await;
    let found = check(&report, "database");
    assert_report("doctor_database_in_use", &sentences(found));
}

#[tokio::test]
async fn a_stopped_service_is_looked_at_without_a_trace() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = Running::start(program(directory.path())).await;
    running.signal("-TERM");
    assert!(running.ended().await.success());
    let files = || {
        let data = std::fs::read_dir(directory.path().join("data")).unwrap();
        let mut names: Vec<_> = data.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = files();
    let port = free_port().await.to_string();
    let report = report(command(&directory, &port, &["doctor", "--json"]), 1).await;
    let found = check(&report, "database");
    assert_eq!(found["status"], "ok", "{found:#}");
    assert_eq!(check(&report, "port")["status"], "ok");
    assert_eq!(files(), before);
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_directory_that_is_none_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("chatrace-webhook.db"), "x".repeat(4096)).unwrap();
    let port = free_port().await.to_string();
    let broken = report(command(&directory, &port, &["doctor", "--json"]), 1).await;
    let found = check(&broken, "database");
    assert_eq!(found["status"], "problem");
    let observed = found["observed"].as_str().unwrap();
    assert!(
        observed.contains("damaged, or no SQLite database: restore it from a backup"),
        "{observed}"
    );
    let output = run(command(&directory, "0", &["serve"])).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("restore it from a backup"), "{said}");

    let mut under_a_file = command(&directory, &port, &["doctor", "--json"]);
    under_a_file.env("DATA_DIR", data.join("chatrace-webhook.db/data"));
    let report = report(under_a_file, 1).await;
    for name in ["data_directory", "database"] {
        let found = check(&report, name);
        assert_eq!(found["status"], "problem", "{found:#}");
        assert!(
            found["observed"]
                .as_str()
                .unwrap()
                .contains("cannot be read"),
            "{found:#}"
        );
    }
}

/// A service that gives this report to who knows the token `right`.
async fn reporting(report: Report) -> Front {
    let diagnosis = async move |headers: HeaderMap| {
        if headers
            .get("authorization")
            .is_some_and(|token| token == "Bearer right")
        {
            Json(report.clone()).into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        }
    };
    let alive = async || Json(json!({ "status": "ok" }));
    let router = Router::new().route("/healthz", get(alive));
    Front::serving(router.route("/instagram/diagnosis", get(diagnosis))).await
}

fn well() -> Report {
    Report {
        status: Status::Ok,
        verdict: Text::default(),
        next_step: Text::default(),
        checks: vec![Check::ok("arrival", "Messages arrive.".to_owned().into())],
    }
}

#[tokio::test]
async fn what_the_service_sees_is_a_part_of_the_report() {
    let seen = Check {
        name: "near_misses".to_owned(),
        status: Status::Problem,
        observed: "3 requests hit /instagram/webhok (404).".to_owned().into(),
        meaning: "The URL is wrong.".to_owned().into(),
        next_step: "Check the URL.".to_owned().into(),
    };
    let service = reporting(Report {
        status: Status::Problem,
        verdict: "unused".to_owned().into(),
        next_step: Text::default(),
        checks: vec![seen],
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let mut doctor = command(&directory, &service.port.to_string(), &["doctor", "--json"]);
    doctor.env("API_TOKEN", "right");
    let whole = report(doctor, 1).await;
    assert_eq!(whole["status"], "problem");
    assert_eq!(whole["verdict"], "3 requests hit /instagram/webhok (404).");
    assert_eq!(whole["nextStep"], "Check the URL.");
    assert_eq!(check(&whole, "service")["status"], "ok");
}

#[tokio::test]
async fn warnings_alone_are_no_failure() {
    let service = reporting(well()).await;
    let directory = tempfile::tempdir().unwrap();
    let port = service.port.to_string();
    let mut doctor = command(&directory, &port, &["doctor", "--json"]);
    doctor.env("API_TOKEN", "right");
    assert_eq!(
        report(doctor, 0).await["verdict"],
        "All is well: messages arrive."
    );
    let mut doctor = command(&directory, &port, &["doctor", "--json"]);
    doctor
        .env("API_TOKEN", "right")
        .env("INSTAGRAM_ACCESS_TOKEN", "wrong form");
    assert_eq!(report(doctor, 0).await["status"], "warning");
}

#[rstest]
#[case("API_TOKEN", "right", 0)]
#[case("OTHER", "right", 0)]
#[case("API_TOKEN", "wrong", 1)]
#[tokio::test]
async fn the_token_is_taken_from_a_variable(
    #[case] variable: &str,
    #[case] token: &str,
    #[case] code: i32,
) {
    let service = reporting(well()).await;
    let url = format!("http://127.0.0.1:{}", service.port);
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["doctor", "--json", "--url", &url, "--token-env", variable];
    let mut doctor = command(&directory, "0", &arguments);
    doctor.env(variable, token);
    let report = report(doctor, code).await;
    let refused = check(&report, "service")["observed"].as_str().unwrap();
    assert_eq!(
        refused.contains("refuses this API token"),
        code == 1,
        "{refused}"
    );
}

#[tokio::test]
async fn what_cannot_run_is_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["doctor"],
        vec!["doctor", "--url", "ftp://x"],
        vec!["send-test", "--shape", "nothing"],
        vec!["send-test", "--count", "0"],
    ] {
        let output = run(command(&directory, "0", &arguments)).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        assert!(!output.stderr.is_empty());
    }
    let mut setup = command(&directory, "0", &["setup"]);
    setup.env("SPOOL", "perhaps");
    assert_eq!(run(setup).await.status.code(), Some(2));
}

#[tokio::test]
async fn setup_shows_this_configurations_steps() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = command(&directory, "3000", &["setup"]);
    setup
        .env("PUBLIC_URL", "https://hooks.shop.example")
        .env("WEBHOOK_SECRET", "canary");
    let text = printed(&run(setup).await, 0);
    for part in [
        "https://hooks.shop.example/instagram/webhook",
        "X-Webhook-Secret: (the value of WEBHOOK_SECRET)",
        "\"text\": \"{{last_input}}\"",
        "http://127.0.0.1:3000/instagram/messages?wait=30",
        "chatrace-webhook send-test",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("canary"));
    let json = report(command(&directory, "3000", &["setup", "--json"]), 0).await;
    assert_eq!(json["steps"].as_array().unwrap().len(), 5);
    assert!(
        json["steps"][0]["copy"]
            .as_str()
            .unwrap()
            .contains("cloudflared")
    );
}

#[rstest]
#[tokio::test]
async fn every_sample_becomes_what_its_description_says(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::with(backend, &[("WEBHOOK_SECRET", "s")]).await;
    let directory = tempfile::tempdir().unwrap();
    let list = printed(
        &run(command(&directory, "0", &["send-test", "--list"])).await,
        0,
    );
    let arguments = ["send-test", "--count", "2", "--json"];
    let send = || {
        let mut send = command(&directory, port_of(&app.base), &arguments);
        send.env("WEBHOOK_SECRET", "s");
        report(send, 0)
    };
    // Two runs send at the same moment.
    let (one, other) = tokio::join!(send(), send());
    let sent = [one, other].map(|report| report["sent"].as_array().unwrap().clone());
    let sent = sent.concat();
    assert_eq!(sent.len(), 4 * list.lines().count());
    let mut stored = 0;
    for one in &sent {
        let shape = one["shape"].as_str().unwrap();
        let outcome = one["outcome"].as_str().unwrap();
        let line = list
            .lines()
            .find(|line| line.split_whitespace().next() == Some(shape))
            .unwrap();
        assert!(
            line.contains(&format!(": {outcome}")),
            "{line}, but it was {outcome}"
        );
        assert_eq!((&one["kept"], &one["status"]), (&true.into(), &200.into()));
        stored += usize::from(outcome == "stored");
    }
    let messages = app.messages().await;
    assert_eq!(messages.len(), stored, "none was a duplicate");
    assert!(
        messages
            .iter()
            .all(|message| message["contactId"] == "send-test"),
        "{messages:#?}"
    );
}

#[tokio::test]
async fn a_test_message_that_is_not_kept_is_a_failure_with_its_reason() {
    let app = App::with(Backend::Sqlite, &[("WEBHOOK_SECRET", "s")]).await;
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["send-test", "--shape", "template"];
    let text = printed(
        &run(command(&directory, port_of(&app.base), &arguments)).await,
        1,
    );
    assert!(
        text.contains("1 of 1 not kept") && text.contains("A secret is needed"),
        "{text}"
    );
    let text = printed(
        &run(command(
            &directory,
            &free_port().await.to_string(),
            &arguments,
        ))
        .await,
        1,
    );
    assert!(text.contains("nothing listens there"), "{text}");
    let stranger = Front::answering(|| "It works!".into_response()).await;
    let text = printed(
        &run(command(&directory, &stranger.port.to_string(), &arguments)).await,
        1,
    );
    assert!(text.contains("not from this service"), "{text}");

    let mut signed = command(&directory, "0", &["send-test", "--shape", "meta", "--url"]);
    let meta = App::with(Backend::Sqlite, &[("META_APP_SECRET", "app")]).await;
    signed
        .arg(format!("{}/instagram/webhook", meta.base))
        .env("META_APP_SECRET", "app");
    assert!(printed(&run(signed).await, 0).contains("1 of 1 kept"));
}
