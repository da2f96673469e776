//! Replicas are restarted, one after the other, behind a proxy and under load. No client notices.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::{SECRET, VARIABLES};
use crate::support::process::{Running, program};
use crate::support::wait::eventually;
use crate::support::web_server::{Place, WebServer, WebServerKind};
use crate::support::{TOKEN, postgres};

/// Clients that send, each on a connection of its own that it keeps; and those that read.
const SENDERS: usize = 8;
const READERS: usize = 2;
/// How many messages come between two restarts.
const BETWEEN: usize = 200;

/// A replica with a directory of its own.
struct Replica {
    directory: TempDir,
    port: String,
    /// How long it is about to stop before it does.
    delay: &'static str,
    running: Running,
}

impl Replica {
    async fn start(database_url: &str, delay: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let running = serve(&directory, database_url, "0", delay).await;
        let port = running.base.rsplit(':').next().unwrap().to_owned();
        Self {
            directory,
            port,
            delay,
            running,
        }
    }

    async fn restart(&mut self, database_url: &str) {
        self.running.signal("-TERM");
        assert!(self.running.ended().await.success());
        self.running = serve(&self.directory, database_url, &self.port, self.delay).await;
    }
}

async fn serve(directory: &TempDir, database_url: &str, port: &str, delay: &str) -> Running {
    let mut command = program(directory.path());
    command
        .envs(VARIABLES)
        .env("DATABASE_URL", database_url)
        .env("API_TOKEN", TOKEN)
        .env("PORT", port)
        .env("SHUTDOWN_DELAY", delay)
        .env("RUST_LOG", "warn,chatrace_webhook::cli=info");
    Running::start(command).await
}

/// What clients did, together.
#[derive(Default)]
struct Tally {
    stops: AtomicBool,
    sent: AtomicUsize,
    read: AtomicUsize,
}

/// Sends as long as it may, and answers the ids of what was acknowledged. Whatever goes wrong is a failure.
async fn send(client: Client, base: String, name: usize, tally: Arc<Tally>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !tally.stops.load(Ordering::Relaxed) {
        let id = format!("{name}-{}", acknowledged.len());
        let body = json!({ "contact_id": name.to_string(), "text": id, "message_id": id });
        let request = client.post(format!("{base}/instagram/webhook"));
        let request = request.header("x-webhook-secret", SECRET);
        let answer = request.body(body.to_string()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{id}: {text}");
        acknowledged.push(id);
        tally.sent.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

async fn read(client: Client, base: String, tally: Arc<Tally>) -> Vec<String> {
    while !tally.stops.load(Ordering::Relaxed) {
        let request = client.get(format!("{base}/instagram/messages?limit=1"));
        let answer = request.bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        tally.read.fetch_add(1, Ordering::Relaxed);
    }
    Vec::new()
}

/// How often each id is stored.
async fn stored(client: &Client, base: &str) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    let mut after = "m0".to_owned();
    loop {
        let url = format!("{base}/instagram/messages?limit=1000&after={after}");
        let page = client.get(url).bearer_auth(TOKEN).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        let messages = page["messages"].as_array().unwrap();
        for message in messages {
            let id = message["externalId"].as_str().unwrap().to_owned();
            *found.entry(id).or_default() += 1;
        }
        if page["caughtUp"] == true {
            return found;
        }
        page["nextCursor"].as_str().unwrap().clone_into(&mut after);
    }
}

async fn restart_all_under_load(kind: WebServerKind, database_url: &str) {
    let (number, delay) = match kind {
        WebServerKind::Nginx => (4, "200ms"),
        // It asks every second who is ready.
        WebServerKind::Caddy => (2, "3s"),
    };
    let mut replicas = Vec::new();
    for _ in 0..number {
        replicas.push(Replica::start(database_url, delay).await);
    }
    let services: Vec<_> = replicas
        .iter()
        .map(|replica| &*replica.running.base)
        .collect();
    let proxy = WebServer::start(kind, Place::Replicas, &services).await;
    let Some(proxy) = proxy else { return };
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for name in 0..SENDERS {
        let client = proxy.client(Ipv4Addr::LOCALHOST);
        clients.spawn(send(client, proxy.base.clone(), name, tally.clone()));
    }
    for _ in 0..READERS {
        let client = proxy.client(Ipv4Addr::LOCALHOST);
        clients.spawn(read(client, proxy.base.clone(), tally.clone()));
    }
    for replica in &mut replicas {
        let wanted = tally.sent.load(Ordering::Relaxed) + BETWEEN;
        let ask = async || tally.sent.load(Ordering::Relaxed);
        eventually("they send", ask, |sent| *sent >= wanted).await;
        replica.restart(database_url).await;
    }
    tally.stops.store(true, Ordering::Relaxed);
    let acknowledged: Vec<_> = clients.join_all().await.concat();
    let stored = stored(&proxy.client(Ipv4Addr::LOCALHOST), &proxy.base).await;
    let lost = acknowledged
        .iter()
        .filter(|id| !stored.contains_key(*id))
        .count();
    let doubled = stored.values().filter(|times| **times > 1).count();
    assert_eq!((lost, doubled, stored.len()), (0, 0, acknowledged.len()));
    assert!(tally.read.load(Ordering::Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_nginx_is_noticed_by_no_client() {
    restart_all_under_load(WebServerKind::Nginx, &postgres::fresh_database().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_caddy_is_noticed_by_no_client() {
    restart_all_under_load(WebServerKind::Caddy, &postgres::fresh_database().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_nginx_with_pgbouncer_is_noticed_by_no_client() {
    let Some(program) = std::env::var_os("TEST_PGBOUNCER") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (url, _pooler) = pooler(
        &program,
        directory.path(),
        &postgres::fresh_database().await,
    )
    .await;
    restart_all_under_load(WebServerKind::Nginx, &url).await;
}

/// PgBouncer in session mode before a database, and the URL that leads through it.
async fn pooler(
    program: &std::ffi::OsStr,
    directory: &Path,
    database_url: &str,
) -> (String, Child) {
    let mut url = url::Url::parse(database_url).unwrap();
    let port = crate::support::front::free_port().await;
    let configuration = format!(
        "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = session\ndefault_pool_size = 40\nuser = nobody\n",
        url.port().unwrap(),
    );
    std::fs::write(directory.join("pgbouncer.ini"), configuration).unwrap();
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory, readable).unwrap();
    let child = Command::new(program)
        .arg("-q")
        .arg(directory.join("pgbouncer.ini"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    url.set_port(Some(port)).unwrap();
    let ask = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    eventually("PgBouncer listens", ask, |is_up| *is_up).await;
    (url.into(), child)
}
