//! The worker that counts the messages of each contact in the background.
//!
//! A watermark says up to where they are counted, and moves in the transaction that counts: after a crash the next
//! process goes on there, whatever was lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Store;

/// How long counts may lag behind, so that a slow trickle of messages does not cost a transaction each.
const LAG: Duration = Duration::from_millis(500);
/// How often is looked for what a replica left behind that is no more.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Of how many equal parts of the time one is for counting, so that those who write hardly notice.
const SHARE: u32 = 20;

/// Counts as long as it is polled. Woken by the commits of this process.
pub async fn keep_counting(store: Arc<dyn Store>, mut commits: watch::Receiver<u64>) {
    loop {
        let began = Instant::now();
        match store.fold().await {
            Ok(1..) => sleep(began.elapsed() * (SHARE - 1)).await,
            Ok(_) => {
                if let Ok(Err(_)) = timeout(LOOK_EVERY, commits.changed()).await {
                    // Nothing is written any more.
                    sleep(LOOK_EVERY).await;
                }
                sleep(LAG).await;
            }
            Err(error) => {
                tracing::debug!(%error, "contacts could not be counted, and are tried again");
                sleep(LAG).await;
            }
        }
    }
}
