//! A connection that writes, and goes on doing so after an error.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

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

    /// Executes statements that are a whole transaction, from its beginning to its commit.
    pub(in crate::store) async fn whole(
        &mut self,
        statements: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<(), sqlx::Error> {
        self.idle().await;
        self.begun = true;
        let done = statements.execute(&mut self.connection).await;
        if done.is_ok() {
            self.begun = false;
        } else {
            self.roll_back().await;
        }
        done.map(drop)
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
            Ok(done) => sqlx::raw_sql("COMMIT")
                .execute(&mut self.connection)
                .await
                .map(|_| done)
                .map_err(E::from),
            error => error,
        };
        if ended.is_ok() {
            self.begun = false;
        } else {
            self.roll_back().await;
        }
        ended
    }

    /// Fails where SQLite has rolled back by itself, which is as good.
    async fn roll_back(&mut self) {
        let rolled_back = sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.connection)
            .await;
        self.begun = rolled_back.is_err();
    }
}
