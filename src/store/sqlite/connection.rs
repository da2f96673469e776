//! A connection that writes, and goes on doing so after an error.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::MappedMutexGuard;

use super::files::OpenFiles;
use super::log::WriteAheadLog;
use crate::store::StoreError;
use crate::store::values::Time;

/// Commits, and answers a row after it.
const COMMIT: &str = "COMMIT; SELECT 1";

/// A connection that writes, one transaction at a time.
///
/// Not sqlx's own transactions: on a full disk SQLite rolls back by itself, sqlx fails to roll back once more, and then
/// believes for ever that a transaction is open, so that no other can begin (`worker.rs` of sqlx-sqlite 0.9).
/// <https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>
#[derive(Debug)]
pub(in crate::store) struct WriteConnection {
    connection: SqliteConnection,
    log: Arc<WriteAheadLog>,
    /// A transaction was begun, and is not known to be over: it failed, or its future was dropped.
    begun: bool,
}

impl WriteConnection {
    pub(in crate::store) fn new(connection: SqliteConnection, log: Arc<WriteAheadLog>) -> Self {
        Self {
            connection,
            log,
            begun: false,
        }
    }

    /// The connection, outside a transaction.
    pub(in crate::store) async fn idle(&mut self) -> &mut SqliteConnection {
        if self.begun {
            self.roll_back().await;
        }
        &mut self.connection
    }

    /// The connection for statements that begin a transaction and commit it themselves. [`ended`](Self::ended) follows.
    pub(in crate::store) async fn start(&mut self) -> &mut SqliteConnection {
        self.idle().await;
        self.begun = true;
        &mut self.connection
    }

    /// Begins a transaction, which [`end`](Self::end) ends.
    pub(in crate::store) async fn begin(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = self.start().await;
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut *connection)
            .await?;
        Ok(connection)
    }

    /// Commits what succeeded and rolls back what did not.
    pub(in crate::store) async fn end<T, E: Into<StoreError>>(
        &mut self,
        done: Result<T, E>,
    ) -> Result<T, StoreError> {
        let ended = match done {
            Ok(done) => {
                let row = sqlx::raw_sql(COMMIT)
                    .fetch_optional(&mut self.connection)
                    .await;
                committed(row).map(|()| done).map_err(StoreError::from)
            }
            Err(error) => Err(error.into()),
        };
        self.ended(ended).await
    }

    /// Empties the log and closes the file.
    pub(in crate::store) async fn close(mut self) {
        self.log.close().await;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(self.idle().await)
            .await
            .ok();
        self.connection.close().await.ok();
    }

    /// Notes that the transaction is over if it went well. Otherwise it is rolled back. Folds in the log where the disk
    /// was full, for it holds what was written in vain, and where it will be.
    pub(in crate::store) async fn ended<T>(
        &mut self,
        ended: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if ended.is_ok() {
            self.begun = false;
        } else {
            self.roll_back().await;
        }
        if matches!(ended, Err(StoreError::Full(_))) || self.log.is_too_long() {
            self.log.fold().await;
        }
        ended
    }

    async fn roll_back(&mut self) {
        let rolled_back = sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.connection)
            .await;
        // SQLite may have done so by itself, and then there is nothing to roll back: its error 1.
        let is_over = |error: &sqlx::Error| {
            let code = error.as_database_error().and_then(DatabaseError::code);
            code.is_some_and(|code| code == "1")
        };
        self.begun = rolled_back.is_err_and(|error| !is_over(&error));
    }
}

/// Whether a commit was answered. The end of the answers alone says nothing: they also end if the thread of the
/// database does.
fn committed(row: Result<Option<SqliteRow>, sqlx::Error>) -> Result<(), sqlx::Error> {
    row?.map(drop).ok_or(sqlx::Error::WorkerCrashed)
}

/// What belongs to the one connection that writes the ledger.
#[derive(Debug)]
pub(super) struct SqliteWriter {
    pub(super) connection: WriteConnection,
    /// Until when the suppression list has entries.
    suppressing_until: Option<Timestamp>,
}

impl SqliteWriter {
    pub(super) fn new(connection: SqliteConnection, log: Arc<WriteAheadLog>) -> Self {
        Self {
            connection: WriteConnection::new(connection, log),
            suppressing_until: None,
        }
    }

    /// Whether the suppression list has entries.
    pub(super) fn is_suppressing(&self, now: Timestamp) -> bool {
        self.suppressing_until.is_some_and(|until| now <= until)
    }

    /// Reads until when it has.
    pub(super) async fn look_at_suppression(&mut self) -> Result<(), sqlx::Error> {
        let until: Option<Time> = sqlx::query_scalar("SELECT suppressing_until FROM head")
            .fetch_one(self.connection.idle().await)
            .await?;
        self.suppressing_until = until.map(Into::into);
        Ok(())
    }
}

/// A transaction of maintenance.
pub(super) struct SqliteTransaction<'a> {
    writer: MappedMutexGuard<'a, SqliteWriter>,
    files: &'a OpenFiles,
}

impl Deref for SqliteTransaction<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.writer.connection.connection
    }
}

impl DerefMut for SqliteTransaction<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.writer.connection.connection
    }
}

impl<'a> SqliteTransaction<'a> {
    pub(super) async fn begin(
        mut writer: MappedMutexGuard<'a, SqliteWriter>,
        files: &'a OpenFiles,
    ) -> Result<Self, StoreError> {
        writer.connection.begin().await?;
        Ok(Self { writer, files })
    }

    /// Commits what succeeded and rolls back what did not.
    pub(super) async fn finish<T>(
        mut self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.writer.connection.end(result).await?;
        self.files.check()?;
        self.writer.look_at_suppression().await?;
        Ok(done)
    }

    /// Rolls back, whatever was done.
    pub(super) async fn cancel<T>(
        mut self,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.writer.connection.roll_back().await;
        result
    }
}
