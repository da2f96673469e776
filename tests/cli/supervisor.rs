//! The program under systemd: played by the test, since the protocol is a socket and a few variables.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::TOKEN;
use crate::support::process::{PATIENCE, Running, path, program};
use crate::support::wait::eventually;

/// The program as systemd starts it: with its own number in its environment, and with what `shell` does before.
fn supervised(directory: &TempDir, shell: &str) -> Command {
    let own = program(directory.path());
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"{shell} exec "$0""#)])
        .arg(path())
        .current_dir(directory.path())
        .env_clear()
        .env("API_TOKEN", TOKEN)
        .kill_on_drop(true);
    for (name, value) in own.as_std().get_envs() {
        command.envs(value.map(|value| (name, value)));
    }
    command
}

/// The program with a port that is handed over: as the third descriptor.
async fn serve(directory: &TempDir, held: &TcpListener) -> Running {
    let mut command = supervised(directory, "exec 3<&0 </dev/null; LISTEN_PID=$$");
    command
        .env("LISTEN_FDS", "1")
        .stdin(Stdio::from(OwnedFd::from(held.try_clone().unwrap())));
    Running::start(command).await
}

#[tokio::test]
async fn a_restart_under_systemd_refuses_no_connection() {
    let directory = tempfile::tempdir().unwrap();
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = held.local_addr().unwrap();
    let mut service = serve(&directory, &held).await;
    assert_eq!(service.base, format!("http://{address}"));

    // As Chatrace: a connection for each request, and no second try.
    let stops = Arc::new(AtomicBool::new(false));
    let kept = Arc::new(AtomicUsize::new(0));
    let (stopping, counted) = (stops.clone(), kept.clone());
    let client = chatrace_webhook::http_client::builder().pool_max_idle_per_host(0);
    let client = client.build().unwrap();
    let url = format!("http://{address}/instagram/webhook");
    let sending = tokio::spawn(async move {
        while !stopping.load(Ordering::Relaxed) {
            let number = counted.load(Ordering::Relaxed);
            let body = format!(r#"{{"contact_id":"1","text":"n{number}"}}"#);
            let request = client.post(&url).header("connection", "close");
            let answer = request.body(body).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let sent = async |more: usize| {
        let wanted = kept.load(Ordering::Relaxed) + more;
        let ask = async || kept.load(Ordering::Relaxed);
        eventually("they send", ask, |kept| *kept >= wanted).await
    };
    for _ in 0..3 {
        sent(20).await;
        service.signal("-TERM");
        assert!(service.ended().await.success());
        service = serve(&directory, &held).await;
    }
    sent(20).await;
    stops.store(true, Ordering::Relaxed);
    sending.await.unwrap();
    let client = chatrace_webhook::http_client::builder().build().unwrap();
    let stats = client.get(format!("http://{address}/instagram/stats"));
    let stats = stats.bearer_auth(TOKEN).send().await.unwrap();
    let stats: serde_json::Value = stats.json().await.unwrap();
    assert_eq!(stats["totalMessages"], kept.load(Ordering::Relaxed));
}

#[tokio::test]
async fn systemd_is_told_when_it_is_ready_alive_and_stopping() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let told = UnixDatagram::bind(&socket).unwrap();
    let next = async || {
        let mut bytes = [0; 256];
        let received = timeout(PATIENCE, told.recv(&mut bytes)).await;
        let length = received.expect("nothing is told").unwrap();
        std::str::from_utf8(&bytes[..length])
            .unwrap()
            .trim()
            .to_owned()
    };
    let mut command = supervised(&directory, "WATCHDOG_PID=$$");
    command
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "100000");
    let mut service = Running::start(command).await;
    assert_eq!(next().await, "READY=1");
    assert_eq!(next().await, "WATCHDOG=1");
    assert_eq!(next().await, "WATCHDOG=1");
    service.signal("-TERM");
    while next().await != "STOPPING=1" {}
    assert!(service.ended().await.success());
}
