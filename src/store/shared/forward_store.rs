//! What forwarding needs of the store, for either database.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tracing::instrument;
use uuid::Uuid;

use super::READ_TIMEOUT;
use super::dialect::Backend;
use super::{destinations, forward, retries};
use crate::delivery::Delivery;
use crate::message::Message;
use crate::store::filter::PageRequest;
use crate::store::forward::{
    Backlog, DestinationState, ForwardProgress, ForwardReplay, ForwardRetry, ForwardedContent,
    ReplayScope, RetryCounts,
};
use crate::store::page::Scan;
use crate::store::{ForwardStore, StoreError};

/// Does some work in a transaction beside the ledger.
macro_rules! beside {
    ($self:ident, $connection:ident => $work:expr) => {
        $self
            .limit(async {
                let mut transaction = $self.begin_beside().await?;
                let $connection = &mut *transaction;
                let done = $work.await.map_err(StoreError::from);
                transaction.finish(done).await
            })
            .await
    };
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl ForwardStore for Backend {
    #[instrument(name = "store.declare_destination", level = "debug", skip_all)]
    async fn declare_destination(
        &self,
        name: &str,
        content: &ForwardedContent,
        cursor: i64,
    ) -> Result<(), StoreError> {
        beside!(self, connection => destinations::declare(connection, name, content, cursor))
    }

    #[instrument(name = "store.destinations", level = "debug", skip_all)]
    async fn destinations(&self) -> Result<Vec<DestinationState>, StoreError> {
        self.read(READ_TIMEOUT, destinations::every(self.pool()))
            .await
    }

    #[instrument(name = "store.take_lease", level = "debug", skip_all)]
    async fn take_lease(
        &self,
        name: &str,
        lease: Uuid,
        length: Duration,
    ) -> Result<Option<DestinationState>, StoreError> {
        beside!(self, connection => destinations::take_lease(connection, name, lease, millis(length)))
    }

    #[instrument(name = "store.save_progress", level = "debug", skip_all)]
    async fn save_progress(
        &self,
        name: &str,
        lease: Uuid,
        length: Duration,
        progress: &ForwardProgress,
    ) -> Result<Option<bool>, StoreError> {
        let length = millis(length);
        beside!(self, connection => destinations::save_progress(connection, name, lease, length, progress))
    }

    #[instrument(name = "store.release_lease", level = "debug", skip_all)]
    async fn release_lease(&self, name: &str, lease: Uuid) -> Result<(), StoreError> {
        beside!(self, connection => destinations::release_lease(connection, name, lease))
    }

    #[instrument(name = "store.pause_destination", level = "debug", skip_all)]
    async fn pause_destination(
        &self,
        name: &str,
        pause: Option<(&str, Timestamp)>,
    ) -> Result<bool, StoreError> {
        beside!(self, connection => destinations::pause(connection, name, pause))
    }

    #[instrument(name = "store.forget_destination", level = "debug", skip_all)]
    async fn forget_destination(&self, name: &str) -> Result<bool, StoreError> {
        beside!(self, connection => destinations::forget(connection, name))
    }

    #[instrument(name = "store.save_retry", level = "debug", skip_all)]
    async fn save_retry(&self, name: &str, retry: &ForwardRetry) -> Result<(), StoreError> {
        beside!(self, connection => retries::save_retry(connection, name, retry))
    }

    #[instrument(name = "store.end_retry", level = "debug", skip_all)]
    async fn end_retry(&self, name: &str, position: i64) -> Result<(), StoreError> {
        beside!(self, connection => retries::end_retry(connection, name, position))
    }

    #[instrument(name = "store.due_retries", level = "debug", skip_all)]
    async fn due_retries(
        &self,
        name: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ForwardRetry>, StoreError> {
        let due = retries::due_retries(self.pool(), name, now, limit);
        self.read(READ_TIMEOUT, due).await
    }

    #[instrument(name = "store.retry_counts", level = "debug", skip_all)]
    async fn retry_counts(&self, name: &str) -> Result<RetryCounts, StoreError> {
        self.read(READ_TIMEOUT, retries::retry_counts(self.pool(), name))
            .await
    }

    #[instrument(name = "store.dead_letters", level = "debug", skip_all)]
    async fn dead_letters(
        &self,
        name: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ForwardRetry>, StoreError> {
        let page = retries::dead_letters(self.pool(), name, after, limit);
        self.read(READ_TIMEOUT, page).await
    }

    #[instrument(name = "store.revive_dead_letters", level = "debug", skip_all)]
    async fn revive_dead_letters(
        &self,
        name: &str,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, StoreError> {
        beside!(self, connection => retries::revive(connection, name, now, limit))
    }

    #[instrument(name = "store.add_replay", level = "debug", skip_all)]
    async fn add_replay(&self, name: &str, replay: &ForwardReplay) -> Result<(), StoreError> {
        beside!(self, connection => forward::add_replay(connection, name, replay))
    }

    #[instrument(name = "store.replays", level = "debug", skip_all)]
    async fn replays(&self, name: &str) -> Result<Vec<ForwardReplay>, StoreError> {
        self.read(READ_TIMEOUT, forward::replays(self.pool(), name))
            .await
    }

    #[instrument(name = "store.move_replay", level = "debug", skip_all)]
    async fn move_replay(&self, id: Uuid, cursor: i64) -> Result<(), StoreError> {
        beside!(self, connection => forward::move_replay(connection, id, cursor))
    }

    #[instrument(name = "store.messages_at", level = "debug", skip_all)]
    async fn messages_at(&self, positions: &[i64]) -> Result<Vec<Message>, StoreError> {
        let found = forward::messages_at(self.pool(), positions);
        self.read(READ_TIMEOUT, found).await
    }

    #[instrument(name = "store.whole_deliveries", level = "debug", skip_all)]
    async fn whole_deliveries(
        &self,
        request: PageRequest,
    ) -> Result<Scan<(i64, Delivery)>, StoreError> {
        let page = forward::deliveries(self.pool(), request);
        Ok(self.health.whole(self.read(READ_TIMEOUT, page).await?))
    }

    #[instrument(name = "store.deliveries_at", level = "debug", skip_all)]
    async fn deliveries_at(&self, positions: &[i64]) -> Result<Vec<(i64, Delivery)>, StoreError> {
        let found = forward::deliveries_at(self.pool(), positions);
        self.read(READ_TIMEOUT, found).await
    }

    #[instrument(name = "store.positions_of", level = "debug", skip_all)]
    async fn positions_of(
        &self,
        content: &ForwardedContent,
        ids: &[Uuid],
    ) -> Result<Vec<i64>, StoreError> {
        let found = forward::positions_of(self.pool(), content, ids);
        self.read(READ_TIMEOUT, found).await
    }

    #[instrument(name = "store.backlog", level = "debug", skip_all)]
    async fn backlog(
        &self,
        content: &ForwardedContent,
        replay: Option<&ReplayScope>,
        after: i64,
        until: i64,
    ) -> Result<Backlog, StoreError> {
        let backlog = forward::backlog(self.pool(), content, replay, after, until);
        self.read(READ_TIMEOUT, backlog).await
    }

    #[instrument(name = "store.position_before", level = "debug", skip_all)]
    async fn position_before(&self, time: Timestamp) -> Result<i64, StoreError> {
        self.read(READ_TIMEOUT, forward::position_before(self.pool(), time))
            .await
    }
}
