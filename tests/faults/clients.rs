//! Clients that come in masses, go away in the middle, or take their time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use chatrace_webhook::config::Limits;
use futures_util::future::join_all;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::faults::ledger::sent_log::Rows;
use crate::faults::ledger::server::Server;
use crate::support::process::{PATIENCE, Running, path, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::wait::{eventually, eventually_within};
use crate::support::{Answer, App, Backend, TOKEN, postgres};

/// The size of one body of a flood; how many of them, with what is read from them, fill the queue; and how many more
/// come in each wave.
const LARGE: usize = 512 * 1024;
const FILLING: usize = 64;
const WAVE: usize = 64;
const WAVES: usize = 8;
/// How much memory may still grow once the queue is full: by half of what the following waves bring.
const GROWTH: u64 = ((WAVES - 2) * WAVE * LARGE / 2) as u64;

/// The resident memory of a process, in bytes.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Waits until the server has its database: on a busy machine it serves before that.
async fn is_ready(server: &Server) {
    let url = format!("{}/readyz", *server.base().borrow());
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let asking = async {
        while client.get(&url).send().await.unwrap().status() != StatusCode::OK {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("it is never ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
async fn a_flood_without_a_database_is_refused_in_time_and_in_little_memory() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let server = Server::start(Some(&through), &[("SPOOL", "off")]).await;
    is_ready(&server).await;
    let webhook = format!("{}/instagram/webhook", *server.base().borrow());
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let body = |size: usize| {
        let body = json!({ "contact_id": "1", "text": "x".repeat(size) });
        bytes::Bytes::from(body.to_string())
    };
    let (small, large) = (body(1), body(LARGE));
    let post = |body: &bytes::Bytes| client.post(&webhook).body(body.clone());
    assert_eq!(post(&small).send().await.unwrap().status(), StatusCode::OK);
    proxy.set(Network::Frozen);
    let mut flood = JoinSet::new();
    let mut full = 0;
    for wave in 0..=WAVES {
        // The first wave also fills the queue and stays there; every other answer takes only a moment.
        let number = if wave == 0 { FILLING + WAVE } else { WAVE };
        for _ in 0..number {
            let post = post(&large);
            flood.spawn(async move {
                let began = Instant::now();
                (post.send().await.unwrap(), began.elapsed())
            });
        }
        for _ in 0..WAVE {
            let (answer, took) = flood.join_next().await.unwrap().unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers().contains_key("retry-after"));
            assert!(took < Duration::from_secs(30), "{took:?}");
        }
        // What a wave needs besides the queue is known after the second.
        if wave < 2 {
            full = memory(&server);
        }
    }
    let grown = memory(&server).saturating_sub(full);
    assert!(grown < GROWTH, "it grew by {} MiB", grown / 1024 / 1024);
    drop(flood);
    proxy.set(Network::Up);
    // What waited is written after all, and then there is room again. It is 64 MB: a busy machine takes its time.
    let ask = async || post(&small).send().await.unwrap().status();
    let is_stored = |status: &StatusCode| *status == StatusCode::OK;
    eventually_within(2 * PATIENCE, "there is room", ask, is_stored).await;
}

fn many_items() -> Value {
    json!(vec![json!({ "contact_id": "1", "text": "a" }); 10_000])
}

/// Messages of one person with many long ids.
fn one_person() -> Value {
    let mut body = json!({ "messages": vec![json!({ "text": "a" }); 10_000] });
    for number in 0..20 {
        body[format!("phone{}", "_".repeat(number))] = json!(format!("1{number:0500}"));
    }
    body
}

/// A small body with thousands of items takes far more memory than itself while it waits.
#[rstest]
#[case::many_items(many_items())]
#[case::one_person(one_person())]
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
async fn a_flood_of_items_in_small_bodies_takes_little_memory(#[case] items: Value) {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let server = Server::start(Some(&through), &[("SPOOL", "off")]).await;
    is_ready(&server).await;
    let webhook = format!("{}/instagram/webhook", *server.base().borrow());
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    serde_json::to_writer(&mut zip, &items).unwrap();
    let body = bytes::Bytes::from(zip.finish().unwrap());
    proxy.set(Network::Frozen);
    let before = memory(&server);
    let flood = (0..100).map(|_| {
        let post = client.post(&webhook).body(body.clone());
        async { post.header("content-encoding", "gzip").send().await }
    });
    for answer in join_all(flood).await {
        assert_eq!(answer.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 200 * 1024 * 1024, "{} MiB", grown / 1024 / 1024);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_abort_its_write() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let server = Server::start(Some(&through), &[("SPOOL", "off")]).await;
    is_ready(&server).await;
    proxy.set(Network::Frozen);
    let address = server.base().borrow().replace("http://", "");
    let body = r#"{"contact_id":"1","text":"goodbye"}"#;
    let head = format!(
        "POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler is there: it asks for the body.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    // Time enough to see the body, while the database does not answer.
    let read = stream.read(&mut asked);
    timeout(Duration::from_millis(300), read).await.unwrap_err();
    drop(stream);
    proxy.set(Network::Up);
    let ask = async || Rows::in_postgres(&url).await.messages();
    eventually("it is stored", ask, |messages| *messages > 0).await;
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs /proc")]
async fn a_burst_of_connections_waits_for_its_turn() {
    let server = Server::start(None, &[]).await;
    let address = server.base().borrow().replace("http://", "");
    // The system has a limit of its own.
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let number = most.trim().parse::<usize>().unwrap().min(1000) / 2;
    server.signal("-STOP");
    let begin = join_all((0..number).map(|_| async {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        stream
    }));
    // Who finds no room is not refused, but tries again every second or more.
    let streams = timeout(Duration::from_millis(900), begin).await;
    server.signal("-CONT");
    for mut stream in streams.expect("not all found room") {
        assert!(all(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

/// A service with other limits.
async fn limited(limits: Limits) -> App {
    App::limited(Backend::Sqlite, limits).await
}

async fn connect(app: &App) -> TcpStream {
    let address = app.base.replace("http://", "");
    TcpStream::connect(address).await.unwrap()
}

/// Everything that comes until the connection ends.
async fn all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the connection is not cut")
        .ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_cut() {
    let limits = Limits {
        head: Duration::from_millis(300),
        ..Limits::default()
    };
    let app = limited(limits).await;
    let mut silent = connect(&app).await;
    let mut slow = connect(&app).await;
    slow.write_all(b"POST /instagram/webhook HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    let began = Instant::now();
    let dripping = async {
        loop {
            sleep(Duration::from_millis(50)).await;
            if slow.write_all(b"X-Slow: yes\r\n").await.is_err() {
                return;
            }
        }
    };
    timeout(PATIENCE, dripping)
        .await
        .expect("a dripping head is not cut");
    assert!(began.elapsed() >= limits.head);
    assert!(!all(&mut silent).await.contains("200 OK"));
}

#[tokio::test]
async fn a_head_may_be_large_but_not_endless() {
    let app = limited(Limits::default()).await;
    let mut endless = connect(&app).await;
    let mut head = b"POST /instagram/webhook HTTP/1.1\r\nX-Endless: ".to_vec();
    head.resize(64 * 1024, b'x');
    endless.write_all(&head).await.unwrap();
    let answer = all(&mut endless).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");

    // What browsers and proxies add has room, and a body is no head.
    let body = json!({ "contact_id": "1", "text": "x".repeat(500_000) }).to_string();
    let large = app
        .request(reqwest::Method::POST, "/instagram/webhook")
        .header("cookie", "x".repeat(60_000))
        .body(body.clone());
    let answer = Answer::to(large).await.ok();
    assert_eq!(answer["outcome"], "stored");
    let id = answer["deliveryId"].as_str().unwrap();
    assert_eq!(app.raw(id).await, body.as_bytes());
}

/// A limit that somebody set too low.
#[tokio::test]
async fn a_process_without_descriptors_goes_on_as_soon_as_some_are_free() {
    let directory = tempfile::tempdir().unwrap();
    let usual = program(directory.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n 48; exec {}", path())])
        .current_dir(directory.path())
        .env_clear()
        .envs(
            usual
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let mut running = Running::start(command).await;
    let address = running.base.replace("http://", "");
    let held = join_all((0..64).map(|_| TcpStream::connect(&address))).await;
    running
        .line_with("a connection could not be accepted")
        .await;
    drop(held);
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let request = client.post(format!("{}/instagram/webhook", running.base));
    let answer = timeout(
        PATIENCE,
        request.body(r#"{"contact_id":"1","text":"a"}"#).send(),
    )
    .await;
    assert_eq!(answer.unwrap().unwrap().status(), StatusCode::OK);
}

/// A proxy keeps its connections, and sends many requests through each.
#[tokio::test]
async fn many_connections_with_many_short_requests_wait_for_nobody() {
    let app = limited(Limits::default()).await;
    let padding = "x".repeat(1000);
    let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Padding: {padding}\r\n\r\n");
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    // More than may have a long head.
    for _ in 0..300 {
        let mut stream = connect(&app).await;
        for _ in 0..8 {
            stream.write_all(request.as_bytes()).await.unwrap();
            let answer = timeout(PATIENCE, stream.read(&mut buffer)).await;
            assert!(answer.expect("it waits for others").unwrap() > 0);
        }
        kept.push(stream);
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_408() {
    let limits = Limits {
        body: Duration::from_millis(300),
        ..Limits::default()
    };
    let app = limited(limits).await;
    let mut slow = connect(&app).await;
    slow.write_all(
        b"POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"text\":",
    )
    .await
    .unwrap();
    let answer = all(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let stats = app.get("/instagram/stats").await.ok();
    assert_eq!(stats["process"]["rejected"]["incomplete"], 1);
}

/// The client asks for much and reads nothing.
#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux counts it")]
async fn a_client_that_stops_reading_is_disconnected() {
    let limits = Limits {
        unread: Duration::from_secs(1),
        ..Limits::default()
    };
    let app = limited(limits).await;
    let mut unread = connect(&app).await;
    let asking = async {
        loop {
            let sent = unread
                .write_all(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
                .await;
            if sent.is_err() {
                return;
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("it is not cut");
    assert!(app.get("/instagram/stats").await.status.is_success());
}

#[tokio::test]
async fn who_holds_all_connections_keeps_nobody_out_and_no_request_is_cut() {
    const CONNECTIONS: usize = 64;
    let limits = Limits {
        connections: CONNECTIONS,
        ..Limits::default()
    };
    let app = limited(limits).await;
    let mut in_request = connect(&app).await;
    let body = r#"{"contact_id":"1","text":"slow"}"#;
    let head = format!(
        "POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    in_request.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    in_request.read_exact(&mut asked).await.unwrap();
    let mut open = Vec::new();
    for number in 0..3 * CONNECTIONS {
        let mut stream = connect(&app).await;
        // Nothing, half a head, or a whole request.
        match number % 3 {
            1 => stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap(),
            2 => {
                let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
                stream.write_all(request).await.unwrap();
                let mut answer = [0; 15];
                stream.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"HTTP/1.1 200 OK");
            }
            _ => {}
        }
        open.push(stream);
    }
    let _ = app.post(body.replace("slow", "in time")).await.ok();
    assert!(all(&mut open[0]).await.is_empty(), "the oldest is ended");
    in_request.write_all(body.as_bytes()).await.unwrap();
    in_request.shutdown().await.unwrap();
    let answer = all(&mut in_request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn readers_have_places_of_their_own_and_leave_those_of_senders_free() {
    const READERS: usize = 6;
    let limits = Limits {
        connections: 3,
        readers: READERS,
        ..Limits::default()
    };
    let app = limited(limits).await;
    let read = |path: &str| app.request(reqwest::Method::GET, path).bearer_auth(TOKEN);
    let stream = || read("/instagram/messages/stream").send();
    let mut streams = Vec::new();
    for _ in 0..READERS {
        let stream = stream().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    for refused in ["/instagram/messages/stream", "/instagram/messages?wait=30"] {
        let refused = Answer::to(read(refused)).await;
        assert!(refused.headers.contains_key("retry-after"));
        let _ = refused.with(503);
    }
    let _ = app.get("/instagram/messages").await.ok();
    let stored = app.post(r#"{"contact_id":"1","text":"a"}"#).await;
    assert_eq!(stored.ok()["outcome"], "stored");
    for stream in &mut streams {
        let first = timeout(PATIENCE, stream.chunk()).await.unwrap();
        assert!(first.unwrap().is_some(), "it goes on");
    }
    streams.pop();
    let ask = async || {
        // It is noticed that a reader is gone when there is something to tell it.
        let _ = app.post(r#"{"contact_id":"1","text":"b"}"#).await;
        stream().await.unwrap().status()
    };
    let is_ok = |status: &StatusCode| *status == StatusCode::OK;
    eventually("there is room for another reader", ask, is_ok).await;
}
