//! The write-ahead log beside a database file: when what stands in it is folded into the file.
//!
//! SQLite does so by itself when the log is long, but not where that is not long on this disk, and it never shortens
//! the log. Folding takes room in the file for what is new in the log. So the log is folded in before it has more than
//! there is room left: then a disk that was full never keeps it from being folded in, once there is a little room.

use std::fs::metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row as _, SqlitePool};

/// A log shorter than this never matters.
const SHORT: u64 = 64 * 1024;

/// The write-ahead log of an open database.
#[derive(Debug)]
pub(in crate::store) struct WriteAheadLog {
    file: PathBuf,
    /// One connection of its own. It never waits: while it did, nobody could write.
    connection: SqlitePool,
}

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
        }
    }

    /// Whether the disk has less room than the log takes.
    pub(in crate::store) fn is_too_long(&self) -> bool {
        let length = metadata(&self.file).map_or(0, |file| file.len());
        let free = rustix::fs::statvfs(&self.file)
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        length > SHORT && length > free
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

    /// Closes its connection.
    pub(in crate::store) async fn close(&self) {
        self.connection.close().await;
    }
}
