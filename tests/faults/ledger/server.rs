//! The real program on a directory that it keeps, however often it is killed and started again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::support::TOKEN;
use crate::support::process::{PATIENCE, Running, path, program};

/// Far longer than the spool of an outage takes.
const DRAIN_PATIENCE: Duration = Duration::from_mins(2);

/// A server that is started again and again on the same data directory.
pub(crate) struct Server {
    directory: TempDir,
    variables: Vec<(String, String)>,
    process: Option<(Child, JoinHandle<VecDeque<String>>)>,
    base: watch::Sender<String>,
    http: reqwest::Client,
}

impl Server {
    /// Starts one; without a URL, on the embedded database.
    pub(crate) async fn start(database_url: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let given = [
            ("API_TOKEN", TOKEN),
            ("DEDUPE_WINDOW", "0"),
            // What is printed for every delivery would only cost time.
            (
                "RUST_LOG",
                "info,chatrace_webhook::ingest=warn,chatrace_webhook::http=warn",
            ),
        ];
        let variables = given
            .iter()
            .chain(variables)
            .copied()
            .chain(database_url.map(|url| ("DATABASE_URL", url)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut server = Self {
            directory: tempfile::tempdir().unwrap(),
            variables,
            process: None,
            base: watch::Sender::new(String::new()),
            http: chatrace_webhook::http_client::builder().build().unwrap(),
        };
        server.begin().await;
        server
    }

    /// Its address, which changes with every start.
    pub(crate) fn base(&self) -> watch::Receiver<String> {
        self.base.subscribe()
    }

    /// The file of the embedded database.
    pub(crate) fn database_file(&self) -> PathBuf {
        self.directory.path().join("data/chatrace-webhook.db")
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.as_ref().unwrap().0.id().unwrap()
    }

    pub(crate) async fn begin(&mut self) {
        // A file that may grow no further is an error to this process, as a full disk is, and not its end.
        let script = format!("trap '' XFSZ; exec {}", path());
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let usual = program(self.directory.path());
        for (name, value) in usual.as_std().get_envs() {
            command.env(name, value.unwrap());
        }
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        let running = Running::start({
            command.envs(variables);
            command
        })
        .await;
        self.base.send_replace(running.base.clone());
        self.process = Some(running.detach());
    }

    /// Ends it by a signal, and answers how it ended and what it printed last.
    pub(crate) async fn end(&mut self, signal: &str) -> (ExitStatus, VecDeque<String>) {
        self.signal(signal);
        let (mut child, printed) = self.process.take().unwrap();
        let status = timeout(PATIENCE, child.wait())
            .await
            .expect("the program does not end")
            .unwrap();
        (status, printed.await.unwrap())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = std::process::Command::new("kill")
            .args([signal, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Whether it may write to files: not, is a full disk.
    pub(crate) fn set_disk_full(&self, full: bool) {
        let limit = if full { "0:" } else { "unlimited:" };
        let set = std::process::Command::new("prlimit")
            .args(["--pid", &self.id().to_string(), &format!("--fsize={limit}")])
            .status()
            .unwrap();
        assert!(set.success());
    }

    /// The statistics, or nothing while it does not answer.
    pub(crate) async fn stats(&self) -> Option<Value> {
        self.get("/instagram/stats").await
    }

    /// What it answers to readers, or nothing while it does not.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", *self.base.borrow());
        let answer = self.http.get(url).bearer_auth(TOKEN).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Waits until nothing waits in the spool, and answers how long that took.
    pub(crate) async fn drained(&self) -> Duration {
        let began = Instant::now();
        let draining = async {
            loop {
                let stats = self.stats().await.unwrap_or_default();
                let waiting = &stats["gauges"]["spool"];
                if stats["degraded"] == false && (waiting.is_null() || waiting["deliveries"] == 0) {
                    return;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(DRAIN_PATIENCE, draining).await.is_err() {
            let stats = self.stats().await.unwrap_or_default();
            panic!("the spool is never drained: {stats:#}");
        }
        began.elapsed()
    }
}
