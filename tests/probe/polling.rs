//! The polling question.

use std::time::Duration;

use chatrace_webhook::diagnose::Status;
use chatrace_webhook::probe::chatrace_api::ChatraceApi;
use chatrace_webhook::probe::polling::{Matrix, Pace, REQUESTS, probe_polling};

use crate::cli::doctor::{printed, run};
use crate::support::chatrace::{Behaviour, CHATRACE_TOKEN, Chatrace};
use crate::support::process::program;
use crate::support::report::{assert_report, case};

async fn tried(api: &Chatrace, token: &str) -> Matrix {
    let client = ChatraceApi::new(&api.url, &token.into()).unwrap();
    let pace = Pace {
        pause: Duration::ZERO,
        after_limit: Duration::ZERO,
    };
    let mut told = 0;
    let matrix = probe_polling(&client, pace, |done| told = done).await;
    assert_eq!(told, matrix.tried.len());
    matrix
}

#[tokio::test]
async fn every_path_is_tried_in_every_way_and_none_has_messages() {
    let api = Chatrace::start(Behaviour::Well).await;
    let matrix = tried(&api, CHATRACE_TOKEN).await;
    assert_eq!(matrix.tried.len(), REQUESTS);
    assert_eq!(api.asked().len(), REQUESTS + 1);
    assert_eq!(matrix.status, Status::Ok);
    assert_report("polling", &conclusion(&matrix));
    assert!(!serde_json::to_string(&matrix).unwrap().contains("canary"));
}

#[tokio::test]
async fn a_limit_is_waited_for() {
    let api = Chatrace::start(Behaviour::LimitOnce).await;
    assert_eq!(tried(&api, CHATRACE_TOKEN).await.status, Status::Ok);
    assert_eq!(api.asked().len(), REQUESTS + 2);
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_proved() {
    let cases = [
        (Behaviour::Well, "1700001.wrong"),
        (Behaviour::Broken, CHATRACE_TOKEN),
        (Behaviour::LimitInside, CHATRACE_TOKEN),
        (Behaviour::Html, CHATRACE_TOKEN),
        (Behaviour::ErrorInside, CHATRACE_TOKEN),
        (Behaviour::TextInside, CHATRACE_TOKEN),
    ];
    let mut text = String::new();
    for (behaviour, token) in cases {
        let api = Chatrace::start(behaviour).await;
        let matrix = tried(&api, token).await;
        assert_eq!(matrix.status, Status::Problem);
        // What the API refuses is shown; where it gives no answer, there is nothing to show.
        let is_refused = matches!(
            behaviour,
            Behaviour::Well | Behaviour::ErrorInside | Behaviour::TextInside
        );
        let shown = if is_refused { REQUESTS } else { 0 };
        assert_eq!(matrix.tried.len(), shown, "{behaviour:?}");
        text += &case(&format!("{behaviour:?}"), &conclusion(&matrix));
    }
    assert_report("polling_unproved", &text);
}

fn conclusion(matrix: &Matrix) -> String {
    format!("{}\n→ {}\n", matrix.verdict, matrix.next_step)
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
    assert!(text.contains("chatrace-webhook setup"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&printed(&json, 0)).unwrap();
    assert_eq!(json["tried"].as_array().unwrap().len(), REQUESTS);
    assert!(!format!("{plain:?}{json}").contains("canary"));

    let mut refused = command(&[]);
    refused.env("INSTAGRAM_ACCESS_TOKEN", "1700001.wrong");
    let text = printed(&run(refused).await, 1);
    let row = |line: &&str| line.starts_with("/v1/messages") && line.matches("401").count() == 7;
    assert!(text.lines().any(|line| row(&line)), "{text}");
    assert!(text.contains("The token itself is refused"), "{text}");

    let mut without = program(directory.path());
    without.args(["doctor", "--probe-polling"]);
    let refused = run(without).await;
    assert_eq!(refused.status.code(), Some(2));
}
