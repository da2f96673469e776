//! The write lease: one transaction at a time writes the ledger, on one connection.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::{CONNECT_TIMEOUT, PROBE_TIMEOUT, PostgresStore, commit};
use crate::delivery::Record;
use crate::store::{Attempt, Committed, StoreError};

/// Begins a transaction that writes and locks `head`, behind which every other one now waits. Its commit waits for the
/// disk whatever the server's default is. The limits keep one replica that hangs from stopping the others. All of it is
/// local to the transaction, so that it also holds behind a connection pooler.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
     SET LOCAL statement_timeout = '3s'; \
     SET LOCAL lock_timeout = '2s'; \
     SET LOCAL idle_in_transaction_session_timeout = '3s'; \
     SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'; \
     SELECT FROM head FOR UPDATE; \
     SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; \
     SET LOCAL plan_cache_mode = auto; SET LOCAL jit = off";

/// What a commit needs behind that: every look-up of its function uses an index, and is planned once. A cached plan
/// from when a table was small would read all of it.
const COMMIT_PLANS: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; \
     SET LOCAL enable_mergejoin = off; SET LOCAL plan_cache_mode = force_generic_plan";

/// The same limits and plans for a session, in which a commit is one statement and a transaction of its own.
const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET statement_timeout = '3s'; \
     SET lock_timeout = '2s'; \
     SET idle_in_transaction_session_timeout = '3s'; \
     SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SET plan_cache_mode = force_generic_plan; SET jit = off; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// What belongs to the one connection that writes. It skips the pool and its health checks.
#[derive(Debug)]
pub(super) struct PostgresWriter {
    pub(super) connection: Option<PgConnection>,
    /// Whether the suppression list had entries when that was last seen.
    pub(super) is_suppressing: bool,
}

/// The right to write, until it is given back, and the connection. That is out of its place meanwhile: if something
/// goes wrong or the future is dropped, a connection in an unknown state is never used again.
pub(super) struct WriteLease<'a> {
    connection: PgConnection,
    writer: MutexGuard<'a, PostgresWriter>,
    keeps_session: bool,
    _maintenance: Option<MutexGuard<'a, ()>>,
}

impl WriteLease<'_> {
    /// Commits a batch, and answers the last position as well.
    pub(super) async fn commit(
        &mut self,
        records: &[Record],
        attempt: Attempt,
        window: Duration,
    ) -> Result<(Vec<Committed>, i64), StoreError> {
        let connection = &mut self.connection;
        let is_suppressing = &mut self.writer.is_suppressing;
        if self.keeps_session {
            return commit::commit(connection, records, attempt, window, is_suppressing).await;
        }
        let begin = AssertSqlSafe(format!("{BEGIN}; {COMMIT_PLANS}"));
        sqlx::raw_sql(begin).execute(&mut *connection).await?;
        let committed = commit::commit(connection, records, attempt, window, is_suppressing).await;
        end(connection, committed).await
    }

    /// Puts the connection back. After a refusal or a conflict it is as good as new once the transaction is rolled
    /// back. sqlx would leave that to the next use, but the transaction holds the lock that everybody waits for.
    pub(super) async fn give_back<T>(
        mut self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let usable = match &result {
            Ok(_) => true,
            Err(StoreError::Unavailable(_)) => false,
            Err(_) => timeout(PROBE_TIMEOUT, self.connection.ping())
                .await
                .is_ok_and(|answer| answer.is_ok()),
        };
        if usable {
            self.writer.connection = Some(self.connection);
        }
        result
    }
}

/// Ends a transaction: commits what succeeded and rolls back what did not.
async fn end<T>(
    connection: &mut PgConnection,
    result: Result<T, StoreError>,
) -> Result<T, StoreError> {
    match result {
        Ok(done) => {
            sqlx::raw_sql("COMMIT").execute(connection).await?;
            Ok(done)
        }
        Err(error @ StoreError::Unavailable(_)) => Err(error),
        Err(error) => {
            sqlx::raw_sql("ROLLBACK").execute(connection).await?;
            Err(error)
        }
    }
}

/// A transaction that has locked `head`.
pub(super) struct PostgresTransaction<'a>(WriteLease<'a>);

impl Deref for PostgresTransaction<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0.connection
    }
}

impl DerefMut for PostgresTransaction<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0.connection
    }
}

impl PostgresTransaction<'_> {
    /// Commits what succeeded and rolls back what did not.
    pub(super) async fn finish<T>(
        mut self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let ended = end(&mut self.0.connection, result).await;
        self.0.give_back(ended).await
    }

    /// Rolls back, whatever was done.
    pub(super) async fn cancel<T>(
        mut self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !matches!(result, Err(StoreError::Unavailable(_))) {
            sqlx::raw_sql("ROLLBACK")
                .execute(&mut self.0.connection)
                .await?;
        }
        self.0.give_back(result).await
    }
}

/// A transaction that does not lock `head`.
pub(super) struct TransactionBeside(Transaction<'static, Postgres>);

impl Deref for TransactionBeside {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for TransactionBeside {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl TransactionBeside {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self(pool.begin().await?))
    }

    /// Commits what succeeded and rolls back what did not.
    pub(super) async fn finish<T>(self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let done = result?;
        self.0.commit().await?;
        Ok(done)
    }
}

impl PostgresStore {
    /// Gives a session that writes its limits.
    pub(super) async fn begin_session(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if self.keeps_session.load(Ordering::Acquire) {
            let limits = sqlx::raw_sql(SESSION).execute(connection);
            timeout(CONNECT_TIMEOUT, limits)
                .await
                .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))?;
        }
        Ok(())
    }

    /// Waits for the lease of a commit.
    pub(super) async fn lease(&self) -> Result<WriteLease<'_>, StoreError> {
        self.limit(self.lease_behind(None)).await
    }

    /// Begins a transaction of maintenance. Others wait elsewhere than commits do, so that many of them delay commits
    /// no longer than one.
    pub(super) async fn begin(&self) -> Result<PostgresTransaction<'_>, StoreError> {
        let maintenance = Some(self.maintenance.lock().await);
        let mut lease = self.lease_behind(maintenance).await?;
        sqlx::raw_sql(BEGIN).execute(&mut lease.connection).await?;
        Ok(PostgresTransaction(lease))
    }

    async fn lease_behind<'a>(
        &'a self,
        maintenance: Option<MutexGuard<'a, ()>>,
    ) -> Result<WriteLease<'a>, StoreError> {
        let mut writer = self.writer.lock().await;
        let connection = if let Some(connection) = writer.connection.take() {
            connection
        } else {
            let mut connection = self.connect().await?;
            self.begin_session(&mut connection).await?;
            connection
        };
        Ok(WriteLease {
            connection,
            writer,
            keeps_session: self.keeps_session.load(Ordering::Acquire),
            _maintenance: maintenance,
        })
    }
}
