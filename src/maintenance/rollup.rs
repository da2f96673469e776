//! The worker that keeps the projection behind the ledger: see `store/shared/rollup.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::store::Ledger;

/// How long commits are gathered at most, so that a steady trickle of messages does not cost a transaction each.
const GATHER: Duration = Duration::from_millis(250);
/// When no commit comes for so long, the rollup waits for no more.
const PAUSE: Duration = Duration::from_millis(25);
/// How often this looks for what a replica left behind that is no more.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Rolls up as long as it is polled. Woken by the commits of this process.
pub async fn keep_rolling_up(store: Arc<dyn Ledger>, mut commits: watch::Receiver<u64>) {
    loop {
        match store.roll_up().await {
            Ok(false) => {}
            Ok(true) => {
                if let Ok(Err(_)) = timeout(LOOK_EVERY, commits.changed()).await {
                    // Nothing is written any more.
                    sleep(LOOK_EVERY).await;
                }
                gather(&mut commits).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the rollup failed; it is tried again");
                sleep(GATHER).await;
            }
        }
    }
}

async fn gather(commits: &mut watch::Receiver<u64>) {
    let end = Instant::now() + GATHER;
    while Instant::now() < end {
        commits.mark_unchanged();
        sleep(PAUSE).await;
        if !commits.has_changed().unwrap_or_default() {
            return;
        }
    }
}
