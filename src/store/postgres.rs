//! The ledger in Postgres, version 13 or newer.

mod backup;
mod commit;
mod dialect;
mod prepare;
mod rows;
mod write_lease;

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

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::instrument;

use rollup::RollupProgress;
use write_lease::{PostgresWriter, TransactionBeside};

pub use backup::SchemaState;

use super::health::Health;
use super::lag::RollupLag;
use super::{Attempt, Committed, Ledger, PrepareError, StoreError};
use crate::delivery::Record;

/// How long a reader waits for a connection, and then for its answer.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a probe waits: whoever asks gives up soon.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a commit may take before the database counts as unavailable. Longer than the server's own limit on a
/// statement, which is thus the one that reports.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for reading; the writer has its own.
const READERS: u32 = 4;

/// The ledger in Postgres.
#[derive(Debug)]
pub struct PostgresStore {
    options: PgConnectOptions,
    readers: PgPool,
    writer: Mutex<PostgresWriter>,
    /// Held by the one maintenance transaction that may queue ahead of commits, for which senders wait.
    maintenance: Mutex<()>,
    lag: RollupLag,
    health: Health,
    window: Duration,
    /// Set once the server has been checked and migrated; until then nothing is tried.
    prepared: AtomicBool,
    /// Whether a connection here is a session there, as it is without a pooler, or with one in session mode.
    keeps_session: AtomicBool,
}

impl PostgresStore {
    /// A store that is not connected yet: call [`prepare`](Self::prepare) until it succeeds.
    pub fn new(options: PgConnectOptions, window: Duration) -> Self {
        // PgBouncer refuses connections that ask for extra digits of floats, of which there are none here.
        let options = options
            .application_name("chatrace-webhook")
            .extra_float_digits(None);
        let readers = PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READ_TIMEOUT)
            .connect_lazy_with(options.clone());
        Self {
            options,
            readers,
            writer: Mutex::new(PostgresWriter {
                connection: None,
                is_suppressing: false,
            }),
            maintenance: Mutex::new(()),
            lag: RollupLag::default(),
            health: Health::default(),
            window,
            prepared: AtomicBool::new(false),
            keeps_session: AtomicBool::new(false),
        }
    }

    /// Connects, checks the server's version and brings the schema up to date (or, with `migrate` off, checks that
    /// it is). May be called again after a failure.
    ///
    /// # Errors
    /// [`PrepareError::Unreachable`] when trying again later may help, [`PrepareError::Unusable`] when it will not.
    pub async fn prepare(&self, migrate: bool) -> Result<(), PrepareError> {
        let connect = || async {
            self.connect()
                .await
                .map_err(|error| prepare::connect_error(&error, &self.options))
        };
        let (mut connection, mut other) = (connect().await?, connect().await?);
        prepare::check_version(&mut connection).await?;
        prepare::check_pooling(&mut connection, &mut other).await?;
        prepare::check_durability(&mut connection).await?;
        prepare::migrate(&mut connection, migrate).await?;
        let keeps_session = prepare::keeps_session(&mut connection, &mut other).await?;
        self.keeps_session.store(keeps_session, Ordering::Release);
        self.begin_session(&mut connection)
            .await
            .map_err(|error| PrepareError::Unreachable(error.to_string()))?;
        timeout(CLOSE_TIMEOUT, other.close()).await.ok();
        self.writer.lock().await.connection = Some(connection);
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Which migrations the database lacks, read without changing it.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub async fn missing_migrations(&self) -> Result<Vec<String>, PrepareError> {
        let mut connection = self
            .connect()
            .await
            .map_err(|error| prepare::connect_error(&error, &self.options))?;
        prepare::check_version(&mut connection).await?;
        let missing = prepare::missing_migrations(&mut connection).await?;
        timeout(CLOSE_TIMEOUT, connection.close()).await.ok();
        Ok(missing)
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&self.options))
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
    }

    fn check_prepared(&self) -> Result<(), StoreError> {
        if self.prepared.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(StoreError::Unavailable("not connected yet".to_owned()))
        }
    }

    /// Runs a reader with a time limit: a database that hangs must not hang those who wait for it.
    async fn read<T>(
        &self,
        limit: Duration,
        read: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        self.check_prepared()?;
        let answer = within(limit, async { Ok(read.await?) });
        self.health.noted(answer.await)
    }

    /// Gives a writing transaction, with the wait for it, its time limit.
    async fn limit<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.check_prepared()?;
        self.health.noted(within(COMMIT_TIMEOUT, work).await)
    }

    fn pool(&self) -> &PgPool {
        &self.readers
    }

    fn window(&self) -> Duration {
        self.window
    }

    /// Begins a transaction beside the ledger, behind which no commit waits.
    async fn begin_beside(&self) -> Result<TransactionBeside, StoreError> {
        self.check_prepared()?;
        TransactionBeside::begin(&self.readers).await
    }

    /// Rolls up until the projection is where the ledger was when this began.
    async fn roll_up_to_head(&self) -> Result<(), StoreError> {
        let mut progress = self
            .read(READ_TIMEOUT, rollup::progress(&self.readers))
            .await?;
        let head = progress.head;
        while progress.position < head {
            progress = self.roll_up_step().await?;
        }
        Ok(())
    }

    /// One step, in a transaction of its own. The limits are far below the time that a commit waits for a lock. What is
    /// lost with the server's memory is rolled up again.
    async fn roll_up_step(&self) -> Result<RollupProgress, StoreError> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '3s'; \
             SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '3s'; \
             SET LOCAL synchronous_commit = off";
        let step = Box::pin(async {
            let mut connection = self.readers.acquire().await?;
            let mut transaction = connection.begin_with(BEGIN).await?;
            let progress = rollup::step(&mut transaction).await?;
            transaction.commit().await?;
            Ok(progress)
        });
        let progress = self.read(COMMIT_TIMEOUT, step).await;
        self.lag
            .tried(progress.as_ref().map(|progress| progress.position).ok());
        progress
    }
}

/// Gives up what takes too long.
async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let limit = limit.as_secs();
        Err(StoreError::Unavailable(format!(
            "no answer within {limit} s"
        )))
    })
}

#[async_trait]
impl Ledger for PostgresStore {
    #[instrument(name = "store.commit", level = "debug", skip_all, fields(records = records.len()))]
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError> {
        if self.lag.is_too_long()
            && let Err(error) = self.roll_up_step().await
        {
            tracing::debug!(%error, "the rollup failed; it is tried again");
        }
        let mut lease = self.lease().await?;
        let committed = within(COMMIT_TIMEOUT, lease.commit(records, attempt, self.window)).await;
        let (committed, head) = self.health.noted(lease.give_back(committed).await)?;
        self.lag.committed(head);
        Ok(committed)
    }

    #[instrument(name = "store.roll_up", level = "debug", skip_all)]
    async fn roll_up(&self) -> Result<bool, StoreError> {
        let progress = self
            .read(READ_TIMEOUT, rollup::progress(&self.readers))
            .await?;
        if progress.is_caught_up() {
            self.lag.rolled_up(progress.position);
            return Ok(true);
        }
        Ok(self.roll_up_step().await?.is_caught_up())
    }

    #[instrument(name = "store.ready", level = "debug", skip_all)]
    async fn ready(&self) -> Result<(), StoreError> {
        let answer = sqlx::query("SELECT FROM head").execute(&self.readers);
        self.read(PROBE_TIMEOUT, answer).await.map(drop)
    }

    #[instrument(name = "store.close", level = "debug", skip_all)]
    async fn close(&self) {
        let closing = async {
            if let Some(connection) = self.writer.lock().await.connection.take() {
                connection.close().await.ok();
            }
            self.readers.close().await;
        };
        // Closing in an orderly way is not worth hanging for.
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}
