//! `chatrace-webhook restore`: a database made of a backup.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::Failure;
use super::backup::DUMP;
use super::environment::{self, DatabaseSettings};
use super::interrupt::unless_interrupted;
use super::postgres_tool::PostgresTool;
use super::serve::data_dir::DataDir;
use super::terminal;
use crate::config::{Database, Variables};
use crate::store::{PostgresStore, RAISE_POSITIONS, Spool, SqliteStore};

#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup: a file, or with Postgres a directory.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Fills the database that the environment names. It has to be new.
pub(super) async fn restore(arguments: RestoreArgs, variables: &Variables) -> Result<(), Failure> {
    let file = arguments.file;
    file.metadata().map_err(|error| {
        Failure::CannotRun(format!("{} cannot be read: {error}", file.display()).into())
    })?;
    let settings = environment::database(variables)?;
    // A service that runs in there would not know of what is put there.
    let _lock = DataDir::open(&settings.data_dir).map_err(Failure::CannotRun)?;
    let restoring = async {
        match &settings.database {
            Database::Sqlite { path, .. } => Ok(SqliteStore::restore(&file, path).await?),
            Database::Postgres { options, .. } => restore_postgres(&settings, options, &file).await,
        }
    };
    unless_interrupted(&file, restoring).await?;
    terminal::say(&format!(
        "restored to {}: the service can be started",
        settings.database
    ));
    Ok(())
}

/// First the spool, then the database: a second try after a failure then says what has to be moved away.
async fn restore_postgres(
    settings: &DatabaseSettings,
    options: &PgConnectOptions,
    file: &Path,
) -> Result<(), Failure> {
    let store = PostgresStore::new(options.clone(), Duration::ZERO);
    let schema = store.schema().await?;
    if !schema.is_empty {
        return Err(Failure::CannotRun(format!(
            "the schema `{}` of {} has something in it, and nothing is restored over existing data: make a new \
             database and name it in DATABASE_URL",
            schema.name, settings.database
        ).into()));
    }
    let (dump, spool) = if file.is_dir() {
        (file.join(DUMP), Some(file))
    } else {
        (file.to_owned(), None)
    };
    if !dump.exists() {
        return Err(Failure::CannotRun(
            format!(
                "{} is missing: put there what pg_dump wrote",
                dump.display()
            )
            .into(),
        ));
    }
    if let Some(directory) = spool
        && Spool::look(directory).await?.deliveries > 0
    {
        Spool::copy(directory, &settings.data_dir).await?;
    }
    let tool = PostgresTool::restore(&settings.url, options, &schema.name, &dump);
    if !tool.run().await? {
        return Err(tool.is_missing(&format!(
            ", and after it in the same database: {RAISE_POSITIONS}"
        )));
    }
    if store.schema().await?.is_empty {
        return Err(anyhow!("the dump has nothing of the schema `{}`", schema.name).into());
    }
    Ok(store.raise_positions().await?)
}
