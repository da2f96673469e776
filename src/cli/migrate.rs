//! `chatrace-webhook migrate`: the schema of the database, brought up to date by a job of its own.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::Failure;
use super::environment;
use super::serve::data_dir::DataDir;
use super::terminal;
use crate::config::{Database, Variables};
use crate::store::{Ledger as _, PostgresStore, SqliteStore};

#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// Change nothing: only say what is to be done.
    #[arg(long)]
    check: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Migrates the database that the environment names, or says what is missing.
pub(super) async fn migrate(arguments: MigrateArgs, variables: &Variables) -> Result<(), Failure> {
    let settings = environment::database(variables)?;
    let pending = match &settings.database {
        Database::Sqlite { path, .. } => {
            let pending = SqliteStore::missing_migrations(path).await?;
            if !arguments.check {
                let _lock = DataDir::open(&settings.data_dir).map_err(Failure::CannotRun)?;
                SqliteStore::open(path, Duration::ZERO, true)
                    .await?
                    .close()
                    .await;
            }
            pending.unwrap_or_else(SqliteStore::migrations)
        }
        Database::Postgres { options, .. } => {
            let store = PostgresStore::new((**options).clone(), Duration::ZERO);
            let pending = store.missing_migrations().await?;
            if !arguments.check {
                store.prepare(true).await?;
                store.close().await;
            }
            pending
        }
    };
    let is_done = pending.is_empty() || !arguments.check;
    let status = if is_done { "current" } else { "pending" };
    let key = if arguments.check {
        "pending"
    } else {
        "applied"
    };
    if arguments.json {
        terminal::print_json(&json!({ "status": status, key: pending }));
    } else {
        for migration in &pending {
            terminal::print(&format!("{key}: {migration}\n"));
        }
        terminal::print(if is_done {
            "the schema is up to date\n"
        } else {
            "the schema is not up to date: run `chatrace-webhook migrate`\n"
        });
    }
    if is_done {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}
