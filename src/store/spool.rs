//! Deliveries that wait on this machine's disk while Postgres is away: the embedded engine in another file.
//!
//! A delivery is added in a transaction that is on the disk before [`Spool::append`] answers, and removed only after
//! the database has it. In between a crash leaves it here, and it is drained again: its id tells the database whether
//! it is there already.

mod rows;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard as AsyncMutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use super::sqlite::{self, CLOSE_TIMEOUT, OpenFiles, WriteAheadLog, WriteConnection};
use super::{PrepareError, StoreError};
use crate::delivery::Delivery;
use rows::{delete, earlier, insert, read_depth, readable, spooled};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/spool");

/// Deliveries that wait on this machine's disk.
#[derive(Debug)]
pub struct Spool {
    /// `None` after [`Spool::close`].
    connection: Mutex<Option<WriteConnection>>,
    depth: StdMutex<SpoolDepth>,
    files: OpenFiles,
    log: Arc<WriteAheadLog>,
}

/// What to do about a damaged spool.
const DAMAGED: &str = "move it away, together with the files whose names begin with its name, and start again; \
                       `sqlite3 spool.db .recover` may save deliveries that waited in it";

/// How many deliveries are removed in one transaction.
const STEP: usize = 200;

/// How much waits, and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolDepth {
    /// How many deliveries wait.
    pub deliveries: u64,
    /// When the one that waits longest arrived.
    pub oldest: Option<Timestamp>,
}

/// A delivery in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Its place in the order of arrival.
    pub position: i64,
    /// As it came.
    pub delivery: Delivery,
}

impl Spool {
    /// Where the spool of a data directory is.
    pub fn file(data_dir: &Path) -> PathBuf {
        data_dir.join("spool.db")
    }

    /// How much waits in the spool of a data directory, read without changing it; nothing if there is none.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when the file is there and cannot be read; its sentence names it.
    pub async fn look(data_dir: &Path) -> Result<SpoolDepth, PrepareError> {
        let path = Self::file(data_dir);
        let unusable = |error: &dyn std::fmt::Display| {
            PrepareError::Unusable(format!(
                "the spool file {} cannot be read: {error}",
                path.display()
            ))
        };
        match fs::metadata(&path) {
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(SpoolDepth::default());
            }
            Err(error) => return Err(unusable(&error)),
        }
        let options = sqlite::looking(&path);
        let depth = async {
            let mut connection = SqliteConnection::connect_with(&options).await?;
            // A start that was cut may have left an empty file.
            let exists = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'spool'";
            let depth = if sqlx::query_scalar(exists)
                .fetch_one(&mut connection)
                .await?
            {
                read_depth(&mut connection).await?
            } else {
                SpoolDepth::default()
            };
            connection.close().await.ok();
            Ok::<_, sqlx::Error>(depth)
        };
        depth.await.map_err(|error| unusable(&error))
    }

    /// Copies the spool of a data directory, which a service may use meanwhile, to another directory that has none.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when it cannot be copied there.
    pub async fn copy(data_dir: &Path, to: &Path) -> Result<(), PrepareError> {
        sqlite::copy(&Self::file(data_dir), &Self::file(to)).await
    }

    /// Opens the file `spool.db` in the data directory, creating it if needed. What a former process left in it waits
    /// on.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when the file cannot be used; its sentence names it.
    pub async fn open(data_dir: &Path) -> Result<Self, PrepareError> {
        let path = Self::file(data_dir);
        let unusable = |error: &dyn std::fmt::Display| {
            PrepareError::Unusable(format!(
                "the spool file {} cannot be used: {error}",
                path.display()
            ))
        };
        let cause = |error: &(dyn Error + 'static)| unusable(&sqlite::cause_or(error, DAMAGED));
        let options = sqlite::options(&path).map_err(|error| match error.kind() {
            ErrorKind::StorageFull => unusable(&"the disk is full: make room on it"),
            _ => unusable(&error),
        })?;
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|error| cause(&error))?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| cause(&error))?;
        let depth = read_depth(&mut connection)
            .await
            .map_err(|error| cause(&error))?;
        let log = Arc::new(WriteAheadLog::of(&path, &options));
        Ok(Self {
            connection: Mutex::new(Some(WriteConnection::new(connection, log.clone()))),
            depth: StdMutex::new(depth),
            files: OpenFiles::of(&path),
            log,
        })
    }

    /// Adds deliveries, all or none. They are on the disk when this answers.
    ///
    /// # Errors
    /// When they are not: the disk is full, or broken.
    pub async fn append(&self, deliveries: &[&Delivery]) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let added = insert(connection.begin().await?, deliveries).await;
        let added = connection.end(added).await?;
        self.check_files()?;
        let mut depth = self.lock_depth();
        depth.deliveries += added.deliveries;
        depth.oldest = earlier(depth.oldest, added.oldest);
        Ok(())
    }

    /// Whether what is added would be kept.
    ///
    /// # Errors
    /// When the file was removed or replaced while it is open.
    pub fn check_files(&self) -> Result<(), StoreError> {
        self.files.check()
    }

    /// The deliveries behind a position that wait longest, at most `limit` of them and about `bytes` of bodies, but
    /// at least one if any waits. A row that cannot be read as a delivery is left where it is: what is behind it must
    /// not wait for that.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn oldest(
        &self,
        after: i64,
        limit: u32,
        bytes: usize,
    ) -> Result<Vec<Spooled>, StoreError> {
        let mut after = after;
        loop {
            let rows = self.rows(after, limit, bytes).await?;
            let Some(last) = rows.last() else {
                return Ok(Vec::new());
            };
            after = last.try_get("position")?;
            let readable: Vec<_> = rows.iter().filter_map(readable).collect();
            if !readable.is_empty() {
                return Ok(readable);
            }
        }
    }

    async fn rows(
        &self,
        after: i64,
        limit: u32,
        bytes: usize,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut connection = self.connection().await?;
        let rows = sqlx::query(
            "SELECT * FROM spool WHERE position > ?1 AND position <= coalesce( \
               (SELECT position FROM (SELECT position, sum(length(body)) OVER (ORDER BY position) AS total \
                  FROM (SELECT position, body FROM spool WHERE position > ?1 ORDER BY position LIMIT ?2)) \
                WHERE total >= ?3 ORDER BY position LIMIT 1), 9223372036854775807) \
             ORDER BY position LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .fetch_all(connection.idle().await)
        .await?;
        Ok(rows)
    }

    /// Removes deliveries that the database has, and takes them out of the list. Removing takes room as well, for they
    /// are overwritten: where there is little, fewer go at once.
    ///
    /// # Errors
    /// When the file cannot be written; the deliveries that are left are then drained once more.
    pub async fn remove(&self, positions: &mut Vec<i64>) -> Result<(), StoreError> {
        if !positions.is_empty() && !self.log.prepare_large().await {
            return Err(StoreError::Full("the log cannot be folded in".to_owned()));
        }
        let mut most = STEP;
        while !positions.is_empty() {
            let count = positions.len().min(most);
            match self.remove_step(&positions[..count]).await {
                Ok(()) => drop(positions.drain(..count)),
                Err(StoreError::Full(_)) if count > 1 => most = count.div_ceil(4),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn remove_step(&self, positions: &[i64]) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let removed = delete(connection.begin().await?, positions).await;
        let (removed, oldest) = connection.end(removed).await?;
        let waiting = {
            let mut depth = self.lock_depth();
            // Whether anything waits is certain, whatever was counted: a commit may have been done that was answered
            // with an error.
            depth.deliveries = match oldest {
                Some(_) => depth.deliveries.saturating_sub(removed).max(1),
                None => 0,
            };
            depth.oldest = oldest;
            depth.deliveries
        };
        if waiting == 0 {
            // An outage may have made the file large; an empty one shrinks at once.
            sqlx::query("VACUUM")
                .execute(connection.idle().await)
                .await
                .ok();
            self.log.fold().await;
        }
        Ok(())
    }

    /// Empties the log beside the file, in which what was removed still stands. `false` if another program hinders
    /// that; then it is tried again in the background.
    pub async fn overwrite_removed(&self) -> bool {
        self.log.fold_eventually().await
    }

    /// Closes the file, so that SQLite leaves no other beside it.
    pub async fn close(&self) {
        let closing = async {
            if let Some(connection) = self.connection.lock().await.take() {
                connection.close().await;
            }
        };
        // A disk that hangs is not waited for: nothing that was acknowledged depends on it.
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }

    async fn connection(&self) -> Result<MappedMutexGuard<'_, WriteConnection>, StoreError> {
        AsyncMutexGuard::try_map(self.connection.lock().await, Option::as_mut)
            .map_err(|_| sqlx::Error::PoolClosed.into())
    }

    /// One delivery that waits.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn find(&self, id: Uuid) -> Result<Option<Delivery>, StoreError> {
        let mut connection = self.connection().await?;
        let row = sqlx::query("SELECT * FROM spool WHERE id = ?1")
            .bind(id)
            .fetch_optional(connection.idle().await)
            .await?;
        Ok(row
            .as_ref()
            .map(spooled)
            .transpose()?
            .map(|spooled| spooled.delivery))
    }

    /// How much waits, and since when.
    pub fn depth(&self) -> SpoolDepth {
        *self.lock_depth()
    }

    fn lock_depth(&self) -> MutexGuard<'_, SpoolDepth> {
        self.depth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
