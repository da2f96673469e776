//! Waits for the lease of a destination, and forwards while it has it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::leading::{Leading, Worker};
use super::lease::{LENGTH, LeaseKeeper, LeaseState};
use crate::store::{DestinationState, ForwardProgress, StoreError};
use crate::time::new_id;

/// How often a process without the lease asks for it.
const ASK_EVERY: Duration = Duration::from_secs(1);

impl Worker {
    /// Forwards until the service stops.
    pub(super) async fn run(mut self, soft: &CancellationToken) {
        let mut is_declared = false;
        while !soft.is_cancelled() {
            let lease = new_id();
            match self.take_lease(lease, &mut is_declared).await {
                Ok(Some(state)) => self.lead(state, lease, soft).await,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, destination = self.destination().name, "no lease yet");
                }
            }
            tokio::select! {
                () = sleep(ASK_EVERY) => {}
                () = soft.cancelled() => {}
            }
        }
    }

    async fn take_lease(
        &self,
        lease: Uuid,
        is_declared: &mut bool,
    ) -> Result<Option<DestinationState>, StoreError> {
        if !*is_declared {
            self.source.declare().await?;
            *is_declared = true;
        }
        let (store, name) = (&self.source.store, &self.destination().name);
        store.take_lease(name, lease, LENGTH).await
    }

    /// Forwards as long as the lease is held.
    async fn lead(&mut self, state: DestinationState, lease: Uuid, soft: &CancellationToken) {
        let (progress, saved) = watch::channel(ForwardProgress {
            cursor: state.cursor,
            forwarded: state.forwarded,
            failing_since: state.failing_since,
            failure: state.failure,
            last_success_at: state.last_success_at,
        });
        let is_paused = state.paused_at.is_some();
        let (telling, lease_state) = watch::channel(LeaseState::Held { is_paused });
        let keeper = LeaseKeeper {
            store: self.source.store.clone(),
            destination: self.destination().name.clone(),
            lease,
            progress: saved,
            state: telling,
        };
        let keeping = tokio::spawn(keeper.run());
        let mut leading = Leading::new(
            self,
            state.cursor,
            state.failing_since,
            progress,
            lease_state,
        );
        if let Err(error) = leading.run(soft).await {
            tracing::debug!(%error, "forwarding waits for the database");
        }
        // The keeper saves what was done, and gives the lease back.
        drop(leading);
        keeping.await.ok();
    }
}
