//! `chatrace-webhook backup`: a copy of what is stored, made while the service runs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::Failure;
use super::environment::{self, DatabaseSettings};
use super::interrupt::unless_interrupted;
use super::postgres_tool::PostgresTool;
use super::terminal;
use crate::config::{Database, Variables};
use crate::store::{PostgresStore, Spool, SqliteStore};

/// In the directory of a backup, what `pg_dump` wrote.
pub(super) const DUMP: &str = "database.dump";

#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// What to make: a file, or with Postgres a directory. It must not exist, and appears when it is complete.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the database that the environment names. The service may be running or not.
pub(super) async fn backup(arguments: BackupArgs, variables: &Variables) -> Result<(), Failure> {
    let file = arguments.file;
    if file.symlink_metadata().is_ok() {
        return Err(Failure::CannotRun(
            format!(
                "{} exists: a backup never overwrites anything; name another file",
                file.display()
            )
            .into(),
        ));
    }
    let settings = environment::database(variables)?;
    let making = async {
        match &settings.database {
            Database::Sqlite { path, .. } => Ok(SqliteStore::back_up(path, &file).await?),
            Database::Postgres { options, .. } => back_up_postgres(&settings, options, &file).await,
        }
    };
    unless_interrupted(&file, making).await?;
    terminal::say(&format!(
        "{} has everything that was stored when this began",
        file.display()
    ));
    Ok(())
}

/// First the spool, then the database: what moves from one to the other meanwhile is in both copies, and is stored once
/// by its id.
async fn back_up_postgres(
    settings: &DatabaseSettings,
    options: &PgConnectOptions,
    file: &Path,
) -> Result<(), Failure> {
    let store = PostgresStore::new(options.clone(), Duration::ZERO);
    let schema = store.schema().await?;
    let cannot = || format!("{} cannot be written", file.display());
    let parent = Path::new(".").join(file.parent().unwrap_or(Path::new("")));
    let directory = tempfile::Builder::new()
        .prefix(".backup-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .with_context(cannot)?;
    if Spool::file(&settings.data_dir).exists() {
        Spool::copy(&settings.data_dir, directory.path()).await?;
    }
    let dump_to = |dump: &Path| PostgresTool::dump(&settings.url, options, &schema.name, dump);
    let is_dumped = dump_to(&directory.path().join(DUMP)).run().await?;
    let sync = |path: &Path| File::open(path).and_then(|directory| directory.sync_all());
    sync(directory.path()).with_context(cannot)?;
    fs::rename(directory.path(), file).with_context(cannot)?;
    sync(&parent).with_context(cannot)?;
    if is_dumped {
        return Ok(());
    }
    let next = ". What waits in the spool is copied already";
    Err(dump_to(&file.join(DUMP)).is_missing(next))
}
