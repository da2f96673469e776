//! Opening the file of the embedded database.

use std::error::Error;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use super::SqliteStore;
use crate::private_file;
use crate::store::error::classify;
use crate::store::{PrepareError, StoreError};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// What the sentence ends with when another process has the file.
pub(crate) const IN_USE: &str = "another process uses it";

/// SQLite's code for that a lock could not be had in time.
const LOCKED: &str = "5";

/// Connections for reading.
const READERS: u32 = 4;

/// Opens the file, creating it if needed, and brings its schema up to date. Answers the lock on it, the connection that
/// writes, and the pool that reads.
pub(super) async fn open(
    path: &Path,
    migrate: bool,
) -> Result<(File, SqliteConnection, SqlitePool), PrepareError> {
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
        .connect_lazy_with(
            options
                .create_if_missing(false)
                .pragma("query_only", "on")
                .with_regexp(),
        );
    Ok((lock, connection, readers))
}

/// Runs the missing migrations, or says why the schema is not as it must be.
async fn bring_up_to_date(connection: &mut SqliteConnection, migrate: bool) -> Result<(), String> {
    let missing = missing_migrations(connection).await?;
    if missing.is_empty() {
        return Ok(());
    }
    if migrate {
        let run = MIGRATIONS.run_direct(None, connection, false).await;
        return run.map_err(|error| cause(&error));
    }
    Err(format!(
        "{} migration(s) are missing and MIGRATE=false forbids to run them: start once with MIGRATE=true",
        missing.len()
    ))
}

impl SqliteStore {
    /// All migrations, by their names.
    pub fn migrations() -> Vec<String> {
        crate::store::missing_migrations(&MIGRATIONS, &[]).unwrap_or_default()
    }

    /// Which migrations a file lacks, read without changing it; `None` if there is no file yet.
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
        let mut connection = SqliteConnection::connect_with(&looking(path))
            .await
            .map_err(|error| unusable(&cause(&error)))?;
        let missing = missing_migrations(&mut connection).await;
        connection.close().await.ok();
        missing.map(Some).map_err(|error| unusable(&error))
    }
}

impl SqliteStore {
    /// What SQLite's own quick check finds damaged in a file, which it reads whole; `None` if that is nothing.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub async fn damage(path: &Path) -> Result<Option<String>, sqlx::Error> {
        let mut connection = SqliteConnection::connect_with(&looking(path)).await?;
        let found = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection);
        let found: Result<String, _> = found.await;
        connection.close().await.ok();
        Ok(match found {
            Ok(found) => Some(found).filter(|found| found != "ok"),
            Err(error) => Some(error.to_string()),
        })
    }
}

/// How a file is opened that is only looked at. Without a write-ahead log nobody uses the file, and none is made to
/// look at it. With one, SQLite needs the file beside it as well, and makes it if it is not there.
pub(in crate::store) fn looking(path: &Path) -> SqliteConnectOptions {
    let is_unused = !beside(path, "-wal").exists() || log_without_file(path).is_some();
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(is_unused)
}

/// A file that SQLite keeps beside another.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The log beside a file that is missing or empty. SQLite deletes it when it opens such a file, and the newest messages
/// with it.
fn log_without_file(path: &Path) -> Option<PathBuf> {
    let is_empty = |path: &Path| path.metadata().map_or(true, |file| file.len() == 0);
    let log = beside(path, "-wal");
    (is_empty(path) && !is_empty(&log)).then_some(log)
}

/// Why a file cannot be used, in words that say what to do where SQLite's own do not.
fn cause(error: &(dyn Error + 'static)) -> String {
    cause_or(
        error,
        "restore it from a backup, or move it away and start with a new one",
    )
}

/// The same with what to do about a file that is damaged.
pub(in crate::store) fn cause_or(error: &(dyn Error + 'static), damaged: &str) -> String {
    let mut next = Some(error);
    while let Some(one) = next {
        if let Some(error @ sqlx::Error::Database(refusal)) = one.downcast_ref::<sqlx::Error>() {
            match classify(error) {
                _ if refusal.code().as_deref() == Some(LOCKED) => {
                    return "another program has locked it: end that program".to_owned();
                }
                Some(StoreError::Damaged(_)) => {
                    return format!("it is damaged, or no SQLite database: {damaged}");
                }
                Some(StoreError::Full(_)) => {
                    return "the disk is full: make room on it".to_owned();
                }
                _ => {}
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
    let file = private_file::open(Path::new(&name)).map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IN_USE.to_owned()),
        Err(TryLockError::Error(error)) => Err(error.to_string()),
    }
}

/// How a file of the embedded engine is opened for writing; it is created if needed.
pub(in crate::store) fn options(path: &Path) -> io::Result<SqliteConnectOptions> {
    if let Some(log) = log_without_file(path) {
        return Err(io::Error::other(format!(
            "it is missing or empty, but its log is there: put the file back, or move {} away to begin without messages",
            log.file_name().unwrap_or_default().display()
        )));
    }
    // SQLite gives its other files the mode of this one, when it makes them.
    let file = private_file::open(path)?;
    for suffix in ["-wal", "-shm"] {
        private_file::protect(&beside(path, suffix));
    }
    if file.metadata()?.len() == 0 {
        // An operator who expects messages in it learns that they are not there.
        tracing::info!("{} is new: it begins without messages", path.display());
    }
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Safe against loss of power, not only against the end of the process.
        .synchronous(SqliteSynchronous::Full)
        // Overwrites erased rows instead of only unlinking them.
        .pragma("secure_delete", "on")
        // A log that grew while somebody read an old state is shortened when it is begun anew.
        .pragma("journal_size_limit", "16777216")
        .busy_timeout(Duration::from_secs(5)))
}

/// The same for the connection that commits. A statement of many rows keeps a copy of each page that it changes, in
/// case it fails in the middle: in memory, since in a file of its own that cost as much as the commit. The log grows to
/// 16 MB before it is folded in, so that a page that changes often is written less often. The cache holds the inner
/// pages of the indexes.
fn writing(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let options = options.clone().pragma("temp_store", "memory");
    let options = options.pragma("wal_autocheckpoint", "4000");
    let options = options.pragma("cache_size", "-8000");
    // A text of statements for a batch has 30 KB: it belongs in no log, however slow it was.
    options.disable_statement_logging()
}

/// Which migrations a file lacks, by their names.
///
/// # Errors
/// A sentence without the name of the file.
pub(super) async fn missing_migrations(
    connection: &mut SqliteConnection,
) -> Result<Vec<String>, String> {
    const TABLE: &str = "_sqlx_migrations";
    let applied = async {
        let exists: bool =
            sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = ?1")
                .bind(TABLE)
                .fetch_one(&mut *connection)
                .await?;
        if exists {
            connection.list_applied_migrations(TABLE).await
        } else {
            Ok(Vec::new())
        }
    };
    let applied = applied.await.map_err(|error| cause(&error))?;
    crate::store::missing_migrations(&MIGRATIONS, &applied).map_err(|error| error.to_string())
}
