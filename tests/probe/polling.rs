//! The polling question.

use std::time::Duration;

use chatrace_webhook::diagnose::Status;
use chatrace_webhook::diagnose::chatrace_api::ChatraceApi;
use chatrace_webhook::diagnose::polling::{Matrix, Pace, QUESTIONS, probe};

use rstest::rstest;

use crate::cli::doctor::{printed, run};
use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::process::program;

async fn tried(api: &Chatrace, token: &str) -> Matrix {
    let client = ChatraceApi::new(&api.url, &token.into()).unwrap();
    let pace = Pace {
        pause: Duration::ZERO,
        after_limit: Duration::ZERO,
    };
    let mut told = 0;
    let matrix = probe(&client, pace, |done| told = done).await;
    assert_eq!(told, matrix.tried.len());
    matrix
}

#[tokio::test]
async fn every_path_is_tried_in_every_way_and_none_has_messages() {
    let api = Chatrace::start(Behaviour::Well).await;
    let matrix = tried(&api, CHATRACE_TOKEN).await;
    assert_eq!(matrix.tried.len(), QUESTIONS);
    assert_eq!(api.asked().len(), QUESTIONS + 1);
    assert_eq!(matrix.status, Status::Ok);
    assert!(
        matrix.verdict.contains("none of 49 questions") && matrix.verdict.contains("42 times 401"),
        "{}",
        matrix.verdict
    );
    assert!(matrix.next_step.contains("chatrace-webhook setup"));
    assert!(!serde_json::to_string(&matrix).unwrap().contains("canary"));
}

#[tokio::test]
async fn a_limit_is_waited_for() {
    let api = Chatrace::start(Behaviour::LimitOnce).await;
    assert_eq!(tried(&api, CHATRACE_TOKEN).await.status, Status::Ok);
    assert_eq!(api.asked().len(), QUESTIONS + 2);
}

#[tokio::test]
async fn what_was_not_answered_proves_nothing() {
    let api = Chatrace::start(Behaviour::Well).await;
    let matrix = tried(&api, "1700001.wrong").await;
    assert_eq!(matrix.status, Status::Problem);
    assert!(
        matrix
            .verdict
            .contains("not accepted at /accounts/me (401)"),
        "{}",
        matrix.verdict
    );
    assert!(matrix.tried.is_empty());
}

#[rstest]
#[case(Behaviour::Broken, "The API gave no answer about the token (502)")]
#[case(
    Behaviour::LimitInside,
    "The API gave no answer about the token (limit)"
)]
#[case(Behaviour::Html, "The API gave no answer about the token (no JSON)")]
#[case(
    Behaviour::ErrorInside,
    "The token is not accepted at /accounts/me (error 1204)"
)]
#[case(
    Behaviour::TextInside,
    "The token is not accepted at /accounts/me (error)"
)]
#[tokio::test]
async fn an_outage_is_no_fault_of_the_token(#[case] behaviour: Behaviour, #[case] sentence: &str) {
    let api = Chatrace::start(behaviour).await;
    let matrix = tried(&api, CHATRACE_TOKEN).await;
    assert_eq!(matrix.status, Status::Problem);
    assert!(matrix.verdict.contains(sentence), "{}", matrix.verdict);
    assert!(matrix.tried.is_empty());
}

#[tokio::test]
async fn the_program_prints_the_matrix_and_never_the_token() {
    let api = Chatrace::start(Behaviour::Well).await;
    let directory = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let mut command = program(directory.path());
        command
            .env("INSTAGRAM_API_URL", &api.url)
            .env("INSTAGRAM_ACCESS_TOKEN", CHATRACE_TOKEN)
            .args(["doctor", "--probe-polling"])
            .args(arguments);
        command
    };
    let (plain, json) = tokio::join!(run(command(&[])), run(command(&["--json"])));
    let text = printed(&plain, 0);
    let line = text
        .lines()
        .find(|line| line.starts_with("/v1/messages"))
        .unwrap();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "/v1/messages",
            "404",
            "401",
            "401",
            "401",
            "401",
            "401",
            "401"
        ]
    );
    assert!(text.contains("Polling cannot work"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&printed(&json, 0)).unwrap();
    assert_eq!(json["tried"].as_array().unwrap().len(), QUESTIONS);
    assert!(!format!("{plain:?}{json}").contains("canary"));

    let mut without = program(directory.path());
    without.args(["doctor", "--probe-polling"]);
    let refused = run(without).await;
    assert_eq!(refused.status.code(), Some(2));
}
