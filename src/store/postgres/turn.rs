//! The right to write: one transaction at a time, on one connection.

use std::sync::atomic::Ordering;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::{CONNECT_TIMEOUT, PROBE_TIMEOUT, PostgresStore, at_once, limited};
use crate::store::StoreError;
use crate::store::known::Known;

/// What belongs to the one connection that writes: it skips the pool and its health checks.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Option<PgConnection>,
    pub(super) known: Known,
}

/// The right to write, until it is given back; and the connection, out of its place meanwhile: whatever goes wrong, and if
/// the future is dropped, a connection in an unknown state is never used again.
pub(super) struct Turn<'a> {
    pub(super) connection: PgConnection,
    pub(super) writer: MutexGuard<'a, Writer>,
    _upkeep: Option<MutexGuard<'a, ()>>,
}

impl Turn<'_> {
    /// Puts the connection back. After a refusal or a conflict it is as good as new once the transaction is rolled back,
    /// which sqlx would leave to the next use; but it holds the lock that everybody waits for.
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

impl PostgresStore {
    /// Gives a session that writes its limits.
    pub(super) async fn begin_session(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        if self.keeps_session.load(Ordering::Acquire) {
            let limits = sqlx::raw_sql(at_once::SESSION).execute(connection);
            timeout(CONNECT_TIMEOUT, limits)
                .await
                .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))?;
        }
        Ok(())
    }

    /// Waits for the turn of a commit.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, StoreError> {
        self.check_prepared()?;
        limited(self.turn_behind(None)).await
    }

    /// Waits for the turn of an upkeep transaction. The others wait elsewhere than commits do, so that many of them delay
    /// these no longer than one.
    pub(super) async fn upkeep_turn(&self) -> Result<Turn<'_>, StoreError> {
        self.check_prepared()?;
        limited(async { self.turn_behind(Some(self.upkeep.lock().await)).await }).await
    }

    async fn turn_behind<'a>(
        &'a self,
        upkeep: Option<MutexGuard<'a, ()>>,
    ) -> Result<Turn<'a>, StoreError> {
        let mut writer = self.writer.lock().await;
        let connection = if let Some(connection) = writer.connection.take() {
            connection
        } else {
            // It may be another server, after a failover that lost commits.
            writer.known = Known::new();
            let mut connection = self.connect().await?;
            self.begin_session(&mut connection).await?;
            connection
        };
        Ok(Turn {
            connection,
            writer,
            _upkeep: upkeep,
        })
    }
}
