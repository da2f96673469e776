//! The examples of handlers, which verify signatures with the public packages, and so does everybody's.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::post;
use crate::support::destination::SECRET;
use crate::support::process::PATIENCE;
use crate::support::{App, Backend};

struct Handler {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Handler {
    async fn start(mut command: Command) -> Self {
        let child = command
            .env("FORWARD_SECRET", SECRET)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut handler = Self {
            _child: child,
            lines,
            url: String::new(),
        };
        let line = handler.next().await;
        let port = line.strip_prefix("listening on ").unwrap();
        handler.url = format!("http://127.0.0.1:{port}/");
        handler
    }

    async fn next(&mut self) -> String {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("no line came").unwrap().unwrap()
    }
}

/// Runs where `scripts/test` has found or installed the packages; it says so if it has not.
#[tokio::test]
async fn the_examples_take_what_is_signed_and_refuse_what_is_not() {
    let Some(packages) = std::env::var_os("TEST_HANDLERS") else {
        return;
    };
    let packages = Path::new(&packages);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/handlers");
    // An import begins beside the file that has it.
    let copy = packages.join("handler.mjs");
    std::fs::copy(examples.join("handler.mjs"), &copy).unwrap();
    let mut node = Command::new("node");
    node.arg(copy);
    let mut python = Command::new(packages.join("venv/bin/python"));
    python.arg(examples.join("handler.py"));
    for command in [node, python] {
        let mut handler = Handler::start(command).await;
        let signed = [("FORWARD_URL", &*handler.url), ("FORWARD_SECRET", SECRET)];
        let app = App::with(Backend::Sqlite, &signed).await;
        post(&app, "1", "Está en stock? «да» 🎉").await;
        assert_eq!(
            handler.next().await,
            "message.received 1: Está en stock? «да» 🎉"
        );
        app.stop().await;

        let wrong = [
            ("FORWARD_URL", &*handler.url),
            ("FORWARD_SECRET", "whsec_YQ=="),
        ];
        let app = App::with(Backend::Sqlite, &wrong).await;
        post(&app, "1", "forged").await;
        let refused = |one: &serde_json::Value| one["lastFailure"]["status"] == 401;
        crate::support::destination::destination_where(&app, "default", refused).await;
        app.stop().await;
    }
}

#[tokio::test]
async fn an_alert_is_verified_by_the_public_package() {
    let Some(packages) = std::env::var_os("TEST_HANDLERS") else {
        return;
    };
    let packages = Path::new(&packages);
    let copy = packages.join("alerts.mjs");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/handlers/handler.mjs");
    std::fs::copy(example, &copy).unwrap();
    let mut node = Command::new("node");
    node.arg(copy);
    let mut handler = Handler::start(node).await;
    let variables = [
        ("ALERT_URL", &*handler.url),
        ("ALERT_SECRET", SECRET),
        ("SILENCE_AFTER", "500ms"),
    ];
    let app = App::with(Backend::Sqlite, &variables).await;
    post(&app, "1", "hi").await;
    assert_eq!(handler.next().await, "silence.began undefined: undefined");
    app.stop().await;
}
