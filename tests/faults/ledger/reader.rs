//! A reader behind a cursor, which must see every message once, whatever happens meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::TOKEN;

/// A reader that follows until it is told that nothing more comes.
pub(crate) struct Reader {
    last: Arc<AtomicBool>,
    reading: JoinHandle<usize>,
}

impl Reader {
    pub(crate) fn follow(server: watch::Receiver<String>) -> Self {
        let last = Arc::new(AtomicBool::new(false));
        let reading = tokio::spawn(read(server, last.clone()));
        Self { last, reading }
    }

    /// Reads to the end, and answers how many messages it saw.
    pub(crate) async fn finish(self) -> usize {
        self.last.store(true, Ordering::Relaxed);
        self.reading.await.unwrap()
    }
}

async fn read(server: watch::Receiver<String>, last: Arc<AtomicBool>) -> usize {
    let http = chatrace_webhook::http_client::builder().build().unwrap();
    let mut seen = HashSet::new();
    let mut cursor = String::new();
    loop {
        let is_last = last.load(Ordering::Relaxed);
        let base = server.borrow().clone();
        let get = http
            .get(format!(
                "{base}/instagram/messages?limit=1000&after={cursor}"
            ))
            .bearer_auth(TOKEN);
        let page = match get.send().await {
            Ok(response) if response.status() == 200 => response.json::<Value>().await.ok(),
            _ => None,
        };
        let Some(page) = page else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        for message in page["messages"].as_array().unwrap() {
            let id = message["id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "seen twice: {message}");
        }
        page["nextCursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["caughtUp"] == true {
            if is_last {
                return seen.len();
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
