//! The end of the process, when there is much to do, and when something cannot be done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatrace_webhook::cli::serve;
use chatrace_webhook::config::Config;
use chatrace_webhook::lifecycle::Lifecycle;
use chatrace_webhook::time::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::faults::ledger::clients::Clients;
use crate::faults::ledger::sent_log::{Rows, SentLog};
use crate::faults::ledger::server::Server;
use crate::support::postgres;
use crate::support::proxy::{Network, Proxy};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_finishes_what_was_begun() {
    let url = postgres::fresh_database().await;
    let mut server = Server::start(Some(&url), &[]).await;
    let log = Arc::new(SentLog::default());
    let clients = Clients::start("client ", 64, Duration::ZERO, &server.base(), &log);
    log.acknowledges(300).await;
    let began = Instant::now();
    let (status, printed) = server.end("-TERM").await;
    assert!(status.success(), "{status} {printed:#?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    // The clients find a server again, and go on.
    server.begin().await;
    let before = log.tally().acknowledged;
    log.acknowledges(before + 300).await;
    clients.finish().await;
    assert!(server.end("-TERM").await.0.success());
    let rows = Rows::in_postgres(&url).await;
    let verdict = log.compare(&rows);
    verdict.assert_flawless();
    assert_eq!(log.tally().refused, 0);
    // What is there was acknowledged: no answer of something that was begun is lost by an orderly end.
    assert_eq!(verdict.unacknowledged, 0);
    assert_eq!(verdict.stored, log.tally().acknowledged);
}

#[tokio::test]
async fn a_stop_while_the_database_hangs_is_bounded() {
    let url = postgres::fresh_database().await;
    let (proxy, through) = Proxy::before(&url).await;
    let mut server = Server::start(Some(&through), &[]).await;
    let log = Arc::new(SentLog::default());
    let clients = Clients::start("client ", 8, Duration::ZERO, &server.base(), &log);
    log.acknowledges(50).await;
    // Connections for reading are open, and one of them waits.
    server.stats().await.unwrap();
    proxy.set(Network::Frozen);
    let base = server.base();
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let reading = tokio::spawn(client.get(format!("{}/readyz", *base.borrow())).send());
    log.spools(50).await;
    let began = Instant::now();
    let (status, printed) = server.end("-TERM").await;
    assert!(status.success(), "{status} {printed:#?}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    reading.await.unwrap().ok();
    proxy.set(Network::Up);
    server.begin().await;
    clients.finish().await;
    server.drained().await;
    log.compare(&Rows::in_postgres(&url).await)
        .assert_flawless();
}

/// Browsers and load balancers connect beforehand; nobody waits for what they never say.
#[tokio::test]
async fn a_silent_connection_does_not_hold_up_the_end() {
    let mut server = Server::start(None, &[]).await;
    let address = server.base().borrow().replace("http://", "");
    let mut silent = TcpStream::connect(&address).await.unwrap();
    let mut halting = TcpStream::connect(&address).await.unwrap();
    halting.write_all(b"GET /heal").await.unwrap();
    let mut idle = TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    let began = Instant::now();
    let (status, printed) = server.end("-TERM").await;
    assert!(status.success(), "{status} {printed:#?}");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    for stream in [&mut silent, &mut halting, &mut idle] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    }
}

/// Connected and asked, though nobody has taken the connection yet: that is begun.
#[tokio::test]
async fn a_client_that_waits_for_a_connection_is_answered_before_the_end() {
    const BODY: &str = r#"{"contact_id":"1","text":"at the last moment"}"#;
    let mut server = Server::start(None, &[]).await;
    let address = server.base().borrow().replace("http://", "");
    server.signal("-STOP");
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = "POST /instagram/webhook HTTP/1.1\r\nHost: x\r\nContent-Length:";
        let request = format!("{head} {}\r\n\r\n{BODY}", BODY.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    server.signal("-TERM");
    server.signal("-CONT");
    let (status, printed) = server.end("-CONT").await;
    assert!(status.success(), "{status} {printed:#?}");
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains(r#""outcome":"stored""#), "{answer}");
    }
    let rows = Rows::in_sqlite(&server.database_file()).await;
    assert_eq!(rows.messages(), 20);
}

/// The service itself, with one more worker, which dies.
#[tokio::test]
async fn a_dead_worker_ends_the_service_with_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap().to_owned();
    let variables = [("DATA_DIR", data_dir)];
    let config = Config::read(&variables.into_iter().collect()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let lifecycle = Lifecycle::new();
    let running = tokio::spawn(serve::run(
        config,
        listener,
        lifecycle.clone(),
        Clock::system(),
    ));
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let alive = client.get(format!("{base}/healthz")).send();
    let alive = alive.await.unwrap();
    assert_eq!(alive.status(), 200);
    lifecycle.spawn_worker("victim", async { panic!("boom") });
    let failure = running.await.unwrap().unwrap_err();
    assert!(
        failure.to_string().contains("`victim`"),
        "not named: {failure}"
    );
    let gone = client.get(format!("{base}/healthz")).send();
    assert!(gone.await.is_err());
}
