//! Deliveries that wait on this machine's disk while Postgres is away: the embedded engine in another file.
//!
//! A delivery is added in a transaction that is on the disk before [`Spool::append`] answers, and removed only after
//! the database has it. In between a crash leaves it here, and it is drained again: its id tells the database whether
//! it is there already.

mod rows;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard as AsyncMutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use super::sqlite::{self, CLOSE_TIMEOUT, WriteConnection};
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
}

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
    /// Without a write-ahead log nobody uses the file, and none is made to look at it. With one, SQLite needs the file
    /// beside it as well, and makes it if it is not there.
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
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true)
            .immutable(!Path::new(&log).exists());
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

    /// Opens the file `spool.db` in the data directory, creating it if needed. What a former process left in it waits on.
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
        let options = sqlite::options(&path).map_err(|error| unusable(&error))?;
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|error| unusable(&error))?;
        MIGRATIONS
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| unusable(&error))?;
        let depth = read_depth(&mut connection)
            .await
            .map_err(|error| unusable(&error))?;
        Ok(Self {
            connection: Mutex::new(Some(WriteConnection::new(connection))),
            depth: StdMutex::new(depth),
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
        let mut depth = self.lock_depth();
        depth.deliveries += added.deliveries;
        depth.oldest = earlier(depth.oldest, added.oldest);
        Ok(())
    }

    /// The deliveries behind a position that wait longest, at most `limit` of them and about `bytes` of bodies, but
    /// at least one if any waits. A row that cannot be read as a delivery is left where it is: what is behind it must not
    /// wait for that.
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

    /// Removes deliveries that the database has.
    ///
    /// # Errors
    /// When the file cannot be written; the deliveries are then drained once more.
    pub async fn remove(&self, positions: &[i64]) -> Result<(), StoreError> {
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
            sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(connection.idle().await)
                .await
                .ok();
        }
        Ok(())
    }

    /// Empties the log beside the file, in which what was removed still stands.
    pub async fn truncate_log(&self) {
        if let Ok(mut connection) = self.connection().await {
            connection.truncate_log().await;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::new_id;

    fn delivery(number: i64, size: usize) -> Delivery {
        Delivery {
            id: new_id(),
            received_at: Timestamp::from_millisecond(number).unwrap(),
            method: "POST".to_owned(),
            content_type: None,
            headers: vec![("user-agent".to_owned(), "test".to_owned())],
            body: vec![b'x'; size].into(),
            is_query: false,
        }
    }

    #[tokio::test]
    async fn a_look_tells_what_waits_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = Spool::file(directory.path());
        let nothing = SpoolDepth::default();
        assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
        assert!(!file.exists());
        fs::write(&file, "").unwrap();
        assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
        assert_eq!(Spool::look(&file).await.unwrap(), nothing, "no directory");
        let spool = Spool::open(directory.path()).await.unwrap();
        assert_eq!(Spool::look(directory.path()).await.unwrap(), nothing);
        let waiting = [delivery(2, 10), delivery(1, 10)];
        spool
            .append(&waiting.iter().collect::<Vec<_>>())
            .await
            .unwrap();
        // As a crash leaves it, and as a stop does.
        assert_eq!(Spool::look(directory.path()).await.unwrap(), spool.depth());
        let depth = spool.depth();
        drop(spool);
        assert_eq!(Spool::look(directory.path()).await.unwrap(), depth);
        assert_eq!(depth.deliveries, 2);

        let other = tempfile::tempdir().unwrap();
        fs::write(
            Spool::file(other.path()),
            "this is no database, but a letter",
        )
        .unwrap();
        let problem = Spool::look(other.path()).await.unwrap_err().to_string();
        assert!(problem.contains("spool.db cannot be read"), "{problem}");
    }

    /// How many pages the file may have: with more, the disk is full.
    async fn set_largest(spool: &Spool, pages: u32) {
        let mut connection = spool.connection().await.unwrap();
        let limit = format!("PRAGMA max_page_count = {pages}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(limit))
            .execute(connection.idle().await)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_is_spooled_survives_a_restart_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let deliveries = [delivery(3, 10), delivery(1, 10), delivery(2, 10)];
        {
            let spool = Spool::open(directory.path()).await.unwrap();
            spool
                .append(&[&deliveries[0], &deliveries[1]])
                .await
                .unwrap();
            spool
                .append(&[&deliveries[1], &deliveries[2]])
                .await
                .unwrap();
        }
        let spool = Spool::open(directory.path()).await.unwrap();
        assert_eq!(
            spool.depth(),
            SpoolDepth {
                deliveries: 3,
                oldest: Some(deliveries[1].received_at)
            }
        );
        let waiting = spool.oldest(0, 10, 1000).await.unwrap();
        let ids: Vec<_> = waiting.iter().map(|spooled| spooled.delivery.id).collect();
        assert_eq!(ids, deliveries.each_ref().map(|delivery| delivery.id));
        assert_eq!(waiting[0].delivery, deliveries[0]);
        assert_eq!(
            spool.find(deliveries[2].id).await.unwrap().as_ref(),
            Some(&deliveries[2])
        );
    }

    #[tokio::test]
    async fn a_batch_is_bounded_in_number_and_in_bytes_but_never_empty() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).await.unwrap();
        spool
            .append(&[&delivery(1, 100), &delivery(2, 100), &delivery(3, 100)])
            .await
            .unwrap();
        for (limit, bytes, expected) in [
            (10, 1, 1),
            (10, 100, 1),
            (10, 101, 2),
            (10, 1000, 3),
            (2, 1000, 2),
        ] {
            assert_eq!(
                spool.oldest(0, limit, bytes).await.unwrap().len(),
                expected,
                "{limit} {bytes}"
            );
        }
        let first = spool.oldest(0, 1, 1).await.unwrap()[0].position;
        assert_eq!(spool.oldest(first, 10, 1000).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_disk_that_was_full_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).await.unwrap();
        set_largest(&spool, 20).await;
        for _ in 0..2 {
            let large = [delivery(1, 50_000), delivery(2, 50_000)];
            spool.append(&[&large[0], &large[1]]).await.unwrap_err();
            assert_eq!(spool.depth(), SpoolDepth::default());
            assert!(spool.oldest(0, 10, 1000).await.unwrap().is_empty());
        }
        set_largest(&spool, 1_000_000).await;
        spool.append(&[&delivery(3, 50_000)]).await.unwrap();
        assert_eq!(spool.oldest(0, 10, 1000).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_is_removed_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).await.unwrap();
        spool
            .append(&[&delivery(1, 10), &delivery(2, 10)])
            .await
            .unwrap();
        let waiting = spool.oldest(0, 10, 1000).await.unwrap();
        spool.remove(&[waiting[0].position]).await.unwrap();
        assert_eq!(
            spool.depth(),
            SpoolDepth {
                deliveries: 1,
                oldest: Some(waiting[1].delivery.received_at)
            }
        );
        spool.remove(&[waiting[1].position]).await.unwrap();
        assert_eq!(spool.depth(), SpoolDepth::default());
        assert!(spool.oldest(0, 10, 1000).await.unwrap().is_empty());
    }

    /// A commit that was answered with an error, and was done: its rows were never counted.
    #[tokio::test]
    async fn what_was_not_counted_does_not_hide_what_waits() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).await.unwrap();
        let uncounted = Spool::open(directory.path()).await.unwrap();
        uncounted
            .append(&[&delivery(1, 10), &delivery(2, 10)])
            .await
            .unwrap();
        spool.append(&[&delivery(3, 10)]).await.unwrap();
        let waiting = spool.oldest(0, 10, 1000).await.unwrap();
        let positions: Vec<_> = waiting.iter().map(|spooled| spooled.position).collect();
        spool.remove(&positions[..2]).await.unwrap();
        assert_eq!(spool.depth().deliveries, 1);
        spool.remove(&positions[2..]).await.unwrap();
        assert_eq!(spool.depth(), SpoolDepth::default());
    }
}
