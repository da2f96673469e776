//! What is wrong with a database that goes on working.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::{Database, Pool};

use super::{Scan, StoreError};

/// What is wrong with a database that goes on working. It is known to this process only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// The first damage that was found, in the database's words. It counts until the end of the process: no damage
    /// heals by itself.
    pub damage: Option<String>,
    /// What was erased still stands in the write-ahead log of the embedded database, because another program reads it.
    pub is_log_pending: bool,
    /// The connections for reading.
    pub connections: ConnectionCounts,
}

/// How many connections a pool has, and may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    pub idle: usize,
    pub used: usize,
    pub limit: usize,
}

impl ConnectionCounts {
    /// Those of a pool.
    pub(super) fn of<D: Database>(pool: &Pool<D>) -> Self {
        let (open, idle) = (pool.size() as usize, pool.num_idle());
        Self {
            idle,
            used: open.saturating_sub(idle),
            limit: pool.options().get_max_connections() as usize,
        }
    }
}

/// The damage that a store has found.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    pub(super) fn damage(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Notes a damage that an answer tells of, and hands the answer on.
    pub(super) fn noted<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(cause)) = &answer {
            self.note_damage(cause);
        }
        answer
    }

    /// Notes a damage that a page tells of, and hands the page on.
    pub(super) fn whole<T>(&self, page: Scan<T>) -> Scan<T> {
        if page.unreadable > 0 {
            self.note_damage("some rows cannot be read");
        }
        page
    }

    /// Notes a damage, and logs the first one.
    fn note_damage(&self, cause: &str) {
        self.lock().get_or_insert_with(|| {
            tracing::error!(
                cause,
                "the database is damaged: restore it from a backup, or save what can be read with `sqlite3 … .recover`"
            );
            cause.to_owned()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
