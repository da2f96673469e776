//! The lease of a destination: one process at a time forwards to it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::store::{ForwardProgress, Store};

/// How long a lease lasts by the clock of the database.
pub(super) const LENGTH: Duration = Duration::from_secs(10);
/// How often it is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often progress is saved at most. What is not saved when the process is killed is sent again.
const SAVE_EVERY: Duration = Duration::from_millis(250);

/// What the keeper of the lease knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseState {
    Held { is_paused: bool },
    Lost,
}

/// Renews a lease and saves the progress, until the other side of `progress` is dropped. Then it saves once more and
/// gives the lease back.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    pub(super) store: Arc<dyn Store>,
    pub(super) destination: String,
    pub(super) lease: Uuid,
    pub(super) progress: watch::Receiver<ForwardProgress>,
    pub(super) state: watch::Sender<LeaseState>,
}

impl LeaseKeeper {
    pub(super) async fn run(mut self) {
        let mut saved = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(saved + RENEW_EVERY) => {}
                changed = self.progress.changed() => match changed {
                    Ok(()) => sleep_until(saved + SAVE_EVERY).await,
                    Err(_) => break,
                }
            }
            let asked = Instant::now();
            match self.save().await {
                Ok(Some(is_paused)) => {
                    saved = asked;
                    self.tell(LeaseState::Held { is_paused });
                }
                Ok(None) => return self.tell(LeaseState::Lost),
                // By now another process may have it.
                Err(_) if saved.elapsed() >= LENGTH => return self.tell(LeaseState::Lost),
                Err(error) => {
                    let destination = &self.destination;
                    tracing::debug!(%error, destination, "the progress is not saved yet");
                    sleep_until(asked + SAVE_EVERY).await;
                }
            }
        }
        let given_back = async {
            self.save().await?;
            self.store
                .release_lease(&self.destination, self.lease)
                .await
        };
        if let Err(error) = given_back.await {
            tracing::debug!(%error, destination = self.destination, "the lease is not given back: it ends by itself");
        }
    }

    async fn save(&mut self) -> Result<Option<bool>, crate::store::StoreError> {
        let progress = self.progress.borrow_and_update().clone();
        self.store
            .save_progress(&self.destination, self.lease, LENGTH, &progress)
            .await
    }

    fn tell(&self, state: LeaseState) {
        self.state.send_if_modified(|known| {
            let is_new = *known != state;
            *known = state;
            is_new
        });
    }
}
