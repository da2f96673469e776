//! A connection that writes, and goes on doing so after an error.

use sqlx::error::DatabaseError;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Connection as _, Sqlite, SqliteConnection};

/// Commits, and answers a row after it.
pub(super) const COMMIT: &str = "COMMIT; SELECT 1";

/// A connection that writes, one transaction at a time.
///
/// Not sqlx's own transactions: on a full disk SQLite rolls back by itself, sqlx fails to roll back once more, and then
/// believes for ever that a transaction is open, so that no other can begin (`worker.rs` of sqlx-sqlite 0.9).
/// <https://sqlite.org/lang_transaction.html#response_to_errors_within_a_transaction>
#[derive(Debug)]
pub(in crate::store) struct Writing {
    connection: SqliteConnection,
    /// A transaction was begun, and is not known to be over: it failed, or its future was dropped.
    begun: bool,
}

impl Writing {
    pub(in crate::store) fn new(connection: SqliteConnection) -> Self {
        Self {
            connection,
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

    /// Executes statements that are a whole transaction, from its beginning to its commit, and answer a row after it.
    pub(in crate::store) async fn whole(
        &mut self,
        statements: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<(), sqlx::Error> {
        self.idle().await;
        self.begun = true;
        let row = statements.fetch_optional(&mut self.connection).await;
        self.over(committed(row)).await
    }

    /// Begins a transaction, which [`end`](Self::end) ends.
    pub(in crate::store) async fn begin(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.idle().await;
        self.begun = true;
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await?;
        Ok(&mut self.connection)
    }

    /// Commits what was done well, and takes back what was not.
    pub(in crate::store) async fn end<T, E: From<sqlx::Error>>(
        &mut self,
        done: Result<T, E>,
    ) -> Result<T, E> {
        let ended = match done {
            Ok(done) => {
                let row = sqlx::raw_sql(COMMIT)
                    .fetch_optional(&mut self.connection)
                    .await;
                committed(row).map(|()| done).map_err(E::from)
            }
            error => error,
        };
        self.over(ended).await
    }

    /// Folds the write-ahead log into the file and empties it, if nobody is reading there.
    pub(in crate::store) async fn fold_log(&mut self) {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(self.idle().await)
            .await
            .ok();
    }

    /// Folds the log in, closes the file, and waits until that is done.
    pub(in crate::store) async fn close(mut self) {
        self.fold_log().await;
        self.connection.close().await.ok();
    }

    /// The transaction is over if it went well; else it is taken back.
    async fn over<T, E>(&mut self, ended: Result<T, E>) -> Result<T, E> {
        if ended.is_ok() {
            self.begun = false;
        } else {
            self.roll_back().await;
        }
        ended
    }

    async fn roll_back(&mut self) {
        let rolled_back = sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.connection)
            .await;
        // SQLite may have done so by itself, and then there is nothing to take back: its error 1.
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
