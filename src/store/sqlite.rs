//! The ledger in an SQLite file: one connection writes, a pool reads.

mod backup;
mod commit;
mod connection;
mod dialect;
mod files;
mod log;
mod open;
mod reader;
mod rows;
#[cfg(test)]
mod tests;

#[path = "shared/alerts.rs"]
mod alerts;
#[path = "shared/contacts.rs"]
mod contacts;
#[path = "shared/counts.rs"]
mod counts;
#[path = "shared/deliveries.rs"]
mod deliveries;
#[path = "shared/destinations.rs"]
mod destinations;
#[path = "shared/erase.rs"]
mod erase;
#[path = "shared/forward.rs"]
mod forward;
#[path = "shared/forward_store.rs"]
mod forward_store;
#[path = "shared/messages.rs"]
mod messages;
#[path = "shared/overview.rs"]
mod overview;
#[path = "shared/quarantine.rs"]
mod quarantine;
#[path = "shared/rejections.rs"]
mod rejections;
#[path = "shared/reprocess.rs"]
mod reprocess;
#[path = "shared/retention.rs"]
mod retention;
#[path = "shared/retries.rs"]
mod retries;
#[path = "shared/rollup.rs"]
mod rollup;
#[path = "shared/sessions.rs"]
mod sessions;
#[path = "shared/traits.rs"]
mod traits;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;
use tracing::instrument;

use connection::{SqliteTransaction, SqliteWriter};
use rollup::RollupProgress;

use super::health::Health;
use super::lag::RollupLag;
use super::{Attempt, Committed, Ledger, PrepareError, StoreError};
use crate::delivery::Record;
use crate::time::Clock;

pub(super) use backup::copy;
pub(super) use connection::WriteConnection;
pub use files::OpenFiles;
pub(super) use log::WriteAheadLog;
pub(crate) use open::IN_USE;
pub(super) use open::{cause_or, looking, options};
pub use reader::SqliteReader;

/// Here a reader waits for nothing but the disk: these limits are those of Postgres.
const READ_TIMEOUT: Duration = Duration::MAX;
const PROBE_TIMEOUT: Duration = Duration::MAX;
/// How long closing the file may take at the end.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The ledger in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// `None` after [`Ledger::close`].
    writer: Mutex<Option<SqliteWriter>>,
    readers: SqlitePool,
    window: Duration,
    lag: RollupLag,
    health: Health,
    files: OpenFiles,
    log: Arc<WriteAheadLog>,
    /// Held as long as the store lives: a second process on the file is refused with a sentence.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, creating it if needed, and brings its schema up to date.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when the file cannot be opened or migrated; its sentence names the file.
    pub async fn open(path: &Path, window: Duration, migrate: bool) -> Result<Self, PrepareError> {
        let (lock, connection, readers) = open::open(path, migrate).await?;
        let log = WriteAheadLog::of(path, &readers.connect_options());
        let log = Arc::new(log);
        let mut writer = SqliteWriter::new(connection, log.clone());
        writer.look_at_suppression().await.map_err(|error| {
            PrepareError::Unusable(format!(
                "the database file {} cannot be used: {error}",
                path.display()
            ))
        })?;
        Ok(Self {
            writer: Mutex::new(Some(writer)),
            readers,
            window,
            lag: RollupLag::default(),
            health: Health::default(),
            files: OpenFiles::of(path),
            log,
            _lock: lock,
        })
    }

    async fn read<T>(
        &self,
        _limit: Duration,
        read: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        // Where the files are gone, that is the cause, whatever SQLite says.
        let cause = |error: sqlx::Error| self.files.check().err().unwrap_or_else(|| error.into());
        self.health.noted(read.await.map_err(cause))
    }

    async fn limit<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.health.noted(work.await)
    }

    fn pool(&self) -> &SqlitePool {
        &self.readers
    }

    fn window(&self) -> Duration {
        self.window
    }

    /// The connection that writes, until the store is closed.
    async fn writer(&self) -> Result<MappedMutexGuard<'_, SqliteWriter>, StoreError> {
        MutexGuard::try_map(self.writer.lock().await, Option::as_mut)
            .map_err(|_| sqlx::Error::PoolClosed.into())
    }

    async fn begin(&self) -> Result<SqliteTransaction<'_>, StoreError> {
        SqliteTransaction::begin(self.writer().await?, &self.files).await
    }

    /// Begins a transaction beside the ledger. Here one connection writes both.
    async fn begin_beside(&self) -> Result<SqliteTransaction<'_>, StoreError> {
        self.begin().await
    }

    /// Rolls up until the projection is where the ledger was when this began.
    async fn roll_up_to_head(&self) -> Result<(), StoreError> {
        let mut progress = rollup::progress(&self.readers).await?;
        let head = progress.head;
        while progress.position < head {
            progress = self.roll_up_step(&mut *self.writer().await?).await?;
        }
        Ok(())
    }

    /// One step on the connection that writes, between two commits.
    async fn roll_up_step(&self, writer: &mut SqliteWriter) -> Result<RollupProgress, StoreError> {
        let step = async {
            let connection = writer.connection.begin().await?;
            let step = rollup::step(connection).await;
            writer.connection.end(step).await
        };
        let progress = step.await;
        self.lag.tried(
            progress
                .as_ref()
                .map(|progress: &RollupProgress| progress.position)
                .ok(),
        );
        self.health.noted(progress)
    }
}

#[async_trait]
impl Ledger for SqliteStore {
    #[instrument(name = "store.commit", level = "debug", skip_all, fields(records = records.len()))]
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut writer = self.writer().await?;
        if self.lag.is_too_long()
            && let Err(error) = self.roll_up_step(&mut writer).await
        {
            tracing::debug!(%error, "the rollup failed; it is tried again");
        }
        // The clock of the database, which here is that of the machine: one process writes the file.
        let is_suppressing = writer.is_suppressing(Clock::system().now());
        let connection = writer.connection.start().await;
        let done = commit::commit(connection, records, attempt, self.window, is_suppressing).await;
        let (committed, head) = self.health.noted(writer.connection.ended(done).await)?;
        self.files.check()?;
        self.lag.committed(head);
        Ok(committed)
    }

    #[instrument(name = "store.roll_up", level = "debug", skip_all)]
    async fn roll_up(&self) -> Result<bool, StoreError> {
        // No transaction where there is nothing to do.
        let progress = rollup::progress(&self.readers).await?;
        if progress.is_caught_up() {
            self.lag.rolled_up(progress.position);
            return Ok(true);
        }
        let mut writer = self.writer().await?;
        Ok(self.roll_up_step(&mut writer).await?.is_caught_up())
    }

    #[instrument(name = "store.ready", level = "debug", skip_all)]
    async fn ready(&self) -> Result<(), StoreError> {
        self.files.check()?;
        let answer = sqlx::query("SELECT 1 FROM head").execute(&self.readers);
        self.read(PROBE_TIMEOUT, answer).await.map(drop)
    }

    #[instrument(name = "store.close", level = "debug", skip_all)]
    async fn close(&self) {
        let closing = async {
            self.readers.close().await;
            // Last and awaited: the last connection deletes SQLite's two files beside the database. A connection that
            // is only dropped is closed by its thread, and the process may end in the middle of that.
            if let Some(writer) = self.writer.lock().await.take() {
                writer.connection.close().await;
            }
        };
        // A disk that hangs is not waited for: nothing that was acknowledged depends on it.
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}
