//! The write-ahead log beside a database file: when what stands in it is folded into the file.
//!
//! SQLite does so by itself when the log is long, but not where that is not long on this disk, and it never shortens
//! the log. Folding takes room in the file for what is new in the log. So the log is folded in before it has more than
//! there is room left: then a disk that was full never keeps it from being folded in, once there is a little room.
//!
//! After an erasure it still holds what was erased. Who reads the file meanwhile, such as a backup, hinders folding it
//! in. Nobody waits for that: it is tried again in the background.

use std::fs::metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row as _, SqlitePool};
use tokio::time::sleep;

/// A log shorter than this never matters.
const SHORT: u64 = 64 * 1024;
/// More than the largest transaction takes.
const LITTLE_ROOM: u64 = 256 * 1024 * 1024;

/// The write-ahead log of an open database.
#[derive(Debug)]
pub(in crate::store) struct WriteAheadLog {
    file: PathBuf,
    /// One connection of its own. It never waits: while it did, nobody could write.
    connection: SqlitePool,
    /// Whether it has to be folded in, and could not be yet.
    is_pending: AtomicBool,
}

/// How often folding in is tried again at once: the service's own readers and its writer hinder it for moments only.
const TRIES: usize = 25;
const SHORT_PAUSE: Duration = Duration::from_millis(20);
/// The pause between tries in the background.
const LONG_PAUSE: Duration = Duration::from_secs(1);

impl WriteAheadLog {
    /// That of a database, which is opened as the options say.
    pub(in crate::store) fn of(database: &Path, options: &SqliteConnectOptions) -> Self {
        let mut file = database.as_os_str().to_owned();
        file.push("-wal");
        let options = options.clone().create_if_missing(false);
        Self {
            file: file.into(),
            connection: SqlitePoolOptions::new()
                .max_connections(1)
                .connect_lazy_with(options.busy_timeout(Duration::ZERO)),
            is_pending: AtomicBool::new(false),
        }
    }

    /// Whether the disk has less room than the log takes.
    pub(in crate::store) fn is_too_long(&self) -> bool {
        let length = metadata(&self.file).map_or(0, |file| file.len());
        length > SHORT && length > self.free_room()
    }

    /// Makes sure that a large transaction can fill the disk and still be undone: where there is little room, the log
    /// is folded in first. Otherwise its frames could take the room that folding in needs. `false` if that failed.
    pub(in crate::store) async fn prepare_large(&self) -> bool {
        self.free_room() >= LITTLE_ROOM || self.fold().await
    }

    fn free_room(&self) -> u64 {
        rustix::fs::statvfs(&self.file)
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Moves the log into the file and empties it. `false` if somebody reads there, or the disk is full; then a part of
    /// it may be moved. The first statement does the work, and hinders nobody; the second keeps off writers.
    pub(in crate::store) async fn fold(&self) -> bool {
        let folding = async {
            let mut connection = self.connection.acquire().await?;
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
                .execute(&mut *connection)
                .await?;
            let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&mut *connection)
                .await?;
            row.try_get::<i64, _>("busy")
        };
        let busy: Result<i64, sqlx::Error> = folding.await;
        matches!(busy, Ok(0))
    }

    /// Folds it in, now or later: `false` if somebody hinders that. Then it goes on in the background.
    pub(in crate::store) async fn fold_eventually(self: &Arc<Self>) -> bool {
        for _ in 0..TRIES {
            if self.fold().await {
                return true;
            }
            sleep(SHORT_PAUSE).await;
        }
        if !self.is_pending.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                file = %self.file.display(),
                "what was erased still stands in this file, because another program reads the database; it goes later"
            );
            let log = self.clone();
            tokio::spawn(async move {
                while !log.connection.is_closed() && !log.fold().await {
                    sleep(LONG_PAUSE).await;
                }
                log.is_pending.store(false, Ordering::Release);
            });
        }
        false
    }

    /// Whether it has to be folded in, and could not be yet.
    pub(in crate::store) fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    /// Closes its connection.
    pub(in crate::store) async fn close(&self) {
        self.connection.close().await;
    }
}
