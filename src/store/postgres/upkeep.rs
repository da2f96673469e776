//! Keeping the ledger in order: each call is one transaction of the connection that writes.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{PostgresStore, READ_TIMEOUT, erase, limited, reread, retain};
use crate::delivery::Record;
use crate::store::upkeep::{Erased, Erasure, Expired, Mode, Person, Quarantined, Reread, Upkeep};
use crate::store::{ContactSummary, StoreError};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn quarantined(
        &self,
        since: Option<Timestamp>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let read = reread::in_quarantine(&self.readers, since, after, limit);
        self.reading(READ_TIMEOUT, read).await
    }

    async fn riddles(
        &self,
        until: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let read = erase::riddles(&self.readers, until, after, limit);
        self.reading(READ_TIMEOUT, read).await
    }

    async fn reread(&self, records: &[Record], mode: Mode) -> Result<Vec<Reread>, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let known = &mut turn.writer.known;
        let work = reread::reread(&mut turn.connection, records, mode, self.window, known);
        let result = limited(work).await;
        turn.give_back(result).await
    }

    async fn doomed(&self, person: &Person) -> Result<Option<Vec<ContactSummary>>, StoreError> {
        self.reading(READ_TIMEOUT, erase::doomed(&self.readers, person))
            .await
    }

    async fn begin_erasure(
        &self,
        person: &Person,
        at: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let result = limited(erase::begin(&mut turn.connection, person, at)).await;
        turn.give_back(result).await
    }

    async fn erase(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let result = limited(erase::step(&mut turn.connection, erasure)).await;
        turn.give_back(result).await
    }

    async fn erase_bodies(&self, deliveries: &[Uuid]) -> Result<u64, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let result = limited(erase::bodies(&mut turn.connection, deliveries)).await;
        turn.give_back(result).await
    }

    async fn expire(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: i64,
    ) -> Result<Expired, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let result = limited(retain::step(&mut turn.connection, until, now, after)).await;
        turn.give_back(result).await
    }

    async fn sweep(&self, until: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
        let mut turn = self.upkeep_turn().await?;
        let result = limited(retain::sweep(&mut turn.connection, until, now)).await;
        turn.give_back(result).await
    }
}
