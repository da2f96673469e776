//! No command prints what a terminal would obey: a server that answers in the service's place, a
//! customer, or Chatrace.

use std::collections::BTreeSet;
use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chatrace_webhook::cli::Cli;
use clap::CommandFactory as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::doctor::run;
use crate::support::process::{Running, program};

/// Clears a screen in three ways, turns the direction of writing, and begins a line.
const HOSTILE: &str = "canary\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}2J\u{202e}\u{2066}\u{61c}\u{8}\u{7f}\r\n\u{2028}forged";

/// Answers as a service would, with hostile texts in every place.
struct HostileServer {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl HostileServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, task }
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn message() -> Value {
    json!({
        "sentAt": HOSTILE, "direction": HOSTILE, "kind": HOSTILE, "displayName": HOSTILE, "text": HOSTILE,
        "attachments": [{ "type": HOSTILE, "url": HOSTILE }],
    })
}

async fn answer(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let check = json!({
        "name": HOSTILE, "status": "warning", "observed": HOSTILE, "meaning": HOSTILE, "nextStep": HOSTILE,
    });
    let ok = |body: Value| (StatusCode::OK, body.to_string()).into_response();
    let refused = (
        StatusCode::FORBIDDEN,
        json!({ "error": HOSTILE }).to_string(),
    );
    match request.uri().path() {
        "/healthz" if request.headers().contains_key("authorization") => refused.into_response(),
        "/healthz" => ok(json!({ "status": "ok" })),
        "/instagram/diagnosis" => ok(json!({
            "status": "warning", "verdict": HOSTILE, "nextStep": HOSTILE, "checks": [check],
        })),
        "/instagram/messages" if query.contains("after=m1") => refused.into_response(),
        "/instagram/messages" if query.contains("contactId=bad") => ok(json!({
            "messages": [], "nextCursor": HOSTILE, "caughtUp": true,
        })),
        "/instagram/messages" => ok(json!({
            "messages": [message()], "nextCursor": "m1", "caughtUp": true,
        })),
        "/instagram/webhook" => ok(json!({
            "success": true, "outcome": HOSTILE, "deliveryId": HOSTILE, "error": HOSTILE,
        })),
        "/instagram/destinations" => ok(json!({ "destinations": [{
            "name": HOSTILE, "host": HOSTILE, "state": HOSTILE, "failingSince": HOSTILE,
            "lastFailure": { "problem": HOSTILE }, "backlog": { "count": HOSTILE }, "retries": {}, "forwarded": HOSTILE,
        }] })),
        "/instagram/destinations/default/replay" => ok(json!({ "count": HOSTILE })),
        "/instagram/destinations/default/retry" => ok(json!({ "revived": HOSTILE })),
        "/accounts/me" => ok(json!({ "error": { "code": 1204, "message": HOSTILE } })),
        _ => refused.into_response(),
    }
}

#[track_caller]
fn assert_harmless(what: &str, printed: &str) {
    let obeyed = |letter: char| {
        letter.is_control() && letter != '\n'
            || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let found: Vec<_> = printed.chars().filter(|letter| obeyed(*letter)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {printed:?}");
    let forged = printed.lines().find(|line| line.starts_with("forged"));
    assert_eq!(forged, None, "{what}: {printed}");
}

/// Runs a command, and says whether it printed the hostile text.
async fn prints_hostile(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> bool {
    let mut command = program(directory);
    command.envs(variables.iter().copied()).args(arguments);
    let output = run(command).await;
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let printed = printed.join("\n");
    assert_harmless(&arguments.join(" "), &printed);
    printed.contains("canary")
}

#[tokio::test]
async fn no_command_prints_what_a_terminal_obeys() {
    let server = HostileServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let url = server.url.as_str();
    let port = url.rsplit(':').next().unwrap();
    let variables = [
        ("PORT", port),
        ("API_TOKEN", "t"),
        ("INSTAGRAM_API_URL", url),
        ("INSTAGRAM_ACCESS_TOKEN", "1700001.token"),
        ("FORWARD_URL", url),
    ];
    // Setup and the health check have nothing foreign to print, and the table of answers only codes.
    let cases: [(&[&str], bool); 23] = [
        (&["doctor", "--url", url], true),
        (&["doctor", "--json", "--url", url], true),
        (&["doctor", "--brief", "--url", url], true),
        (&["doctor"], true),
        (&["doctor", "--probe-polling"], false),
        (&["doctor", "--probe-polling", "--json"], false),
        (&["reprocess", "--url", url], true),
        (&["send-test", "--url", url], true),
        (&["send-test", "--json", "--url", url], true),
        (&["tail", "--url", url], true),
        (&["tail", "--json", "--url", url], true),
        (&["setup"], false),
        (&["healthcheck"], false),
        (&["forward", "--url", url, "status"], true),
        (&["forward", "--url", url, "status", "--json"], true),
        (&["forward", "--url", url, "replay"], true),
        (&["forward", "--url", url, "retry"], true),
        (&["forward", "--url", url, "pause"], true),
        (&["forward", "test"], true),
        (&["tail", "--url", url, "--forward-to", url], true),
        (&["migrate", "--json"], false),
        (&["backup", "copy"], false),
        (&["restore", "copy"], false),
    ];
    let mut tested = BTreeSet::from(["serve", "export", "completions", "help", "man"]);
    for (arguments, shows_it) in cases {
        let shown = prints_hostile(directory.path(), &variables, arguments).await;
        assert_eq!(shown, shows_it, "{arguments:?}");
        tested.insert(arguments[0]);
    }
    let command = Cli::command();
    let all = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(tested, all, "each command is tried");
}

#[tokio::test]
async fn a_cursor_that_is_none_is_not_written() {
    let server = HostileServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "tail",
        "--url",
        &server.url,
        "--token",
        "t",
        "--cursor-file",
        "cursor",
    ];
    let filter = ["--contact-id", "bad"];
    let mut command = program(directory.path());
    command.args(arguments).args(filter);
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!directory.path().join("cursor").exists());
}

#[tokio::test]
async fn neither_the_log_nor_an_export_holds_what_a_terminal_obeys() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.envs([("LOG_BODIES", "true"), ("API_TOKEN", "t")]);
    let mut running = Running::start(command).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let hook = format!("{}/instagram/webhook", running.base);
    let message =
        json!({ "contact_id": "1", "full_name": HOSTILE, "username": HOSTILE, "text": HOSTILE });
    let bodies = [
        message.to_string(),
        format!("{{\"contact_id\":\"1\",\"text\":\"{{{{{HOSTILE}}}}}\"}}"),
        format!("not JSON {HOSTILE}"),
    ];
    for body in bodies {
        let request = client
            .post(&hook)
            .header("content-type", "application/json");
        request.body(body).send().await.unwrap();
    }
    running.signal("-TERM");
    assert!(running.ended().await.success());
    let log = running.printed.join("\n");
    assert!(log.contains("canary"), "{log}");
    assert_harmless("the log", &log);
    let export = ["export", "--format", "jsonl"];
    assert!(prints_hostile(directory.path(), &[], &export).await);
}
