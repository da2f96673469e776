//! The ledger in Postgres, version 13 or newer.

mod at_once;
mod commit;
mod erase;
mod fold;
mod guard;
mod prepare;
mod read;
mod reread;
mod retain;
mod rows;
mod sightings;
mod silence;
mod turn;
mod upkeep;
mod writing;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::Mutex;
use tokio::time::timeout;
use uuid::Uuid;

use turn::Writer;

use super::known::Known;
use super::query::{
    ContactFilter, ContactSummary, DeliveryDetail, DeliveryFilter, DeliverySummary, MessageFilter,
    Newest, Page, Recent, Snapshot,
};
use super::{Alert, Attempt, Committed, Feed, PrepareError, Silence, Store, StoreError, Stretch};
use crate::delivery::Record;
use crate::rejection::RejectedRequest;

/// How long a reader waits for a connection, and then for its answer.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a probe waits: whoever asks gives up soon.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a commit may take before the database counts as unavailable. Longer than the server's own limit on a
/// statement, which is thus the one that reports.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long saying goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for reading; the writer has its own.
const READERS: u32 = 4;

/// The ledger in Postgres.
#[derive(Debug)]
pub struct PostgresStore {
    options: PgConnectOptions,
    readers: PgPool,
    writer: Mutex<Writer>,
    /// Held by the one upkeep transaction that may stand before the commits for which senders wait.
    upkeep: Mutex<()>,
    window: Duration,
    /// Set once the server has been checked and migrated; until then nothing is tried.
    prepared: AtomicBool,
    /// Whether a connection here is a session there, as it is without a pooler, or with one in session mode.
    keeps_session: AtomicBool,
}

/// Gives a writing transaction, or the wait for it, its time limit.
async fn limited<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(COMMIT_TIMEOUT, work).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!(
            "no answer within {} s",
            COMMIT_TIMEOUT.as_secs()
        )))
    })
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
            writer: Mutex::new(Writer {
                connection: None,
                known: Known::new(),
            }),
            upkeep: Mutex::new(()),
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
        prepare::migrate(&mut connection, &mut other, migrate).await?;
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

    /// Runs a reader, or a small writer that nobody waits for, with a time limit: a database that hangs must not hang
    /// them.
    async fn reading<T>(
        &self,
        limit: Duration,
        read: impl Future<Output = Result<T, sqlx::Error>> + Send,
    ) -> Result<T, StoreError> {
        self.check_prepared()?;
        match timeout(limit, read).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer within {} s",
                limit.as_secs()
            ))),
        }
    }
}

#[async_trait]
impl Feed for PostgresStore {
    async fn head(&self) -> Result<i64, StoreError> {
        self.reading(READ_TIMEOUT, read::head(&self.readers)).await
    }

    async fn span(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        self.reading(READ_TIMEOUT, read::span(&self.readers, since, until))
            .await
    }

    async fn messages(&self, filter: &MessageFilter, page: Page) -> Result<Stretch, StoreError> {
        self.reading(READ_TIMEOUT, read::messages(&self.readers, filter, page))
            .await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut turn = self.turn().await?;
        let (connection, known) = (&mut turn.connection, &mut turn.writer.known);
        let commit = async {
            if attempt == Attempt::First
                && !known.is_guarded()
                && self.keeps_session.load(Ordering::Acquire)
                && let Some(committed) =
                    at_once::commit(connection, records, self.window, known).await?
            {
                return Ok(committed);
            }
            commit::commit(connection, records, attempt, self.window, known).await
        };
        let result = limited(commit).await;
        turn.give_back(result).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.reading(
            PROBE_TIMEOUT,
            sqlx::query("SELECT FROM head").execute(&self.readers),
        )
        .await
        .map(drop)
    }

    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError> {
        self.reading(READ_TIMEOUT, read::snapshot(&self.readers, since))
            .await
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliverySummary>, StoreError> {
        self.reading(READ_TIMEOUT, read::deliveries(&self.readers, filter, page))
            .await
    }

    async fn newest(&self, limit: u32) -> Result<Newest, StoreError> {
        self.reading(READ_TIMEOUT, read::newest(&self.readers, limit))
            .await
    }

    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError> {
        self.reading(READ_TIMEOUT, read::delivery(&self.readers, id))
            .await
    }

    async fn remember(&self, seen: &[RejectedRequest]) -> Result<(), StoreError> {
        self.reading(COMMIT_TIMEOUT, sightings::remember(&self.readers, seen))
            .await
    }

    async fn recent(&self) -> Result<Recent, StoreError> {
        self.reading(READ_TIMEOUT, sightings::recent(&self.readers))
            .await
    }

    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.reading(PROBE_TIMEOUT, silence::last_message_at(&self.readers))
            .await
    }

    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError> {
        self.reading(
            READ_TIMEOUT,
            silence::messages_by_hour(&self.readers, since),
        )
        .await
    }

    async fn silence(&self) -> Result<Silence, StoreError> {
        self.reading(READ_TIMEOUT, silence::read(&self.readers))
            .await
    }

    async fn change_silence(
        &self,
        known: Silence,
        since: Option<Timestamp>,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        self.reading(
            COMMIT_TIMEOUT,
            silence::change(&self.readers, known, since, alert),
        )
        .await
    }

    async fn alert(&self) -> Result<Option<Alert>, StoreError> {
        self.reading(READ_TIMEOUT, silence::alert(&self.readers))
            .await
    }

    async fn claim_alert(&self, alert: &Alert, again_at: Timestamp) -> Result<bool, StoreError> {
        self.reading(
            COMMIT_TIMEOUT,
            silence::claim(&self.readers, alert, again_at),
        )
        .await
    }

    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError> {
        self.reading(COMMIT_TIMEOUT, silence::forget(&self.readers, id))
            .await
    }

    async fn contacts(
        &self,
        filter: &ContactFilter,
        page: Page,
    ) -> Result<Vec<ContactSummary>, StoreError> {
        self.reading(READ_TIMEOUT, read::contacts(&self.readers, filter, page))
            .await
    }

    async fn fold(&self) -> Result<i64, StoreError> {
        self.reading(COMMIT_TIMEOUT, fold::fold(&self.readers))
            .await
    }

    async fn close(&self) {
        let closing = async {
            if let Some(connection) = self.writer.lock().await.connection.take() {
                connection.close().await.ok();
            }
            self.readers.close().await;
        };
        // To be polite to the server is not worth hanging with it.
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}
