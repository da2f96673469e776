//! Keeping the ledger in order: each call is one transaction of the connection that writes.

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{SqliteStore, Writer, erase, reread, retain};
use crate::delivery::Record;
use crate::store::upkeep::{Erased, Erasure, Expired, Mode, Person, Quarantined, Reread, Upkeep};
use crate::store::{ContactSummary, StoreError};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn quarantined(
        &self,
        since: Option<Timestamp>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Quarantined>, StoreError> {
        Ok(reread::in_quarantine(&self.readers, since, after, limit).await?)
    }

    async fn riddles(
        &self,
        until: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Quarantined>, StoreError> {
        Ok(erase::riddles(&self.readers, until, after, limit).await?)
    }

    async fn reread(&self, records: &[Record], mode: Mode) -> Result<Vec<Reread>, StoreError> {
        let connection = &mut self.writer().await?.connection;
        let done = reread::reread(connection.begin().await?, records, self.window).await;
        match mode {
            Mode::Real => connection.end(done).await,
            Mode::DryRun => {
                connection.idle().await; // takes back what was begun
                done
            }
        }
    }

    async fn doomed(&self, person: &Person) -> Result<Option<Vec<ContactSummary>>, StoreError> {
        Ok(erase::doomed(&self.readers, person).await?)
    }

    async fn begin_erasure(
        &self,
        person: &Person,
        at: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let connection = &mut self.writer().await?.connection;
        let done = erase::begin(connection.begin().await?, person, at).await;
        connection.end(done).await
    }

    async fn erase(&self, erasure: &Erasure) -> Result<Erased, StoreError> {
        let mut writer = self.writer().await?;
        let Writer { connection, known } = &mut *writer;
        let done = erase::step(connection.begin().await?, erasure).await;
        known.clear();
        let erased = connection.end(done).await?;
        if erased.done {
            // What was erased also stands in the log, until that is written over.
            connection.fold_log().await;
        }
        Ok(erased)
    }

    async fn erase_bodies(&self, deliveries: &[Uuid]) -> Result<u64, StoreError> {
        let connection = &mut self.writer().await?.connection;
        let done = erase::blank(connection.begin().await?, deliveries).await;
        let erased = connection.end(done).await?;
        connection.fold_log().await;
        Ok(erased)
    }

    async fn expire(
        &self,
        until: Timestamp,
        now: Timestamp,
        after: i64,
    ) -> Result<Expired, StoreError> {
        let mut writer = self.writer().await?;
        let Writer { connection, known } = &mut *writer;
        let done = retain::step(connection.begin().await?, until, now, after).await;
        if !matches!(&done, Ok(Expired { contacts: 0, .. })) {
            known.clear();
        }
        connection.end(done).await
    }

    async fn sweep(&self, until: Option<Timestamp>, now: Timestamp) -> Result<bool, StoreError> {
        let connection = &mut self.writer().await?.connection;
        let done = retain::sweep(connection.begin().await?, until, now).await;
        connection.end(done).await
    }
}
