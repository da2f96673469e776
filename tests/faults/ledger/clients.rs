//! Many clients at once, each of which remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::sent_log::SentLog;

/// How often a client that does not give up sends the same body.
const ATTEMPTS: usize = 50;
/// Longer than any answer takes.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Clients that send until they are told to stop.
pub(crate) struct Clients {
    clients: JoinSet<()>,
    stop: Arc<AtomicBool>,
}

/// One of them.
struct Client {
    name: String,
    /// Its messages have ids.
    has_ids: bool,
    /// What is not acknowledged is sent again.
    retries: bool,
    /// How long it thinks before it writes the next message.
    pause: Duration,
    http: reqwest::Client,
    server: watch::Receiver<String>,
    log: Arc<SentLog>,
    stop: Arc<AtomicBool>,
}

impl Clients {
    /// Sets `number` clients on a server whose address may change: of each four, one with and without ids, retrying
    /// and not. `name` keeps their texts apart from those of another clients.
    pub(crate) fn start(
        name: &str,
        number: usize,
        pause: Duration,
        server: &watch::Receiver<String>,
        log: &Arc<SentLog>,
    ) -> Self {
        let http = chatrace_webhook::http_client::builder()
            .timeout(ANSWER_TIMEOUT)
            .build()
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..number {
            let client = Client {
                name: format!("{name}{client}"),
                has_ids: client % 2 == 0,
                retries: client / 2 % 2 == 0,
                pause,
                http: http.clone(),
                server: server.clone(),
                log: log.clone(),
                stop: stop.clone(),
            };
            clients.spawn(client.run());
        }
        Self { clients, stop }
    }

    /// Lets every client finish what it has begun.
    pub(crate) async fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
    }
}

impl Client {
    async fn run(self) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let text = format!("{} says {number}", self.name);
            for _ in 0..ATTEMPTS {
                if self.send(&text).await {
                    break;
                }
                // As a sender that backs off, or nobody else gets to run.
                sleep(Duration::from_millis(50)).await;
                if !self.retries {
                    break;
                }
            }
            sleep(self.pause).await;
        }
    }

    /// Sends once, and answers whether it was acknowledged.
    async fn send(&self, text: &str) -> bool {
        let mut body = json!({ "contact_id": self.name, "text": text });
        if self.has_ids {
            body["message_id"] = format!("id of {text}").into();
        }
        let url = format!("{}/instagram/webhook", *self.server.borrow());
        self.log.send(text, self.has_ids);
        let began = Instant::now();
        let Ok(response) = self.http.post(url).body(body.to_string()).send().await else {
            self.log.break_off();
            return false;
        };
        let (status, took) = (response.status(), began.elapsed());
        if status == 503 {
            assert!(response.headers().contains_key("retry-after"));
            self.log.refuse(took);
            return false;
        }
        assert_eq!(status, 200);
        // Acknowledged is acknowledged with the status; the rest says which delivery it is.
        let Ok(receipt) = response.json::<Value>().await else {
            self.log.break_off();
            return false;
        };
        let delivery = receipt["deliveryId"].as_str().unwrap().parse().unwrap();
        let outcome = receipt["outcome"].as_str().unwrap();
        self.log.acknowledge(text, delivery, outcome, took);
        true
    }
}
