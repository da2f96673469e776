//! Who waits for messages learns here that this process stored some.

use tokio::sync::watch;

/// Announces commits. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Commits(watch::Sender<u64>);

impl Commits {
    /// Says that this process has stored messages.
    pub fn announce(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Changes with every announcement.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
