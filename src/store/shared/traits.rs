//! The traits of the store, for either database.

use async_trait::async_trait;
use jiff::Timestamp;
use tracing::instrument;
use uuid::Uuid;

use super::dialect::{Backend, is_log_pending, overwrite_erased};
use super::{PROBE_TIMEOUT, READ_TIMEOUT, reprocess, retention, rollup};
use super::{
    alerts, contacts, deliveries, erase, messages, overview, quarantine, rejections, sessions,
};
use crate::delivery::Record;
use crate::message::Message;
use crate::rejection::RejectedRequest;
use crate::store::filter::{ContactFilter, DeliveryFilter, MessageFilter, PageRequest};
use crate::store::health::ConnectionCounts;
use crate::store::maintenance::{
    ErasedPart, Erasure, ExpiredPart, Maintenance, Mode, NotErased, PersonId, QuarantinedDelivery,
    ReprocessedDelivery,
};
use crate::store::model::{
    ContactDetail, ContactName, ContactSummary, DeliveryDetail, DeliverySummary, QuarantineReason,
    Recent, Snapshot,
};
use crate::store::page::Scan;
use crate::store::{
    Alert, AlertState, AlertStore, MessageReader, Reader, RejectionStore, SessionStore,
    SilenceState, StoreError, StoreHealth,
};

#[async_trait]
impl MessageReader for Backend {
    #[instrument(name = "store.head", level = "debug", skip_all)]
    async fn head(&self) -> Result<i64, StoreError> {
        self.read(READ_TIMEOUT, messages::head(self.pool())).await
    }

    #[instrument(name = "store.hour_range", level = "debug", skip_all)]
    async fn hour_range(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        self.read(
            READ_TIMEOUT,
            messages::hour_range(self.pool(), since, until),
        )
        .await
    }

    #[instrument(name = "store.messages", level = "debug", skip_all, fields(limit = request.limit))]
    async fn messages(
        &self,
        filter: &MessageFilter,
        request: PageRequest,
    ) -> Result<Scan<Message>, StoreError> {
        let page = self.read(READ_TIMEOUT, messages::page(self.pool(), filter, request));
        Ok(self.health.whole(page.await?))
    }
}

#[async_trait]
impl Reader for Backend {
    #[instrument(name = "store.message", level = "debug", skip_all)]
    async fn message(&self, id: Uuid) -> Result<Option<Message>, StoreError> {
        self.read(READ_TIMEOUT, messages::find(self.pool(), id))
            .await
    }

    #[instrument(name = "store.contacts", level = "debug", skip_all, fields(limit = request.limit))]
    async fn contacts(
        &self,
        filter: &ContactFilter,
        request: PageRequest,
    ) -> Result<Scan<ContactSummary>, StoreError> {
        self.roll_up_to_head().await?;
        let page = self.read(READ_TIMEOUT, contacts::page(self.pool(), filter, request));
        Ok(self.health.whole(page.await?))
    }

    #[instrument(name = "store.contact", level = "debug", skip_all)]
    async fn contact(&self, person: &PersonId) -> Result<Vec<ContactDetail>, StoreError> {
        self.roll_up_to_head().await?;
        self.read(READ_TIMEOUT, contacts::find(self.pool(), person))
            .await
    }

    #[instrument(name = "store.contact_names", level = "debug", skip_all)]
    async fn contact_names(&self, ids: &[&str]) -> Result<Vec<ContactName>, StoreError> {
        self.roll_up_to_head().await?;
        self.read(READ_TIMEOUT, contacts::names(self.pool(), ids))
            .await
    }

    #[instrument(name = "store.quarantine_reasons", level = "debug", skip_all)]
    async fn quarantine_reasons(&self) -> Result<Vec<QuarantineReason>, StoreError> {
        self.read(READ_TIMEOUT, quarantine::reasons(self.pool()))
            .await
    }

    #[instrument(name = "store.deliveries", level = "debug", skip_all, fields(limit = request.limit))]
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        request: PageRequest,
    ) -> Result<Scan<DeliverySummary>, StoreError> {
        let page = self.read(READ_TIMEOUT, deliveries::page(self.pool(), filter, request));
        Ok(self.health.whole(page.await?))
    }

    #[instrument(name = "store.delivery", level = "debug", skip_all)]
    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError> {
        self.read(READ_TIMEOUT, deliveries::find(self.pool(), id))
            .await
    }

    #[instrument(name = "store.snapshot", level = "debug", skip_all)]
    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError> {
        self.roll_up_to_head().await?;
        self.read(READ_TIMEOUT, overview::snapshot(self.pool(), since))
            .await
    }

    #[instrument(name = "store.recent", level = "debug", skip_all)]
    async fn recent(&self) -> Result<Recent, StoreError> {
        self.read(READ_TIMEOUT, overview::recent(self.pool())).await
    }

    fn health(&self) -> StoreHealth {
        StoreHealth {
            damage: self.health.damage(),
            is_log_pending: is_log_pending(self),
            connections: ConnectionCounts::of(self.pool()),
        }
    }
}

/// Does some work in a transaction that has locked `head`.
macro_rules! in_transaction {
    ($self:ident, $connection:ident => $work:expr) => {
        $self
            .limit(async {
                let mut transaction = $self.begin().await?;
                let $connection = &mut *transaction;
                let done = $work.await.map_err(StoreError::from);
                transaction.finish(done).await
            })
            .await
    };
}

/// The same for maintenance, which first rolls up to the head: nearly all of the way before it locks anything, since
/// the way may be longer than a transaction may last.
macro_rules! in_maintenance {
    ($self:ident, $connection:ident => $work:expr) => {{
        $self.roll_up_to_head().await?;
        in_transaction!($self, $connection => async {
            rollup::to_head($connection).await.map_err(StoreError::from)?;
            $work.await.map_err(StoreError::from)
        })
    }};
}

#[async_trait]
impl RejectionStore for Backend {
    #[instrument(name = "store.add_rejections", level = "debug", skip_all, fields(rejected = seen.len()))]
    async fn add_rejections(&self, seen: &[RejectedRequest]) -> Result<(), StoreError> {
        in_transaction!(self, connection => rejections::add(connection, seen))
    }
}

#[async_trait]
impl AlertStore for Backend {
    #[instrument(name = "store.last_message_at", level = "debug", skip_all)]
    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(PROBE_TIMEOUT, alerts::last_message_at(self.pool()))
            .await
    }

    #[instrument(name = "store.messages_by_hour", level = "debug", skip_all)]
    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError> {
        self.read(READ_TIMEOUT, alerts::messages_by_hour(self.pool(), since))
            .await
    }

    #[instrument(name = "store.silence", level = "debug", skip_all)]
    async fn silence(&self) -> Result<SilenceState, StoreError> {
        self.read(READ_TIMEOUT, alerts::silence(self.pool())).await
    }

    #[instrument(name = "store.change_silence", level = "debug", skip_all)]
    async fn change_silence(
        &self,
        known: SilenceState,
        since: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, connection => alerts::change_silence(connection, known, since))
    }

    #[instrument(name = "store.alert_states", level = "debug", skip_all)]
    async fn alert_states(&self) -> Result<Vec<AlertState>, StoreError> {
        self.read(READ_TIMEOUT, alerts::states(self.pool())).await
    }

    #[instrument(name = "store.change_alert_state", level = "debug", skip_all)]
    async fn change_alert_state(
        &self,
        known: &AlertState,
        since: Option<Timestamp>,
        alert: &Alert,
    ) -> Result<bool, StoreError> {
        in_transaction!(self, connection => alerts::change_state(connection, known, since, alert))
    }

    #[instrument(name = "store.oldest_alert", level = "debug", skip_all)]
    async fn oldest_alert(&self) -> Result<Option<Alert>, StoreError> {
        self.read(READ_TIMEOUT, alerts::oldest(self.pool())).await
    }

    #[instrument(name = "store.claim_alert", level = "debug", skip_all)]
    async fn claim_alert(&self, alert: &Alert, until: Timestamp) -> Result<bool, StoreError> {
        in_transaction!(self, connection => alerts::claim(connection, alert, until))
    }

    #[instrument(name = "store.put_off_alert", level = "debug", skip_all)]
    async fn put_off_alert(&self, id: Uuid, next_at: Timestamp) -> Result<(), StoreError> {
        in_transaction!(self, connection => alerts::put_off(connection, id, next_at))
    }

    #[instrument(name = "store.forget_alert", level = "debug", skip_all)]
    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError> {
        in_transaction!(self, connection => alerts::forget(connection, id))
    }
}

#[async_trait]
impl SessionStore for Backend {
    #[instrument(name = "store.is_session_ended", level = "debug", skip_all)]
    async fn is_session_ended(&self, id: Uuid) -> Result<bool, StoreError> {
        self.read(PROBE_TIMEOUT, sessions::is_ended(self.pool(), id))
            .await
    }

    #[instrument(name = "store.end_session", level = "debug", skip_all)]
    async fn end_session(
        &self,
        id: Uuid,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        in_transaction!(self, connection => sessions::end(connection, id, until, now))
    }
}

#[async_trait]
impl Maintenance for Backend {
    #[instrument(name = "store.quarantined", level = "debug", skip_all)]
    async fn quarantined(
        &self,
        since: Option<Timestamp>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<QuarantinedDelivery>, StoreError> {
        let page = quarantine::in_quarantine(self.pool(), since, after, limit);
        self.read(READ_TIMEOUT, page).await
    }

    #[instrument(name = "store.unattributed", level = "debug", skip_all)]
    async fn unattributed(
        &self,
        erasure: &Erasure,
        after: i64,
        limit: u32,
    ) -> Result<Vec<QuarantinedDelivery>, StoreError> {
        let page = erase::unattributed(self.pool(), erasure, after, limit);
        self.read(READ_TIMEOUT, page).await
    }

    #[instrument(name = "store.reprocess", level = "debug", skip_all, fields(records = records.len()))]
    async fn reprocess(
        &self,
        records: &[Record],
        mode: Mode,
    ) -> Result<Vec<ReprocessedDelivery>, StoreError> {
        self.roll_up_to_head().await?;
        self.limit(async {
            let mut transaction = self.begin().await?;
            let done = async {
                rollup::to_head(&mut transaction).await?;
                reprocess::reprocess(&mut transaction, records, self.window()).await
            };
            let done = done.await;
            match mode {
                Mode::Real => transaction.finish(done).await,
                Mode::DryRun => transaction.cancel(done).await,
            }
        })
        .await
    }

    #[instrument(name = "store.affected", level = "debug", skip_all)]
    async fn affected(&self, person: &PersonId) -> Result<Option<Vec<ContactSummary>>, StoreError> {
        self.roll_up_to_head().await?;
        self.read(READ_TIMEOUT, Box::pin(erase::affected(self.pool(), person)))
            .await
    }

    #[instrument(name = "store.begin_erasure", level = "debug", skip_all)]
    async fn begin_erasure(
        &self,
        person: &PersonId,
        confirmed: Option<usize>,
    ) -> Result<Result<Erasure, NotErased>, StoreError> {
        in_maintenance!(self, connection => erase::begin(connection, person, confirmed))
    }

    #[instrument(name = "store.erase", level = "debug", skip_all)]
    async fn erase(&self, erasure: &Erasure) -> Result<ErasedPart, StoreError> {
        in_maintenance!(self, connection => erase::step(connection, erasure))
    }

    #[instrument(name = "store.erase_bodies", level = "debug", skip_all, fields(deliveries = deliveries.len()))]
    async fn erase_bodies(&self, deliveries: &[Uuid]) -> Result<u64, StoreError> {
        in_maintenance!(self, connection => erase::redact(connection, deliveries))
    }

    #[instrument(name = "store.overwrite_erased", level = "debug", skip_all)]
    async fn overwrite_erased(&self) -> bool {
        overwrite_erased(self).await
    }

    #[instrument(name = "store.last_delivery_at", level = "debug", skip_all)]
    async fn last_delivery_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(READ_TIMEOUT, retention::last_delivery_at(self.pool()))
            .await
    }

    #[instrument(name = "store.expire", level = "debug", skip_all)]
    async fn expire(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: i64,
    ) -> Result<ExpiredPart, StoreError> {
        in_maintenance!(self, connection => retention::step(connection, until, now, after))
    }

    #[instrument(name = "store.sweep", level = "debug", skip_all)]
    async fn sweep(&self, until: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
        in_transaction!(self, connection => retention::sweep(connection, until, now))
    }

    #[instrument(name = "store.rebuild_projection", level = "debug", skip_all)]
    async fn rebuild_projection(&self) -> Result<(), StoreError> {
        in_maintenance!(self, connection => rollup::restart(connection))?;
        self.roll_up_to_head().await
    }
}
