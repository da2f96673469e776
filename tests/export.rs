//! Everything as a file: from the API, and by the command that reads the database itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use reqwest::Method;
use rstest::rstest;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::support::process::{Running, program};
use crate::support::wait::eventually;
use crate::support::{App, Backend, TOKEN, fill, postgres};

const BODIES: [&str; 3] = [
    r#"{"contact_id":"17841400538867190","text":"=cmd|' /C calc'!A0","full_name":"Ana, \"the\" buyer"}"#,
    r#"{"contact_id":"2","text":"two\nlines; ünïcode 🎉"}"#,
    r#"{"contact_id":"2","action":"confirm"}"#,
];

#[rstest]
#[tokio::test]
async fn a_file_has_what_the_list_has(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
) {
    let app = App::start(backend).await;
    for body in BODIES {
        assert_eq!(app.post(body).await.ok()["outcome"], "stored");
    }
    let answer = app.get("/instagram/messages/export?format=jsonl").await;
    assert_eq!(answer.headers["content-type"], "application/jsonl");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"messages.jsonl\""
    );
    let lines: Vec<Value> = answer
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, app.messages().await);

    let answer = app.get("/instagram/messages/export?format=csv").await;
    let table = answer.text.strip_prefix('\u{feff}').unwrap();
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let columns = reader.headers().unwrap().clone();
    assert_eq!(
        columns.iter().collect::<Vec<_>>(),
        lines[0].as_object().unwrap().keys().collect::<Vec<_>>(),
        "the columns are the keys of a message"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    for (row, message) in rows.iter().zip(&lines) {
        for (column, cell) in columns.iter().zip(row) {
            let plain = match &message[column] {
                Value::Null => String::new(),
                Value::Array(all) if all.is_empty() => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), plain);
        }
    }
    assert_eq!((rows.len(), &rows[0][11]), (3, "'=cmd|' /C calc'!A0"));
    assert_eq!(&rows[0][6], "'17841400538867190");
    assert!(answer.text.contains(r#""Ana, ""the"" buyer""#));

    let commas = rows;
    let answer = app
        .get("/instagram/messages/export?format=csv&separator=%3B")
        .await;
    assert_eq!(
        answer.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    let table = answer.text.strip_prefix('\u{feff}').unwrap();
    assert!(table.starts_with("id;position;channel;"), "{table}");
    let reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_reader(table.as_bytes());
    let rows: Vec<_> = reader.into_records().map(Result::unwrap).collect();
    assert_eq!(rows, commas);
    for wrong in ["format=jsonl&separator=%3B", "format=csv&separator=%7C"] {
        let path = format!("/instagram/messages/export?{wrong}");
        let answer = app.get(&path).await.with(400);
        assert!(
            answer["error"].as_str().unwrap().contains("separator"),
            "{answer}"
        );
    }

    let one = app
        .get("/instagram/messages/export?format=jsonl&kind=postback")
        .await;
    assert_eq!(one.text.lines().count(), 1);
    let _ = app.get("/instagram/messages/export").await.with(400);
    let _ = app
        .get("/instagram/messages/export?format=xls")
        .await
        .with(400);
}

#[tokio::test]
async fn a_file_that_breaks_off_does_not_look_complete() {
    let url = postgres::fresh_database().await;
    let on = || App::on(Arc::new(tempfile::tempdir().unwrap()), Some(&url), &[]);
    on().await.stop().await;
    // More than fits into the buffers between here and there.
    fill::postgres(&url, 20_000, "repeat('x', 4000)").await;
    let app = on().await;
    let mut response = app
        .request(Method::GET, "/instagram/messages/export?format=jsonl")
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.chunk().await.unwrap().is_some());
    postgres::close(&url).await;
    let cut = loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(cut);
    // One that is not begun is refused.
    let _ = app
        .get("/instagram/messages/export?format=csv")
        .await
        .with(503);
}

#[tokio::test]
async fn a_service_that_stops_does_not_wait_for_a_file() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    App::on(directory.clone(), None, &[]).await.stop().await;
    fill::sqlite(&directory.path().join("chatrace-webhook.db"), 100_000).await;
    let app = App::on(directory, None, &[]).await;
    let mut response = app
        .request(Method::GET, "/instagram/messages/export?format=jsonl")
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    let reading = async {
        while response.chunk().await?.is_some() {}
        Ok::<_, reqwest::Error>(())
    };
    let stopping = async {
        app.stop().await;
    };
    let (read, ()) = tokio::join!(reading, stopping);
    assert!(read.is_err(), "it looks complete");
}

#[tokio::test]
async fn the_command_reads_a_database_that_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let server = Running::start({
        let mut command = program(directory.path());
        command.arg("serve").env("API_TOKEN", TOKEN);
        command
    })
    .await;
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    for body in BODIES {
        let post = client.post(format!("{}/instagram/webhook", server.base));
        assert_eq!(post.body(body).send().await.unwrap().status(), 200);
    }
    let export = |arguments: &[&str]| {
        let mut command = program(directory.path());
        command.arg("export").args(arguments);
        async move { command.output().await.unwrap() }
    };
    let all = export(&["--format", "jsonl"]).await;
    assert!(all.status.success(), "{all:?}");
    assert_eq!(String::from_utf8(all.stdout).unwrap().lines().count(), 3);
    assert_eq!(
        String::from_utf8(all.stderr).unwrap(),
        "3 messages exported\n"
    );

    let arguments = [
        "--format",
        "csv",
        "--contact-id",
        "2",
        "-q",
        "LINES",
        "--output",
        "out.csv",
    ];
    let some = export(&arguments).await;
    assert!(some.status.success(), "{some:?}");
    assert_eq!(
        String::from_utf8(some.stderr).unwrap(),
        "1 messages exported\n"
    );
    let file = std::fs::read(directory.path().join("out.csv")).unwrap();
    assert!(file.starts_with(b"\xef\xbb\xbfid,position,"));
    assert_eq!(parts(directory.path()), Vec::<PathBuf>::new());

    for (wrong, says) in [("nowhere/out.csv", "No such file"), (".", "is a directory")] {
        let wrong = export(&["--format", "csv", "--output", wrong]).await;
        assert_eq!(wrong.status.code(), Some(2));
        let sentence = String::from_utf8(wrong.stderr).unwrap();
        assert!(sentence.contains(says), "{sentence}");
    }
    let device = export(&["--format", "jsonl", "--output", "/dev/stdout"]).await;
    assert!(device.status.success(), "{device:?}");
    assert_eq!(String::from_utf8(device.stdout).unwrap().lines().count(), 3);
}

/// The files of exports that are not complete.
fn parts(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "part")
        })
        .collect()
}

#[tokio::test]
async fn the_command_says_what_it_cannot_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    let output = command.args(["export", "--format", "csv"]).output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(
        sentence.contains("chatrace-webhook.db") && sentence.contains("set DATA_DIR"),
        "{sentence}"
    );
}

#[tokio::test]
async fn an_interrupted_command_leaves_nothing() {
    for signal in ["-INT", "-TERM"] {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let path = directory.path();
        App::on(directory.clone(), None, &[]).await.stop().await;
        fill::sqlite(&path.join("chatrace-webhook.db"), 100_000).await;
        std::fs::write(path.join("out.jsonl"), "old").unwrap();
        let mut child = program(path)
            .args(["export", "--format", "jsonl", "--output", "out.jsonl"])
            .env("DATA_DIR", path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let length = |part: &PathBuf| std::fs::metadata(part).map_or(0, |part| part.len());
        let ask = async || parts(path).iter().map(length).sum::<u64>();
        eventually("it writes", ask, |length| *length > 0).await;
        let id = child.id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().await.unwrap().code(), Some(1));
        let mut sentence = String::new();
        let mut said = child.stderr.take().unwrap();
        said.read_to_string(&mut sentence).await.unwrap();
        assert!(
            sentence.contains("interrupted: out.jsonl was not written"),
            "{sentence}"
        );
        assert_eq!(
            std::fs::read_to_string(path.join("out.jsonl")).unwrap(),
            "old"
        );
        assert_eq!(parts(path), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let mut peaks = Vec::new();
    for count in [5_000, 100_000] {
        let directory = tempfile::tempdir().unwrap();
        let data = Arc::new(tempfile::tempdir_in(directory.path()).unwrap());
        App::on(data.clone(), None, &[]).await.stop().await;
        fill::sqlite(&data.path().join("chatrace-webhook.db"), count).await;
        peaks.push(peak_of_an_export(data.path(), count as usize).await);
    }
    // In kB.
    assert!(peaks[1] < peaks[0] + 8 * 1024, "{peaks:?}");
}

/// Exports, and answers the most memory that it took, in kB, up to the last few lines.
async fn peak_of_an_export(data: &std::path::Path, count: usize) -> u64 {
    let mut child = program(data)
        .args(["export", "--format", "jsonl"])
        .env("DATA_DIR", data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let (mut lines, mut peak) = (0, 0);
    loop {
        let length = output.read(&mut buffer).await.unwrap();
        if length == 0 {
            break;
        }
        lines += buffer[..length].split(|byte| *byte == b'\n').count() - 1;
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap()));
        let most = status.unwrap_or_default().lines().find_map(|line| {
            let kilobytes = line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?;
            kilobytes.trim().parse().ok()
        });
        peak = most.unwrap_or(peak);
    }
    assert_eq!(lines, count);
    assert!(child.wait().await.unwrap().success());
    assert!(peak > 0);
    peak
}
