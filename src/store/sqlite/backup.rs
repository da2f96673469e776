//! Copies of a file of the embedded engine, made while it is used, and files made of such copies.

use std::fs::File;
use std::io;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use tempfile::NamedTempFile;

use super::SqliteStore;
use super::open::{beside, cause_or, looking, missing_migrations};
use crate::store::{PrepareError, RAISE_POSITIONS};

const DAMAGED: &str = "take another backup";

impl SqliteStore {
    /// Copies the file, which a service may use meanwhile, to one that does not exist yet.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when there is no such file, or it cannot be copied there.
    pub async fn back_up(path: &Path, to: &Path) -> Result<(), PrepareError> {
        copy(path, to).await
    }

    /// Makes a new database file of a backup, with positions that no reader has seen.
    ///
    /// # Errors
    /// [`PrepareError::Unusable`] when there is a database already, or the backup is none.
    pub async fn restore(backup: &Path, path: &Path) -> Result<(), PrepareError> {
        let restored = place(path, async |temporary| {
            vacuum(&looking(backup), temporary).await?;
            let options = SqliteConnectOptions::new()
                .filename(temporary)
                .journal_mode(SqliteJournalMode::Delete);
            let mut connection = options.connect().await.map_err(|error| cause(&error))?;
            let raised = raise(&mut connection).await;
            connection.close().await.ok();
            raised
        });
        restored.await.map_err(|problem| {
            PrepareError::Unusable(format!(
                "the backup {} cannot be restored: {problem}",
                backup.display()
            ))
        })
    }
}

/// Copies a file as it is at one moment to one that does not exist yet.
pub(in crate::store) async fn copy(path: &Path, to: &Path) -> Result<(), PrepareError> {
    let problem = |problem: &dyn std::fmt::Display| {
        PrepareError::Unusable(format!("{} cannot be copied: {problem}", path.display()))
    };
    path.metadata().map_err(|error| problem(&error))?;
    // Not as a file that is only looked at: a service may start meanwhile.
    let from = SqliteConnectOptions::new().filename(path).read_only(true);
    place(to, async |temporary| vacuum(&from, temporary).await)
        .await
        .map_err(|error| problem(&error))
}

/// Makes a file under a temporary name, and gives it its own when it is complete and on the disk. Only its owner may
/// read it.
async fn place(
    path: &Path,
    make: impl AsyncFnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let log = beside(path, "-wal");
    if let Some(found) = [path, &log].into_iter().find(|path| path.exists()) {
        return Err(format!(
            "{} is there already, and nothing is written over existing data: move it away",
            found.display()
        ));
    }
    let failed = |error: &io::Error| format!("{} cannot be written: {error}", path.display());
    // A path of one name has an empty parent.
    let directory = Path::new(".").join(path.parent().unwrap_or(Path::new("")));
    let file = NamedTempFile::new_in(&directory).map_err(|error| failed(&error))?;
    make(file.path()).await?;
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist_noclobber(path)
        .map_err(|error| failed(&error.error))?;
    let synced = File::open(&directory).and_then(|directory| directory.sync_all());
    synced.map_err(|error| failed(&error))
}

/// One read transaction: writers go on, and the copy has neither their log nor free pages.
async fn vacuum(from: &SqliteConnectOptions, to: &Path) -> Result<(), String> {
    let to = to
        .to_str()
        .ok_or("its name is not UTF-8")?
        .replace('\'', "''");
    let mut connection = from.connect().await.map_err(|error| cause(&error))?;
    let copied = sqlx::query(AssertSqlSafe(format!("VACUUM INTO '{to}'")))
        .execute(&mut connection)
        .await;
    connection.close().await.ok();
    copied.map(drop).map_err(|error| cause(&error))
}

async fn raise(connection: &mut SqliteConnection) -> Result<(), String> {
    if missing_migrations(connection).await?.len() == super::open::MIGRATIONS.iter().count() {
        return Err("it holds no messages of this program".to_owned());
    }
    let raised = sqlx::raw_sql(RAISE_POSITIONS).execute(connection).await;
    raised.map(drop).map_err(|error| cause(&error))
}

fn cause(error: &sqlx::Error) -> String {
    cause_or(error, DAMAGED)
}
