//! Backups that are made while messages arrive, and what is made of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;
use rstest::rstest;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::support::process::{PATIENCE, Running, program};
use crate::support::proxy::{Network, Proxy};
use crate::support::wait::eventually;
use crate::support::{Backend, postgres};

const TOKEN: &str = "token-of-these-tests";

/// Where a service stores.
struct Installation {
    directory: tempfile::TempDir,
    url: Option<String>,
}

impl Installation {
    async fn new(backend: Backend) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            url: match backend {
                Backend::Postgres => Some(postgres::fresh_database().await),
                Backend::Sqlite => None,
            },
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = program(self.directory.path());
        command.env("API_TOKEN", TOKEN);
        command.env("PATH", postgres::programs());
        if let Some(url) = &self.url {
            command.env("DATABASE_URL", url);
        }
        command
    }

    async fn run(&self, command: &str, file: &Path) -> Output {
        output(self.command().arg(command).arg(file)).await
    }
}

async fn output(command: &mut Command) -> Output {
    let output = tokio::time::timeout(PATIENCE, command.output());
    output.await.expect("the program does not end").unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// Posts until it is told to stop, and notes what was acknowledged.
#[derive(Clone)]
struct Load {
    base: String,
    client: reqwest::Client,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    next: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    fn on(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            client: chatrace_webhook::http_client::builder().build().unwrap(),
            acknowledged: Arc::default(),
            next: Arc::default(),
            is_over: Arc::default(),
        }
    }

    fn start(&self) -> JoinSet<()> {
        let mut clients = JoinSet::new();
        for _ in 0..4 {
            let load = self.clone();
            clients.spawn(async move {
                while !load.is_over.load(Ordering::Relaxed) {
                    load.post().await;
                }
            });
        }
        clients
    }

    async fn post(&self) {
        let text = format!("n{}", self.next.fetch_add(1, Ordering::Relaxed));
        let url = format!("{}/instagram/webhook", self.base);
        let body = format!(r#"{{"contact_id":"1","text":"{text}"}}"#);
        let answer = self.client.post(url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        self.acknowledged.lock().unwrap().insert(text);
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn reach(&self, more: usize) {
        let goal = self.acknowledged().len() + more;
        let count = async || self.acknowledged().len();
        eventually("messages arrive", count, |count| *count >= goal).await;
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.base);
        let answer = self
            .client
            .get(url)
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// The texts behind a cursor, in order, and the cursor behind them.
    async fn read(&self, cursor: &str) -> (Vec<String>, String) {
        let (mut cursor, mut texts) = (cursor.to_owned(), Vec::new());
        loop {
            let after = if cursor.is_empty() { "" } else { "&after=" };
            let page = format!("/instagram/messages?limit=500{after}{cursor}");
            let page = self.get(&page).await;
            let messages = page["messages"].as_array().unwrap();
            let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
            texts.extend(messages.iter().map(text));
            page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
            if page["caughtUp"] == true {
                return (texts, cursor);
            }
        }
    }

    async fn spool_is_empty(&self) {
        let ready = async || self.get("/readyz").await["spool"]["deliveries"].clone();
        eventually("the spool is empty", ready, |waiting| *waiting == 0).await;
    }
}

/// How a backup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Command,
    /// With the database's own program.
    ByHand,
}

impl Way {
    async fn back_up(self, installation: &Installation, file: &Path) {
        let made = match (self, &installation.url) {
            (Self::Command, _) => installation.run("backup", file).await,
            (Self::ByHand, Some(url)) => {
                let mut dump = Command::new(postgres::programs().join("pg_dump"));
                output(dump.args(["--format=custom", "--file"]).arg(file).arg(url)).await
            }
            (Self::ByHand, None) => {
                let mut sqlite = Command::new("sqlite3");
                let database = installation.path("data/chatrace-webhook.db");
                let command = format!(".backup '{}'", file.display());
                output(sqlite.arg(database).arg(command)).await
            }
        };
        succeeded(&made);
    }
}

#[rstest]
#[tokio::test]
async fn a_backup_under_load_has_everything_that_was_acknowledged_before_and_readers_go_on(
    #[values(Backend::Postgres, Backend::Sqlite)] backend: Backend,
    #[values(Way::Command, Way::ByHand)] way: Way,
) {
    let has_sqlite = Command::new("sqlite3")
        .arg("--version")
        .output()
        .await
        .is_ok();
    if (backend, way) == (Backend::Sqlite, Way::ByHand) && !has_sqlite {
        return;
    }
    let old = Installation::new(backend).await;
    let running = Running::start(old.command()).await;
    let load = Load::on(&running.base);
    let (process, log) = running.detach();
    let mut clients = load.start();
    load.reach(100).await;
    let (mut read, cursor) = load.read("").await;
    load.reach(50).await;
    let before = load.acknowledged();
    let file = old.path("backup");
    way.back_up(&old, &file).await;
    load.reach(50).await;
    let (rest, ahead) = load.read(&cursor).await;
    load.is_over.store(true, Ordering::Relaxed);
    while clients.join_next().await.is_some() {}
    drop((process, log));
    if way == Way::Command {
        let again = old.run("backup", &file).await;
        assert_eq!(again.status.code(), Some(2), "{again:?}");
    }

    let new = Installation::new(backend).await;
    succeeded(&new.run("restore", &file).await);
    let over = new.run("restore", &file).await;
    assert_eq!(over.status.code(), Some(2), "{over:?}");
    let running = Running::start(new.command()).await;
    let restored = Load::on(&running.base);
    let (texts, _) = restored.read("").await;
    let found: BTreeSet<_> = texts.iter().cloned().collect();
    assert_eq!(found.len(), texts.len(), "nothing is there twice");
    let missing: Vec<_> = before.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // A reader goes on behind its cursor, where it would have.
    let (behind, _) = restored.read(&cursor).await;
    read.extend(rest);
    assert_eq!(texts[..], read[..texts.len()], "the order is the same");
    assert!(texts.ends_with(&behind) && behind.len() >= 50);
    // One whose cursor is ahead of the backup gets what is new, and searches and the newest are found across the gap.
    assert!(restored.read(&ahead).await.0.is_empty());
    restored.next.store(1_000_000, Ordering::Relaxed);
    restored.post().await;
    assert_eq!(restored.read(&ahead).await.0, ["n1000000"]);
    for order in ["asc", "desc"] {
        let search = format!("/instagram/messages?q=n1000000&order={order}");
        let found = restored.get(&search).await;
        assert_eq!(found["messages"][0]["text"], "n1000000", "{order}");
    }
    let stats = restored.get("/instagram/stats").await;
    assert_eq!(stats["totalMessages"], texts.len() + 1);
    let contacts = restored.get("/instagram/contacts").await;
    assert_eq!(contacts["contacts"][0]["messages"], texts.len() + 1);
}

#[tokio::test]
async fn what_waits_in_the_spool_is_in_the_backup_and_is_stored_once() {
    let old = Installation::new(Backend::Postgres).await;
    let (proxy, url) = Proxy::before(old.url.as_ref().unwrap()).await;
    let mut command = old.command();
    let running = Running::start({
        command.env("DATABASE_URL", url);
        command
    })
    .await;
    let load = Load::on(&running.base);
    load.post().await;
    proxy.set(Network::Cut);
    load.post().await;
    load.post().await;
    // Into both: the spool is copied first.
    let directory = old.path("backup");
    succeeded(&old.run("backup", &directory).await);
    proxy.set(Network::Up);
    load.spool_is_empty().await;
    let both = old.path("both");
    succeeded(&old.run("backup", &both).await);
    std::fs::remove_file(both.join("spool.db")).ok();
    std::fs::copy(directory.join("spool.db"), both.join("spool.db")).unwrap();
    drop(running);

    for backup in [directory, both] {
        let new = Installation::new(Backend::Postgres).await;
        succeeded(&new.run("restore", &backup).await);
        let running = Running::start(new.command()).await;
        let restored = Load::on(&running.base);
        restored.spool_is_empty().await;
        let texts: BTreeSet<_> = restored.read("").await.0.into_iter().collect();
        assert_eq!(texts, load.acknowledged(), "{}", backup.display());
        let stats = restored.get("/instagram/stats").await;
        assert_eq!(stats["totalMessages"], 3);
    }
}

#[tokio::test]
async fn without_pg_dump_the_spool_is_copied_and_the_command_is_printed() {
    let installation = Installation::new(Backend::Postgres).await;
    let mut running = Running::start(installation.command()).await;
    running.signal("-TERM");
    running.ended().await;
    let mut command = installation.command();
    command.env("PATH", installation.directory.path());
    let url = installation
        .url
        .as_ref()
        .unwrap()
        .replace("postgres@", "postgres:canary@");
    command.env("DATABASE_URL", url).args(["backup", "copy"]);
    let output = output(&mut command).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("pg_dump --format=custom"), "{printed}");
    assert!(!printed.contains("canary"), "{printed}");
    assert!(installation.path("copy/spool.db").exists());
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_leaves_nothing() {
    let installation = Installation::new(Backend::Sqlite).await;
    let file = installation.path("no-backup");
    std::fs::write(&file, "text").unwrap();
    let empty = installation.path("empty");
    std::fs::write(&empty, "").unwrap();
    for file in [file, empty, installation.path("none")] {
        let output = installation.run("restore", &file).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!installation.path("data/chatrace-webhook.db").exists());
    }
}
