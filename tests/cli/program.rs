//! What the program says of itself, and how it fails at start.

use serde_json::Value;

use crate::support::process::{PATIENCE, program};

/// Runs it with some arguments, and answers the exit code, standard output and standard error.
async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.args(arguments).envs(environment.iter().copied());
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.expect("the program does not end").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn is_time(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok())
}

#[tokio::test]
async fn what_prevents_a_start_is_json_where_the_log_is_one_object_a_line() {
    let json = ("LOG_FORMAT", "json");
    let mistakes = [json, ("PORT", "canary"), ("DEDUPE_WINDOW", "ten")];
    let (code, _, printed) = run(&[], &mistakes).await;
    assert_eq!(code, Some(2), "{printed}");
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let variables: Vec<_> = lines.iter().map(|line| &line["variable"]).collect();
    assert_eq!(variables, ["PORT", "DEDUPE_WINDOW"]);
    for line in &lines {
        assert!(
            is_time(&line["timestamp"]) && line["level"] == "ERROR",
            "{line}"
        );
        assert_eq!(line["message"], "the configuration has a mistake");
    }
    let (code, _, printed) = run(&[], &[json, ("HOST", "192.0.2.1")]).await;
    assert_eq!(code, Some(2), "{printed}");
    let line = printed.lines().last().unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("cannot listen on 192.0.2.1"), "{message}");
}

#[tokio::test]
async fn it_describes_itself_whatever_the_environment_says() {
    let wrong = [("PORT", "canary")];
    for (arguments, text) in [
        (
            &["--version"][..],
            concat!("chatrace-webhook ", env!("CARGO_PKG_VERSION")),
        ),
        (&["completions", "bash"], "complete -F _chatrace__webhook"),
        (&["completions", "fish"], "complete -c chatrace-webhook"),
        (&["completions", "zsh"], "#compdef chatrace-webhook"),
        (&["man"], ".TH chatrace-webhook 1"),
        (&["help"], "send-test"),
        (&["help", "--help"], "Usage: chatrace-webhook help"),
        (&["help", "forward", "replay"], "--since"),
        (&["forward", "--help"], "replay"),
    ] {
        let (code, printed, error) = run(arguments, &wrong).await;
        assert_eq!(code, Some(0), "{arguments:?}: {error}");
        assert!(printed.contains(text), "{arguments:?}: {printed}");
    }
    let (code, _, error) = run(&["help", "canary"], &wrong).await;
    assert_eq!(code, Some(2), "{error}");
}
