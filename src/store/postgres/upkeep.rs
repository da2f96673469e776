//! Keeping the ledger in order: each call is one transaction of the connection that writes.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{PostgresStore, READ_TIMEOUT, erase, limited, reread, retain};
use crate::delivery::Record;
use crate::store::StoreError;
use crate::store::upkeep::{Erased, Erasure, Expired, Mode, Person, Quarantined, Reread, Upkeep};

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
        let (mut writer, mut connection) = self.take_writer().await?;
        let known = &mut writer.known;
        let work = reread::reread(&mut connection, records, mode, self.window, known);
        let result = limited(work).await;
        writer.give_back(connection, result).await
    }

    async fn begin_erasure(
        &self,
        person: &Person,
        at: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let (mut writer, mut connection) = self.take_writer().await?;
        let result = limited(erase::begin(&mut connection, person, at)).await;
        writer.give_back(connection, result).await
    }

    async fn erase(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        let (mut writer, mut connection) = self.take_writer().await?;
        let result = limited(erase::step(&mut connection, erasure)).await;
        writer.give_back(connection, result).await
    }

    async fn erase_bodies(&self, deliveries: &[Uuid]) -> Result<u64, StoreError> {
        let (mut writer, mut connection) = self.take_writer().await?;
        let result = limited(erase::bodies(&mut connection, deliveries)).await;
        writer.give_back(connection, result).await
    }

    async fn expire(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: i64,
    ) -> Result<Expired, StoreError> {
        let (mut writer, mut connection) = self.take_writer().await?;
        let result = limited(retain::step(&mut connection, until, now, after)).await;
        writer.give_back(connection, result).await
    }

    async fn sweep(&self, until: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
        let (mut writer, mut connection) = self.take_writer().await?;
        let result = limited(retain::sweep(&mut connection, until, now)).await;
        writer.give_back(connection, result).await
    }
}
