//! `chatrace-webhook tail` follows a running service.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use crate::support::destination::{SECRET, TestDestination};
use crate::support::process::{PATIENCE, Running, program};
use crate::support::wait::eventually;
use crate::support::{App, Backend, TOKEN};

/// The command while it runs.
struct Tail {
    child: Child,
    printed: Lines<BufReader<ChildStdout>>,
    said: Lines<BufReader<ChildStderr>>,
}

impl Tail {
    fn start(directory: &Path, base: &str, arguments: &[&str]) -> Self {
        Self::run(program(directory), base, arguments)
    }

    fn run(mut command: Command, base: &str, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["tail", "--url", base, "--token", TOKEN])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            printed: BufReader::new(child.stdout.take().unwrap()).lines(),
            said: BufReader::new(child.stderr.take().unwrap()).lines(),
            child,
        }
    }

    async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.printed.next_line()).await;
        line.expect("nothing is printed").unwrap().unwrap()
    }

    /// Reads on until something with this text is said.
    async fn says(&mut self, text: &str) {
        let reading = async {
            while let Some(line) = self.said.next_line().await.unwrap() {
                if line.contains(text) {
                    return;
                }
            }
            panic!("`{text}` is never said");
        };
        timeout(PATIENCE, reading).await.unwrap();
    }

    /// Interrupts it, as Ctrl-C does.
    async fn interrupt(mut self) -> std::process::ExitStatus {
        let id = self.child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(kill.unwrap().success());
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

/// Waits until a file is there and says something else than before.
async fn changed(file: &Path, before: &str) -> String {
    let ask = async || std::fs::read_to_string(file).unwrap_or_else(|_| before.to_owned());
    eventually("the cursor moves", ask, |now| now != before).await
}

#[tokio::test]
async fn what_comes_is_shown_and_a_cursor_file_goes_on_where_it_ended() {
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let cursor = directory.path().join("cursor");
    let post = |text: &'static str| {
        app.post(format!(
            r#"{{"contact_id":"1","full_name":"Ana\u001b[2J","text":"{text}"}}"#
        ))
    };
    let _ = post("before").await.ok();
    let mut tail = Tail::start(directory.path(), &app.base, &["--cursor-file", "cursor"]);
    let begin = changed(&cursor, "").await;
    let _ = post("while it runs").await.ok();
    let line = tail.line().await;
    assert!(line.ends_with(r"← Ana\u001b[2J: while it runs"), "{line}");
    changed(&cursor, &begin).await;
    assert_eq!(tail.interrupt().await.code(), Some(0));

    let _ = post("while it is away").await.ok();
    let _ = app
        .post(r#"{"contact_id":"1","text":"out","direction":"out"}"#)
        .await
        .ok();
    let arguments = [
        "--cursor-file",
        "cursor",
        "--json",
        "--direction",
        "inbound",
    ];
    let mut tail = Tail::start(directory.path(), &app.base, &arguments);
    let message: serde_json::Value = serde_json::from_str(&tail.line().await).unwrap();
    assert_eq!(message["text"], "while it is away");
    assert_eq!(message, app.messages().await[2]);
    let _ = post("last").await.ok();
    assert!(tail.line().await.contains("\"last\""));
    assert_eq!(tail.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn times_are_in_the_zone_of_the_machine_and_tail_says_which_it_is() {
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let body = r#"{"contact_id":"1","text":"hi","timestamp":"2026-11-22T22:21:22Z"}"#;
    let _ = app.post(body).await.ok();
    for (zone, said, printed) in [
        (
            "Europe/Moscow",
            "Время указано в поясе Europe/Moscow (UTC+03:00)",
            "2026-11-23 01:21:22",
        ),
        (
            "UTC",
            "Время указано в поясе UTC (UTC+00:00)",
            "2026-11-22 22:21:22",
        ),
        (
            "MSK-3",
            "Время указано в поясе UTC+03:00",
            "2026-11-23 01:21:22",
        ),
    ] {
        let mut command = program(directory.path());
        command.env("TZ", zone).env("LANG", "ru_RU.UTF-8");
        let mut tail = Tail::run(command, &app.base, &["--since", "1d"]);
        tail.says(said).await;
        let line = tail.line().await;
        assert_eq!(line, format!("{printed} ← 1: hi"));
        assert_eq!(tail.interrupt().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_service_that_goes_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let serve = |port: &str| {
        let mut command = program(directory.path());
        command
            .arg("serve")
            .env("API_TOKEN", TOKEN)
            .env("PORT", port);
        command
    };
    let mut server = Running::start(serve("0")).await;
    let base = server.base.clone();
    let mut tail = Tail::start(directory.path(), &base, &["--cursor-file", "cursor"]);
    changed(&directory.path().join("cursor"), "").await;
    server.signal("-TERM");
    assert!(server.ended().await.success());
    tail.says("trying again in").await;
    let number = base.rsplit(':').next().unwrap();
    let again = Running::start(serve(number)).await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let post = client
        .post(format!("{}/instagram/webhook", again.base))
        .body(r#"{"contact_id":"1","text":"after the pause"}"#);
    assert_eq!(post.send().await.unwrap().status(), 200);
    assert!(tail.line().await.ends_with("← 1: after the pause"));
    tail.says("answers again").await;
    assert_eq!(tail.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn what_will_not_change_ends_it_with_a_sentence() {
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &'static [&'static str]| {
        let mut command = program(directory.path());
        command
            .arg("tail")
            .args(["--url", &app.base])
            .args(arguments);
        async move { command.output().await.unwrap() }
    };
    let wrong = run(&["--token", "wrong"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        String::from_utf8(wrong.stderr)
            .unwrap()
            .contains("answers 401")
    );
    std::fs::write(directory.path().join("theirs"), "d4\n").unwrap();
    let foreign = run(&["--token", TOKEN, "--cursor-file", "theirs"]).await;
    assert_eq!(foreign.status.code(), Some(1));
    let sentence = String::from_utf8(foreign.stderr).unwrap();
    assert!(
        sentence.contains("theirs does not contain a cursor"),
        "{sentence}"
    );
    let none = run(&[]).await;
    assert_eq!(none.status.code(), Some(2));
    assert!(
        String::from_utf8(none.stderr)
            .unwrap()
            .contains("no API token")
    );
    // A token file that is of no use is no token, and no missing one.
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for (token, problem) in [(" \n", "is empty"), ("tökn", "no header can carry")] {
        std::fs::write(data.join("api_token"), token).unwrap();
        let unfit = run(&[]).await;
        assert_eq!(unfit.status.code(), Some(2));
        let sentence = String::from_utf8(unfit.stderr).unwrap();
        assert!(
            sentence.contains("data/api_token") && sentence.contains(problem),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn a_port_that_nobody_knows_has_to_be_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.args(["tail", "--token", TOKEN]).env("PORT", "0");
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("--url"), "{sentence}");
}

#[tokio::test]
async fn a_handler_gets_each_message_signed_and_its_answer_is_shown() {
    let destination = TestDestination::start().await;
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    app.post(r#"{"contact_id":"1","text":"first"}"#).await.ok();
    let mut child = program(directory.path())
        .args(["tail", "--url", &app.base, "--token", TOKEN])
        .args([
            "--since",
            "2026-01-01T00:00:00Z",
            "--forward-to",
            &destination.url,
        ])
        .env("FORWARD_SECRET", SECRET)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let got = destination.accepted(1).await;
    got[0].assert_signed();
    assert_eq!(got[0].json()["data"], app.messages().await[0]);
    let mut next = async || {
        timeout(PATIENCE, printed.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
    };
    assert!(next().await.ends_with("1: first"));
    assert!(next().await.starts_with("  204 No Content after "));
    destination.answer_all(500);
    app.post(r#"{"contact_id":"1","text":"second"}"#).await.ok();
    assert!(next().await.ends_with("1: second"));
    let answer = next().await;
    assert!(
        answer.contains("500 Internal Server Error") && answer.contains("because of"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_command_that_fails_keeps_the_cursor_before_its_message() {
    let app = App::start(Backend::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    for text in ["good", "bad", "last"] {
        app.post(format!(r#"{{"contact_id":"1","text":"{text}"}}"#))
            .await
            .ok();
    }
    let run = async |command: &str| {
        let output = program(directory.path())
            .args([
                "tail",
                "--url",
                &app.base,
                "--token",
                TOKEN,
                "--cursor-file",
                "cursor",
            ])
            .args(["--since", "2026-01-01T00:00:00Z", "--exec", command])
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output();
        let output = timeout(PATIENCE, output)
            .await
            .expect("it does not end")
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (printed, said) = run("read line; echo \"$line\"; case $line in *bad*) exit 3; esac").await;
    assert_eq!(printed.lines().count(), 2, "{printed}");
    assert!(
        said.contains("the command ended with exit status: 3 for message"),
        "{said}"
    );
    // It begins with the same message again.
    let (printed, _) = run("read line; echo \"$line\"; case $line in *last*) exit 1; esac").await;
    let texts: Vec<_> = printed.lines().collect();
    assert!(
        texts[0].contains("bad") && texts[1].contains("last"),
        "{printed}"
    );
}
