//! A running service for a test, and a client for it.

pub(crate) mod browser;
pub(crate) mod chatrace;
pub(crate) mod cluster;
pub(crate) mod destination;
pub(crate) mod fill;
pub(crate) mod front;
pub(crate) mod ledger;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod small_disk;
pub(crate) mod submit;
pub(crate) mod wait;
pub(crate) mod web_server;

use std::sync::Arc;
use std::time::Duration;

use chatrace_webhook::cli::{Failure, serve};
use chatrace_webhook::config::{Config, Limits};
use chatrace_webhook::lifecycle::Lifecycle;
use chatrace_webhook::telemetry;
use chatrace_webhook::time::Clock;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use wait::eventually;

/// The bearer token of every test service.
pub(crate) const TOKEN: &str = "test-token-of-readers";

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Postgres,
    Sqlite,
}

/// A service on a port of its own, with a database of its own. Ends when dropped.
pub(crate) struct App {
    pub(crate) base: String,
    client: reqwest::Client,
    lifecycle: Lifecycle,
    running: Option<JoinHandle<Result<(), Failure>>>,
    _directory: Arc<TempDir>,
}

impl App {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::with(backend, &[]).await
    }

    /// A service that asks more, or less, of its clients.
    pub(crate) async fn limited(backend: Backend, limits: Limits) -> Self {
        Self::configured(backend, &[], |config| config.server.limits = limits).await
    }

    /// A service with some variables set.
    pub(crate) async fn with(backend: Backend, variables: &[(&str, &str)]) -> Self {
        Self::configured(backend, variables, |_| {}).await
    }

    async fn configured(
        backend: Backend,
        variables: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let database_url = match backend {
            Backend::Postgres => Some(postgres::fresh_database().await),
            Backend::Sqlite => None,
        };
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let clock = Clock::system();
        Self::run(directory, database_url.as_deref(), variables, clock, change).await
    }

    /// A service on SQLite with this clock.
    pub(crate) async fn with_clock(clock: Clock) -> Self {
        Self::at(Arc::new(tempfile::tempdir().unwrap()), None, clock).await
    }

    /// The same on a given database.
    pub(crate) async fn at(
        directory: Arc<TempDir>,
        database_url: Option<&str>,
        clock: Clock,
    ) -> Self {
        Self::run(directory, database_url, &[], clock, |_| {}).await
    }

    /// A service on a given database: none means the embedded one in the directory.
    pub(crate) async fn on(
        directory: Arc<TempDir>,
        database_url: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Self {
        Self::run(directory, database_url, variables, Clock::system(), |_| {}).await
    }

    /// The same with this clock.
    pub(crate) async fn on_at(
        directory: Arc<TempDir>,
        database_url: Option<&str>,
        variables: &[(&str, &str)],
        clock: Clock,
    ) -> Self {
        Self::run(directory, database_url, variables, clock, |_| {}).await
    }

    async fn run(
        directory: Arc<TempDir>,
        database_url: Option<&str>,
        variables: &[(&str, &str)],
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let data_dir = directory.path().to_str().unwrap().to_owned();
        let own = [
            ("DATA_DIR", data_dir.as_str()),
            ("DATABASE_URL", database_url.unwrap_or_default()),
            ("API_TOKEN", TOKEN),
        ];
        let variables = variables.iter().copied().chain(own);
        let mut config = Config::read(&variables.collect()).unwrap();
        // No test waits for the next look.
        if let Some(alerts) = &mut config.alerts {
            alerts.look_every = Duration::from_millis(50);
        }
        change(&mut config);
        if std::env::var_os("TEST_LOG").is_some() {
            telemetry::init(&config.telemetry)
                .map(std::mem::forget)
                .unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let lifecycle = Lifecycle::new();
        let mut running = tokio::spawn(serve::run(config, listener, lifecycle.clone(), clock));
        let client = chatrace_webhook::http_client::builder().redirect(Policy::none());
        let client = client.build().unwrap();
        let alive = client.get(format!("{base}/healthz")).send();
        tokio::select! {
            ended = &mut running => panic!("the service did not start: {:?}", ended.unwrap()),
            alive = alive => assert!(alive.unwrap().status().is_success()),
        }
        Self {
            base,
            client,
            lifecycle,
            running: Some(running),
            _directory: directory,
        }
    }

    /// Stops it as SIGTERM would, and waits for the end.
    pub(crate) async fn stop(self) {
        self.stopped().await.unwrap();
    }

    /// The same, and how it ends.
    pub(crate) async fn stopped(mut self) -> Result<(), Failure> {
        self.lifecycle.soft().cancel();
        self.running.take().unwrap().await.unwrap()
    }

    /// A request without credentials.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Posts a JSON text to the webhook.
    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self
            .request(Method::POST, "/instagram/webhook")
            .header("content-type", "application/json");
        Answer::to(request.body(body)).await
    }

    /// Gets a path with the API token.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path).bearer_auth(TOKEN)).await
    }

    /// Sends a request without a body, with the API token.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Answer {
        Answer::to(self.request(method, path).bearer_auth(TOKEN)).await
    }

    /// Every message, oldest first.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        self.get("/instagram/messages?limit=1000").await.ok()["messages"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Asks for the statistics until they are as wanted.
    pub(crate) async fn stats_where(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let ask = async || self.get("/instagram/stats").await.ok();
        eventually("the statistics are as wanted", ask, wanted).await
    }

    /// The diagnosis.
    pub(crate) async fn diagnosis(&self) -> Value {
        self.get("/instagram/diagnosis").await.ok()
    }

    /// Asks for the diagnosis until it is as wanted.
    pub(crate) async fn diagnosis_where(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let ask = async || self.diagnosis().await;
        eventually("the diagnosis is as wanted", ask, wanted).await
    }

    /// Waits until nothing waits in the spool.
    pub(crate) async fn drained(&self) -> Value {
        self.stats_where(|stats| stats["gauges"]["spool"]["deliveries"] == 0)
            .await
    }

    /// The octets that are kept of a delivery.
    pub(crate) async fn raw(&self, delivery_id: &str) -> Vec<u8> {
        let path = format!("/instagram/deliveries/{delivery_id}/raw");
        let response = self
            .request(Method::GET, &path)
            .bearer_auth(TOKEN)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.unwrap().to_vec()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.lifecycle.hard().cancel();
        self.lifecycle.soft().cancel();
    }
}

/// An answer, read whole.
#[derive(Debug)]
#[must_use]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    /// The JSON of an answer with status 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        self.with(200)
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }
}

/// Runs a statement in an SQLite file that no service has open.
pub(crate) async fn sqlite_execute(file: &std::path::Path, statement: impl Into<String>) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.into()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
