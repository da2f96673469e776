//! The ledger in an SQLite file: one connection writes, a pool reads.

mod at_once;
mod commit;
mod contacts;
mod erase;
mod feed;
mod fold;
mod guard;
mod read;
mod reread;
mod retain;
mod rows;
mod sightings;
mod silence;
mod upkeep;
mod writing;

use std::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use super::known::Known;
use super::query::{
    ContactFilter, ContactSummary, DeliveryDetail, DeliveryFilter, DeliverySummary, MessageFilter,
    Newest, Page, Recent, Snapshot,
};
use super::{Alert, Attempt, Committed, Feed, PrepareError, Silence, Store, StoreError, Stretch};
use crate::delivery::Record;
use crate::sighting::Sighting;

pub use feed::SqliteFeed;
pub(super) use writing::Writing;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// What the sentence ends with when another process has the file.
pub(crate) const IN_USE: &str = "another process uses it";

/// Connections for reading.
const READERS: u32 = 4;
/// How long closing the file may take at the end.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The ledger in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// `None` after [`Store::close`].
    writer: Mutex<Option<Writer>>,
    readers: SqlitePool,
    window: Duration,
    /// Held as long as the store lives: a second process on the file is refused with a sentence.
    _lock: File,
}

#[derive(Debug)]
struct Writer {
    connection: Writing,
    known: Known,
}

impl SqliteStore {
    /// Opens the file, creating it if needed, and brings its schema up to date.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when the file cannot be opened or migrated; its sentence names the file.
    pub async fn open(path: &Path, window: Duration, migrate: bool) -> Result<Self, PrepareError> {
        let unusable = |error: &dyn std::fmt::Display| {
            PrepareError::Unusable(format!(
                "the database file {} cannot be used: {error}",
                path.display()
            ))
        };
        let lock = lock(path).map_err(|error| unusable(&error))?;
        let options = options(path).map_err(|error| unusable(&error))?;
        let mut connection = SqliteConnection::connect_with(&writing(&options))
            .await
            .map_err(|error| unusable(&cause(&error)))?;
        if let Err(problem) = bring_up_to_date(&mut connection, migrate).await {
            connection.close().await.ok();
            return Err(unusable(&problem));
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options.create_if_missing(false).pragma("query_only", "on"));
        Ok(Self {
            writer: Mutex::new(Some(Writer {
                connection: Writing::new(connection),
                known: Known::new(),
            })),
            readers,
            window,
            _lock: lock,
        })
    }

    /// The connection that writes, until the store is closed.
    async fn writer(&self) -> Result<MappedMutexGuard<'_, Writer>, StoreError> {
        MutexGuard::try_map(self.writer.lock().await, Option::as_mut)
            .map_err(|_| sqlx::Error::PoolClosed.into())
    }

    /// Which migrations a file lacks, read without changing it; `None` if there is no file yet.
    ///
    /// Without a write-ahead log nobody uses the file, and none is made to look at it. With one, SQLite needs the file
    /// beside it as well, and makes it if it is not there.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when the file cannot be read as a database.
    pub async fn missing_migrations(path: &Path) -> Result<Option<Vec<String>>, PrepareError> {
        let unusable = |error: &dyn std::fmt::Display| {
            PrepareError::Unusable(format!(
                "the database file {} cannot be read: {error}",
                path.display()
            ))
        };
        if !path.try_exists().map_err(|error| unusable(&error))? {
            return Ok(None);
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(!Path::new(&log).exists());
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(|error| unusable(&cause(&error)))?;
        let missing = missing_migrations(&mut connection).await;
        connection.close().await.ok();
        missing.map(Some).map_err(|error| unusable(&cause(&error)))
    }
}

/// Why a file cannot be used, in words that say what to do where SQLite's own do not.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(one) = next {
        if let Some(sqlx::Error::Database(database)) = one.downcast_ref::<sqlx::Error>() {
            // https://sqlite.org/rescode.html: corrupt, and not a database.
            let code = database.code().unwrap_or_default().parse::<u32>();
            if code.is_ok_and(|code| matches!(code & 0xff, 11 | 26)) {
                return "it is damaged, or no SQLite database: restore it from a backup, or move it away and start \
                        with a new one"
                    .to_owned();
            }
        }
        next = one.source();
    }
    error.to_string()
}

/// Locks a file beside the database. Not the database itself: closing it would also drop SQLite's own locks.
fn lock(path: &Path) -> Result<File, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(name);
    let file = file.map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IN_USE.to_owned()),
        Err(TryLockError::Error(error)) => Err(error.to_string()),
    }
}

/// How a file of the embedded engine is opened for writing; it is created if needed.
pub(super) fn options(path: &Path) -> std::io::Result<SqliteConnectOptions> {
    // What customers wrote is nobody else's business; SQLite gives its other files the mode of this one.
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Safe against loss of power, not only against the end of the process.
        .synchronous(SqliteSynchronous::Full)
        // What is erased is overwritten, not only unlinked.
        .pragma("secure_delete", "on")
        .busy_timeout(Duration::from_secs(5)))
}

/// The same for the connection that commits. A statement of many rows keeps a copy of each page that it changes, in case
/// it fails in the middle: in memory, since in a file of its own that cost as much as the commit. The log grows to 16 MB
/// before it is folded in, so that a page that changes often is written less often. The cache holds the inner pages of the
/// indexes.
fn writing(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let options = options.clone().pragma("temp_store", "memory");
    let options = options.pragma("wal_autocheckpoint", "4000");
    let options = options.pragma("cache_size", "-8000");
    // A text of statements for a batch has 30 KB: it belongs in no log, however slow it was.
    options.disable_statement_logging()
}

/// Runs the missing migrations, or says why the schema is not as it must be.
async fn bring_up_to_date(connection: &mut SqliteConnection, migrate: bool) -> Result<(), String> {
    if migrate {
        let run = MIGRATIONS.run_direct(None, connection, false).await;
        return run.map_err(|error| cause(&error));
    }
    let missing = missing_migrations(connection).await;
    let missing = missing.map_err(|error| cause(&error))?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} migration(s) are missing and MIGRATE=false forbids to run them: start once with MIGRATE=true",
        missing.len()
    ))
}

async fn missing_migrations(
    connection: &mut SqliteConnection,
) -> Result<Vec<String>, sqlx::migrate::MigrateError> {
    const TABLE: &str = "_sqlx_migrations";
    let exists: bool = sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?1")
        .bind(TABLE)
        .fetch_one(&mut *connection)
        .await?;
    let applied = if exists {
        connection.list_applied_migrations(TABLE).await?
    } else {
        Vec::new()
    };
    Ok(super::missing_of(&MIGRATIONS, &applied))
}

#[async_trait]
impl Feed for SqliteStore {
    async fn head(&self) -> Result<i64, StoreError> {
        Ok(read::head(&self.readers).await?)
    }

    async fn span(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(read::span(&self.readers, since, until).await?)
    }

    async fn messages(&self, filter: &MessageFilter, page: Page) -> Result<Stretch, StoreError> {
        Ok(read::messages(&self.readers, filter, page).await?)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(
        &self,
        records: &[Record],
        attempt: Attempt,
    ) -> Result<Vec<Committed>, StoreError> {
        let mut writer = self.writer().await?;
        let Writer { connection, known } = &mut *writer;
        if attempt == Attempt::First
            && !known.is_guarded()
            && let Some(committed) =
                at_once::commit(connection, records, self.window, known).await?
        {
            return Ok(committed);
        }
        commit::commit(connection, records, attempt, self.window, known).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM counters LIMIT 1")
            .fetch_optional(&self.readers)
            .await?;
        Ok(())
    }

    async fn snapshot(&self, since: Timestamp) -> Result<Snapshot, StoreError> {
        Ok(read::snapshot(&self.readers, since).await?)
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliverySummary>, StoreError> {
        Ok(read::deliveries(&self.readers, filter, page).await?)
    }

    async fn newest(&self, limit: u32) -> Result<Newest, StoreError> {
        Ok(read::newest(&self.readers, limit).await?)
    }

    async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryDetail>, StoreError> {
        Ok(read::delivery(&self.readers, id).await?)
    }

    async fn remember(&self, seen: &[Sighting]) -> Result<(), StoreError> {
        let writer = &mut self.writer().await?.connection;
        let remembered = sightings::remember(writer.begin().await?, seen).await;
        Ok(writer.end(remembered).await?)
    }

    async fn recent(&self) -> Result<Recent, StoreError> {
        Ok(sightings::recent(&self.readers).await?)
    }

    async fn last_message_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(silence::last_message_at(&self.readers).await?)
    }

    async fn messages_by_hour(&self, since: Timestamp) -> Result<Vec<(i64, i64)>, StoreError> {
        Ok(silence::messages_by_hour(&self.readers, since).await?)
    }

    async fn silence(&self) -> Result<Silence, StoreError> {
        Ok(silence::read(&self.readers).await?)
    }

    async fn change_silence(
        &self,
        known: Silence,
        since: Option<Timestamp>,
        alert: Option<&Alert>,
    ) -> Result<bool, StoreError> {
        let writer = &mut self.writer().await?.connection;
        let changed = silence::change(writer.begin().await?, known, since, alert).await;
        Ok(writer.end(changed).await?)
    }

    async fn alert(&self) -> Result<Option<Alert>, StoreError> {
        Ok(silence::alert(&self.readers).await?)
    }

    async fn claim_alert(&self, alert: &Alert, again_at: Timestamp) -> Result<bool, StoreError> {
        let writer = &mut self.writer().await?.connection;
        Ok(silence::claim(writer.idle().await, alert, again_at).await?)
    }

    async fn forget_alert(&self, id: Uuid) -> Result<(), StoreError> {
        let writer = &mut self.writer().await?.connection;
        Ok(silence::forget(writer.idle().await, id).await?)
    }

    async fn contacts(
        &self,
        filter: &ContactFilter,
        page: Page,
    ) -> Result<Vec<ContactSummary>, StoreError> {
        Ok(read::contacts(&self.readers, filter, page).await?)
    }

    async fn fold(&self) -> Result<i64, StoreError> {
        fold::fold(&mut self.writer().await?.connection).await
    }

    async fn close(&self) {
        let closing = async {
            self.readers.close().await;
            // Last and awaited: the last connection deletes SQLite's two files beside the database. A connection that
            // is only dropped is closed by its thread, and the process may end in the middle of that.
            if let Some(writer) = self.writer.lock().await.take() {
                writer.connection.close().await;
            }
        };
        // A disk that hangs is not waited for: nothing that was acknowledged depends on it.
        timeout(CLOSE_TIMEOUT, closing).await.ok();
    }
}
