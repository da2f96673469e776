//! Wakes readers who wait for messages: at once when this process stored some, within a second when another replica
//! did.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::store::Store;

/// How often the database is asked for messages of other replicas, while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// The shortest time between two notifications, so that readers are not woken for each commit.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Changes whenever there may be new messages.
pub(super) type MessageNotifier = watch::Sender<u64>;

/// Notifies readers as long as it is polled.
pub(super) async fn notify_readers(
    notifier: MessageNotifier,
    store: Arc<dyn Store>,
    mut commits: watch::Receiver<u64>,
) {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut head = 0;
    loop {
        tokio::select! {
            changed = commits.changed() => if changed.is_err() { return },
            _ = ticks.tick() => if notifier.receiver_count() == 0 { continue },
        }
        // While the database is away nobody is woken; readers notice it themselves.
        if let Ok(now) = store.head().await
            && now != head
        {
            head = now;
            notifier.send_modify(|count| *count += 1);
        }
        sleep(SHORTEST_PAUSE).await;
    }
}
