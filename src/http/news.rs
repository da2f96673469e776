//! Tells those who wait that there may be new messages: at once when this process stored them, within a second when
//! another replica did.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::store::Store;

/// How often the database is asked for what other replicas stored, while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long news are held back, so that a busy receiver does not wake everybody for each commit.
const HELD_BACK: Duration = Duration::from_millis(20);

/// Counts the times that there were news.
pub(super) type News = watch::Sender<u64>;

/// Watches for news as long as it is polled.
pub(super) async fn watch(news: News, store: Arc<dyn Store>, mut commits: watch::Receiver<u64>) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut head = 0;
    loop {
        tokio::select! {
            changed = commits.changed() => if changed.is_err() { return },
            _ = ticks.tick() => if news.receiver_count() == 0 { continue },
        }
        // While the database is away there are no news, and readers find out for themselves.
        if let Ok(now) = store.head().await
            && now != head
        {
            head = now;
            news.send_modify(|count| *count += 1);
        }
        sleep(HELD_BACK).await;
    }
}
